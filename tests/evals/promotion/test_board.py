import pytest

from evals.promotion.board import require_approved, require_may_approve
from evals.promotion.refusal import Refused
from tests.evals.promotion.scene import ANA, AUTHOR, BIA, BOARD, why_of


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (BIA, "done"),
        (AUTHOR, "own_change"),
        ("  davi   REIS ", "own_change"),
        (ANA, "approved_twice"),
        ("ANA prado", "approved_twice"),
        ("Ana\u00a0Prado", "approved_twice"),
        ("Eva Luz", "not_on_the_board"),
    ],
)
def test_who_may_approve_once_ana_did(name: str, why: str) -> None:
    assert why_of(lambda: require_may_approve((*BOARD, AUTHOR), [AUTHOR], [ANA], name)) == why


def test_two_different_members_have_to_approve() -> None:
    require_approved(BOARD, (AUTHOR,), (ANA, BIA))
    for approvers in ((), (ANA,), (ANA, "ana  prado"), (ANA, AUTHOR), (ANA, "Eva Luz")):
        with pytest.raises(Refused, match="too few"):
            require_approved((*BOARD, AUTHOR), (AUTHOR,), approvers)


def test_who_left_the_board_since_counts_no_more() -> None:
    with pytest.raises(Refused, match="too few"):
        require_approved((BIA,), (AUTHOR,), (ANA, BIA))
    with pytest.raises(Refused, match="no member"):
        require_approved((), (AUTHOR,), (ANA, BIA))

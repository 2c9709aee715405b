"""Who may approve a release: two named persons of the change board, neither of them an author of the change."""

from collections.abc import Iterable

from compliance_assets.review.cases import same_person
from evals.promotion.refusal import Refused

APPROVERS = 2


def require_member(board: tuple[str, ...], name: str) -> None:
    """Raises Refused for a person who is not on the board."""
    if not any(same_person(member, name) for member in board):
        raise Refused(
            "not_on_the_board",
            "this person may not approve a release",
            expected=" or ".join(board) or "a member of the change board, which has none",
            found=repr(name),
            remedy="Have somebody of the change board do it; COMPLIANCE_CHANGE_BOARD names them.",
        )


def require_may_approve(board: tuple[str, ...], authors: Iterable[str], approved: Iterable[str], name: str) -> None:
    """Raises Refused for an author of the change, for one who approved it already, and for one who is not on the board."""
    if any(same_person(author, name) for author in authors):
        raise Refused(
            "own_change",
            "nobody approves a change of their own",
            expected="a member of the change board who is not an author of it",
            found=repr(name),
            remedy="Have somebody else of the change board approve it.",
        )
    if any(same_person(before, name) for before in approved):
        raise Refused(
            "approved_twice",
            "this person has approved it already",
            expected="a second person of the change board",
            found=repr(name),
            remedy="Have somebody else of the change board approve it.",
        )
    require_member(board, name)


def require_approved(board: tuple[str, ...], authors: tuple[str, ...], approvers: tuple[str, ...]) -> None:
    """Raises Refused unless two different persons approved, who are on the board today and no authors."""
    counted: list[str] = []
    for name in approvers:
        try:
            require_may_approve(board, authors, counted, name)
        except Refused:
            continue
        counted.append(name)
    if len(counted) < APPROVERS:
        raise Refused(
            "approvals_missing",
            "too few of the change board approved the release",
            expected=f"{APPROVERS} of {', '.join(board) or 'a change board, which has no member'}, none of them an author",
            found=", ".join(counted) or "nobody",
            remedy="`compliance release approve RELEASE --approver NAME`, by each of them.",
        )

import pytest

from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.store import Moved
from evals.promotion.promote import promote
from evals.promotion.rollback import previous_of, rollback
from evals.promotion.steps import full_id
from tests.evals.promotion.scene import ANA, Scene, why_of

KINDS = {"i": "release_installed", "p": "release_promoted", "r": "release_rolled_back", "x": "release_restored"}


def moves(text: str) -> list[Moved]:
    """`iA pB rA`: A was installed, B promoted, then A put back."""
    return [Moved(KINDS[word[0]], word[1:], seq, "", "") for seq, word in enumerate(text.split(), start=1)]


@pytest.mark.parametrize(
    ("history", "before"),
    [
        ("", None),
        ("iA", None),
        ("iA pB", "A"),
        ("iA pB pC", "B"),
        ("iA pB pC rB", "A"),  # a second rollback goes further back, not forth again
        ("iA pB pC rB rA", None),
        ("iA pB pC rA", None),
        ("iA pB rA pC", "A"),
        ("iA pB rA rB", "A"),  # back to B by its name
        ("iA pB xB", "A"),
        ("iA xA", None),
    ],
)
def test_the_release_before_is_what_the_present_one_lies_on(history: str, before: str | None) -> None:
    assert previous_of(moves(history)) == before


def test_every_release_that_served_comes_back_byte_for_byte(deployment: Deployment) -> None:
    scene = Scene(deployment)
    shipped = scene.desk.bundle.files
    first, second = scene.promote("Seja breve."), scene.promote("Seja claro.")
    assert (first.instead_of, second.instead_of) == (scene.installed.release_id, first.release_id)

    assert rollback(scene.control, ANA, "It errs.").release_id == first.release_id
    assert rollback(scene.control, ANA, "That one errs, too.").release_id == scene.installed.release_id
    with scene.connect() as conn:
        production = releases.production(conn, scene.desk.keyring)
    assert production is not None
    assert production.bundle.files == shipped
    assert why_of(lambda: rollback(scene.control, ANA, "Further.")) == "never_in_production"
    assert scene.refusals() == [("rollback", "never_in_production", ANA)]

    named = rollback(scene.control, ANA, "It was the other one.", to=second.release_id[:12])
    assert (named.release_id, named.runs_otherwise) == (second.release_id, {})


def test_a_rollback_to_what_other_code_has_to_run_for_says_so(deployment: Deployment) -> None:
    scene = Scene(deployment)
    old = scene.installed.model_copy(update={"code_version": "0.0.1/1"})
    with scene.connect() as conn:
        releases.keep(conn, old, scene.desk.bundle)
        for target, before in ((old, scene.installed), (scene.installed, old)):
            releases.move(
                conn, scene.desk.keyring, "release_rolled_back", target.release_id, {}, ANA, scene.clocks.wall,
                instead_of=before.release_id,
            )  # fmt: skip
    done = rollback(scene.control, ANA, "The code of then.", to=full_id(scene.control, old.release_id))
    assert done.runs_otherwise == {"code_version": ("0.0.1/1", scene.installed.code_version)}


def test_a_reason_that_names_a_person_or_none_is_not_taken(deployment: Deployment) -> None:
    scene = Scene(deployment)
    scene.promote("Seja breve.")
    for rationale in ("", "Errou no CPF 123.456.789-09."):
        assert why_of(lambda r=rationale: rollback(scene.control, ANA, r)) == "InvalidInput"  # type: ignore[misc]


def test_promoting_what_serves_already_is_refused(deployment: Deployment) -> None:
    scene = Scene(deployment)
    done = scene.promote("Seja breve.")
    assert why_of(lambda: promote(scene.control, done.release_id)) == "in_production_already"

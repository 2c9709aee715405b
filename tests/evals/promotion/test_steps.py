from datetime import timedelta

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from evals.promotion import store
from evals.promotion.candidacy import EVALUATED, Candidacy
from evals.promotion.overview import release_details, release_rows
from evals.promotion.promote import promote
from evals.promotion.receipt import VALID_FOR
from evals.promotion.rollback import rollback
from evals.promotion.steps import approve, full_id, stage
from tests.evals.promotion.scene import ANA, AUTHOR, BIA, Scene, why_of


@pytest.fixture
def scene(deployment: Deployment) -> Scene:
    return Scene(deployment)


def candidacy(scene: Scene, release_id: str) -> Candidacy:
    with scene.connect() as conn:
        return store.candidacy(conn, scene.desk.keyring, release_id)


def test_an_unchanged_candidate_has_the_same_receipt_until_it_expires_or_what_serves_changes(scene: Scene) -> None:
    bundle = scene.changed("Seja breve.")
    first = scene.evaluated(bundle)
    scene.clocks.pass_(3_600)
    assert scene.evaluated(bundle).digest == first.digest
    with scene.connect() as conn:
        assert len(ledger.entries_of_kind(conn, EVALUATED)) == 1

    scene.clocks.pass_(VALID_FOR.total_seconds())
    second = scene.evaluated(bundle)
    assert (second.evaluation_digest, second.digest == first.digest) == (first.evaluation_digest, False)
    scene.promote("Seja claro.")
    assert scene.evaluated(bundle).digest not in (first.digest, second.digest)


def test_staging_again_goes_on_and_a_new_receipt_or_other_authors_begin_anew(scene: Scene) -> None:
    release_id = scene.staged(scene.changed("Seja breve."))
    scene.soaked(release_id, hours=2)
    approve(scene.control, release_id, ANA)
    again = stage(scene.control, release_id[:12], [f" {AUTHOR} "]).staging
    assert again is not None
    assert (again.approvers, again.soak.credited_seconds) == ((ANA,), 7_200)

    anew = stage(scene.control, release_id, [AUTHOR, BIA]).staging
    assert anew is not None
    assert (anew.authors, anew.approvers, anew.soak.observations) == ((AUTHOR, BIA), (), 0)
    assert why_of(lambda: approve(scene.control, release_id, BIA)) == "own_change"


def test_a_soak_that_outlasts_its_receipt_begins_anew_with_the_next_one(scene: Scene) -> None:
    bundle = scene.changed("Seja breve.")
    release_id = scene.approved(scene.soaked(scene.staged(bundle)))
    scene.clocks.pass_(VALID_FOR.total_seconds())
    assert why_of(lambda: promote(scene.control, release_id)) == "receipt_expired"
    scene.evaluated(bundle)
    assert why_of(lambda: promote(scene.control, release_id)) == "receipt_expired", "the old one is what was approved"
    stage(scene.control, release_id, [AUTHOR])
    assert why_of(lambda: promote(scene.control, release_id)) == "approvals_missing"


def test_a_step_without_the_one_before_is_refused(scene: Scene) -> None:
    receipt = scene.evaluated(scene.changed("Seja breve."))
    assert why_of(lambda: approve(scene.control, receipt.release_id, ANA)) == "not_staged"
    assert why_of(lambda: promote(scene.control, receipt.release_id)) == "not_staged"
    assert why_of(lambda: stage(scene.control, scene.installed.release_id, [AUTHOR])) == "receipt_missing"
    for unknown in ("0" * 64, receipt.release_id[:7]):
        with pytest.raises(InvalidInput, match="unknown release"):
            full_id(scene.control, unknown)


def test_a_list_and_a_release_tell_what_lacks(scene: Scene) -> None:
    scene.evaluated(scene.changed("Adivinhe."), policy_fixtures={"held": 9, "failed": ("denies_other_years",)})
    release_id = scene.staged(scene.changed("Seja breve."))
    approve(scene.control, release_id, ANA)
    why_of(lambda: promote(scene.control, release_id))
    with scene.connect() as conn:
        rows = {str(row["release_id"]): row["state"] for row in release_rows(scene.control, conn)}
    assert next(iter(rows)) == scene.installed.release_id
    assert sorted(map(str, rows.values())) == ["blocked", "in production", "soaking"]

    found = release_details(scene.control, release_id)
    assert found["changed_files"] == [f"prompts/{scene.desk.bundle.workload('irpf.triage').prompt.file}"]
    assert (found["approvers"], found["authors"]) == ([ANA], [AUTHOR])
    assert [refusal["why"] for refusal in found["refusals"]] == ["approvals_missing"]  # type: ignore[attr-defined]


def test_the_way_of_a_release_stands_in_the_ledger(scene: Scene) -> None:
    done = scene.promote("Seja breve.")
    scene.clocks.pass_(60)
    rollback(scene.control, ANA, "It errs.")
    assert candidacy(scene, done.release_id).state == "was promoted"
    with scene.connect() as conn:
        kinds = [entry.kind for entry in ledger.entries_of(conn, done.release_id)]
    soak = kinds.count("soak_observed")
    assert kinds == [
        "candidate_evaluated", "candidate_staged", *["soak_observed"] * soak, *["candidate_approved"] * 2,
        "release_promoted",
    ]  # fmt: skip
    assert soak == timedelta(hours=72) // timedelta(hours=2)

"""What people try to get a release into production past the gate. Each is refused or put back, and stands in the ledger.

The alias in MLflow is tests/evals/promotion/test_drift.py.
"""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from compliance_assets import keys
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.checkpoints import signer_of
from compliance_assets.audit_ledger.note import Signer, open_note, sign_note
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.serving import served
from compliance_assets.review.incidents import Incident, incidents
from evals.promotion import store
from evals.promotion.assets import production_release, promotion_receipt
from evals.promotion.checks import pointer_agrees_with_ledger, receipt_signature_valid, soak_complete, two_approvers
from evals.promotion.control import ChangeControl
from evals.promotion.drift import look_and_put_back
from evals.promotion.promote import promote
from evals.promotion.rollback import rollback
from evals.promotion.steps import approve, stage
from evals.watch.nightly import NIGHTLY_EVALUATION
from resources.clock import Uptime, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, enter_organization
from tests.evals.promotion.scene import ANA, AUTHOR, BIA, BOARD, CAIO, SETS, Scene, changed_label, why_of
from tests.small_corpus import new_deployment

HOUR = 3600.0


@dataclasses.dataclass
class Ready:
    """A candidate that may be promoted this very moment, and what serves before it."""

    scene: Scene
    release_id: str

    @property
    def control(self) -> ChangeControl:
        return self.scene.control

    def refused(self, control: ChangeControl | None = None) -> str:
        """Why the promotion is refused; it is on the record, and the pointer stays."""
        before, said = self.scene.production(), len(self.scene.refusals())
        why = why_of(lambda: promote(control or self.control, self.release_id, "mallory"))
        assert self.scene.refusals()[said:] == [("promote", why, "mallory")]
        assert self.scene.production() == before == self.scene.installed.release_id
        return why

    def as_superuser(self, statement: str, *values: object) -> None:
        """What no trigger and no policy stops."""
        with self.scene.deployment.postgres.connect_as_owner() as conn:
            conn.execute("SET session_replication_role = replica")
            conn.execute(statement, values)

    def note(self) -> str:
        with self.scene.connect() as conn:
            found = store.candidacy(conn, self.control.desk.keyring, self.release_id)
            assert found.receipt is not None
            return store.note_of(conn, found.receipt.receipt_digest)

    def put_note(self, note: str) -> None:
        self.as_superuser(
            "UPDATE compliance.evaluation_receipts SET note = %s WHERE release_id = %s", note, self.release_id
        )


@pytest.fixture(scope="module")
def waiting(database_url: str, session_dir: Path) -> Ready:
    """Refusals change nothing but the ledger: one candidate serves all tests of them."""
    scene = Scene(new_deployment(database_url, session_dir))
    return Ready(scene, scene.ready("Seja breve."))


@pytest.fixture
def ready(waiting: Ready) -> Iterator[Ready]:
    """The same, and as it was before at the end."""
    clocks, note = dataclasses.replace(waiting.scene.clocks), waiting.note()
    yield waiting
    waiting.put_note(note)
    waiting.scene.clocks.__dict__.update(dataclasses.asdict(clocks) | {"boot": clocks.boot})


@pytest.fixture
def scene(deployment: Deployment) -> Scene:
    return Scene(deployment)


# ── the receipt ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_another_candidates_receipt_lets_nothing_in(ready: Ready) -> None:
    other = ready.scene.evaluated(ready.scene.changed("Outra frase."))
    with ready.scene.connect() as conn:
        note = store.note_of(conn, other.digest)
    ready.put_note(note)
    assert ready.refused() == "receipt_other_candidate"


def test_an_edited_receipt_lets_nothing_in(ready: Ready) -> None:
    ready.put_note(ready.note().replace('"passed":true', '"passed":false', 1))
    assert ready.refused() == "receipt_edited"


def test_a_receipt_signed_with_another_key_lets_nothing_in(ready: Ready) -> None:
    own = signer_of(ready.control.desk.keyring, ready.scene.deployment.postgres.organization_id)
    text = open_note(ready.note(), own.verifier)
    ready.put_note(sign_note(text, Signer(own.name, b"another key, as long as it has.."[:32])))
    assert ready.refused() == "receipt_other_key"


def test_a_note_that_is_none_lets_nothing_in(ready: Ready) -> None:
    ready.put_note("Passed. Signed, the change board.\n")
    assert ready.refused() == "receipt_malformed"


def test_an_older_receipt_of_the_same_candidate_in_its_place_lets_nothing_in(ready: Ready) -> None:
    own = signer_of(ready.control.desk.keyring, ready.scene.deployment.postgres.organization_id)
    text = open_note(ready.note(), own.verifier)
    assert '"expires_at":"2026-03-17' in text
    ready.put_note(sign_note(text.replace('"expires_at":"2026-03-17', '"expires_at":"2027-03-17'), own))
    assert ready.refused() == "receipt_other_candidate", "whoever has the key has not rewritten the ledger"


def test_an_expired_receipt_lets_nothing_in(ready: Ready) -> None:
    ready.scene.clocks.pass_(14 * 24 * HOUR)
    assert ready.refused() == "receipt_expired"


def test_a_receipt_does_not_come_back_when_the_clock_is_set_back(ready: Ready) -> None:
    ready.scene.clocks.pass_(14 * 24 * HOUR)
    ready.scene.clocks.wall -= timedelta(days=12)
    assert ready.refused() == "clocks_disagree"


def test_a_golden_set_with_one_label_changed_lets_nothing_in(ready: Ready, tmp_path: Path) -> None:
    golden = dataclasses.replace(SETS, golden=changed_label(SETS.golden, tmp_path))
    calibration = dataclasses.replace(SETS, calibration=changed_label(SETS.calibration, tmp_path))
    for sets, why in ((golden, "golden_set_changed"), (calibration, "calibration_set_changed")):
        assert ready.refused(dataclasses.replace(ready.control, sets=sets)) == why


def test_a_verdict_that_the_stored_evaluation_does_not_bear_out_lets_nothing_in(ready: Ready) -> None:
    with ready.scene.connect() as conn:
        rows = conn.execute("SELECT evaluation_digest, content FROM compliance.evaluations ORDER BY 1").fetchall()
    digests, contents = zip(*rows, strict=True)
    for digest, content in zip(digests, reversed(contents), strict=True):
        ready.as_superuser(
            "UPDATE compliance.evaluations SET content = %s WHERE evaluation_digest = %s", content, digest
        )
    try:
        assert ready.refused() == "evaluation_differs"
    finally:
        for digest, content in rows:
            ready.as_superuser(
                "UPDATE compliance.evaluations SET content = %s WHERE evaluation_digest = %s", content, digest
            )


def test_a_candidate_that_the_gate_blocked_is_not_even_staged(scene: Scene) -> None:
    receipt = scene.evaluated(
        scene.changed("Adivinhe."), policy_fixtures={"held": 9, "failed": ("denies_other_years",)}
    )
    assert not receipt.verdict.passed
    assert why_of(lambda: stage(scene.control, receipt.release_id, [AUTHOR])) == "gate_not_passed"
    assert scene.refusals() == [("stage", "gate_not_passed", AUTHOR)]
    assert why_of(lambda: promote(scene.control, receipt.release_id)) == "not_staged"


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_approves_a_change_of_their_own_or_twice_or_from_outside(scene: Scene) -> None:
    control = dataclasses.replace(scene.control, board=(*BOARD, AUTHOR))
    release_id = scene.staged(scene.changed("Seja breve."))
    approve(control, release_id, ANA)
    whys = [why_of(lambda n=name: approve(control, release_id, n)) for name in ("davi reis", "ANA  PRADO", "Eva Luz")]  # type: ignore[misc]

    assert whys == ["own_change", "approved_twice", "not_on_the_board"]
    assert scene.refusals() == [
        ("approve", "own_change", "davi reis"),
        ("approve", "approved_twice", "ANA  PRADO"),
        ("approve", "not_on_the_board", "Eva Luz"),
    ]
    scene.soaked(release_id)
    assert why_of(lambda: promote(control, release_id)) == "approvals_missing"


def test_two_of_the_board_are_not_enough_once_one_of_them_has_left_it(ready: Ready) -> None:
    assert ready.refused(dataclasses.replace(ready.control, board=(ANA, CAIO))) == "approvals_missing"


def test_a_rollback_needs_a_member_of_the_board_and_a_release_that_served(ready: Ready) -> None:
    said = len(ready.scene.refusals())
    assert why_of(lambda: rollback(ready.control, ANA, "It errs.", ready.release_id)) == "never_in_production"
    assert why_of(lambda: rollback(ready.control, "Eva Luz", "It errs.", ready.release_id)) == "not_on_the_board"
    assert [(step, why) for step, why, _ in ready.scene.refusals()[said:]] == [
        ("rollback", "never_in_production"),
        ("rollback", "not_on_the_board"),
    ]


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ahead(scene: Scene) -> None:
    scene.clocks.wall += timedelta(hours=72)


def ahead_with_the_database(scene: Scene) -> None:
    ahead(scene)
    scene.clocks.database += timedelta(hours=72)


def back(scene: Scene) -> None:
    scene.clocks.wall -= timedelta(hours=72)
    scene.clocks.database -= timedelta(hours=72)


def booted_anew(scene: Scene) -> None:
    ahead(scene)
    scene.clocks.boot = Uptime("boot-2", 5.0)


@pytest.mark.parametrize("set_clock", [ahead, ahead_with_the_database, back, booted_anew])
def test_no_clock_that_is_set_shortens_the_soak(scene: Scene, set_clock: Callable[[Scene], None]) -> None:
    release_id = scene.approved(scene.staged(scene.changed("Seja breve.")))
    scene.soaked(release_id, hours=2)
    honest = dataclasses.replace(scene.clocks)
    for _ in range(6):  # and looked at again and again, once with the clock set and once without
        set_clock(scene)
        scene.soaked(release_id, hours=1 / 3600)
        scene.clocks.wall, scene.clocks.database, scene.clocks.boot = honest.wall, honest.database, honest.boot
        scene.soaked(release_id, hours=1 / 3600)
    with scene.connect() as conn:
        staging = store.candidacy(conn, scene.desk.keyring, release_id).staging
    assert staging is not None
    assert 2 * HOUR <= staging.soak.credited_seconds < 3 * HOUR
    assert why_of(lambda: promote(scene.control, release_id)) == "soak_incomplete"
    assert scene.production() == scene.installed.release_id


def test_a_release_is_not_promoted_outside_the_window(ready: Ready) -> None:
    friday = ready.scene.clocks.wall  # 72 hours after a Tuesday at ten
    assert friday.strftime("%a %H:%M") == "Fri 13:00"
    shut = dataclasses.replace(ready.control, window="Mon-Thu 09:00-16:00 America/Sao_Paulo")
    assert ready.refused(shut) == "outside_window"


# ── what serves fails ────────────────────────────────────────────────────────────────────────────────────────────────


def night(scene: Scene, passed: bool | None) -> None:
    """The entry that a nightly evaluation leaves."""
    with scene.connect() as conn:
        body: dict[str, object] = {"passed": passed, "findings": [] if passed else ["error_above_target"]}
        new = NewEntry(0, NIGHTLY_EVALUATION, rfc3339(scene.clocks.wall), "nightly", scene.installed.release_id, body)
        ledger.append(conn, scene.desk.keyring, new)


def test_nothing_is_promoted_while_the_nightly_evaluation_fails(ready: Ready) -> None:
    night(ready.scene, passed=False)
    assert ready.refused() == "nightly_failing"
    night(ready.scene, passed=None)
    assert ready.refused() == "nightly_failing", "a night that could not judge lifts nothing"
    night(ready.scene, passed=True)


# ── the pointer ──────────────────────────────────────────────────────────────────────────────────────────────────────


def owner(scene: Scene) -> Connection:
    conn = scene.deployment.postgres.connect_as_owner()
    enter_organization(conn, scene.deployment.postgres.organization_id, role="compliance_owner")
    return conn


def pointer_incidents(scene: Scene) -> list[Incident]:
    with scene.connect() as conn:
        return [incident for incident in incidents(conn) if incident.kind == "pointer_moved"]


def test_the_application_cannot_move_the_pointer(ready: Ready) -> None:
    moved = [
        "UPDATE compliance.production_release SET release_id = %s",
        "INSERT INTO compliance.production_release (organization_id, release_id, seq)"
        " VALUES (compliance.current_organization(), %s, 1)",
        "SELECT compliance.follow_release_entry(1, ARRAY['release_promoted', %s])",
    ]
    for statement in moved:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), ready.scene.connect() as conn:
            conn.execute(statement, [ready.release_id])
    assert ready.scene.production() == ready.scene.installed.release_id


def test_a_pointer_that_the_owner_moved_serves_nobody_and_is_put_back_with_an_incident(scene: Scene) -> None:
    ready = scene.ready("Seja breve.")
    with owner(scene) as conn:
        conn.execute("UPDATE compliance.production_release SET release_id = %s", [ready])
    with pytest.raises(IntegrityError, match="moved by hand"), scene.connect() as conn:
        served(scene.desk, conn)
    assert why_of(lambda: promote(scene.control, ready)) == "IntegrityError"
    assert scene.refusals() == [("promote", "integrity", "compliance-assets")]

    (drift,) = look_and_put_back(dataclasses.replace(scene.control, tracking=None))
    assert (drift.what, drift.put_back) == ("production_release", True)
    assert scene.production() == scene.installed.release_id
    (incident,) = pointer_incidents(scene)
    assert (incident.severity, incident.detail["found"].split()[0]) == ("critical", ready)
    with scene.connect() as conn:
        assert releases.moves(conn, scene.desk.keyring)[-1].kind == "release_restored"
        assert verify_ledger(conn, scene.desk.keyring, scene.deployment.postgres.organization_id).verified
    assert look_and_put_back(dataclasses.replace(scene.control, tracking=None)) == ()
    assert promote(scene.control, ready).release_id == scene.production(), "what was ready before still is"


# ── two at once ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_two_promotions_at_once_one_is_refused(scene: Scene) -> None:
    first, second = (scene.staged(scene.changed(words)) for words in ("Seja breve.", "Seja claro."))
    start = scene.clocks.wall
    for candidate in (first, second):
        scene.approved(scene.soaked(candidate))
    assert scene.clocks.wall - start == timedelta(hours=144)
    whys: dict[str, str] = {}
    together = threading.Barrier(4)

    def run(place: int, candidate: str) -> None:
        control = dataclasses.replace(scene.control)
        together.wait()
        whys[f"{place}"] = why_of(lambda: promote(control, candidate))

    threads = [threading.Thread(target=run, args=each) for each in enumerate([first, second, first, second])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(whys.values()).count("done") == 1
    assert set(whys.values()) <= {"done", "baseline_moved", "in_production_already"}
    assert len(scene.refusals()) == 3
    with scene.connect() as conn:
        promoted = [m for m in releases.moves(conn, scene.desk.keyring) if m.kind == "release_promoted"]
    assert [m.release_id for m in promoted] == [scene.production()]


# ── Dagster ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def materialised(control: ChangeControl, asset: dg.AssetsDefinition) -> dg.ExecuteInProcessResult:
    """One asset alone, as a person does it in the UI."""
    checks = [pointer_agrees_with_ledger, two_approvers, soak_complete, receipt_signature_valid]
    assets = [asset, *(dg.AssetSpec(key) for key in (keys.EVAL_REPORT, keys.PROMOTION_RECEIPT) if key != asset.key)]
    own = [check for check in checks if next(iter(check.check_keys)).asset_key == asset.key]
    return dg.materialize([*assets, *own], resources={"change_control": control}, raise_on_error=False)  # type: ignore[list-item]


def error_of(result: dg.ExecuteInProcessResult) -> str:
    failure = next(event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    assert error is not None
    return str(error.cause.message if error.cause else error.message)


def test_the_receipt_alone_is_refused_where_nothing_was_evaluated_and_the_release_alone_moves_nothing(
    scene: Scene,
) -> None:
    alone = materialised(scene.control, promotion_receipt)
    assert not alone.success
    assert "there is no receipt of an evaluation" in error_of(alone)
    assert scene.refusals() == [("materialise", "receipt_missing", "promotion_receipt")]

    assert materialised(scene.control, production_release).success
    assert scene.production() == scene.installed.release_id


def test_the_receipt_alone_is_refused_where_the_gate_blocked_the_candidate(scene: Scene) -> None:
    desk = dataclasses.replace(scene.desk, bundle=scene.changed("Adivinhe."))
    control = dataclasses.replace(scene.control, desk=desk)
    scene.evaluated(desk.bundle, policy_fixtures={"held": 9, "failed": ("denies_other_years",)})
    alone = materialised(control, promotion_receipt)
    assert not alone.success
    assert "the gate did not let this candidate pass" in error_of(alone)
    assert scene.refusals() == [("materialise", "gate_not_passed", "promotion_receipt")]


def test_the_assets_show_what_serves_and_their_checks_hold(scene: Scene) -> None:
    desk = dataclasses.replace(scene.desk, bundle=scene.changed("Seja breve."))
    release_id = scene.staged(desk.bundle)
    receipt = materialised(dataclasses.replace(scene.control, desk=desk), promotion_receipt)
    assert [e.passed for e in receipt.get_asset_check_evaluations()] == [True]
    soaking = materialised(scene.control, production_release)
    held = {e.check_name: (e.passed, e.severity.value) for e in soaking.get_asset_check_evaluations()}
    assert held["soak_complete"] == (False, "WARN")

    promote(scene.control, scene.approved(scene.soaked(release_id)))
    shown = materialised(scene.control, production_release)
    assert {e.check_name: e.passed for e in shown.get_asset_check_evaluations()} == {
        "pointer_agrees_with_ledger": True,
        "two_approvers": True,
        "soak_complete": True,
    }
    (made,) = shown.get_asset_materialization_events()
    assert made.materialization.metadata["release_id"].value == release_id
    assert BIA in str(made.materialization.metadata["history"]) or release_id in str(
        made.materialization.metadata["history"]
    )


def test_a_candidate_that_keeps_every_rule_is_promoted_and_a_rollback_puts_the_files_back(scene: Scene) -> None:
    ready = scene.ready("Seja breve.")
    before = scene.desk.bundle.files
    done = promote(scene.control, ready, CAIO)
    assert (done.release_id, done.instead_of, done.not_mirrored) == (ready, scene.installed.release_id, None)
    assert done.receipt is not None
    assert done.receipt.approvers == (ANA, BIA)

    undone = rollback(scene.control, BIA, "It abstains too often.")
    assert (undone.release_id, undone.instead_of) == (scene.installed.release_id, ready)
    with scene.connect() as conn:
        production = releases.production(conn, scene.desk.keyring)
    assert production is not None
    assert production.bundle.files == before
    assert scene.refusals() == []
    assert why_of(lambda: promote(scene.control, ready)) == "not_staged", "it soaks and is approved anew"


def test_a_move_that_was_written_without_the_key_serves_nobody_and_a_person_has_to_look(scene: Scene) -> None:
    ready = Ready(scene, scene.ready("Seja breve."))
    forged = dataclasses.replace(scene.desk, keyring=other_keyring(scene))
    with scene.connect() as conn:
        before = releases.last_move(conn, scene.desk.keyring)
        assert before is not None
        new = NewEntry(0, "release_promoted", rfc3339(scene.clocks.wall), "mallory", ready.release_id, {})
        entry = ledger.append(conn, forged.keyring, new)
        conn.execute("SELECT compliance.follow_release_entry(%s, ARRAY['release_promoted'])", [entry.seq])
    with pytest.raises(IntegrityError, match="does not hold"), scene.connect() as conn:
        served(scene.desk, conn)
    (drift,) = look_and_put_back(scene.control)
    assert (drift.what, drift.put_back) == ("release entry", False)
    assert [incident.severity for incident in pointer_incidents(scene)] == ["critical"]


def other_keyring(scene: Scene) -> Keyring:
    """Of somebody who has the database, and not the master key."""
    made = Keyring(scene.deployment.settings.data_dir / "elsewhere" / "master.key")
    made.create_if_missing()
    return made

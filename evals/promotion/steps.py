"""The steps before a promotion: a receipt is issued, the candidate is staged, the change board approves. Each is an entry."""

from collections.abc import Sequence

from compliance_assets.audit_ledger.checkpoints import named_signer
from compliance_assets.audit_ledger.wording import clear_text
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from evals.gate.evaluation import Evaluation
from evals.gate.gate import Verdict, judged
from evals.promotion import store
from evals.promotion.board import require_may_approve
from evals.promotion.candidacy import APPROVED, EVALUATED, STAGED, Candidacy, Staging
from evals.promotion.control import ChangeControl
from evals.promotion.receipt import VALID_FOR, EvaluationReceipt, Today, require_valid
from evals.promotion.refusal import Refused
from resources.postgres import Connection

ACTOR = "compliance-assets"


def issue(
    control: ChangeControl,
    bundle: ReleaseBundle,
    evaluation: Evaluation,
    verdict: Verdict,
    *,
    production: Evaluation | None,
    baseline: str | None,
    actor: str = ACTOR,
) -> EvaluationReceipt:
    """The signed receipt of a verdict, stored with the candidate's files and what was judged: `production` is the evaluation of
    the release `baseline`. While one of the same verdict on the same evaluation holds, it is that one.
    """
    release = evaluation.release
    with control.step("issue", release.release_id, actor) as conn:
        releases.keep(conn, release, bundle)
        for each in filter(None, (evaluation, production)):
            store.keep_evaluation(conn, each)
        found = store.candidacy(conn, control.desk.keyring, release.release_id)
        now = control.today(conn).at
        fresh = EvaluationReceipt(
            release_id=release.release_id,
            release=release,
            bundle_digest=bundle.digest,
            golden_set=evaluation.golden_set,
            calibration_set=evaluation.calibration_set,
            evaluation_digest=evaluation.digest,
            baseline=baseline,
            verdict=verdict,
            evaluated_at=now,
            expires_at=now + VALID_FOR,
        )
        if (known := _same_in_force(conn, found, fresh)) is not None:
            return known
        sealed = fresh.sealed(named_signer(conn, control.desk.keyring))
        body: dict[str, object] = {
            "receipt_digest": fresh.digest,
            "passed": verdict.passed,
            "baseline": baseline,
            "evaluation_digest": evaluation.digest,
            "verdict_sha256": digest_of(verdict.model_dump(mode="json")),
            "golden_set": evaluation.golden_set,
            "against": sorted({f"{finding.rule}: {finding.score}" for finding in verdict.against}),
        }
        entry = store.record(conn, control.desk.keyring, EVALUATED, release.release_id, body, actor, now)
        store.keep_receipt(conn, fresh, sealed, entry.seq)
    return fresh


def stage(control: ChangeControl, release_id: str, authors: Sequence[str]) -> Candidacy:
    """Begin the soak of a candidate under its newest receipt. `authors`: who wrote the change; none of them may approve it.

    Staging it again under the same receipt changes nothing; under another one, or after the release moved, the soak and the
    approvals begin anew. Raises Refused where the receipt does not hold today.
    """
    full, names = full_id(control, release_id), tuple(dict.fromkeys(clear_text(name, "author") for name in authors))
    with control.step("stage", full, names[0]) as conn:
        found = store.candidacy(conn, control.desk.keyring, full)
        receipt = require_receipt(control, conn, found, control.today(conn))
        if found.staging and (found.staging.receipt_digest, found.staging.authors) == (receipt.digest, names):
            return found
        reading = control.reading(conn)
        body: dict[str, object] = {
            "receipt_digest": receipt.digest,
            "authors": list(names),
            "clocks": reading.as_json(),
        }
        store.record(conn, control.desk.keyring, STAGED, full, body, names[0], reading.wall)
        return store.candidacy(conn, control.desk.keyring, full)


def approve(control: ChangeControl, release_id: str, approver: str) -> Candidacy:
    """A person of the change board answers for the staged candidate. Raises Refused for an author, for one who did it already,
    for one who is not on the board, and where nothing is staged.
    """
    full, by = full_id(control, release_id), clear_text(approver, "approver")
    with control.step("approve", full, by) as conn:
        found = store.candidacy(conn, control.desk.keyring, full)
        staging = require_staged(found)
        require_may_approve(control.board, staging.authors, staging.approvers, by)
        soak = staging.soak
        body: dict[str, object] = {
            "staged_seq": staging.seq,
            "receipt_digest": staging.receipt_digest,
            "soaked_seconds": int(soak.credited_seconds),
            "shadow_decisions": soak.shadow,
            "differing": soak.differing,
        }
        store.record(conn, control.desk.keyring, APPROVED, full, body, by, control.desk.clock())
        return store.candidacy(conn, control.desk.keyring, full)


def full_id(control: ChangeControl, release_id: str) -> str:
    """The id of a release that is kept here, from its first characters too. Raises InvalidInput for another."""
    with control.desk.postgres.connect() as conn:
        return releases.kept(conn, release_id)[0].release_id


# ── what the steps rest on ───────────────────────────────────────────────────────────────────────────────────────────


def require_staged(found: Candidacy) -> Staging:
    """Raises Refused where nothing soaks."""
    if found.staging is None:
        raise Refused(
            "not_staged",
            "the release is not staged",
            expected="a candidate that soaks in staging; after a promotion or a rollback it is staged again",
            found=found.state,
            remedy="`compliance release stage RELEASE --author NAME`.",
        )
    return found.staging


def require_receipt(
    control: ChangeControl, conn: Connection, found: Candidacy, today: Today, receipt_digest: str | None = None
) -> EvaluationReceipt:
    """The candidate's receipt, the newest where none is named: it is signed, it lets exactly these files into production today,
    and the verdict in it is what the gate makes of the stored evaluations once more. Raises Refused.
    """
    receipt = store.receipt_of(conn, found, receipt_digest)
    release, bundle = releases.kept(conn, found.release_id)
    require_valid(receipt, release, today)
    if receipt.bundle_digest != bundle.digest:
        raise Refused(
            "receipt_other_candidate",
            "the receipt is of other files",
            expected=bundle.digest,
            found=receipt.bundle_digest,
            remedy="Evaluate this candidate: `compliance eval run`.",
        )
    control.require_runs_here(release)
    _require_judged(conn, receipt)
    return receipt


def _require_judged(conn: Connection, receipt: EvaluationReceipt) -> None:
    evaluation = store.kept_evaluation(conn, receipt.evaluation_digest)
    compared = receipt.verdict.baseline
    production = store.kept_evaluation(conn, compared) if compared else None
    if evaluation.release != receipt.release:
        raise _differs("the evaluation is of another release", receipt.release_id, evaluation.release.release_id)
    if _files_of(production.release if production else None) != _files_of(_kept(conn, receipt.baseline)):
        raise _differs(
            "the candidate was compared with other files than the baseline's", receipt.baseline or "none", str(compared)
        )
    again = judged(evaluation, production)
    if again != receipt.verdict:
        raise _differs(
            "the gate comes to another verdict", "the verdict of the receipt", f"one with passed={again.passed}"
        )


def _kept(conn: Connection, release_id: str | None) -> Release | None:
    return releases.kept(conn, release_id)[0] if release_id else None


def _files_of(release: Release | None) -> Release | None:
    """The manifest of what is files: a baseline is evaluated under the code that runs now, on the sets as they are now."""
    if release is None:
        return None
    return release.model_copy(
        update=dict.fromkeys(("chunker", "embedder_digest", "index_parameters", "golden_set", "code_version"), "")
    )


def _differs(problem: str, expected: str, found: str) -> Refused:
    return Refused(
        "evaluation_differs",
        problem,
        expected=expected,
        found=found,
        remedy="Evaluate the candidate again: `compliance eval run`.",
    )


def _same_in_force(conn: Connection, found: Candidacy, fresh: EvaluationReceipt) -> EvaluationReceipt | None:
    """The newest receipt, where it says the same and has not expired."""
    if found.receipt is None:
        return None
    try:
        known = store.receipt_of(conn, found)
    except Refused:
        return None
    same = known.model_copy(update={"evaluated_at": fresh.evaluated_at, "expires_at": fresh.expires_at}) == fresh
    return known if same and known.evaluated_at <= fresh.evaluated_at < known.expires_at else None

"""Releases as a person looks at them: which serves, which served, which are on their way and what holds them up."""

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.model_decisions.releases import store as releases
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from evals.promotion import store
from evals.promotion.candidacy import REFUSED, Candidacy
from evals.promotion.control import ChangeControl
from evals.promotion.steps import full_id
from resources.postgres import Connection

IN_PRODUCTION = "in production"


def release_rows(control: ChangeControl, conn: Connection) -> list[dict[str, object]]:
    """One row for each release that is kept: its state, its receipt, its soak and its approvals; the one in production first."""
    keyring = control.desk.keyring
    last = releases.last_move(conn, keyring)
    serving = last.release_id if last else None
    ids = dict.fromkeys([*([serving] if serving else []), *reversed(store.candidates(conn)), *releases.kept_ids(conn)])
    return [_row(store.candidacy(conn, keyring, release_id), serving) for release_id in ids]


def release_details(control: ChangeControl, release_id: str) -> dict[str, object]:
    """Everything of one release: manifest, files that differ from production's, receipt, soak, approvals, moves, refusals."""
    full, keyring = full_id(control, release_id), control.desk.keyring
    with control.desk.postgres.connect() as conn:
        release, bundle = releases.kept(conn, full)
        found, moves = store.candidacy(conn, keyring, full), releases.moves(conn, keyring)
        serving = moves[-1].release_id if moves else None
        approvals = found.staging.approvals if found.staging else ()
        return {
            **_row(found, serving),
            "manifest": release.model_dump(mode="json"),
            "changed_files": _changed(bundle, releases.kept(conn, serving)[1]) if serving else [],
            "receipt": _receipt(conn, found),
            "approvals": [{"approver": a.approver, "at": a.at, "entry": a.seq} for a in approvals],
            "moves": [
                {"kind": m.kind, "at": m.at, "actor": m.actor, "entry": m.seq} for m in moves if m.release_id == full
            ],
            "refusals": [
                {"step": r.step, "why": r.why, "actor": r.actor, "at": r.at, "entry": r.seq} for r in found.refusals
            ],
        }


def history_rows(control: ChangeControl, conn: Connection) -> list[dict[str, object]]:
    """Every move of the pointer, the newest first."""
    moves = releases.moves(conn, control.desk.keyring)
    return [
        {"release_id": m.release_id, "kind": m.kind, "at": m.at, "actor": m.actor, "entry": m.seq}
        for m in reversed(moves)
    ]


def refusal_rows(control: ChangeControl, conn: Connection) -> list[dict[str, object]]:
    """Every step that was refused, the newest first."""
    entries = releases.held(conn, control.desk.keyring, ledger.entries_of_kind(conn, REFUSED))
    return [
        {**ledger.body_of(entry), "actor": entry.actor, "at": entry.occurred_at} for entry in reversed(list(entries))
    ]


def _row(found: Candidacy, serving: str | None) -> dict[str, object]:
    staging = found.staging
    return {
        "release_id": found.release_id,
        "state": IN_PRODUCTION if found.release_id == serving else found.state,
        "receipt_digest": found.receipt.receipt_digest if found.receipt else None,
        "passed": found.receipt.passed if found.receipt else None,
        "soak": staging.soak.wording if staging else None,
        "authors": list(staging.authors) if staging else [],
        "approvers": list(staging.approvers) if staging else [],
    }


def _changed(bundle: ReleaseBundle, serving: ReleaseBundle) -> list[str]:
    """The paths that the two do not have alike."""
    paths = {*bundle.files, *serving.files}
    return sorted(path for path in paths if bundle.files.get(path) != serving.files.get(path))


def _receipt(conn: Connection, found: Candidacy) -> dict[str, object] | None:
    """What the newest receipt says, or why it says nothing."""
    if found.receipt is None:
        return None
    try:
        receipt = store.receipt_of(conn, found)
    except ComplianceError as problem:
        return {"digest": found.receipt.receipt_digest, "holds": False, "why": str(problem)}
    return {
        "digest": receipt.digest,
        "holds": True,
        "passed": receipt.verdict.passed,
        "baseline": receipt.baseline,
        "evaluated_at": receipt.evaluated_at,
        "expires_at": receipt.expires_at,
        "against": [
            {"score": f.score, "group": f.group, "value": f.value, "bound": f.bound, "cases": list(f.cases[:10])}
            for f in receipt.verdict.against
        ],
    }

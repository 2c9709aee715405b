"""All SQL of the way into production: receipts and evaluations by digest, and the entries of the ledger that are its steps."""

import zlib
from datetime import datetime

from pydantic import ValidationError

from compliance_assets.audit_ledger import note
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.audit_ledger.checkpoints import named_verifiers
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.model_decisions.releases.store import held
from evals.gate.evaluation import Evaluation
from evals.promotion.candidacy import EVALUATED, REFUSED, STAGED, Candidacy, candidacy_of
from evals.promotion.receipt import EvaluationReceipt, opened
from evals.promotion.refusal import Refused
from resources.clock import rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection


def lock(conn: Connection) -> None:
    """One step of any release at a time; held until the transaction ends."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('candidates ' || compliance.current_organization(), 0))"
    )


def database_clock(conn: Connection) -> datetime:
    """Now, on the database server."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def candidacy(conn: Connection, keyring: Keyring, release_id: str) -> Candidacy:
    """How far a release has come. Raises IntegrityError for an entry about it that does not hold."""
    return candidacy_of(release_id, list(held(conn, keyring, ledger.entries_of(conn, release_id))))


def candidates(conn: Connection) -> list[str]:
    """Every release that was ever evaluated here, the latest last."""
    entries = ledger.entries_of_kind(conn, EVALUATED)
    return list(dict.fromkeys(entry.subject_id for entry in entries))


def staged(conn: Connection, keyring: Keyring) -> list[Candidacy]:
    """Those that soak."""
    ids = dict.fromkeys(entry.subject_id for entry in ledger.entries_of_kind(conn, STAGED))
    return [found for found in (candidacy(conn, keyring, release_id) for release_id in ids) if found.staging]


def record(
    conn: Connection,
    keyring: Keyring,
    kind: str,
    release_id: str,
    body: dict[str, object],
    actor: str,
    at: datetime,
) -> Entry:
    """A step, in the caller's transaction."""
    return ledger.append(conn, keyring, NewEntry(NO_YEAR, kind, rfc3339(at), actor, release_id, body))


def refuse(conn: Connection, keyring: Keyring, release_id: str, step: str, why: str, actor: str, at: datetime) -> None:
    """That a step was tried and refused."""
    body: dict[str, object] = {"release_id": release_id, "step": step, "why": why}
    record(conn, keyring, REFUSED, release_id, body, actor, at)


def decisions_between(conn: Connection, after: int, upto: int) -> list[int]:
    """The places in the ledger of the decisions behind one entry and up to another."""
    rows = conn.execute(
        "SELECT seq FROM compliance.ledger_entries WHERE kind = 'decision' AND seq > %s AND seq <= %s ORDER BY seq",
        [after, upto],
    ).fetchall()
    return [seq for (seq,) in rows]


# ── receipts and evaluations ─────────────────────────────────────────────────────────────────────────────────────────


def keep_evaluation(conn: Connection, evaluation: Evaluation) -> None:
    """Store what an evaluation found, once."""
    conn.execute(
        "INSERT INTO compliance.evaluations (organization_id, evaluation_digest, content)"
        " VALUES (compliance.current_organization(), %s, %s) ON CONFLICT DO NOTHING",
        [evaluation.digest, zlib.compress(evaluation.canonical.encode())],
    )


def kept_evaluation(conn: Connection, digest: str) -> Evaluation:
    """Raises Refused where it is not stored, or is not what the digest was taken of."""
    row = conn.execute("SELECT content FROM compliance.evaluations WHERE evaluation_digest = %s", [digest]).fetchone()
    try:
        found = Evaluation.model_validate_json(zlib.decompress(row[0])) if row else None
    except (zlib.error, ValidationError):
        found = None
    if found is None or found.digest != digest:
        raise Refused(
            "evaluation_differs",
            "the evaluation behind the receipt is not the one that was judged",
            expected=digest,
            found=found.digest if found else "none that can be read",
            remedy="Evaluate the candidate again: `compliance eval run`.",
        )
    return found


def keep_receipt(conn: Connection, receipt: EvaluationReceipt, sealed: str, seq: int) -> None:
    """Store a receipt with the entry that says that it was issued."""
    conn.execute(
        "INSERT INTO compliance.evaluation_receipts"
        " (organization_id, receipt_digest, release_id, evaluation_digest, note, seq)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s)",
        [receipt.digest, receipt.release_id, receipt.evaluation_digest, sealed, seq],
    )


def note_of(conn: Connection, receipt_digest: str) -> str:
    """A receipt as it was sealed. Raises Refused for one that is not stored."""
    row = conn.execute(
        "SELECT note FROM compliance.evaluation_receipts WHERE receipt_digest = %s", [receipt_digest]
    ).fetchone()
    if row is None:
        raise no_receipt(receipt_digest)
    return str(row[0])


def receipt_of(conn: Connection, found: Candidacy, receipt_digest: str | None = None) -> EvaluationReceipt:
    """The receipt of a candidate, the newest where none is named. It is held against its signature, and against the entry that
    says that it was issued. Raises Refused.
    """
    issued = [one for one in found.evaluated if receipt_digest in (None, one.receipt_digest)]
    if not issued:
        raise no_receipt(found.release_id)
    receipt = opened(note_of(conn, issued[-1].receipt_digest), verifiers(conn), EvaluationReceipt)
    if receipt.digest != issued[-1].receipt_digest:
        raise Refused(
            "receipt_other_candidate",
            "the receipt is not the one that was issued for this candidate",
            expected=issued[-1].receipt_digest,
            found=receipt.digest,
            remedy="Evaluate the candidate again: `compliance eval run`.",
        )
    return receipt


def verifiers(conn: Connection) -> list[note.Verifier]:
    """The keys that receipts are signed with: those that the ledger names, as for its checkpoints."""
    return named_verifiers(conn)


def no_receipt(what: str) -> Refused:
    """There is nothing to rest on."""
    return Refused(
        "receipt_missing",
        "there is no receipt of an evaluation",
        expected=f"a receipt for {what}",
        found="none",
        remedy="Evaluate the candidate: `compliance eval run`.",
    )

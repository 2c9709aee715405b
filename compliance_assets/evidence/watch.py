"""The watch over the ledger: what does not hold becomes an incident, once.

What an incremental verification looks at (entries, tree, checkpoints behind the last verified one) is watched here; the walk
over everything is the night's, and what that finds is looked at again here until it is mended.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby

import psycopg

from compliance_assets.audit_ledger import checkpoints
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import GENESIS, Finding
from compliance_assets.audit_ledger.checkpoints import SignedCheckpoint
from compliance_assets.audit_ledger.pointers import recorded_pointers
from compliance_assets.audit_ledger.verify import verify_and_record
from compliance_assets.contracts.errors import ComplianceError, IntegrityError
from compliance_assets.evidence import watch_store as store
from compliance_assets.evidence.archive import Archive
from compliance_assets.review.incidents import open_incident
from resources.postgres import Connection

ACTOR = "ledger_watch"
#: Of entries that do not hold, as many become incidents; a lost key makes a finding of every entry.
TOLD_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that does not hold. `incident_id` is None where the ledger could not even take the incident in."""

    kind: str
    severity: str
    summary: str
    detail: dict[str, object]
    fingerprint: str
    incident_id: str | None = None


def watch(archive: Archive) -> tuple[Alarm, ...]:
    """Look at the pointers of record, and at what the ledger and its published checkpoints came to since the last look.

    Each alarm is an incident: the one that is open already, or a new one.
    """
    return tuple(_opened(archive, alarm) for alarm in chain(_moved_pointers(archive), _broken(archive)))


def _opened(archive: Archive, alarm: Alarm) -> Alarm:
    if not _head_is_the_end(archive):
        return replace(alarm, detail={**alarm.detail, "not_recorded": "the head is not the end of the chain"})
    try:
        incident_id = open_incident(
            archive.postgres, archive.keyring, archive.clock, alarm.kind, alarm.severity, alarm.summary, alarm.detail, ACTOR,
            fingerprint=alarm.fingerprint,
        )  # fmt: skip
    except (psycopg.Error, ComplianceError) as problem:
        # The key is lost, or the ledger is as broken as that: the alarm is told all the same.
        return replace(alarm, detail={**alarm.detail, "not_recorded": str(problem).strip()})
    return replace(alarm, incident_id=incident_id)


def _head_is_the_end(archive: Archive) -> bool:
    """Whether an entry can be appended without making a broken chain worse."""
    with archive.postgres.connect() as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        end = ledger.head(conn)
        last = ledger.entry_at(conn, end.seq)
        return ledger.entry_at(conn, end.seq + 1) is None and (last.entry_hash if last else GENESIS) == end.entry_hash


# ── pointers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _moved_pointers(archive: Archive) -> Iterator[Alarm]:
    with archive.postgres.connect() as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # no pointer moves between the two looks
        standing = store.standing_pointers(conn)
        recorded = recorded_pointers(conn)
    for pointer in sorted({*standing, *recorded}):
        stands, (says, seq) = standing.get(pointer), recorded.get(pointer, (None, None))
        if pointer.partition("/")[0] in store.POINTERS and stands != says:
            summary = f"the pointer {pointer} is not where the ledger says" if seq else f"no entry records {pointer}"
            yield Alarm(
                "pointer_moved", "high", summary, {"pointer": pointer, "stands": stands, "recorded": says, "entry": seq},
                f"{pointer}:{stands}",
            )  # fmt: skip


# ── chain, tree, checkpoints, decisions ──────────────────────────────────────────────────────────────────────────────


def _broken(archive: Archive) -> Iterator[Alarm]:
    published = archive.checkpoint_log.notes(archive.postgres.organization_id)
    with archive.postgres.connect() as conn:
        if _is_quiet(conn, published):
            return
        since = _last_verified(conn)
    try:
        result = verify_and_record(archive.postgres, archive.keyring, archive.checkpoint_log, since)
    except (IntegrityError, ValueError, LookupError, TypeError) as problem:  # an entry that the walk itself rests on
        text = str(problem) or type(problem).__name__
        yield Alarm("ledger_broken", "critical", "the ledger cannot be verified", {"problem": text}, "not verified")
        return
    forks = [finding for finding in result.findings if "checkpoint" in finding.problem]
    yield from _alarms("ledger_forked", forks)
    yield from _alarms("ledger_broken", [finding for finding in result.findings if finding not in forks])
    for response_id in result.unmatched_decisions[:TOLD_AT_ONCE]:
        summary = f"the decision {response_id} and its entry do not say the same, or one of them is missing"
        yield Alarm(
            "decision_unmatched", "critical", summary, {"decisions": len(result.unmatched_decisions)}, response_id
        )


def _alarms(kind: str, findings: Sequence[Finding]) -> Iterator[Alarm]:
    """One for each of the first entries that show something; the verification itself names the rest."""
    by_entry = [(seq, list(own)) for seq, own in groupby(findings, key=lambda finding: finding.seq)]
    for seq, own in by_entry[:TOLD_AT_ONCE]:
        where = f"entry {seq}: " if seq else ""
        detail: dict[str, object] = {
            "entry": seq,
            "findings": [{"problem": f.problem, "expected": f.expected, "found": f.found} for f in own],
            "entries_with_findings": len(by_entry),
        }
        yield Alarm(kind, "critical", f"{where}{own[0].problem}", detail, f"{seq}:{own[0].problem}")


def _is_quiet(conn: Connection, published: Sequence[str]) -> bool:
    """Whether nothing was written or published since a verification that found nothing."""
    last, end = ledger.last_verification(conn), ledger.head(conn)
    if last is None or not last["verified"] or last["tree_size"] != end.seq:
        return False
    entry = ledger.entry_at(conn, end.seq)
    if entry is not None and entry.entry_hash != end.entry_hash:
        return False
    return {*published} <= {text for _, _, text, _ in ledger.checkpoint_rows(conn)}


def _last_verified(conn: Connection) -> SignedCheckpoint | None:
    """The newest checkpoint that a verification covered; after one that found something, where that one began."""
    last = ledger.last_verification(conn)
    if last is None:
        return None
    reached = int(str(last["tree_size"] if last["verified"] else last["since_size"]))
    sizes = [size for size, *_ in ledger.checkpoint_rows(conn) if size <= reached]
    return checkpoints.checkpoint_of_size(conn, sizes[-1]) if sizes else None

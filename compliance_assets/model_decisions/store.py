"""All SQL of model_decisions: the work table, the decisions, their lineage."""

import json
from collections.abc import Iterable, Sequence

from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.store import append
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.contracts.text import storable
from compliance_assets.model_decisions.decide import Decision, ledger_body
from compliance_assets.model_decisions.work import WorkItem
from resources.clock import rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection

ACTOR = "compliance-assets"


def enqueue(conn: Connection, items: Iterable[WorkItem]) -> None:
    """Put work into the table, or back into the queue where it was done before."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.work_items"
            " (organization_id, work_id, workload, year, input, input_sha256, state, requested_at)"
            " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, 'queued', clock_timestamp())"
            " ON CONFLICT (organization_id, work_id)"
            " DO UPDATE SET state = 'queued', reason = NULL, requested_at = excluded.requested_at",
            [(i.work_id, i.workload, i.year, canonical_json(i.as_json()).decode(), i.input_sha256) for i in items],
        )


def claim(conn: Connection, year: int, limit: int, postponed: Sequence[str]) -> list[WorkItem]:
    """Queued items of the year in the order they were asked, locked until the transaction ends."""
    rows = conn.execute(
        "SELECT input FROM compliance.work_items WHERE year = %s AND state = 'queued' AND work_id <> ALL(%s)"
        " ORDER BY requested_at, work_id LIMIT %s FOR UPDATE SKIP LOCKED",
        [year, list(postponed), limit],
    ).fetchall()
    return [_item(text) for (text,) in rows]


def count_pending(conn: Connection, year: int, postponed: Sequence[str]) -> int:
    """How many items of the year are queued, those put off in this run left out."""
    row = conn.execute(
        "SELECT count(*) FROM compliance.work_items WHERE year = %s AND state = 'queued' AND work_id <> ALL(%s)",
        [year, list(postponed)],
    ).fetchone()
    return row[0] if row else 0


def queued_years(conn: Connection) -> list[int]:
    """Years that have queued work."""
    rows = conn.execute("SELECT DISTINCT year FROM compliance.work_items WHERE state = 'queued' ORDER BY 1").fetchall()
    return [year for (year,) in rows]


def response_of_key(conn: Connection, year: int, idempotency_key: str) -> tuple[str, str, str | None] | None:
    """(response_id, outcome, reason) of the decision that was already made under a key."""
    row = conn.execute(
        "SELECT response_id, outcome, reason FROM compliance.decisions WHERE year = %s AND idempotency_key = %s",
        [year, idempotency_key],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def finish(conn: Connection, item: WorkItem, response_id: str, outcome: str, reason: str | None) -> None:
    """Mark an item as answered by a decision."""
    conn.execute(
        "UPDATE compliance.work_items SET state = %s, reason = %s, response_id = %s WHERE work_id = %s",
        ["done" if outcome == "decided" else "review", reason, response_id, item.work_id],
    )


def postpone(conn: Connection, item: WorkItem, reason: str) -> None:
    """Leave an item in the queue, with the reason why it could not be decided now."""
    conn.execute("UPDATE compliance.work_items SET reason = %s WHERE work_id = %s", [storable(reason), item.work_id])


def record(conn: Connection, keyring: Keyring, decision: Decision, latency_seconds: float) -> None:
    """Store a decision, its lineage and its ledger entry in the caller's one transaction."""
    envelope, year = decision.envelope, decision.item.year
    digests = _object_digests(conn, [r.hit.doc_id for r in decision.retrieved])
    conn.execute(
        "INSERT INTO compliance.releases (organization_id, release_id, manifest)"
        " VALUES (compliance.current_organization(), %s, %s) ON CONFLICT DO NOTHING",
        [decision.release.release_id, canonical_json(decision.release.model_dump(mode="json")).decode()],
    )
    conn.execute(
        "INSERT INTO compliance.decisions (organization_id, year, response_id, idempotency_key, work_id, workload, outcome,"
        " reason, confidence, envelope, release_id, index_version, decided_at, latency_seconds)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [year, envelope.response_id, decision.idempotency_key, decision.item.work_id, decision.item.workload,
         decision.outcome, decision.reason, envelope.confidence, decision.envelope_json, decision.release.release_id,
         decision.index_version, decision.decided_at, latency_seconds],
    )  # fmt: skip
    _record_edges(conn, decision, digests)
    append(
        conn,
        keyring,
        NewEntry(
            year=year,
            kind="decision",
            occurred_at=rfc3339(decision.decided_at),
            actor=ACTOR,
            subject_id=envelope.response_id,
            body=ledger_body(decision, digests),
        ),
    )
    finish(conn, decision.item, envelope.response_id, decision.outcome, decision.reason)


def envelopes_of_work(conn: Connection, work_ids: Sequence[str]) -> dict[str, ResponseEnvelope]:
    """work_id -> the envelope of its latest decision, for work that has one."""
    rows = conn.execute(
        "SELECT w.work_id, d.envelope FROM compliance.work_items w JOIN compliance.decisions d"
        " ON d.response_id = w.response_id AND d.year = w.year WHERE w.work_id = ANY(%s) AND w.state <> 'queued'",
        [list(work_ids)],
    ).fetchall()
    return {work_id: ResponseEnvelope.model_validate_json(text) for work_id, text in rows}


def waiting_reasons(conn: Connection, work_ids: Sequence[str]) -> dict[str, str]:
    """work_id -> why it is still queued."""
    rows = conn.execute(
        "SELECT work_id, coalesce(reason, 'waiting') FROM compliance.work_items WHERE work_id = ANY(%s) AND state = 'queued'",
        [list(work_ids)],
    ).fetchall()
    return {work_id: reason for work_id, reason in rows}


def source_text(conn: Connection, doc_id: str, start: int, end: int) -> str:
    """Characters `[start, end)` of a document."""
    row = conn.execute(
        "SELECT substr(raw_text, %s, %s) FROM compliance.documents WHERE filing_id = %s",
        [start + 1, end - start, doc_id],
    ).fetchone()
    return row[0] if row else ""


def year_summary(conn: Connection, year: int) -> list[tuple[str, str | None, float, float]]:
    """(outcome, reason, confidence, latency in seconds) of every decision of the year."""
    rows = conn.execute(
        "SELECT outcome, reason, confidence, latency_seconds FROM compliance.decisions WHERE year = %s", [year]
    ).fetchall()
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def wrong_citations(conn: Connection, year: int) -> list[str]:
    """Decisions of the year with a citation whose span is not its quote, or lies in another year without an opt-in."""
    rows = conn.execute(
        "SELECT DISTINCT d.response_id FROM compliance.decisions d"
        " JOIN compliance.work_items w ON w.work_id = d.work_id"
        " CROSS JOIN LATERAL jsonb_array_elements(d.envelope::jsonb -> 'citations') c"
        " LEFT JOIN compliance.documents s ON s.filing_id = c ->> 'doc_id'"
        " WHERE d.year = %s AND (s.filing_id IS NULL"
        "   OR substr(s.raw_text, (c -> 'char_range' ->> 0)::int + 1,"
        "             (c -> 'char_range' ->> 1)::int - (c -> 'char_range' ->> 0)::int) <> c ->> 'quote'"
        "   OR NOT (s.year = d.year OR (w.input::jsonb -> 'opt_in_years') @> to_jsonb(s.year)))"
        " ORDER BY 1",
        [year],
    ).fetchall()
    return [response_id for (response_id,) in rows]


def _record_edges(conn: Connection, decision: Decision, digests: dict[str, str]) -> None:
    pages = {r.hit.chunk_id: r.hit for r in decision.retrieved}
    retrieved = [("retrieved", hit.rank, hit.chunk_id, hit.doc_id, hit.page, *hit.char_range) for hit in pages.values()]
    cited = [
        ("cited", position, chunk_id, citation.doc_id, citation.page, *citation.char_range)
        for position, (chunk_id, citation) in enumerate(
            zip(decision.cited_chunk_ids, decision.envelope.citations, strict=True), start=1
        )
    ]
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.decision_edges (organization_id, year, response_id, role, position, chunk_id, doc_id,"
            " page, char_start, char_end, object_sha256)"
            " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (decision.item.year, decision.envelope.response_id, *edge, digests[edge[3]])
                for edge in retrieved + cited
            ],
        )


def _object_digests(conn: Connection, doc_ids: Sequence[str]) -> dict[str, str]:
    rows = conn.execute(
        "SELECT filing_id, object_sha256 FROM compliance.documents WHERE filing_id = ANY(%s)", [sorted(set(doc_ids))]
    ).fetchall()
    return {doc_id: digest for doc_id, digest in rows}


def _item(text: str) -> WorkItem:
    fields = json.loads(text)
    return WorkItem(**{**fields, "opt_in_years": tuple(fields["opt_in_years"])})

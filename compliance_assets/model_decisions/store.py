"""All SQL of model_decisions: the work table, the decisions, their lineage."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.store import append_all, contents, decisions_of_year, entry_of
from compliance_assets.contracts.canonical import Canonical, canonical_json
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.contracts.text import storable
from compliance_assets.model_decisions.decide import (
    Decision,
    SourceDocument,
    data_subjects_of,
    ledger_body,
    ledger_content,
)
from compliance_assets.model_decisions.work import WorkItem
from resources.clock import rfc3339
from resources.keyring import Keyring
from resources.pg_arrays import BinaryArray, bigints, doubles, texts
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


def record(
    conn: Connection, keyring: Keyring, decision: Decision, documents: Sequence[SourceDocument], latency_seconds: float
) -> None:
    """Store a decision, its lineage and its ledger entry in the caller's one transaction."""
    record_all(conn, keyring, [recordable(decision, documents, latency_seconds)])


@dataclass(frozen=True, slots=True)
class Recordable:
    """A decision with all that is stored of it, its ledger content written already."""

    decision: Decision
    documents: tuple[SourceDocument, ...]
    latency_seconds: float
    entry: NewEntry


def recordable(decision: Decision, documents: Sequence[SourceDocument], latency_seconds: float) -> Recordable:
    """Everything that can be prepared before a transaction."""
    entry = NewEntry(
        year=decision.item.year,
        kind="decision",
        occurred_at=rfc3339(decision.decided_at),
        actor=ACTOR,
        subject_id=decision.envelope.response_id,
        body=ledger_body(decision),
        content=Canonical.of(ledger_content(decision, documents)),
        data_subjects=data_subjects_of(decision, documents),
    )
    return Recordable(decision, tuple(documents), latency_seconds, entry)


def record_all(conn: Connection, keyring: Keyring, made: Sequence[Recordable]) -> None:
    """Store decisions in the caller's one transaction. The ledger comes last: its head stays locked until the commit."""
    with conn.pipeline():  # what need not be waited for goes over together: a round trip costs as much as a statement
        conn.execute(_RECORD, [*_decision_columns(made), *_document_columns(made), *_release_columns(made)])
        append_all(conn, keyring, [each.entry for each in made])


#: The decisions, the documents that they touched, their releases and the work that they answer, in one round trip.
_RECORD = """
    WITH made AS (
        SELECT * FROM unnest(%b::integer[], %b, %b, %b, %b, %b, %b, %b, %b, %b, %b::timestamptz[], %b)
            AS m (year, response_id, idempotency_key, work_id, workload, outcome, reason, confidence, release_id,
                  index_version, decided_at, latency_seconds)
    ), decided AS (
        INSERT INTO compliance.decisions (organization_id, year, response_id, idempotency_key, work_id, workload, outcome,
            reason, confidence, release_id, index_version, decided_at, latency_seconds)
        SELECT compliance.current_organization(), made.* FROM made
    ), touched AS (
        INSERT INTO compliance.decision_documents
            (organization_id, year, doc_id, response_id, object_sha256, retrieved, cited)
        SELECT compliance.current_organization(), * FROM unnest(%b::integer[], %b, %b, %b, %b::smallint[], %b::smallint[])
    ), released AS (
        INSERT INTO compliance.releases (organization_id, release_id, manifest)
        SELECT compliance.current_organization(), * FROM unnest(%b, %b) ON CONFLICT DO NOTHING
    )
    UPDATE compliance.work_items w SET reason = made.reason, response_id = made.response_id,
        state = CASE made.outcome WHEN 'decided' THEN 'done' ELSE 'review' END
    FROM made WHERE w.work_id = made.work_id
"""


def _decision_columns(made: Sequence[Recordable]) -> list[BinaryArray]:
    decisions = [each.decision for each in made]
    return [
        bigints(d.item.year for d in decisions),
        texts(d.envelope.response_id for d in decisions),
        texts(d.idempotency_key for d in decisions),
        texts(d.item.work_id for d in decisions),
        texts(d.item.workload for d in decisions),
        texts(d.outcome for d in decisions),
        texts(d.reason for d in decisions),
        doubles(d.envelope.confidence for d in decisions),
        texts(d.release.release_id for d in decisions),
        texts(d.index_version for d in decisions),
        texts(rfc3339(d.decided_at) for d in decisions),
        doubles(each.latency_seconds for each in made),
    ]


def _document_columns(made: Sequence[Recordable]) -> list[BinaryArray]:
    touched = [(each.decision, document) for each in made for document in each.documents]
    decisions = [each.decision for each in made]
    retrieved = Counter((d.envelope.response_id, r.hit.doc_id) for d in decisions for r in d.retrieved)
    cited = Counter((d.envelope.response_id, c.doc_id) for d in decisions for c in d.envelope.citations)
    return [
        bigints(d.item.year for d, _ in touched),
        texts(s.doc_id for _, s in touched),
        texts(d.envelope.response_id for d, _ in touched),
        texts(s.object_sha256 for _, s in touched),
        bigints(retrieved[d.envelope.response_id, s.doc_id] for d, s in touched),
        bigints(cited[d.envelope.response_id, s.doc_id] for d, s in touched),
    ]


def _release_columns(made: Sequence[Recordable]) -> list[BinaryArray]:
    releases = {each.decision.release.release_id: each.decision.release for each in made}
    return [texts(releases), texts(release.canonical for release in releases.values())]


def envelopes_of_work(conn: Connection, keyring: Keyring, work_ids: Sequence[str]) -> dict[str, ResponseEnvelope]:
    """work_id -> the envelope of its latest decision, for work that has one. An erased one is left out."""
    rows = conn.execute(
        "SELECT work_id, response_id FROM compliance.work_items WHERE work_id = ANY(%s) AND state <> 'queued'",
        [list(work_ids)],
    ).fetchall()
    entries = {response_id: entry_of(conn, response_id) for _, response_id in rows}
    opened = contents(conn, keyring, [entry for entry in entries.values() if entry])
    envelopes = {}
    for work_id, response_id in rows:
        entry = entries[response_id]
        content = opened.get(entry.seq) if entry else None
        if content:
            envelopes[work_id] = ResponseEnvelope.model_validate(content.as_json()["response_envelope"])
    return envelopes


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


def documents_of(conn: Connection, doc_ids: Iterable[str], *, hold: bool = False) -> list[SourceDocument]:
    """What the ledger pins of each document. With `hold` none of them is erased before the transaction ends."""
    query: LiteralString = (
        "SELECT filing_id, year, title, text_sha256, object_sha256, data_subjects FROM compliance.documents"
        " WHERE filing_id = ANY(%s) ORDER BY filing_id"
    )
    rows = conn.execute(query + (" FOR KEY SHARE" if hold else ""), [sorted(set(doc_ids))]).fetchall()
    return [
        SourceDocument(doc, year, title, text, raw, tuple(persons)) for doc, year, title, text, raw, persons in rows
    ]


def wrong_citations(conn: Connection, keyring: Keyring, year: int) -> list[str]:
    """Decisions of the year with a citation whose span is not its quote, or lies in another year without an opt-in.

    Erased decisions and those without a citation are not among them.
    """
    wrong = []
    for content in _contents_of_year(conn, keyring, year):
        envelope, asked = content["response_envelope"], content["input"]
        years = {year, *asked["opt_in_years"]}
        if not all(_citation_holds(conn, citation, years) for citation in envelope["citations"]):
            wrong.append(envelope["response_id"])
    return sorted(wrong)


def _contents_of_year(conn: Connection, keyring: Keyring, year: int) -> Iterator[dict[str, Any]]:
    decided = decisions_of_year(conn, year)
    for at in range(0, len(decided), 500):
        for content in contents(conn, keyring, decided[at : at + 500]).values():
            if content:
                yield content.as_json()


def _citation_holds(conn: Connection, citation: dict[str, Any], years: set[int]) -> bool:
    start, end = citation["char_range"]
    row = conn.execute(
        "SELECT year, substr(raw_text, %s, %s) FROM compliance.documents WHERE filing_id = %s",
        [start + 1, end - start, citation["doc_id"]],
    ).fetchone()
    return row is not None and row[0] in years and row[1] == citation["quote"]


def _item(text: str) -> WorkItem:
    fields = json.loads(text)
    return WorkItem(**{**fields, "opt_in_years": tuple(fields["opt_in_years"])})

"""All SQL of model_decisions: the work table, the decisions, their lineage."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.store import append_all, contents, decisions_of_year, entry_of
from compliance_assets.contracts.canonical import Canonical, canonical_json
from compliance_assets.contracts.notification import EVERYBODY, Notification, notification_id_of
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.contracts.text import storable
from compliance_assets.model_decisions.decide import Decision, Parsed, SourceDocument
from compliance_assets.model_decisions.events import notifications_of
from compliance_assets.model_decisions.record import data_subjects_of, ledger_body, ledger_content
from compliance_assets.model_decisions.work import WorkItem, work_item
from resources.clock import rfc3339
from resources.keyring import Keyring
from resources.pg_arrays import BinaryArray, bigints, doubles, texts
from resources.postgres import Connection

ACTOR = "compliance-assets"
#: outcome of a decision -> state of the work that it answers.
STATES = {"decided": "done", "review": "review", "quarantined": "quarantined", "denied": "denied"}
#: After so many errors that are no outage an item is left to a person.
MOST_ATTEMPTS = 5


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


def enqueue_new(conn: Connection, items: Sequence[WorkItem]) -> int:
    """Put work into the table that was never in it; returns how many items that were. In the order given."""
    return conn.execute(
        "INSERT INTO compliance.work_items (organization_id, work_id, workload, year, input, input_sha256, state, requested_at)"
        " SELECT compliance.current_organization(), w.id, w.workload, w.year, w.input, w.digest, 'queued', clock_timestamp()"
        " FROM unnest(%b, %b, %b::integer[], %b, %b) WITH ORDINALITY w (id, workload, year, input, digest, place)"
        " ORDER BY w.place ON CONFLICT DO NOTHING",
        [
            texts(i.work_id for i in items),
            texts(i.workload for i in items),
            bigints(i.year for i in items),
            texts(canonical_json(i.as_json()).decode() for i in items),
            texts(i.input_sha256 for i in items),
        ],
    ).rowcount


def filings_without_work(conn: Connection, year: int, workload: str) -> list[str]:
    """Ids of the year's readable filings that no work under a workload is about, in the order in which they came."""
    rows = conn.execute(
        "SELECT d.filing_id FROM compliance.documents d WHERE d.live AND d.state = 'ok' AND d.year = %s"
        " AND d.metadata ->> 'layout' IS NOT NULL AND NOT EXISTS (SELECT FROM compliance.work_items w"
        "  WHERE w.workload = %s AND w.year = d.year AND w.input::jsonb ->> 'document_id' = d.filing_id)"
        " ORDER BY d.normalised_at, d.filing_id",
        [year, workload],
    ).fetchall()
    return [doc_id for (doc_id,) in rows]


def claim(conn: Connection, year: int, limit: int, postponed: Sequence[str]) -> list[WorkItem]:
    """Queued items of the year in the order they were asked, locked until the transaction ends."""
    rows = conn.execute(
        "SELECT input FROM compliance.work_items WHERE year = %s AND state = 'queued' AND work_id <> ALL(%s)"
        " ORDER BY requested_at, work_id LIMIT %s FOR UPDATE SKIP LOCKED",
        [year, list(postponed), limit],
    ).fetchall()
    return [work_item(json.loads(text)) for (text,) in rows]


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


def indexed_years(conn: Connection, years: Sequence[int]) -> list[int]:
    """Those of the years that have a live index."""
    rows = conn.execute(
        "SELECT year FROM compliance.index_versions WHERE state = 'live' AND year = ANY(%s) ORDER BY 1", [list(years)]
    ).fetchall()
    return [year for (year,) in rows]


def fresh_work(conn: Connection, year: int) -> list[str]:
    """Ids of queued work of the year that was never put off."""
    rows = conn.execute(
        "SELECT work_id FROM compliance.work_items WHERE year = %s AND state = 'queued' AND reason IS NULL", [year]
    ).fetchall()
    return [work_id for (work_id,) in rows]


def postponed_work(conn: Connection) -> list[tuple[int, str, str]]:
    """(year, workload, since when and how often it was put off) of queued work that had to wait."""
    rows = conn.execute(
        "SELECT year, workload, max(postponed_at)::text FROM compliance.work_items"
        " WHERE state = 'queued' AND reason IS NOT NULL GROUP BY year, workload ORDER BY year, workload"
    ).fetchall()
    return [(year, workload, since) for year, workload, since in rows]


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
        [STATES[outcome], reason, response_id, item.work_id],
    )


def postpone(conn: Connection, item: WorkItem, reason: str) -> None:
    """Leave an item in the queue, with the reason why it could not be decided now."""
    conn.execute(
        "UPDATE compliance.work_items SET reason = %s, postponed_at = clock_timestamp() WHERE work_id = %s",
        [storable(reason), item.work_id],
    )


def postpone_all(conn: Connection, year: int, reason: str) -> None:
    """Say of every queued item of a year why it has to wait."""
    conn.execute(
        "UPDATE compliance.work_items SET reason = %s, postponed_at = clock_timestamp() WHERE work_id IN"
        " (SELECT work_id FROM compliance.work_items WHERE year = %s AND state = 'queued' AND reason IS NULL"
        "  FOR UPDATE SKIP LOCKED)",
        [storable(reason), year],
    )


def record_outage(conn: Connection, keyring: Keyring, item: WorkItem, at: str, reason: str) -> None:
    """The ledger says that work had to wait: of which workload, how much of its year waits, and for what."""
    row = conn.execute(
        "SELECT count(*) FROM compliance.work_items WHERE year = %s AND state = 'queued'", [item.year]
    ).fetchone()
    body: dict[str, object] = {"workload": item.workload, "waiting": row[0] if row else 0, "reason": storable(reason)}
    append_all(conn, keyring, [NewEntry(item.year, "work_postponed", at, ACTOR, item.work_id, body)])


def fail(conn: Connection, item: WorkItem, reason: str) -> str:
    """Count an error that is no outage; returns the item's state: still queued, or `dead` after too many."""
    row = conn.execute(
        "UPDATE compliance.work_items SET reason = %s, postponed_at = clock_timestamp(), attempts = attempts + 1,"
        " state = CASE WHEN attempts + 1 >= %s THEN 'dead' ELSE state END WHERE work_id = %s RETURNING state",
        [storable(reason), MOST_ATTEMPTS, item.work_id],
    ).fetchone()
    return row[0] if row else "queued"


def record(
    conn: Connection,
    keyring: Keyring,
    decision: Decision,
    latency_seconds: float,
    told: frozenset[str] = frozenset(),
) -> None:
    """Store a decision, its lineage and its ledger entry in the caller's one transaction."""
    record_all(conn, keyring, [recordable(decision, latency_seconds)], told)


@dataclass(frozen=True, slots=True)
class Recordable:
    """A decision with all that is stored of it, its ledger content written already."""

    decision: Decision
    latency_seconds: float
    entry: NewEntry

    @property
    def documents(self) -> tuple[SourceDocument, ...]:
        """What the decision rests on."""
        return self.decision.evidence.documents


def recordable(decision: Decision, latency_seconds: float) -> Recordable:
    """Everything that can be prepared before a transaction."""
    entry = NewEntry(
        year=decision.item.year,
        kind="decision",
        occurred_at=rfc3339(decision.decided_at),
        actor=ACTOR,
        subject_id=decision.envelope.response_id,
        body=ledger_body(decision),
        content=Canonical.of(ledger_content(decision)),
        data_subjects=data_subjects_of(decision),
    )
    return Recordable(decision, latency_seconds, entry)


def record_all(
    conn: Connection, keyring: Keyring, made: Sequence[Recordable], told: frozenset[str] = frozenset()
) -> None:
    """Store decisions in the caller's one transaction, and what of them is to be told: `told` are the events that anybody is
    told of. The ledger comes last: its head stays locked until the commit.
    """
    notifications = [n for each in made for n in notifications_of(each.decision, told)]
    with conn.pipeline():  # what need not be waited for goes over together: a round trip costs as much as a statement
        conn.execute(_RECORD, [*_decision_columns(made), *_document_columns(made), *_release_columns(made)])
        if notifications:
            conn.execute(_TELL, _notification_columns(notifications))
        append_all(conn, keyring, [each.entry for each in made])


#: The decisions, the documents that they touched, their releases and the work that they answer, in one round trip.
_RECORD = """
    WITH made AS (
        SELECT * FROM unnest(%b::integer[], %b, %b, %b, %b, %b, %b, %b, %b, %b, %b::timestamptz[], %b, %b::integer[])
            AS m (year, response_id, idempotency_key, work_id, workload, outcome, reason, confidence, release_id,
                  index_version, decided_at, latency_seconds, signatures)
    ), decided AS (
        INSERT INTO compliance.decisions (organization_id, year, response_id, idempotency_key, work_id, workload, outcome,
            reason, confidence, release_id, index_version, decided_at, latency_seconds)
        SELECT compliance.current_organization(), year, response_id, idempotency_key, work_id, workload, outcome, reason,
            confidence, release_id, index_version, decided_at, latency_seconds FROM made
    ), opened AS (
        INSERT INTO compliance.review_cases
            (organization_id, response_id, year, workload, queue, reason, state, four_eyes, opened_at)
        SELECT compliance.current_organization(), response_id, year, workload,
            CASE outcome WHEN 'review' THEN 'review' ELSE 'quarantine' END, split_part(reason, ':', 1), 'open',
            signatures > 1, decided_at
        FROM made WHERE outcome IN ('review', 'quarantined')
    ), touched AS (
        INSERT INTO compliance.decision_documents
            (organization_id, year, doc_id, response_id, object_sha256, retrieved, cited)
        SELECT compliance.current_organization(), * FROM unnest(%b::integer[], %b, %b, %b, %b::smallint[], %b::smallint[])
    ), released AS (
        INSERT INTO compliance.releases (organization_id, release_id, manifest)
        SELECT compliance.current_organization(), * FROM unnest(%b, %b) ON CONFLICT DO NOTHING
    )
    UPDATE compliance.work_items w SET reason = made.reason, response_id = made.response_id,
        state = CASE made.outcome WHEN 'decided' THEN 'done' ELSE made.outcome END
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
        bigints(2 if d.at.workload.four_eyes else 1 for d in decisions),
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


#: Into the outbox, for whoever is to be told.
_TELL = """
    INSERT INTO compliance.notifications
        (organization_id, notification_id, kind, subject_id, target, payload, state, next_attempt_at, created_at)
    SELECT compliance.current_organization(), id, kind, subject, '*', payload, 'queued', at, at
    FROM unnest(%b, %b, %b, %b, %b::timestamptz[]) AS n (id, kind, subject, payload, at) ON CONFLICT DO NOTHING
"""


def _notification_columns(notifications: Sequence[Notification]) -> list[BinaryArray]:
    return [
        texts(notification_id_of(n.event_id, EVERYBODY) for n in notifications),
        texts(n.event for n in notifications),
        texts(n.subject_id for n in notifications),
        texts(n.body for n in notifications),
        texts(rfc3339(n.created_at) for n in notifications),
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
            recorded = content.as_json()
            envelope = ResponseEnvelope.model_validate(recorded["response_envelope"])
            envelopes[work_id] = withheld(envelope) if recorded["outcome"] == "quarantined" else envelope
    return envelopes


def withheld(envelope: ResponseEnvelope) -> ResponseEnvelope:
    """What its reader sees of an answer that is held in quarantine: that there is one, nothing of what it says."""
    nothing: dict[str, object] = {"response_segments": (), "citations": (), "fields": (), "anomalies": ()}
    return envelope.model_copy(update={**nothing, "decision": "held_in_quarantine"})


def waiting_reasons(conn: Connection, work_ids: Sequence[str]) -> dict[str, str]:
    """work_id -> why it is still queued."""
    rows = conn.execute(
        "SELECT work_id, coalesce(reason, 'waiting') FROM compliance.work_items WHERE work_id = ANY(%s) AND state = 'queued'",
        [list(work_ids)],
    ).fetchall()
    return {work_id: reason for work_id, reason in rows}


def work_states(conn: Connection, work_ids: Sequence[str]) -> dict[str, tuple[str, str | None, str | None]]:
    """work_id -> (state, reason, the response id of its latest decision)."""
    rows = conn.execute(
        "SELECT work_id, state, reason, response_id FROM compliance.work_items WHERE work_id = ANY(%s)",
        [list(work_ids)],
    ).fetchall()
    return {work_id: (state, reason, response_id) for work_id, state, reason, response_id in rows}


#: Up to so many characters a document is read whole; of a longer one only what is cited.
READ_WHOLE_UP_TO = 200_000


@dataclass(frozen=True, slots=True)
class PagedDocument:
    """A document's pages as (page, char_start, char_end), and its text unless that is long."""

    doc_id: str
    pages: tuple[tuple[int, int, int], ...]
    text: str | None

    def text_at(self, conn: Connection, start: int, end: int) -> str:
        """Characters `[start, end)`."""
        return source_text(conn, self.doc_id, start, end) if self.text is None else self.text[start:end]

    def page_of(self, start: int, end: int) -> int | None:
        """The page that holds all of `[start, end)`."""
        return next((page for page, first, last in self.pages if first <= start and end <= last), None)


def paged_document(conn: Connection, doc_id: str) -> PagedDocument:
    """A document that is not there has no page."""
    row = conn.execute(
        "SELECT raw_pages, CASE WHEN length(raw_text) <= %s THEN raw_text END FROM compliance.documents WHERE filing_id = %s",
        [READ_WHOLE_UP_TO, doc_id],
    ).fetchone()
    pages, text = row or ([], "")
    return PagedDocument(doc_id, tuple((p["page"], p["char_start"], p["char_end"]) for p in pages), text)


@dataclass(frozen=True, slots=True)
class CitedDocuments:
    """The documents that one decision cites; each is looked at once, however often it is cited."""

    conn: Connection
    seen: dict[str, PagedDocument] = field(default_factory=dict)

    def source(self, doc_id: str, start: int, end: int) -> str:
        """Characters `[start, end)` of a document."""
        return self._document(doc_id).text_at(self.conn, start, end)

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        """The page that characters of a document stand on."""
        return self._document(doc_id).page_of(start, end)

    def _document(self, doc_id: str) -> PagedDocument:
        if doc_id not in self.seen:
            self.seen[doc_id] = paged_document(self.conn, doc_id)
        return self.seen[doc_id]


def source_text(conn: Connection, doc_id: str, start: int, end: int) -> str:
    """Characters `[start, end)` of a document."""
    row = conn.execute(
        "SELECT substr(raw_text, %s, %s) FROM compliance.documents WHERE filing_id = %s",
        [start + 1, end - start, doc_id],
    ).fetchone()
    return row[0] if row else ""


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A decision as its row says it; `reason` is the code."""

    workload: str
    outcome: str
    reason: str | None
    confidence: float
    latency_seconds: float


def decisions_of(conn: Connection, year: int) -> list[DecisionRow]:
    """Every decision of the year."""
    rows = conn.execute(
        "SELECT workload, outcome, split_part(reason, ':', 1), confidence, latency_seconds FROM compliance.decisions"
        " WHERE year = %s",
        [year],
    ).fetchall()
    return [DecisionRow(*row) for row in rows]


def triaged(conn: Connection, workload: str, years: Sequence[int]) -> list[dict[str, object]]:
    """The decisions about filings: document, path, response, outcome, reason code, confidence, the latest of each filing."""
    rows = conn.execute(
        "SELECT DISTINCT ON (f.filing_id) f.filing_id, p.path, d.year, d.response_id, d.outcome, split_part(d.reason, ':', 1),"
        " d.confidence FROM compliance.decisions d JOIN compliance.work_items w USING (work_id)"
        " JOIN compliance.documents f ON f.filing_id = w.input::jsonb ->> 'document_id'"
        " JOIN compliance.raw_pulls p USING (pull_id)"
        " WHERE d.workload = %s AND d.year = ANY(%s) ORDER BY f.filing_id, d.decided_at DESC",
        [workload, list(years)],
    ).fetchall()
    names = ("doc_id", "path", "year", "response_id", "outcome", "reason", "confidence")
    return sorted((dict(zip(names, row, strict=True)) for row in rows), key=lambda row: (row["year"], row["path"]))


def latencies(conn: Connection, year: int) -> dict[str, float]:
    """response_id -> seconds from the claim of its work to its record, of every decision of the year."""
    rows = conn.execute("SELECT response_id, latency_seconds FROM compliance.decisions WHERE year = %s", [year])
    return dict(rows.fetchall())


def outcomes_by_category(conn: Connection, year: int) -> list[dict[str, str | int]]:
    """How many decisions of the year had which outcome, by workload and filer category of the question or the filing."""
    rows = conn.execute(
        "SELECT d.workload, coalesce(f.filer_category, w.input::jsonb ->> 'filer_category', 'any'), d.outcome, count(*)"
        " FROM compliance.decisions d LEFT JOIN compliance.work_items w USING (work_id)"
        " LEFT JOIN compliance.documents f ON f.filing_id = w.input::jsonb ->> 'document_id'"
        " WHERE d.year = %s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [year],
    ).fetchall()
    return [
        {"workload": workload, "filer_category": category, "outcome": outcome, "decisions": count}
        for workload, category, outcome, count in rows
    ]


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


def parsed_of(conn: Connection, doc_id: str) -> Parsed:
    """What deterministic parsing made of a document."""
    row = conn.execute(
        "SELECT metadata -> 'fields', metadata -> 'findings', (SELECT min((span ->> 'certainty')::float8)"
        "  FROM jsonb_each(metadata -> 'field_spans') s (name, span)), metadata -> 'ocr_engine' <> 'null'"
        " FROM compliance.documents WHERE filing_id = %s",
        [doc_id],
    ).fetchone()
    if row is None:
        return Parsed({}, (), None)
    fields, findings, certainty, recognised = row
    return Parsed(fields or {}, tuple(findings or ()), certainty if recognised else None)


def sources_of(conn: Connection, doc_ids: Iterable[str]) -> dict[str, str]:
    """doc_id -> the source that its file was pulled from."""
    rows = conn.execute(
        "SELECT d.filing_id, p.source_id FROM compliance.documents d JOIN compliance.raw_pulls p USING (pull_id)"
        " WHERE d.filing_id = ANY(%s)",
        [sorted(set(doc_ids))],
    ).fetchall()
    return dict(rows)


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


def without_provenance(conn: Connection, keyring: Keyring, year: int) -> list[str]:
    """Decisions of the year with a segment that names no retrieved passage, or a field or anomaly without a citation."""
    envelopes = (content["response_envelope"] for content in _contents_of_year(conn, keyring, year))
    return sorted(envelope["response_id"] for envelope in envelopes if not _has_provenance(envelope))


def _has_provenance(envelope: dict[str, Any]) -> bool:
    retrieved = {chunk["chunk_id"] for chunk in envelope["retrieved_chunks"]}
    citations = range(len(envelope["citations"]))
    named = [segment["cited_chunk_ids"] for segment in envelope["response_segments"]]
    anomalies = [anomaly["citations"] for anomaly in envelope.get("anomalies", ())]
    return (
        all(chunks and retrieved.issuperset(chunks) for chunks in named)
        and all(places and all(place in citations for place in places) for places in anomalies)
        and all(field["citation"] in citations for field in envelope.get("fields", ()))
    )


def off_template(conn: Connection, keyring: Keyring, year: int) -> list[str]:
    """Decisions of the year, under a workload with a template, whose answer has other fields than the template has.

    The template is the workload's as it was when it decided. What ended without an answer has nothing to hold against it.
    """
    wrong = []
    for content in _contents_of_year(conn, keyring, year):
        envelope, template = content["response_envelope"], content.get("workload", {}).get("output", {})
        fields = [field["name"] for field in envelope.get("fields", ())]
        answered = fields or envelope["response_segments"]
        if template.get("required_fields") and answered and fields != template["required_fields"]:
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

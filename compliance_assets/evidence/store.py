"""All SQL of evidence: reads across the rooms, writes nothing."""

from typing import LiteralString

from psycopg.rows import dict_row

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.audit_ledger.store import checkpoint_rows, entry_of, last_verification
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import InvalidInput
from resources.clock import rfc3339
from resources.postgres import Connection


def decision_entry(conn: Connection, response_id: str) -> Entry:
    """The ledger entry of a decision. Raises InvalidInput for a response that is not known."""
    entry = entry_of(conn, response_id)
    if entry is None or entry.kind != "decision":
        raise InvalidInput(
            "no such decision",
            expected="the response_id of a decision of this organisation",
            found=repr(response_id),
            remedy="`compliance decide --json` prints the response_id of each decision.",
        )
    return entry


def replayable_decisions(conn: Connection) -> tuple[list[str], int]:
    """(ids of the decisions whose content is there, in order; how many were erased)."""
    rows = conn.execute(
        "SELECT response_id, work_id = 'erased' FROM compliance.decisions ORDER BY decided_at, response_id"
    ).fetchall()
    return [response_id for response_id, erased in rows if not erased], sum(erased for _, erased in rows)


def decision(conn: Connection, response_id: str, year: int) -> dict[str, object] | None:
    """The decision's row with its release's manifest."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT d.response_id, d.year, d.workload, d.outcome, d.reason, d.confidence, d.release_id, d.index_version,"
            " d.decided_at, r.manifest FROM compliance.decisions d"
            " JOIN compliance.releases r USING (organization_id, release_id) WHERE d.response_id = %s AND d.year = %s",
            [response_id, year],
        ).fetchone()


def decision_rows(conn: Connection, response_ids: list[str]) -> dict[str, dict[str, object]]:
    """response id -> what its row says that its sealed content says too; the rest is compared with the entry's clear body."""
    rows = conn.execute(
        "SELECT response_id, idempotency_key, work_id, reason, decided_at FROM compliance.decisions WHERE response_id = ANY(%s)",
        [response_ids],
    ).fetchall()
    return {
        response_id: {"idempotency key": key, "work item": work_id, "reason": reason, "time": rfc3339(decided_at)}
        for response_id, key, work_id, reason, decided_at in rows
    }


def chunk_digests(conn: Connection, chunk_ids: list[str]) -> dict[str, str]:
    """chunk id -> SHA-256 of its text as it is stored now."""
    rows = conn.execute("SELECT chunk_id, text FROM compliance.chunks WHERE chunk_id = ANY(%s)", [chunk_ids])
    return {chunk_id: sha256_hex(text) for chunk_id, text in rows}


def document_digests(conn: Connection, doc_ids: list[str]) -> dict[str, str]:
    """document id -> SHA-256 of its text as it is stored now."""
    rows = conn.execute("SELECT filing_id, raw_text FROM compliance.documents WHERE filing_id = ANY(%s)", [doc_ids])
    return {doc_id: sha256_hex(text) for doc_id, text in rows}


def index_versions(conn: Connection, versions: list[str]) -> list[dict[str, object]]:
    """The index versions that a decision searched."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT index_version, year, embedder, embedder_digest, precision_used, dimension, chunker_version,"
            " corpus_digest, document_count, chunk_count, parameters FROM compliance.index_versions"
            " WHERE index_version = ANY(%s) ORDER BY year",
            [versions],
        ).fetchall()


def sources_of(conn: Connection, doc_ids: list[str]) -> list[dict[str, object]]:
    """From the raw file to the document, for documents that are still there."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT d.filing_id AS doc_id, d.object_sha256, d.title, d.year AS document_year, d.filer_category,"
            " d.metadata ->> 'normaliser' AS normaliser, d.normaliser_version, d.parent_id,"
            " p.pull_id, p.path, p.source_version, p.pulled_at, s.uri AS source_uri"
            " FROM compliance.documents d JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id"
            " JOIN compliance.sources s ON s.source_id = p.source_id WHERE d.filing_id = ANY(%s) ORDER BY d.filing_id",
            [doc_ids],
        ).fetchall()


def sections_of_chunks(conn: Connection, chunks: list[tuple[int, str]]) -> dict[str, tuple[str, str]]:
    """chunk_id -> (section, chunker version) for (year, chunk_id) pairs."""
    rows = conn.execute(
        "SELECT chunk_id, section, chunker_version FROM compliance.chunks WHERE year = ANY(%s) AND chunk_id = ANY(%s)",
        [sorted({year for year, _ in chunks}), [chunk_id for _, chunk_id in chunks]],
    ).fetchall()
    return {chunk_id: (section, version) for chunk_id, section, version in rows}


def documents_named(conn: Connection, name: str) -> list[str]:
    """Ids of documents by id, by raw object, or by path: the whole one or its end."""
    rows = conn.execute(
        "SELECT filing_id FROM ("  # an index for each of the three: one condition over all would read every document
        " SELECT filing_id, live FROM compliance.documents WHERE filing_id = %(name)s UNION"
        " SELECT filing_id, live FROM compliance.documents WHERE object_sha256 = %(name)s UNION"
        " SELECT d.filing_id, d.live FROM compliance.raw_pulls p JOIN compliance.documents d USING (pull_id)"
        "  WHERE p.path = %(name)s) named ORDER BY live DESC, filing_id",
        {"name": name},
    ).fetchall()
    return [doc_id for (doc_id,) in rows]


_TOUCHED_BY_ONE: LiteralString = " compliance.decision_documents WHERE doc_id = ANY(%s)"
_TOUCHED_BY_SEVERAL: LiteralString = (
    " (SELECT year, response_id, max(cited) AS cited FROM compliance.decision_documents WHERE doc_id = ANY(%s)"
    " GROUP BY year, response_id) t"
)


def touched_counts(conn: Connection, doc_ids: list[str]) -> list[dict[str, object]]:
    """How many decisions of each year documents touched, and in how many they are cited."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT year, count(*) AS decisions, count(*) FILTER (WHERE cited > 0) AS cited FROM"
            + (_TOUCHED_BY_ONE if len(doc_ids) == 1 else _TOUCHED_BY_SEVERAL)
            + " GROUP BY year ORDER BY year",
            [doc_ids],
        ).fetchall()


def touched_decisions(conn: Connection, doc_ids: list[str], limit: int) -> list[dict[str, object]]:
    """Decisions that documents touched, the latest first."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT t.response_id, t.year, t.retrieved, t.cited, t.doc_id, d.workload, d.outcome, d.decided_at"
            " FROM (SELECT response_id, year, doc_id, retrieved, cited FROM compliance.decision_documents"
            "       WHERE doc_id = ANY(%s) ORDER BY response_id DESC LIMIT %s) t"  # a response id begins with its time
            " JOIN compliance.decisions d ON d.response_id = t.response_id AND d.year = t.year ORDER BY t.response_id DESC",
            [doc_ids, limit],
        ).fetchall()


def files_of(conn: Connection, doc_ids: list[str]) -> dict[str, tuple[str, int | None]]:
    """doc_id -> (path of its file within its source, year of the document)."""
    rows = conn.execute(
        "SELECT d.filing_id, p.path, d.year FROM compliance.documents d"
        " JOIN compliance.raw_pulls p USING (organization_id, pull_id) WHERE d.filing_id = ANY(%s)",
        [doc_ids],
    ).fetchall()
    return {doc_id: (path, year) for doc_id, path, year in rows}


def overview(conn: Connection) -> dict[str, object]:
    """Counts of every room."""
    documents = conn.execute(
        "SELECT state, count(*) FROM compliance.documents WHERE live GROUP BY state ORDER BY state"
    ).fetchall()
    work = conn.execute("SELECT state, count(*) FROM compliance.work_items GROUP BY state ORDER BY state").fetchall()
    indexes = conn.execute(
        "SELECT year, index_version, document_count, chunk_count FROM compliance.index_versions WHERE state = 'live' ORDER BY year"
    ).fetchall()
    head = conn.execute("SELECT seq, entry_hash FROM compliance.ledger_heads").fetchone()
    checkpoints = checkpoint_rows(conn, newest=True)
    sources = conn.execute("SELECT uri FROM compliance.sources ORDER BY registered_at, uri").fetchall()
    return {
        "sources": [uri for (uri,) in sources],
        "documents": {state: count for state, count in documents},
        "indexes": [
            {"year": year, "index_version": version, "documents": docs, "chunks": chunks}
            for year, version, docs, chunks in indexes
        ],
        "work": {state: count for state, count in work},
        "ledger": {"entries": head[0] if head else 0, "head": head[1] if head else None},
        "checkpoint": {"tree_size": checkpoints[0][0], "signed_at": checkpoints[0][3]} if checkpoints else None,
        "verification": last_verification(conn),
    }

"""All SQL of evidence: reads across the rooms, writes nothing."""

from psycopg.rows import dict_row

from resources.postgres import Connection


def decision(conn: Connection, response_id: str) -> dict[str, object] | None:
    """The decision's row with its release's manifest."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT d.response_id, d.year, d.workload, d.outcome, d.reason, d.confidence, d.envelope, d.release_id,"
            " d.index_version, d.idempotency_key, d.decided_at, r.manifest, w.input, w.input_sha256"
            " FROM compliance.decisions d JOIN compliance.releases r USING (organization_id, release_id)"
            " JOIN compliance.work_items w USING (organization_id, work_id) WHERE d.response_id = %s",
            [response_id],
        ).fetchone()


def index_versions(conn: Connection, versions: list[str]) -> list[dict[str, object]]:
    """The index versions that a decision searched."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT index_version, year, embedder, embedder_digest, precision_used, dimension, chunker_version,"
            " corpus_digest, document_count, chunk_count, parameters FROM compliance.index_versions"
            " WHERE index_version = ANY(%s) ORDER BY year",
            [versions],
        ).fetchall()


def edges(conn: Connection, response_id: str, year: int) -> list[dict[str, object]]:
    """From the raw file to the cited characters: one row for each chunk that was retrieved or cited."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT e.role, e.position, e.chunk_id, e.doc_id, e.page, e.char_start, e.char_end, e.object_sha256,"
            " c.section, c.text_sha256, c.chunker_version, d.title, d.year AS document_year, d.filer_category,"
            " d.metadata ->> 'normaliser' AS normaliser, d.normaliser_version,"
            " p.pull_id, p.path, p.source_version, p.pulled_at, s.uri AS source_uri"
            " FROM compliance.decision_edges e"
            " JOIN compliance.documents d ON d.filing_id = e.doc_id"
            " JOIN compliance.chunks c ON c.chunk_id = e.chunk_id AND c.year = d.year"
            " JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id"
            " JOIN compliance.sources s ON s.source_id = p.source_id"
            " WHERE e.response_id = %s AND e.year = %s ORDER BY e.role DESC, e.position",
            [response_id, year],
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
    }

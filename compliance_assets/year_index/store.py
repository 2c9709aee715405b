"""The SQL of year_index beside the vectors themselves: corpora, their salts, index versions, what chunks say of themselves."""

import secrets
from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from compliance_assets.year_index.parameters import IndexIdentity, IndexParameters, parameters_of
from compliance_assets.year_index.vector_store import LiveIndex
from resources.postgres import Connection

# What an index of a year holds: the live documents' chunks, each with the vector of its text plus
# that of its header. For any vector store to read. The entries of a
# category lie together: a scan of a narrow one then reads few pages.
ENTRIES_OF_YEAR: LiteralString = """
    SELECT c.organization_id, c.year, %(version)s, c.chunk_id, c.doc_id, c.filer_category,
        coalesce(e.embedding + h.embedding, e.embedding)
    FROM compliance.chunks c
    JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live AND d.state = 'ok'
    JOIN compliance.embeddings e ON e.text_sha256 = c.text_sha256 AND e.model_digest = %(embedder)s
    LEFT JOIN compliance.embeddings h ON h.text_sha256 = c.header_sha256 AND h.model_digest = %(embedder)s
    WHERE c.year = %(year)s AND c.chunker_version = %(chunker)s
      AND (c.header_sha256 IS NULL OR h.text_sha256 IS NOT NULL)
    ORDER BY c.filer_category, c.chunk_id
"""


def live_documents(conn: Connection, year: int) -> list[str]:
    """Ids of the year's readable documents."""
    rows = conn.execute(
        "SELECT filing_id FROM compliance.documents WHERE live AND state = 'ok' AND year = %s ORDER BY 1", [year]
    ).fetchall()
    return [doc_id for (doc_id,) in rows]


def corpus_by_year(conn: Connection) -> dict[int, tuple[list[str], str | None]]:
    """year -> (ids of its readable documents, its live index version), for years that have either."""
    rows = conn.execute(
        "SELECT coalesce(d.year, v.year), coalesce(d.ids, '{}'), v.index_version FROM"
        " (SELECT year, array_agg(filing_id ORDER BY filing_id) AS ids FROM compliance.documents"
        "  WHERE live AND state = 'ok' GROUP BY year) d"
        " FULL JOIN (SELECT year, index_version FROM compliance.index_versions WHERE state = 'live') v ON v.year = d.year"
        " ORDER BY 1"
    ).fetchall()
    return {year: (ids, version) for year, ids, version in rows}


def corpus_salts(conn: Connection, years: Sequence[int]) -> dict[int, bytes]:
    """year -> its salt, made where there is none; held until the commit, so that no erasure in the year comes between."""
    conn.execute(
        "INSERT INTO compliance.corpus_salts (organization_id, year, salt)"
        " SELECT compliance.current_organization(), * FROM unnest(%b::integer[], %b::bytea[]) ON CONFLICT DO NOTHING",
        [sorted(years), [secrets.token_bytes(32) for _ in years]],
    )
    rows = conn.execute(
        "SELECT year, salt FROM compliance.corpus_salts WHERE year = ANY(%s) ORDER BY year FOR KEY SHARE", [list(years)]
    ).fetchall()
    return {year: salt for year, salt in rows}


def live_index(conn: Connection, year: int) -> LiveIndex | None:
    """The live version of a year, None before the first."""
    return live_indexes(conn, [year]).get(year)


def live_indexes(conn: Connection, years: Sequence[int]) -> dict[int, LiveIndex]:
    """year -> its live version, for those of the years that have one."""
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            "SELECT year, index_version, embedder, embedder_digest, dimension, chunker_version, corpus_digest, chunk_count,"
            " parameters, lexical_digest FROM compliance.index_versions WHERE year = ANY(%s) AND state = 'live'",
            [list(years)],
        ).fetchall()
    return {row["year"]: LiveIndex(**{**row, "parameters": parameters_of(row["parameters"])}) for row in rows}


def live_versions(conn: Connection) -> dict[int, str]:
    """year -> its live version."""
    rows = conn.execute("SELECT year, index_version FROM compliance.index_versions WHERE state = 'live' ORDER BY year")
    return {year: version for year, version in rows}


def lock_year(conn: Connection, year: int) -> None:
    """One build of a year at a time; held until the transaction ends. Searches are not affected."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('year_index:' || compliance.current_organization(), %s))", [year]
    )


def expected_entries(conn: Connection, year: int, chunker_version: str) -> int:
    """How many chunks the live documents of a year have, each of which needs a vector."""
    row = conn.execute(
        "SELECT count(*) FROM compliance.chunks c JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live"
        " AND d.state = 'ok' WHERE c.year = %s AND c.chunker_version = %s",
        [year, chunker_version],
    ).fetchone()
    assert row is not None
    return int(row[0])


def record_live(
    conn: Connection, identity: IndexIdentity, parameters: IndexParameters, rows: int, document_count: int
) -> None:
    """The version that searches use from the commit on; the one before it is superseded."""
    conn.execute(
        "UPDATE compliance.index_versions SET state = 'superseded' WHERE year = %s AND state = 'live'", [identity.year]
    )
    _record(conn, identity, parameters, rows, document_count, "live", ())


def record_refused(
    conn: Connection,
    identity: IndexIdentity,
    parameters: IndexParameters,
    rows: int,
    document_count: int,
    findings: Sequence[str],
) -> None:
    """Keep the reasons. The live version stays, also where the refused one was its rebuild."""
    _record(conn, identity, parameters, rows, document_count, "refused", findings)


def latest_version(conn: Connection, year: int) -> tuple[str, str, list[str]] | None:
    """(index_version, state, findings) of the version that was built last."""
    row = conn.execute(
        "SELECT index_version, state, findings FROM compliance.index_versions WHERE year = %s"
        " ORDER BY built_at DESC LIMIT 1",
        [year],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def years_of_documents(conn: Connection, doc_ids: Sequence[str]) -> dict[str, tuple[int, str | None]]:
    """doc_id -> (year, category), as normalisation found them."""
    rows = conn.execute(
        "SELECT filing_id, year, filer_category FROM compliance.documents WHERE filing_id = ANY(%s)", [list(doc_ids)]
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _record(
    conn: Connection,
    identity: IndexIdentity,
    parameters: IndexParameters,
    rows: int,
    document_count: int,
    state: str,
    findings: Sequence[str],
) -> None:
    conn.execute(
        "INSERT INTO compliance.index_versions AS known (organization_id, year, index_version, state, embedder,"
        " embedder_digest, precision_used, dimension, chunker_version, corpus_digest, document_count, chunk_count,"
        " parameters, findings)"
        " VALUES (%(organization)s, %(year)s, %(version)s, %(state)s, %(embedder)s, %(digest)s,"
        "   coalesce((SELECT string_agg(DISTINCT precision_used, ', ') FROM compliance.embeddings"
        "             WHERE model_digest = %(digest)s), 'none'),"
        "   %(dimension)s, %(chunker)s, %(corpus)s, %(documents)s, %(chunks)s, %(parameters)s, %(findings)s)"
        " ON CONFLICT (organization_id, year, index_version) DO UPDATE SET built_at = now(), findings = excluded.findings,"
        "   state = CASE WHEN known.state = 'live' THEN 'live' ELSE excluded.state END,"
        "   chunk_count = CASE WHEN known.state = 'live' THEN known.chunk_count ELSE excluded.chunk_count END,"
        "   parameters = CASE WHEN known.state = 'live' THEN known.parameters ELSE excluded.parameters END,"
        "   precision_used = CASE WHEN known.state = 'live' THEN known.precision_used ELSE excluded.precision_used END",
        {
            "organization": identity.organization_id,
            "year": identity.year,
            "version": identity.version,
            "state": state,
            "embedder": identity.embedder,
            "digest": identity.embedder_digest,
            "dimension": identity.dimension,
            "chunker": identity.chunker_version,
            "corpus": identity.corpus_digest,
            "documents": document_count,
            "chunks": rows,
            "parameters": Jsonb(identity.recorded(parameters)),
            "findings": Jsonb(list(findings)),
        },
    )

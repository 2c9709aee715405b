"""All SQL of year_index: building a version beside the live one, measuring it, swapping it in, searching."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString

import numpy as np
from pgvector import HalfVector
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index.exact import half, similarity
from compliance_assets.year_index.findings import IndexMeasurements
from compliance_assets.year_index.parameters import HnswParameters, IndexIdentity
from resources.postgres import Connection

RECALL_SAMPLE = 48


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row found near a vector. `similarity` is the cosine, exact."""

    year: int
    chunk_id: str
    doc_id: str
    index_version: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table with its index, built and not yet attached."""

    table_name: str
    rows: int


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The version that searches of a year use."""

    year: int
    index_version: str
    embedder: str
    embedder_digest: str
    dimension: int
    chunker_version: str
    corpus_digest: str
    chunk_count: int
    parameters: HnswParameters


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
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "SELECT year, index_version, embedder, embedder_digest, dimension, chunker_version, corpus_digest, chunk_count,"
            " parameters FROM compliance.index_versions WHERE year = %s AND state = 'live'",
            [year],
        ).fetchone()
    return LiveIndex(**{**row, "parameters": HnswParameters(**row["parameters"])}) if row else None


def live_versions(conn: Connection) -> dict[int, str]:
    """year -> its live version."""
    rows = conn.execute("SELECT year, index_version FROM compliance.index_versions WHERE state = 'live' ORDER BY year")
    return {year: version for year, version in rows}


def lock_year(conn: Connection, year: int) -> None:
    """One build of a year at a time; held until the transaction ends. Searches are not affected."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('year_index:' || compliance.current_organization(), %s))", [year]
    )


def build_candidate(conn: Connection, identity: IndexIdentity) -> Candidate:
    """Fill a new table and build its HNSW beside the live one.

    The caller's transaction also measures it and swaps it in: a killed or refused build leaves nothing behind.
    """
    name = f"{identity.year}_{identity.version[:27]}_{_scalar(conn, 'SELECT pg_current_xact_id()::text')}"
    table, vector = sql.Identifier("year_index", name), _vector_expression(identity.dimension)
    # The CHECK lets the later ATTACH trust the rows instead of scanning them under a lock.
    conn.execute(
        sql.SQL(
            "CREATE TABLE {table} (LIKE year_index.entries INCLUDING DEFAULTS,"
            " CHECK (year = {year} AND organization_id = {organization}))"
        ).format(table=table, year=sql.Literal(identity.year), organization=sql.Literal(identity.organization_id))
    )
    filled = conn.execute(
        sql.SQL(
            "INSERT INTO {} SELECT c.organization_id, c.year, %s, c.chunk_id, c.doc_id, c.filer_category, e.embedding"
            " FROM compliance.chunks c"
            " JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live AND d.state = 'ok'"
            " JOIN compliance.embeddings e ON e.text_sha256 = c.text_sha256 AND e.model_digest = %s"
            " WHERE c.year = %s AND c.chunker_version = %s ORDER BY c.chunk_id"
        ).format(table),
        [identity.version, identity.embedder_digest, identity.year, identity.chunker_version],
    )
    conn.execute("SET LOCAL maintenance_work_mem = '512MB'")
    conn.execute(
        sql.SQL("CREATE INDEX {} ON {} USING hnsw ({} halfvec_cosine_ops) WITH (m = {}, ef_construction = {})").format(
            sql.Identifier(f"{name}_hnsw"),
            table,
            vector,
            sql.Literal(identity.parameters.m),
            sql.Literal(identity.parameters.ef_construction),
        )
    )
    # Row security does not hide the planner's samples of an index from the role that owns it: they would be other
    # organisations' vectors.
    graph = sql.Identifier("year_index", f"{name}_hnsw")
    conn.execute(sql.SQL("ALTER INDEX {} ALTER COLUMN 1 SET STATISTICS 0").format(graph))
    conn.execute(sql.SQL("CREATE INDEX ON {} (filer_category)").format(table))
    _protect(conn, table)
    conn.execute(sql.SQL("ANALYZE {}").format(table))
    return Candidate(name, filled.rowcount)


def measure(conn: Connection, identity: IndexIdentity | LiveIndex, table_name: str) -> IndexMeasurements:
    """Count and measure an index on its own table: parity, models, foreign rows, recall@8 against the exact scan."""
    table = sql.Identifier("year_index", table_name)
    expected = conn.execute(
        "SELECT count(*) FROM compliance.chunks c JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live"
        " AND d.state = 'ok' WHERE c.year = %s AND c.chunker_version = %s",
        [identity.year, identity.chunker_version],
    ).fetchone()
    counted = conn.execute(
        sql.SQL(
            "SELECT count(*), count(DISTINCT index_version),"
            " count(*) FILTER (WHERE year <> %s OR organization_id <> compliance.current_organization()) FROM {}"
        ).format(table),
        [identity.year],
    ).fetchone()
    assert expected is not None
    assert counted is not None
    recall, scoped = _recall(conn, table, _vector_expression(identity.dimension), identity.parameters)
    rows, versions, foreign = counted
    return IndexMeasurements(expected[0], rows, versions, foreign, recall, scoped, min(RECALL_SAMPLE, rows))


def swap_in(conn: Connection, identity: IndexIdentity, candidate: Candidate, document_count: int) -> None:
    """Put a candidate in the place of the live leaf, in the caller's transaction: a search sees the one or the other."""
    old = leaf_of(conn, identity.year)
    if old:
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier("year_index", old)))
    conn.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
            sql.Identifier("year_index", f"entries_{identity.year}"),
            sql.Identifier("year_index", candidate.table_name),
            sql.Literal(identity.organization_id),
        )
    )
    conn.execute(
        "UPDATE compliance.index_versions SET state = 'superseded' WHERE year = %s AND state = 'live'", [identity.year]
    )
    _record(conn, identity, candidate.rows, document_count, "live", ())


def refuse(
    conn: Connection, identity: IndexIdentity, candidate: Candidate, document_count: int, findings: Sequence[str]
) -> None:
    """Undo the build and keep the reasons. The live index stays, also where the refused one was its rebuild."""
    conn.rollback()
    _record(conn, identity, candidate.rows, document_count, "refused", findings)


def leaf_of(conn: Connection, year: int) -> str | None:
    """The table that holds the organisation's live index of a year."""
    row = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(%s)"
        "   AND pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES IN (%%L)', compliance.current_organization())",
        [f"year_index.entries_{year}"],
    ).fetchone()
    return row[0] if row else None


def latest_version(conn: Connection, year: int) -> tuple[str, str, list[str]] | None:
    """(index_version, state, findings) of the version that was built last."""
    row = conn.execute(
        "SELECT index_version, state, findings FROM compliance.index_versions WHERE year = %s"
        " ORDER BY built_at DESC LIMIT 1",
        [year],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None


def nearest(
    conn: Connection, year: int, scope: RetrievalScope, vector: np.ndarray, top_k: int, index: LiveIndex
) -> list[Neighbour]:
    """The `top_k` entries of one year nearest to a vector, in the scope's category, by cosine similarity."""
    _widen_search(conn, index.parameters)
    rows = _nearest(conn, year, scope.filer_category, vector, top_k, index.dimension)
    if len(rows) < top_k:  # a narrow category: the filtered graph walk may end early, the scan does not
        with _exact_scan(conn):
            rows = _nearest(conn, year, scope.filer_category, vector, top_k, index.dimension)
    return rows


def _nearest(
    conn: Connection, year: int, category: str | None, vector: np.ndarray, top_k: int, dimension: int
) -> list[Neighbour]:
    query = sql.SQL(
        "SELECT year, chunk_id, doc_id, index_version, embedding FROM year_index.entries"
        " WHERE year = {year} AND organization_id = {organization} {category}"
        " ORDER BY {vector} <=> %(query)s LIMIT %(top_k)s"
    ).format(  # literals, not parameters: the planner then knows the one leaf
        vector=_vector_expression(dimension),
        year=sql.Literal(year),
        organization=sql.Literal(_organization(conn)),
        category=sql.SQL("AND filer_category = {}").format(sql.Literal(category))
        if category is not None
        else sql.SQL(""),
    )
    # Not prepared: a plan kept from the graph walk would answer the exact scan as well.
    rows = conn.execute(query, {"query": HalfVector(vector), "top_k": top_k}, prepare=False, binary=True)
    return [
        Neighbour(year_, chunk_id, doc_id, version, similarity(half(vector), half(found.to_numpy())))
        for year_, chunk_id, doc_id, version, found in rows
    ]


def stored_vectors(conn: Connection, model_digest: str, text_digests: Sequence[str]) -> dict[str, np.ndarray]:
    """text digest -> the vector that a model gave it, from the cache that outlives every index."""
    rows = conn.execute(
        "SELECT text_sha256, embedding FROM compliance.embeddings WHERE model_digest = %s AND text_sha256 = ANY(%s)",
        [model_digest, list(text_digests)],
    ).fetchall()
    return {digest: half(vector.to_numpy()) for digest, vector in rows}


def document_vectors(
    conn: Connection, year: int, chunker_version: str, model_digest: str, doc_id: str
) -> list[tuple[str, np.ndarray]]:
    """(chunk_id, vector) of every chunk of a document, in the document's order."""
    rows = conn.execute(
        "SELECT c.chunk_id, e.embedding FROM compliance.chunks c JOIN compliance.embeddings e"
        " ON e.model_digest = %s AND e.text_sha256 = c.text_sha256"
        " WHERE c.year = %s AND c.chunker_version = %s AND c.doc_id = %s ORDER BY c.ordinal",
        [model_digest, year, chunker_version, doc_id],
    ).fetchall()
    return [(chunk_id, half(vector.to_numpy())) for chunk_id, vector in rows]


def describe_chunks(conn: Connection, chunks: Sequence[tuple[int, str]]) -> dict[str, tuple[str, int, int, int, str]]:
    """chunk_id -> (document title, page, char_start, char_end, text) for (year, chunk_id) pairs."""
    rows = conn.execute(
        "SELECT c.chunk_id, d.title, c.page, c.char_start, c.char_end, c.text FROM compliance.chunks c"
        " JOIN compliance.documents d ON d.filing_id = c.doc_id WHERE c.year = ANY(%s) AND c.chunk_id = ANY(%s)",
        [sorted({year for year, _ in chunks}), [chunk_id for _, chunk_id in chunks]],
    )
    return {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows}


def years_of_documents(conn: Connection, doc_ids: Sequence[str]) -> dict[str, tuple[int, str | None]]:
    """doc_id -> (year, category), as normalisation found them."""
    rows = conn.execute(
        "SELECT filing_id, year, filer_category FROM compliance.documents WHERE filing_id = ANY(%s)", [list(doc_ids)]
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def sample_vectors(conn: Connection, year: int, limit: int) -> list[tuple[np.ndarray, str | None]]:
    """(vector, category) of entries spread evenly over the year, the same ones every time."""
    rows = conn.execute(
        "SELECT embedding, filer_category FROM year_index.entries WHERE year = %s ORDER BY md5(chunk_id) LIMIT %s",
        [year, limit],
    )
    return [(row[0].to_numpy(), row[1]) for row in rows]


def _recall(
    conn: Connection, table: sql.Identifier, vector: sql.Composable, parameters: HnswParameters
) -> tuple[float, float]:
    """Share of true neighbours among 8 that the graph finds, over the table and within the sample's category.

    A row counts as found if it is as near as the eighth exact one: twins at equal distance are interchangeable.
    """
    sample = conn.execute(
        sql.SQL("SELECT embedding, filer_category FROM {} ORDER BY md5(chunk_id) LIMIT %s").format(table),
        [RECALL_SAMPLE],
    ).fetchall()
    _widen_search(conn, parameters)
    shares: dict[bool, list[float]] = {True: [], False: []}
    for query, category in sample:
        for scoped in (False, True):
            where = sql.SQL("WHERE filer_category = %(category)s") if scoped and category else sql.SQL("")
            statement = sql.SQL(
                "SELECT {vector} <=> %(query)s FROM {table} {where} ORDER BY {vector} <=> %(query)s LIMIT 8"
            ).format(vector=vector, table=table, where=where)
            # Never prepared: a plan kept from the one would answer the other.
            values = {"query": query, "category": category}
            conn.execute("SET LOCAL enable_seqscan = off")  # on few rows the planner would scan, and test nothing
            found = [row[0] for row in conn.execute(statement, values, prepare=False)]
            conn.execute("SET LOCAL enable_seqscan = on")
            with _exact_scan(conn):
                exact = [row[0] for row in conn.execute(statement, values, prepare=False)]
            near = sum(distance <= exact[-1] + 1e-6 for distance in found)
            shares[scoped].append(near / len(exact) if exact else 1.0)
    over_all, in_category = (float(np.mean(shares[scoped])) if shares[scoped] else 1.0 for scoped in (False, True))
    return over_all, in_category


@contextmanager
def _exact_scan(conn: Connection) -> Iterator[None]:
    conn.execute("SET LOCAL enable_indexscan = off")
    yield
    conn.execute("SET LOCAL enable_indexscan = on")


def _widen_search(conn: Connection, parameters: HnswParameters) -> None:
    conn.execute(sql.SQL("SET LOCAL hnsw.ef_search = {}").format(sql.Literal(parameters.ef_search)))
    conn.execute("SET LOCAL hnsw.iterative_scan = strict_order")  # a filter must not end the walk early


def _vector_expression(dimension: int) -> sql.Composable:
    """The indexed expression; the column itself has no dimension, so that any model fits it."""
    return sql.SQL("(embedding::halfvec({}))").format(sql.Literal(dimension))


def _protect(conn: Connection, table: sql.Identifier) -> None:
    """A leaf read by its own name is as closed to other organisations as the table it belongs to."""
    conn.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table))
    conn.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(table))
    conn.execute(
        sql.SQL("CREATE POLICY organization ON {} USING (organization_id = compliance.current_organization())").format(
            table
        )
    )


def _record(
    conn: Connection,
    identity: IndexIdentity,
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
            "parameters": Jsonb(identity.parameters.as_json()),
            "findings": Jsonb(list(findings)),
        },
    )


def _organization(conn: Connection) -> str:
    return str(_scalar(conn, "SELECT compliance.current_organization()::text"))


def _scalar(conn: Connection, query: LiteralString) -> object:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row[0]

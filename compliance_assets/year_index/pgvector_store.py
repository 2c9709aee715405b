"""The vectors of a year in PostgreSQL: one leaf table for each year and organisation, with a graph of its own (pgvector)."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from pgvector import HalfVector
from psycopg import sql

from compliance_assets.year_index import recall
from compliance_assets.year_index.findings import MIN_RECALL_AT_8, IndexMeasurements
from compliance_assets.year_index.parameters import RULE, IndexIdentity, IndexParameters, IndexRule
from compliance_assets.year_index.store import ENTRIES_OF_YEAR, expected_entries
from compliance_assets.year_index.vector_store import Built, LiveIndex, Neighbour
from resources.postgres import Connection, organization_of

#: Queries that recall is measured with. A scan has nothing to miss, and a few show it.
RECALL_SAMPLE, RECALL_SAMPLE_OF_SCAN = 400, 32
_SCAN = IndexParameters("exact")
SCHEMA = "year_index"
_BLOCK = 8_192  # rows of an exact scan that are in memory at once
_COPY_HEADER, _COPY_TRAILER = 19, 2  # bytes before the first row and after the last
_MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class PgvectorStore:
    """`VectorStore` over the tables of the schema year_index. A candidate lives and dies with the caller's transaction."""

    rule: IndexRule = RULE

    def build(self, conn: Connection, identity: IndexIdentity) -> Built:
        """Fill a new table and build its graph beside the live one."""
        name = f"{identity.year}_{identity.version[:27]}_{_transaction(conn)}"
        table = sql.Identifier(SCHEMA, name)
        # The CHECK lets the later ATTACH trust the rows instead of scanning them under a lock.
        conn.execute(
            sql.SQL(
                "CREATE TABLE {table} (LIKE year_index.entries INCLUDING DEFAULTS,"
                " CHECK (year = {year} AND organization_id = {organization}))"
            ).format(table=table, year=sql.Literal(identity.year), organization=sql.Literal(identity.organization_id))
        )
        filled = conn.execute(
            sql.SQL("INSERT INTO {} {}").format(table, sql.SQL(ENTRIES_OF_YEAR)),
            {
                "version": identity.version,
                "embedder": identity.embedder_digest,
                "year": identity.year,
                "chunker": identity.chunker_version,
            },
        )
        steps = self.rule.steps(filled.rowcount, identity.dimension)
        if steps[0].kind != "exact":
            _build_graph(conn, name, steps[0], filled.rowcount, identity.dimension)
        conn.execute(sql.SQL("CREATE INDEX ON {} (filer_category)").format(table))
        _protect(conn, table)
        conn.execute(sql.SQL("ANALYZE {}").format(table))
        return Built(name, filled.rowcount, steps)

    def measure(self, conn: Connection, index: IndexIdentity | LiveIndex, built: Built) -> IndexMeasurements:
        """Parity, models, foreign rows, and recall@8 against the exact scan by the first step that is wide enough.

        Wide enough is a step whose recall, overall and in a category, is 0.98 even at the lower end of its interval; where
        none is, the last one is what is measured.
        """
        table = sql.Identifier(SCHEMA, built.name)
        counted = conn.execute(
            sql.SQL(
                "SELECT count(*), count(DISTINCT index_version),"
                " count(*) FILTER (WHERE year <> %s OR organization_id <> compliance.current_organization()) FROM {}"
            ).format(table),
            [index.year],
        ).fetchone()
        assert counted is not None
        rows, versions, foreign = counted
        expected = expected_entries(conn, index.year, index.chunker_version)
        scanned = built.steps[0].kind == "exact"
        sample = self._sample(conn, table, RECALL_SAMPLE_OF_SCAN if scanned else RECALL_SAMPLE)
        truth = _Truth.of(conn, table, sample, index.dimension)
        for parameters in built.steps:
            asked = _Asked.of(conn, built.name, index, None, recall.NEIGHBOURS, 1, parameters)
            shares = truth.shares_found(conn, asked)
            if all(recall.lower_bound(each) >= MIN_RECALL_AT_8 for each in shares):
                break
        over_all, scoped = (float(np.mean(each)) if each else 1.0 for each in shares)
        return IndexMeasurements(expected, rows, versions, foreign, over_all, scoped, len(sample), parameters)

    def swap_in(self, conn: Connection, year: int, candidate: Built) -> None:
        """Attach a candidate in the place of the live leaf, which is dropped."""
        old = leaf_of(conn, year)
        if old:
            conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(SCHEMA, old)))
        conn.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})").format(
                sql.Identifier(SCHEMA, f"entries_{year}"),
                sql.Identifier(SCHEMA, candidate.name),
                sql.Literal(organization_of(conn)),
            )
        )

    def drop(self, conn: Connection, candidate: Built) -> None:
        """Drop the candidate's table."""
        conn.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(SCHEMA, candidate.name)))

    def live(self, conn: Connection, index: LiveIndex) -> Built | None:
        """The leaf that searches of the year use."""
        leaf = leaf_of(conn, index.year)
        return Built(leaf, index.chunk_count, (index.parameters,)) if leaf else None

    def nearest(
        self, conn: Connection, index: LiveIndex, category: str | None, vectors: Sequence[np.ndarray], depth: int
    ) -> list[list[Neighbour]]:
        """One statement for all vectors; a second one where a narrow category ended the walk of the graph early."""
        return _found(conn, _Asked.of(conn, "entries", index, category, depth, len(vectors), index.parameters), vectors)

    def sample(self, conn: Connection, year: int, limit: int) -> list[tuple[np.ndarray, str | None]]:
        """Entries of the live leaf."""
        leaf = leaf_of(conn, year)
        return self._sample(conn, sql.Identifier(SCHEMA, leaf), limit) if leaf else []

    @staticmethod
    def _sample(conn: Connection, table: sql.Identifier, limit: int) -> list[tuple[np.ndarray, str | None]]:
        rows = conn.execute(
            sql.SQL("SELECT embedding, filer_category FROM {} ORDER BY md5(chunk_id) LIMIT %s").format(table), [limit]
        )
        return [(row[0].to_numpy(), row[1]) for row in rows]


PGVECTOR = PgvectorStore()


def leaf_of(conn: Connection, year: int) -> str | None:
    """The table that holds the organisation's live index of a year."""
    row = conn.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(%s)"
        "   AND pg_get_expr(c.relpartbound, c.oid) = format('FOR VALUES IN (%%L)', compliance.current_organization())",
        [f"year_index.entries_{year}"],
    ).fetchone()
    return row[0] if row else None


# ── searching ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the text of a search depends on. Literals, not parameters: the planner then knows the one leaf and the category,
    and a session prepares the statement once it is asked again."""

    relation: str
    year: int
    organization_id: str
    category: str | None
    dimension: int
    depth: int
    vectors: int
    parameters: IndexParameters

    @classmethod
    def of(
        cls,
        conn: Connection,
        relation: str,
        index: IndexIdentity | LiveIndex,
        category: str | None,
        depth: int,
        vectors: int,
        parameters: IndexParameters,
    ) -> "_Asked":
        return cls(relation, index.year, organization_of(conn), category, index.dimension, depth, vectors, parameters)


def _found(conn: Connection, asked: _Asked, vectors: Sequence[np.ndarray]) -> list[list[Neighbour]]:
    found = _nearest(conn, asked, vectors)
    if asked.parameters.kind != "exact" and any(len(each) < asked.depth for each in found):
        found = _nearest(conn, replace(asked, parameters=_SCAN), vectors)
    return found


@lru_cache(maxsize=1024)
def _statement(asked: _Asked) -> bytes:
    """(place of the query vector, year, chunk_id, doc_id, cosine distance); one parameter a vector.

    The width of the search is set by the statement itself: each walk needs `width.scan`, so that it begins after both settings
    were made, which hold until the transaction ends. That spares a round trip each.
    """
    distance = _whole(asked.dimension) + sql.SQL(" <=> query.vector")
    proposed = {
        "exact": (sql.SQL("({}) + 0").format(distance), asked.depth),  # no graph is ordered by that
        "hnsw": (distance, asked.depth),
        "binary": (
            _signs(sql.SQL("embedding"), asked.dimension)
            + sql.SQL(" <~> ")
            + _signs(sql.SQL("query.vector"), asked.dimension),
            max(asked.parameters.rescored, asked.depth),
        ),
    }
    order, count = proposed[asked.parameters.kind]
    return (
        sql.SQL(
            "SELECT query.place, near.*"
            " FROM (SELECT set_config('hnsw.ef_search', {ef_search}, true),"
            "  set_config('hnsw.iterative_scan', 'strict_order', true)) AS width (ef_search, scan),"  # a filter ends no walk
            " (VALUES {vectors}) AS query (place, vector),"
            " LATERAL (SELECT * FROM (SELECT year, chunk_id, doc_id, {distance} AS distance"
            "   FROM {relation} WHERE width.scan IS NOT NULL AND year = {year} AND organization_id = {organization}"
            "   {category} ORDER BY {order} LIMIT {count}) AS proposed ORDER BY distance LIMIT {depth}) AS near"
        )
        .format(
            ef_search=sql.Literal(str(min(max(asked.parameters.ef_search, asked.depth, 1), 1000))),
            vectors=sql.SQL(", ").join(
                sql.SQL("({}, %b::halfvec({}))").format(sql.Literal(place), sql.Literal(asked.dimension))
                for place in range(asked.vectors)
            ),
            distance=distance,
            relation=sql.Identifier(SCHEMA, asked.relation),
            year=sql.Literal(asked.year),
            organization=sql.Literal(asked.organization_id),
            category=sql.SQL("" if asked.category is None else "AND filer_category = {}").format(
                sql.Literal(asked.category)
            ),
            order=order,
            count=sql.Literal(count),
            depth=sql.Literal(asked.depth),
        )
        .as_bytes(None)
    )


def _nearest(conn: Connection, asked: _Asked, vectors: Sequence[np.ndarray]) -> list[list[Neighbour]]:
    found: list[list[Neighbour]] = [[] for _ in vectors]
    rows = conn.execute(_statement(asked), [HalfVector(vector) for vector in vectors], binary=True)
    for place, year, chunk_id, doc_id, distance in rows.fetchall():  # all at once in C; one by one costs twice as much
        found[place].append(Neighbour(year, chunk_id, doc_id, 1 - distance))
    return found


def _whole(dimension: int) -> sql.Composed:
    """The indexed expression; the column itself has no dimension, so that any model fits it."""
    return sql.SQL("(embedding::halfvec({}))").format(sql.Literal(dimension))


def _signs(vector: sql.Composable, dimension: int) -> sql.Composed:
    """One bit a dimension: whether it is above 0."""
    size = sql.Literal(dimension)
    return sql.SQL("(binary_quantize({}::halfvec({}))::bit({}))").format(vector, size, size)


# ── building ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _build_graph(conn: Connection, name: str, parameters: IndexParameters, rows: int, dimension: int) -> None:
    expression, operators = (
        (_signs(sql.SQL("embedding"), dimension), sql.SQL("bit_hamming_ops"))
        if parameters.kind == "binary"
        else (_whole(dimension), sql.SQL("halfvec_cosine_ops"))
    )
    _give_the_build_its_means(conn, parameters, rows, dimension)
    conn.execute(
        sql.SQL("CREATE INDEX {} ON {} USING hnsw ({} {}) WITH (m = {}, ef_construction = {})").format(
            sql.Identifier(f"{name}_hnsw"),
            sql.Identifier(SCHEMA, name),
            expression,
            operators,
            sql.Literal(parameters.m),
            sql.Literal(parameters.ef_construction),
        )
    )
    # Row security does not hide the planner's samples of an index from the role that owns it: they would be other
    # organisations' vectors.
    graph = sql.Identifier(SCHEMA, f"{name}_hnsw")
    conn.execute(sql.SQL("ALTER INDEX {} ALTER COLUMN 1 SET STATISTICS 0").format(graph))


def _give_the_build_its_means(conn: Connection, parameters: IndexParameters, rows: int, dimension: int) -> None:
    """Memory for the whole graph, for this transaction: one that does not fit is built on disk, many times slower.

    At most half of what the server says it has for caching (effective_cache_size). Where the server shares our machine, a
    worker for each of its cores; elsewhere what its operator set.
    """
    vector = dimension // 8 if parameters.kind == "binary" else dimension * 2
    node = vector + 2 * parameters.m * 16 + 256  # with its neighbours on the lowest level and its head
    wanted = 64 + rows * node * 5 // 4 // _MEGABYTE
    ceiling = conn.execute(
        "SELECT setting::bigint / 256 FROM pg_settings WHERE name = 'effective_cache_size'"
    ).fetchone()
    assert ceiling is not None  # half of its pages of 8 kB, in MB
    _set_locally(conn, "maintenance_work_mem", f"{min(wanted, ceiling[0])}MB")
    if conn.info.host.startswith("/"):
        _set_locally(conn, "max_parallel_maintenance_workers", str((os.cpu_count() or 2) - 1))


def _set_locally(conn: Connection, name: str, value: str) -> None:
    conn.execute("SELECT set_config(%s, %s, true)", [name, value])


def _transaction(conn: Connection) -> str:
    row = conn.execute("SELECT pg_current_xact_id()::text").fetchone()
    assert row is not None
    return str(row[0])


def _protect(conn: Connection, table: sql.Identifier) -> None:
    """A leaf read by its own name is as closed to other organisations as the table it belongs to."""
    conn.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table))
    conn.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(table))
    conn.execute(
        sql.SQL("CREATE POLICY organization ON {} USING (organization_id = compliance.current_organization())").format(
            table
        )
    )


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Truth:
    """Queries with their categories, and what is nearest to each by an exact scan outside the database."""

    queries: recall.Floats
    categories: tuple[str | None, ...]
    exact: recall.ExactNearest

    @classmethod
    def of(
        cls, conn: Connection, table: sql.Identifier, sample: Sequence[tuple[np.ndarray, str | None]], dimension: int
    ) -> "_Truth":
        queries = recall.questions_like(np.asarray([vector for vector, _ in sample]).reshape(len(sample), dimension))
        queries = recall.unit(queries.astype(np.float16))  # as the index is asked
        categories = tuple(category for _, category in sample)
        names = sorted({category for category in categories if category is not None})
        exact = recall.ExactNearest(queries, [0 if each is None else names.index(each) + 1 for each in categories])
        for vectors, numbers in _blocks(conn, table, names, dimension) if sample else ():
            exact.add(vectors, numbers)
        return cls(queries, categories, exact)

    def shares_found(self, conn: Connection, asked: _Asked) -> tuple[list[float], list[float]]:
        """What such a search finds of each query's neighbours: over the table, and in its category."""
        if asked.parameters.kind != "exact":
            _set_locally(conn, "enable_seqscan", "off")  # on few rows the planner would scan, and test nothing
        everywhere, scoped = [], []
        for query, category in zip(self.queries, self.categories, strict=True):
            everywhere.append(_distances(conn, asked, query))
            scoped.append(_distances(conn, replace(asked, category=category), query))
        _set_locally(conn, "enable_seqscan", "on")
        return (
            recall.shares_found(everywhere, self.exact.over_all),
            recall.shares_found(scoped, self.exact.in_category),
        )


def _distances(conn: Connection, asked: _Asked, query: np.ndarray) -> list[float]:
    return [1 - neighbour.similarity for neighbour in _found(conn, asked, [query])[0]]


def _blocks(
    conn: Connection, table: sql.Identifier, categories: Sequence[str], dimension: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every row of a table as (vectors, numbers of their categories), in blocks: a binary COPY whose rows are all of one size.

    Format: "Binary Format" of COPY in PostgreSQL's manual, and `halfvec_send` of pgvector.
    """
    statement = sql.SQL(
        "COPY (SELECT embedding::halfvec({}), coalesce(array_position({}::text[], filer_category), 0) FROM {})"
        " TO STDOUT (FORMAT BINARY)"
    ).format(sql.Literal(dimension), sql.Literal(list(categories)), table)
    head = [("fields", ">i2"), ("size", ">i4"), ("dimension", ">i2"), ("unused", ">i2")]
    row = np.dtype([*head, ("vector", ">f2", (dimension,)), ("category_size", ">i4"), ("category", ">i4")])
    held, block = bytearray(), _BLOCK * row.itemsize
    with conn.cursor().copy(statement) as copy:
        for data in copy:
            held += data
            if len(held) >= _COPY_HEADER + block:
                yield _parsed(held[_COPY_HEADER : _COPY_HEADER + block], row)
                del held[_COPY_HEADER : _COPY_HEADER + block]
    yield _parsed(held[_COPY_HEADER:-_COPY_TRAILER], row)


def _parsed(rows: bytearray, row: np.dtype[np.void]) -> tuple[np.ndarray, np.ndarray]:
    records = np.frombuffer(rows, row)
    return records["vector"].astype(np.float32), records["category"].astype(np.int64)

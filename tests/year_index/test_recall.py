import dataclasses
from pathlib import Path

import numpy as np
import pytest

from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import DocumentText
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.embeddings import store as embedding_store
from compliance_assets.year_index import store
from compliance_assets.year_index.exact import similarity
from compliance_assets.year_index.findings import MIN_RECALL_AT_8
from compliance_assets.year_index.parameters import CODE_VERSION, IndexRule
from compliance_assets.year_index.pgvector_store import (
    PGVECTOR,
    RECALL_SAMPLE,
    RECALL_SAMPLE_OF_SCAN,
    PgvectorStore,
    leaf_of,
)
from resources.postgres import Connection
from tests.small_corpus import SmallCorpus, new_deployment

ROWS, CLUSTERS, RARE = 2_000, 40, 20


class Clustered:
    """2,000 unit vectors around 40 centres, indexed; every hundredth belongs to the category `rare`."""

    def __init__(self, corpus: SmallCorpus, kind: str) -> None:
        self.corpus, self.kind = corpus, kind
        dice = np.random.default_rng(8)
        centres = dice.normal(size=(CLUSTERS, 384))
        vectors = centres[dice.integers(CLUSTERS, size=ROWS)] + 0.7 * dice.normal(size=(ROWS, 384))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = vectors.astype(np.float16).astype(np.float32)
        self.queries = vectors[dice.integers(ROWS, size=60)] + 0.02 * dice.normal(size=(60, 384))
        self.rare = np.arange(ROWS) % (ROWS // RARE) == 0
        self.chunk_ids: list[str] = []

    def store(self) -> None:
        deployment, version = self.corpus.deployment, self.corpus.chunker.version
        lines = [f"line {number:04}" for number in range(ROWS)]
        doc_id = self.corpus.add(2021, "\n".join(lines), embed=False)
        chunks = [
            Chunk(
                chunk_id=content_id("ck", "clustered", number),
                doc_id=doc_id,
                year=2021,
                filer_category="rare" if rare else "common",
                ordinal=number,
                page=1,
                char_start=number * 10,
                char_end=number * 10 + 9,
                section="",
                text=line,
                token_count=2,
                text_sha256=sha256_hex(line),
                chunker_version=version,
            )
            for number, (line, rare) in enumerate(zip(lines, self.rare, strict=True))
        ]
        self.chunk_ids = [chunk.chunk_id for chunk in chunks]
        document = DocumentText(doc_id, 2021, None, "\n".join(lines), (ROWS * 10,))
        with deployment.postgres.connect_as_owner() as owner:  # the real windows of this text are not wanted here
            owner.execute(
                "DELETE FROM compliance.chunks WHERE organization_id = %s", [deployment.postgres.organization_id]
            )
        with deployment.postgres.connect() as conn:
            chunk_store.insert(conn, [document], chunks, version)
            digests = [chunk.text_sha256 for chunk in chunks]
            embedding_store.insert(conn, deployment.embedder.digest, "fp16", digests, self.vectors)

    def found(self, query: np.ndarray, category: str | None, depth: int = 8) -> list[str]:
        """What a search finds by the graph, where the planner, left alone, would rather scan so small a table."""
        with self.corpus.deployment.postgres.connect() as conn:
            conn.execute("SET LOCAL enable_seqscan = off")
            index = store.live_index(conn, 2021)
            assert index is not None
            (found,) = PGVECTOR.nearest(conn, index, category, [query], depth)
        return [neighbour.chunk_id for neighbour in found]

    def exact(self, query: np.ndarray, category: str | None, depth: int = 8) -> list[str]:
        similarities = self.vectors @ query.astype(np.float16).astype(np.float32)
        if category:
            similarities = np.where(self.rare == (category == "rare"), similarities, -np.inf)
        order = np.argsort(-similarities)[:depth]
        return [self.chunk_ids[row] for row in order if np.isfinite(similarities[row])]


RULES = {
    "exact": IndexRule(),
    "hnsw": IndexRule(exact_up_to=100),
    "binary": IndexRule(exact_up_to=100, binary_from_bytes=0),
}


@pytest.fixture(scope="module", params=list(RULES))
def clustered(request: pytest.FixtureRequest, database_url: str, session_dir: Path) -> Clustered:
    """The same vectors under each kind of index."""
    made = Clustered(SmallCorpus(new_deployment(database_url, session_dir)), request.param)
    made.store()
    report = made.corpus.build(2021, vectors=PgvectorStore(RULES[request.param]))
    assert report.findings == ()
    assert report.chunks == ROWS
    return made


@pytest.mark.parametrize("category", [None, "common", "rare"])
def test_a_search_finds_what_an_exact_scan_outside_the_database_finds(
    clustered: Clustered, category: str | None
) -> None:
    shares = []
    for query in clustered.queries[:30]:
        found, exact = clustered.found(query, category), clustered.exact(query, category)
        assert len(found) == 8
        shares.append(len(set(found) & set(exact)) / 8)

    assert np.mean(shares) >= MIN_RECALL_AT_8


def test_a_category_with_fewer_entries_than_asked_for_gives_them_all_nearest_first(clustered: Clustered) -> None:
    query = clustered.queries[0]

    assert clustered.found(query, "rare", 64) == clustered.exact(query, "rare", 64)
    assert len(clustered.found(query, "rare", 64)) == RARE


def test_several_vectors_at_once_find_what_each_finds_alone(clustered: Clustered) -> None:
    with clustered.corpus.deployment.postgres.connect() as conn:
        index = store.live_index(conn, 2021)
        assert index is not None
        together = PGVECTOR.nearest(conn, index, "common", list(clustered.queries[:3]), 8)
        alone = [PGVECTOR.nearest(conn, index, "common", [query], 8)[0] for query in clustered.queries[:3]]

    assert [[n.chunk_id for n in found] for found in together] == [[n.chunk_id for n in found] for found in alone]


def test_a_neighbours_similarity_is_the_exact_one_up_to_single_precision(clustered: Clustered) -> None:
    query = clustered.queries[1].astype(np.float16)
    with clustered.corpus.deployment.postgres.connect() as conn:
        index = store.live_index(conn, 2021)
        assert index is not None
        (found,) = PGVECTOR.nearest(conn, index, None, [query], 16)

    for neighbour in found:
        stored = clustered.vectors[clustered.chunk_ids.index(neighbour.chunk_id)].astype(np.float16)
        assert neighbour.similarity == pytest.approx(similarity(query, stored), abs=1e-5)
    assert [n.similarity for n in found] == sorted((n.similarity for n in found), reverse=True)


def test_the_builds_own_measurement_agrees(clustered: Clustered) -> None:
    with clustered.corpus.deployment.postgres.connect() as conn:
        live = store.live_index(conn, 2021)
        assert live is not None
        built = PGVECTOR.live(conn, live)
        assert built is not None
        measured = PGVECTOR.measure(conn, live, built)

    assert (measured.chunks, measured.vectors, measured.models, measured.foreign_rows) == (ROWS, ROWS, 1, 0)
    scanned = live.parameters.kind == "exact"
    assert measured.recall_queries == (RECALL_SAMPLE_OF_SCAN if scanned else RECALL_SAMPLE)
    assert measured.recall_at_8 >= MIN_RECALL_AT_8
    assert measured.scoped_recall_at_8 >= MIN_RECALL_AT_8
    assert measured.parameters == live.parameters


def test_the_version_records_its_kind_and_what_it_was_tuned_to(clustered: Clustered) -> None:
    with clustered.corpus.deployment.postgres.connect() as conn:
        live = store.live_index(conn, 2021)
        row = conn.execute("SELECT parameters FROM compliance.index_versions WHERE state = 'live'").fetchone()

    assert live is not None
    assert row is not None
    rule = RULES[clustered.kind]
    assert live.parameters.kind == clustered.kind
    assert live.parameters in rule.steps(ROWS, 384)
    assert (row[0]["rule"], row[0]["code_version"]) == (rule.digest, CODE_VERSION)


def test_the_graph_fits_the_query_that_searches_ask(clustered: Clustered) -> None:
    with clustered.corpus.deployment.postgres.connect() as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        index = store.live_index(conn, 2021)
        assert index is not None
        scans = (
            "SELECT coalesce(sum(pg_stat_get_xact_numscans(i.indexrelid)), 0)::int FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
            " WHERE a.amname = 'hnsw' AND i.indrelid = to_regclass(%s)"
        )
        leaf = f'year_index."{leaf_of(conn, 2021)}"'
        before = conn.execute(scans, [leaf]).fetchone()
        PGVECTOR.nearest(conn, index, None, [clustered.queries[0]], 8)

        assert before == (0,)
        assert conn.execute(scans, [leaf]).fetchone() == (int(clustered.kind != "exact"),)


def test_a_search_sets_its_width_before_the_walk_begins_and_not_for_longer_than_the_transaction(
    clustered: Clustered,
) -> None:
    """Narrow and wide in one session, prepared or not: a narrow walk visits fewer nodes, whatever was asked before."""
    if clustered.kind != "hnsw":
        pytest.skip("only a graph of whole vectors is walked with a width alone")
    visited = []
    with clustered.corpus.deployment.postgres.connect() as conn:
        index = store.live_index(conn, 2021)
        assert index is not None
        for width in (8, 400, 8, 400):
            conn.execute("SET LOCAL enable_seqscan = off")
            narrow = dataclasses.replace(index, parameters=dataclasses.replace(index.parameters, ef_search=width))
            before = buffers_touched(conn)
            for query in clustered.queries[:20]:
                PGVECTOR.nearest(conn, narrow, None, [query], 8)
            visited.append(buffers_touched(conn) - before)
            assert conn.execute("SHOW hnsw.ef_search").fetchone() == (str(width),)
            conn.commit()
        assert conn.execute("SHOW hnsw.ef_search").fetchone() == ("40",)

    assert max(visited[0], visited[2]) * 3 < min(visited[1], visited[3])


def buffers_touched(conn: Connection) -> int:
    """Pages that this session has read of the graph of 2021, from the shared buffers or not, in its open transaction."""
    row = conn.execute(
        "SELECT sum(pg_stat_get_xact_blocks_fetched(i.indexrelid))::int FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
        " WHERE a.amname = 'hnsw' AND i.indrelid = to_regclass(%s)",
        [f'year_index."{leaf_of(conn, 2021)}"'],
    ).fetchone()
    assert row is not None
    return int(row[0])

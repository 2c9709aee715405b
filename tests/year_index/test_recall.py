from pathlib import Path

import numpy as np
import pytest

from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import DocumentText
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.embeddings import store as embedding_store
from compliance_assets.year_index import store
from compliance_assets.year_index.findings import MIN_RECALL_AT_8
from tests.small_corpus import SmallCorpus, new_deployment

ROWS, CLUSTERS, RARE = 2_000, 40, 20


class Clustered:
    """2,000 unit vectors around 40 centres, indexed; every hundredth belongs to the category `rare`."""

    def __init__(self, corpus: SmallCorpus) -> None:
        self.corpus = corpus
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

    def found(self, query: np.ndarray, category: str | None, *, by_graph: bool) -> list[str]:
        """What a search finds; `by_graph` where the planner, left alone, would rather scan so small a table."""
        with self.corpus.deployment.postgres.connect() as conn:
            if by_graph:
                conn.execute("SET LOCAL enable_seqscan = off")
            index = store.live_index(conn, 2021)
            assert index is not None
            scope = RetrievalScope(year=2021, filer_category=category)
            return [n.chunk_id for n in store.nearest(conn, 2021, scope, query, 8, index)]

    def exact(self, query: np.ndarray, category: str | None) -> list[str]:
        similarities = self.vectors @ query.astype(np.float16).astype(np.float32)
        if category:
            similarities = np.where(self.rare == (category == "rare"), similarities, -np.inf)
        return [self.chunk_ids[row] for row in np.argsort(-similarities)[:8]]


@pytest.fixture(scope="module")
def clustered(database_url: str, session_dir: Path) -> Clustered:
    made = Clustered(SmallCorpus(new_deployment(database_url, session_dir)))
    made.store()
    report = made.corpus.build(2021)
    assert report.findings == ()
    assert report.chunks == ROWS
    return made


@pytest.mark.parametrize("by_graph", [True, False], ids=["by the graph", "as the planner likes"])
@pytest.mark.parametrize("category", [None, "common", "rare"])
def test_a_search_finds_what_an_exact_scan_outside_the_database_finds(
    clustered: Clustered, category: str | None, by_graph: bool
) -> None:
    shares = []
    for query in clustered.queries[:30]:
        found, exact = clustered.found(query, category, by_graph=by_graph), clustered.exact(query, category)
        assert len(found) == 8
        shares.append(len(set(found) & set(exact)) / 8)

    assert np.mean(shares) >= MIN_RECALL_AT_8


def test_the_builds_own_measurement_agrees(clustered: Clustered) -> None:
    with clustered.corpus.deployment.postgres.connect() as conn:
        live, leaf = store.live_index(conn, 2021), store.leaf_of(conn, 2021)
        assert live is not None
        assert leaf is not None
        measured = store.measure(conn, live, leaf)

    assert (measured.chunks, measured.vectors, measured.models, measured.foreign_rows) == (ROWS, ROWS, 1, 0)
    assert measured.recall_queries == store.RECALL_SAMPLE
    assert measured.recall_at_8 >= MIN_RECALL_AT_8
    assert measured.scoped_recall_at_8 >= MIN_RECALL_AT_8


def test_the_graph_fits_the_query_that_searches_ask(clustered: Clustered) -> None:
    with clustered.corpus.deployment.postgres.connect() as conn:
        conn.execute("SET LOCAL enable_seqscan = off")
        index = store.live_index(conn, 2021)
        assert index is not None
        scans = (
            "SELECT sum(pg_stat_get_xact_numscans(i.indexrelid))::int FROM pg_index i"
            " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
            " WHERE a.amname = 'hnsw' AND i.indrelid = to_regclass(%s)"
        )
        leaf = f'year_index."{store.leaf_of(conn, 2021)}"'
        before = conn.execute(scans, [leaf]).fetchone()
        store.nearest(conn, 2021, RetrievalScope(year=2021), clustered.queries[0], 8, index)

        assert before == (0,)
        assert conn.execute(scans, [leaf]).fetchone() == (1,)

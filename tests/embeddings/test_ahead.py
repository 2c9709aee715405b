"""Chunking and encoding beside the reading of documents: the same rows as one after the other, once each, errors told."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings import claims, store
from compliance_assets.embeddings.ahead import WorkAhead
from compliance_assets.embeddings.encode import encode
from resources.embedder import HashEmbedder, OnBatch, Vectors
from resources.progress import Silent
from tests.rooms import chunk, take_in

YEARS = (2021, 2022)
MODEL = HashEmbedder().digest
VERSION = chunker_for(HashEmbedder()).version
STORED = {
    "chunks": "SELECT chunk_id, doc_id, ordinal, header, text FROM compliance.chunks ORDER BY chunk_id",
    "vectors": "SELECT text_sha256, embedding::text FROM compliance.embeddings ORDER BY text_sha256",
}


class CountingEmbedder(HashEmbedder):
    """Remembers every text that it was asked to encode, by any thread."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        self.encoded += texts
        return super().encode(texts, on_batch)


class FailingEmbedder(HashEmbedder):
    """Its server is away."""

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        raise ConnectionError("the server is away")


def ahead(deployment: Deployment, embedder: HashEmbedder) -> WorkAhead:
    return WorkAhead(deployment.postgres, embedder, YEARS, Silent())


def stored(deployment: Deployment) -> dict[str, list[tuple[object, ...]]]:
    with deployment.postgres.connect() as conn:
        return {name: conn.execute(query).fetchall() for name, query in STORED.items()}


def one_after_the_other(deployment: Deployment) -> None:
    for year in YEARS:
        chunk(deployment, year)
        with deployment.postgres.connect() as conn:
            while batch := claims.TextClaims(VERSION, MODEL).take(conn, year, 100):
                encode(conn, HashEmbedder(), batch)


@pytest.fixture
def twin(source: Path) -> Path:
    """Northwind's document of 2021 stands in 2022 too."""
    (source / "2022" / "twin.md").write_bytes((source / "2021" / "northwind.md").read_bytes())
    with (source / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        manifest.write('{"path": "2022/twin.md", "year": 2022, "filer_category": "Twin"}\n')
    return source


def test_work_ahead_leaves_what_work_one_after_the_other_leaves(deployment: Deployment, twin: Path) -> None:
    other = Deployment(replace(deployment.settings, organization_id="7f6c3c5e-0000-4000-8000-000000000001"))
    take_in(deployment, twin)
    take_in(other, twin)
    done = ahead(deployment, HashEmbedder()).until_idle()
    one_after_the_other(other)
    assert stored(deployment) == stored(other)
    assert (done.documents_chunked, done.texts_encoded) == (5, len(stored(other)["vectors"]))


def test_what_comes_while_the_block_runs_is_done_when_it_ends(deployment: Deployment, source: Path) -> None:
    with ahead(deployment, HashEmbedder()).beside() as done:
        take_in(deployment, source)
    assert done.documents_chunked == 4
    with deployment.postgres.connect() as conn:
        assert claims.years_to_chunk(conn, YEARS, VERSION) == claims.years_to_encode(conn, YEARS, VERSION, MODEL) == []


def test_three_at_once_encode_each_text_once(deployment: Deployment, twin: Path) -> None:
    take_in(deployment, twin)
    embedder = CountingEmbedder()
    stop = threading.Event()
    others = [threading.Thread(target=ahead(deployment, embedder).serve, args=[stop]) for _ in range(2)]
    for thread in others:
        thread.start()
    ahead(deployment, embedder).until_idle()
    stop.set()
    for thread in others:
        thread.join()
    assert sorted(embedder.encoded) == sorted(set(embedder.encoded))
    assert len(embedder.encoded) == len(stored(deployment)["vectors"]) > 0


def test_a_workers_error_is_raised_where_the_block_ends(deployment: Deployment, source: Path) -> None:
    take_in(deployment, source)
    reached = False
    with pytest.raises(ConnectionError, match="the server is away"), ahead(deployment, FailingEmbedder()).beside():
        reached = True
    assert reached
    assert stored(deployment)["vectors"] == []


def test_a_block_inside_another_leaves_the_work_to_it(deployment: Deployment, source: Path) -> None:
    work = ahead(deployment, HashEmbedder())
    with work.beside() as outer:
        with work.beside() as inner:
            take_in(deployment, source)
        assert inner is outer
    assert outer.documents_chunked == 4
    assert outer.texts_encoded == len(stored(deployment)["vectors"])


def test_the_blocks_own_error_ends_the_work_and_is_the_one_that_is_told(deployment: Deployment) -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="a document"), ahead(deployment, FailingEmbedder()).beside():
        raise ValueError("a document")
    assert threading.active_count() == before


class TestClaims:
    """A year's texts, each by one worker."""

    @pytest.fixture
    def chunked(self, deployment: Deployment, twin: Path) -> Deployment:
        take_in(deployment, twin)
        for year in YEARS:
            chunk(deployment, year)
        return deployment

    def test_a_text_that_another_worker_holds_is_not_taken_although_its_row_could_be(self, chunked: Deployment) -> None:
        with chunked.postgres.connect() as one, chunked.postgres.connect() as other:
            mine = claims.TextClaims(VERSION, MODEL).take(one, 2021, 100)
            yours = claims.TextClaims(VERSION, MODEL).take(other, 2022, 100)  # the twin's rows are there
            assert yours
            assert {text.text_sha256 for text in mine}.isdisjoint(text.text_sha256 for text in yours)

    def test_a_text_that_was_stored_since_is_not_taken(self, chunked: Deployment) -> None:
        with chunked.postgres.connect() as one, chunked.postgres.connect() as other:
            mine = claims.TextClaims(VERSION, MODEL).take(one, 2021, 100)
            encode(one, HashEmbedder(), mine)
            one.commit()
            yours = claims.TextClaims(VERSION, MODEL).take(other, 2022, 100)
            assert {text.text_sha256 for text in mine}.isdisjoint(text.text_sha256 for text in yours)

    def test_what_a_dead_worker_held_is_taken_by_the_next(self, chunked: Deployment) -> None:
        with chunked.postgres.connect() as other:
            with chunked.postgres.connect() as one:
                held = claims.TextClaims(VERSION, MODEL).take(one, 2021, 100)
                assert claims.TextClaims(VERSION, MODEL).take(other, 2021, 100) == []
                one.rollback()
            assert claims.TextClaims(VERSION, MODEL).take(other, 2021, 100) == held

    def test_at_the_end_of_a_year_a_worker_begins_again(self, chunked: Deployment) -> None:
        mine = claims.TextClaims(VERSION, MODEL)
        with chunked.postgres.connect() as conn:
            taken = [mine.take(conn, 2021, 1) for _ in range(40)]
            conn.rollback()
            assert {text.text for batch in taken for text in batch} == {
                text.text for text in claims.TextClaims(VERSION, MODEL).take(conn, 2021, 100)
            }
            assert store.count_pending(conn, 2021, VERSION, MODEL) > 0

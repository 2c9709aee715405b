"""The SQL of chunks on real Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_assets.chunks import store
from compliance_assets.chunks.chunker import Chunker, chunker_for
from compliance_assets.chunks.coverage import uncovered, wrong_offsets
from compliance_assets.chunks.windows import WindowSize
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.deployment import Deployment
from resources.postgres import Connection
from tests.rooms import chunk, take_in


@pytest.fixture
def taken_in(deployment: Deployment, source: Path) -> Deployment:
    """Two documents in each of 2021 and 2022, not chunked yet."""
    take_in(deployment, source)
    return deployment


@pytest.fixture
def conn(taken_in: Deployment) -> Iterator[Connection]:
    """A session in the deployment's organisation."""
    with taken_in.postgres.connect() as session:
        yield session


@pytest.fixture
def version(taken_in: Deployment) -> str:
    """The deployment's chunker."""
    return chunker_for(taken_in.embedder).version


def test_the_documents_of_a_year_wait_for_their_chunker(conn: Connection, version: str) -> None:
    claimed = store.claim(conn, 2021, version, 10)
    assert sorted(document.filer_category or "" for document in claimed) == ["Northwind", "Southwind"]
    assert {document.year for document in claimed} == {2021}
    assert all(document.page_ends[-1] == len(document.raw_text) for document in claimed)
    assert store.count_pending(conn, 2021, version) == 2
    assert store.count_pending(conn, 2019, version) == 0


def test_a_claim_takes_no_more_than_its_limit(conn: Connection, version: str) -> None:
    assert len(store.claim(conn, 2021, version, 1)) == 1


def test_two_processes_never_claim_the_same_document(taken_in: Deployment, version: str) -> None:
    with taken_in.postgres.connect() as one, taken_in.postgres.connect() as other:
        mine = store.claim(one, 2021, version, 1)
        yours = store.claim(other, 2021, version, 10)
        assert len({document.doc_id for document in [*mine, *yours]}) == len(mine) + len(yours) == 2
        assert store.claim(other, 2021, version, 10) == yours
        assert store.count_pending(other, 2021, version) == 2


def test_what_a_killed_process_claimed_is_claimed_again(taken_in: Deployment, version: str) -> None:
    windows = chunker_for(taken_in.embedder)

    def work_and_be_killed() -> None:
        with taken_in.postgres.connect() as conn:
            documents = store.claim(conn, 2021, version, 10)
            store.insert(conn, documents, (c for d in documents for c in windows.chunk(d)), version)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_and_be_killed()
    with taken_in.postgres.connect() as conn:
        assert store.token_counts(conn, 2021, version) == []
        assert len(store.claim(conn, 2021, version, 10)) == 2


def test_chunked_documents_wait_no_more(taken_in: Deployment, version: str) -> None:
    assert chunk(taken_in, 2021) == 2
    assert chunk(taken_in, 2021) == 0
    with taken_in.postgres.connect() as conn:
        assert store.count_pending(conn, 2021, version) == 0
        assert store.document_counts(conn, 2021, version) == (2, 2)
        assert store.document_counts(conn, 2022, version) == (2, 0)


def test_stored_chunks_are_exactly_those_of_the_document(taken_in: Deployment, version: str) -> None:
    chunk(taken_in, 2021)
    windows = chunker_for(taken_in.embedder)
    with taken_in.postgres.connect() as conn:
        stored = list(store.documents_with_chunks(conn, 2021, version))
        assert len(stored) == 2
        for document, spans in stored:
            assert [span.chunk_id for span in spans] == [c.chunk_id for c in windows.chunk(document)]
            assert (wrong_offsets(document, spans), uncovered(document, spans)) == ([], [])
        expected = [c.token_count for document, _ in stored for c in windows.chunk(document)]
        assert sorted(store.token_counts(conn, 2021, version)) == sorted(expected)


def test_a_chunks_header_is_stored_with_its_digest(taken_in: Deployment) -> None:
    chunk(taken_in, 2021)
    with taken_in.postgres.connect() as conn:
        headers: dict[str, str] = dict(conn.execute("SELECT header, header_sha256 FROM compliance.chunks").fetchall())
    assert {f"{fund} 2021\nLiquidity policy > Custody" for fund in ("Northwind", "Southwind")} <= headers.keys()
    assert all(digest == sha256_hex(header) for header, digest in headers.items())


def test_inserting_the_same_chunks_again_changes_nothing(taken_in: Deployment, version: str) -> None:
    windows = chunker_for(taken_in.embedder)
    with taken_in.postgres.connect() as conn:
        documents = store.claim(conn, 2021, version, 10)
        for _ in range(2):
            store.insert(conn, documents, (c for d in documents for c in windows.chunk(d)), version)
    with taken_in.postgres.connect() as conn:
        assert len(store.token_counts(conn, 2021, version)) == sum(len(windows.chunk(d)) for d in documents)


def test_another_chunker_chunks_beside_the_first(taken_in: Deployment, version: str) -> None:
    small = Chunker(taken_in.embedder.token_spans, taken_in.embedder.tokenizer_id, WindowSize(tokens=8, overlap=2))
    chunk(taken_in, 2021)
    with taken_in.postgres.connect() as conn:
        before = store.token_counts(conn, 2021, version)
    assert chunk(taken_in, 2021, small) == 2
    with taken_in.postgres.connect() as conn:
        assert store.token_counts(conn, 2021, version) == before
        assert max(store.token_counts(conn, 2021, small.version)) <= 8


def test_chunks_of_a_document_that_is_gone_are_kept_but_not_counted(
    taken_in: Deployment, version: str, source: Path
) -> None:
    chunk(taken_in, 2021)
    with taken_in.postgres.connect() as conn:
        before = len(store.token_counts(conn, 2021, version))
    (source / "2021" / "northwind.md").unlink()
    take_in(taken_in, source)
    with taken_in.postgres.connect() as conn:
        assert len(store.token_counts(conn, 2021, version)) == before / 2
        assert store.document_counts(conn, 2021, version) == (1, 1)
        assert len(list(store.documents_with_chunks(conn, 2021, version))) == 1
        assert conn.execute("SELECT count(*) FROM compliance.chunks").fetchone() == (before,)


def test_a_document_of_white_space_alone_is_done_with_no_chunk(taken_in: Deployment, version: str) -> None:
    with taken_in.postgres.connect() as conn:
        [document, _] = store.claim(conn, 2021, version, 10)
        store.insert(conn, [document], [], version)
        assert store.document_counts(conn, 2021, version) == (2, 1)


def test_another_organisation_sees_none_of_it(taken_in: Deployment, version: str) -> None:
    chunk(taken_in, 2021)
    with taken_in.postgres.connect() as conn:
        conn.execute("SELECT set_config('app.organization_id', gen_random_uuid()::text, false)")
        assert store.claim(conn, 2021, version, 10) == []
        assert store.token_counts(conn, 2021, version) == []

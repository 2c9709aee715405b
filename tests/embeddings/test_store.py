"""The cache of vectors on real Postgres: one text, one model, one vector. A header is a text of its own."""

from pathlib import Path

import numpy as np
import pytest

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings import store
from compliance_assets.embeddings.claims import TextClaims
from compliance_assets.embeddings.store import PendingText
from resources.embedder import HashEmbedder
from resources.postgres import Connection
from tests.rooms import chunk, take_in

MODEL = HashEmbedder().digest
VERSION = chunker_for(HashEmbedder()).version


@pytest.fixture
def chunked(deployment: Deployment, source: Path) -> Deployment:
    """Two documents of two sections each in 2021 and in 2022, chunked and not embedded."""
    take_in(deployment, source)
    chunk(deployment, 2021)
    chunk(deployment, 2022)
    return deployment


def claim(conn: Connection, year: int, limit: int, model: str = MODEL) -> list[PendingText]:
    """What a worker that has done nothing yet claims."""
    return TextClaims(VERSION, model).take(conn, year, limit)


def embed(deployment: Deployment, year: int, model: str = MODEL) -> int:
    """Embed what waits in a year; returns how many texts and headers that were."""
    with deployment.postgres.connect() as conn:
        waiting = {p.text_sha256: p.text for p in claim(conn, year, 1_000, model)}
        store.insert(conn, model, "fp32/numpy", list(waiting), HashEmbedder().encode(list(waiting.values())))
    return len(waiting)


def digests(deployment: Deployment, column: str = "text_sha256") -> set[str]:
    """Those of the texts of 2021's chunks, or of their headers."""
    with deployment.postgres.connect() as conn:
        return {row[0] for row in conn.execute(f"SELECT {column} FROM compliance.chunks WHERE year = 2021")}


def test_the_texts_and_the_headers_of_a_years_chunks_wait_for_a_vector(chunked: Deployment) -> None:
    with chunked.postgres.connect() as conn:
        claimed = claim(conn, 2021, 10)
        assert store.count_pending(conn, 2021, VERSION, MODEL) == 4
        assert store.count_pending(conn, 2019, VERSION, MODEL) == 0
    texts, headers = digests(chunked), digests(chunked, "header_sha256")
    assert (len(texts), len(headers)) == (4, 4)
    assert {pending.text_sha256 for pending in claimed} == texts | headers
    assert all(pending.text_sha256 == sha256_hex(pending.text) for pending in claimed)


def test_a_claim_takes_no_more_chunks_than_its_limit_and_the_next_one_goes_on_behind_it(chunked: Deployment) -> None:
    claims = TextClaims(VERSION, MODEL)
    with chunked.postgres.connect() as conn:
        claimed = [{pending.text_sha256 for pending in claims.take(conn, 2021, 2)} for _ in range(2)]
    assert [len(each) for each in claimed] == [4, 4]  # two texts with their headers
    assert claimed[0].isdisjoint(claimed[1])


def test_a_header_that_has_no_vector_is_waited_for_alone(chunked: Deployment) -> None:
    embed(chunked, 2021)
    (header, *_) = digests(chunked, "header_sha256")
    with chunked.postgres.connect_as_owner() as owner:
        owner.execute("DELETE FROM compliance.embeddings WHERE text_sha256 = %s", [header])
    with chunked.postgres.connect() as conn:
        assert store.parity(conn, 2021, VERSION, MODEL) == (4, 3)
        assert [pending.text_sha256 for pending in claim(conn, 2021, 10)] == [header]


def test_two_processes_never_claim_the_same_chunk(chunked: Deployment) -> None:
    with chunked.postgres.connect() as one, chunked.postgres.connect() as other:
        mine, yours = (claim(conn, 2021, limit) for conn, limit in ((one, 3), (other, 10)))
        assert len({pending.text_sha256 for pending in [*mine, *yours]}) == len(mine) + len(yours) == 8


def test_embedded_chunks_wait_no_more(chunked: Deployment) -> None:
    assert (embed(chunked, 2021), embed(chunked, 2021)) == (8, 0)
    with chunked.postgres.connect() as conn:
        assert store.parity(conn, 2021, VERSION, MODEL) == (4, 4)
        assert store.parity(conn, 2022, VERSION, MODEL) == (4, 0)  # what both years say stands under another header


def test_vectors_come_back_as_they_were_to_half_precision(chunked: Deployment) -> None:
    embed(chunked, 2021)
    with chunked.postgres.connect() as conn:
        rows = conn.execute(
            "SELECT DISTINCT ON (text_sha256) c.text, e.embedding, e.precision_used FROM compliance.embeddings e"
            " JOIN compliance.chunks c USING (text_sha256)"
        ).fetchall()
    assert len(rows) == 4
    for text, vector, precision in rows:
        assert np.allclose(vector.to_numpy(), HashEmbedder().encode([text])[0], atol=1e-3)
        assert precision == "fp32/numpy"


def test_a_text_that_has_a_vector_keeps_it(chunked: Deployment) -> None:
    first, second = np.eye(2, 384, dtype=np.float32)
    with chunked.postgres.connect() as conn:
        for vector in (first, second):
            store.insert(conn, MODEL, "fp32/numpy", ["0" * 64], vector[None])
        rows = conn.execute("SELECT embedding FROM compliance.embeddings").fetchall()
    assert [row[0].to_numpy().argmax() for row in rows] == [0]


def test_a_text_that_stands_in_another_year_too_is_taken_from_the_cache(chunked: Deployment, source: Path) -> None:
    embed(chunked, 2021)
    copy = (source / "2021" / "northwind.md").read_text(encoding="utf-8")
    (source / "2022" / "northwind.md").write_text(copy, encoding="utf-8")
    take_in(chunked, source)
    chunk(chunked, 2022)
    assert embed(chunked, 2022) == 5  # four headers, and of Southwind the policy; its custody is the one of 2021
    with chunked.postgres.connect() as conn:
        assert store.parity(conn, 2022, VERSION, MODEL) == (4, 4)


def test_another_model_embeds_the_same_texts_again(chunked: Deployment) -> None:
    embed(chunked, 2021)
    assert embed(chunked, 2021, model="f" * 64) == 8
    with chunked.postgres.connect() as conn:
        assert store.parity(conn, 2021, VERSION, MODEL) == store.parity(conn, 2021, VERSION, "f" * 64) == (4, 4)


def test_chunks_of_documents_that_are_gone_are_not_embedded(chunked: Deployment, source: Path) -> None:
    (source / "2021" / "northwind.md").unlink()
    take_in(chunked, source)
    assert embed(chunked, 2021) == 4


def test_another_organisation_shares_no_vector(chunked: Deployment) -> None:
    embed(chunked, 2021)
    with chunked.postgres.connect() as conn:
        conn.execute("SELECT set_config('app.organization_id', gen_random_uuid()::text, false)")
        assert conn.execute("SELECT count(*) FROM compliance.embeddings").fetchone() == (0,)

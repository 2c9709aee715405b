"""The asset through Dagster: nothing is ever embedded twice."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from compliance_assets import keys
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings import assets, checks
from compliance_assets.partitions import YEARS
from resources.embedder import HashEmbedder, OnBatch, Vectors
from tests.rooms import chunk, take_in


class CountingEmbedder(HashEmbedder):
    """Remembers every text that it was asked to encode."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        self.encoded += texts
        return super().encode(texts, on_batch)


class InterruptedEmbedder(HashEmbedder):
    """Its process is stopped in the middle of its second batch."""

    def __init__(self) -> None:
        self.batches = 0

    def encode(self, texts: Sequence[str], on_batch: OnBatch | None = None) -> Vectors:
        self.batches += 1
        if self.batches == 2:
            raise dg.Failure("the power went out", allow_retries=False)
        return super().encode(texts, on_batch)


@dg.asset(key=keys.EMBEDDINGS, partitions_def=YEARS)
def idle_embeddings() -> None:
    """Stands in the asset's place and embeds nothing."""


def materialise(
    deployment: Deployment, embedder: HashEmbedder, year: int, asset: dg.AssetsDefinition = assets.embeddings
) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [asset, checks.every_chunk_has_a_vector],
            partition_key=str(year),
            resources={**deployment.resources(), "embedder": embedder},
            instance=instance,
            raise_on_error=False,
        )


def told(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


@pytest.fixture
def twins(deployment: Deployment, source: Path) -> Deployment:
    """A third document of 2021 with the very text of the first."""
    (source / "2021" / "twin.md").write_bytes((source / "2021" / "northwind.md").read_bytes())
    with (source / "manifest.jsonl").open("a", encoding="utf-8") as manifest:
        manifest.write('{"path": "2021/twin.md", "year": 2021, "filer_category": "Twin"}\n')
    take_in(deployment, source)
    chunk(deployment, 2021)
    chunk(deployment, 2022)
    return deployment


def test_the_same_text_in_two_documents_is_encoded_once(twins: Deployment) -> None:
    embedder = CountingEmbedder()
    result = materialise(twins, embedder, 2021)
    assert result.success
    assert len(embedder.encoded) == len(set(embedder.encoded)) == 10  # four texts, six headers
    assert (told(result)["dagster/partition_row_count"], told(result)["encoded_now"]) == (6, 10)
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    assert {name: value.value for name, value in check.metadata.items()} == {"chunks": 6, "vectors": 6}


def test_the_same_text_in_two_batches_is_encoded_once(twins: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "BATCH_CHUNKS", 1)
    embedder = CountingEmbedder()
    assert materialise(twins, embedder, 2021).success
    assert len(embedder.encoded) == len(set(embedder.encoded)) == 10


def test_a_second_materialisation_encodes_nothing(twins: Deployment) -> None:
    materialise(twins, HashEmbedder(), 2021)
    embedder = CountingEmbedder()
    result = materialise(twins, embedder, 2021)
    assert embedder.encoded == []
    assert (told(result)["encoded_now"], told(result)["taken_from_cache"]) == (0, 6)
    assert told(result)["precision"] == "nothing encoded"


def test_a_text_of_another_year_is_taken_from_the_cache(twins: Deployment) -> None:
    materialise(twins, HashEmbedder(), 2021)
    embedder = CountingEmbedder()
    assert materialise(twins, embedder, 2022).success
    # Policies and headers name their year; the custody sections stand in 2021 too.
    assert sum(text.startswith("#") for text in embedder.encoded) == 2
    assert len(embedder.encoded) == 6


def test_what_was_embedded_before_an_interruption_is_not_embedded_again(
    twins: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "BATCH_CHUNKS", 1)
    assert not materialise(twins, InterruptedEmbedder(), 2021).success
    embedder = CountingEmbedder()
    assert materialise(twins, embedder, 2021).success
    assert len(embedder.encoded) == 8


def test_the_check_fails_where_a_chunk_has_no_vector(twins: Deployment) -> None:
    result = materialise(twins, HashEmbedder(), 2021, idle_embeddings)
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert {name: value.value for name, value in check.metadata.items()} == {"chunks": 6, "vectors": 0}

"""Vectors and indexes follow changed chunks, tick by tick: the real assets on a real database, a throw-away event log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from compliance_assets import keys
from compliance_assets.chunks import assets as chunk_assets
from compliance_assets.chunks import checks as chunk_checks
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings import assets as embedding_assets
from compliance_assets.embeddings import checks as embedding_checks
from compliance_assets.year_index import assets as index_assets
from compliance_assets.year_index import checks as index_checks
from resources.embedder import Embedder
from sensors.derived_data import derived_data
from tests.raw_pulls.watched import WatchedSource
from tests.rooms import take_in

ALL = (keys.CHUNKS, keys.EMBEDDINGS, keys.YEAR_INDEX)
Requested = set[tuple[str, str | None]]


class Away:
    """An embedder whose server is down."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def __getattr__(self, name: str) -> object:
        if name == "encode":
            raise dg.Failure("the server is away", allow_retries=False)
        return getattr(self._embedder, name)


class Clockwork:
    """Two years of documents, and an automation that looks at them when it is told to."""

    def __init__(self, deployment: Deployment, folder: Path, instance: dg.DagsterInstance) -> None:
        self.deployment, self.folder, self.instance = deployment, folder, instance
        self.source = WatchedSource(deployment, folder)
        assets = dg.load_assets_from_modules([chunk_assets, embedding_assets, index_assets])
        checks = dg.load_asset_checks_from_modules([chunk_checks, embedding_checks, index_checks])
        self.defs = dg.Definitions(assets=assets, asset_checks=checks, resources=deployment.resources())
        self._nodes = [*assets, *checks]
        self._cursor: Any = None
        take_in(deployment, folder)

    def tick(self) -> Requested:
        """(asset, year) of what is requested."""
        result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self._cursor)
        self._cursor = result.cursor
        return {
            (asset.to_user_string(), year)
            for asset in (keys.EMBEDDINGS, keys.YEAR_INDEX)
            for year in result.get_requested_partitions(asset)
        }

    def run(self, *assets: dg.AssetKey, year: int = 2021, embedder: object = None, fails: bool = False) -> None:
        """Materialise assets of a year with their checks, as a run that was requested does."""
        resources = {**self.deployment.resources(), **({"embedder": embedder} if embedder else {})}
        result = dg.materialize(
            self._nodes,
            selection=dg.AssetSelection.assets(*assets),
            partition_key=str(year),
            resources=resources,
            instance=self.instance,
            raise_on_error=False,
        )
        assert result.success != fails

    def change(self, year: int) -> None:
        """One of the year's documents says something else."""
        self.source.write(f"{year}/northwind.md", f"# Policy\n\nThe buffer of {year} was raised to 40 percent.\n")
        take_in(self.deployment, self.folder)


@pytest.fixture
def clockwork(deployment: Deployment, source: Path) -> Iterator[Clockwork]:
    """A year materialised and the automation's first look taken: what exists before it is not requested."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = Clockwork(deployment, source, instance)
        made.run(*ALL)
        assert made.tick() == set()
        yield made


def test_changed_chunks_of_one_year_request_that_year_s_vectors_and_then_its_index(clockwork: Clockwork) -> None:
    clockwork.run(*ALL, year=2022)
    assert clockwork.tick() == set()
    clockwork.change(2021)
    clockwork.run(keys.CHUNKS)
    assert clockwork.tick() == {("embeddings", "2021")}
    assert clockwork.tick() == set(), "asked for once"
    clockwork.run(keys.EMBEDDINGS)
    assert clockwork.tick() == {("year_index", "2021")}
    clockwork.run(keys.YEAR_INDEX)
    assert clockwork.tick() == set()


def test_nothing_changed_and_the_same_made_again_request_nothing(clockwork: Clockwork) -> None:
    assert clockwork.tick() == set()
    clockwork.run(keys.CHUNKS)
    assert clockwork.tick() == set()
    clockwork.run(keys.EMBEDDINGS)
    assert clockwork.tick() == set()


def test_a_removed_document_is_a_change_although_nothing_is_chunked(clockwork: Clockwork) -> None:
    (clockwork.folder / "2021" / "southwind.md").unlink()
    clockwork.source.changes()
    clockwork.run(keys.CHUNKS)
    assert clockwork.tick() == {("embeddings", "2021")}


def test_what_a_run_already_brought_along_is_not_requested_again(clockwork: Clockwork) -> None:
    clockwork.change(2021)
    clockwork.run(*ALL)
    assert clockwork.tick() == set()


def test_a_run_that_failed_is_not_asked_for_at_every_tick_but_with_the_next_change(clockwork: Clockwork) -> None:
    clockwork.change(2021)
    clockwork.run(keys.CHUNKS)
    assert clockwork.tick() == {("embeddings", "2021")}
    clockwork.run(keys.EMBEDDINGS, embedder=Away(clockwork.deployment.embedder), fails=True)
    assert [clockwork.tick() for _ in range(3)] == [set(), set(), set()]
    clockwork.change(2021)
    clockwork.source.write("2021/southwind.md", "# Policy\n\nAnother one.\n")
    take_in(clockwork.deployment, clockwork.folder)
    clockwork.run(keys.CHUNKS)
    assert clockwork.tick() == {("embeddings", "2021")}


def test_a_year_whose_chunks_fail_a_blocking_check_is_not_followed(clockwork: Clockwork) -> None:
    clockwork.change(2021)
    with clockwork.deployment.postgres.connect() as conn:
        conn.execute("UPDATE compliance.chunks SET text = 'x' || text WHERE year = 2021")
    clockwork.run(keys.CHUNKS, fails=True)
    assert clockwork.tick() == set()


def test_while_a_year_is_worked_on_it_is_not_requested(clockwork: Clockwork) -> None:
    clockwork.change(2021)
    clockwork.run(keys.CHUNKS)
    clockwork.instance.create_run_for_job(
        clockwork.defs.resolve_implicit_global_asset_job_def(),
        asset_selection={keys.EMBEDDINGS},
        tags={"dagster/partition": "2021"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert clockwork.tick() == set()


def test_the_sensor_watches_what_has_a_condition_and_is_off_until_somebody_starts_it(deployment: Deployment) -> None:
    assets = dg.load_assets_from_modules([chunk_assets, embedding_assets, index_assets])
    graph = dg.Definitions(assets, resources=deployment.resources()).resolve_asset_graph()
    watched = {key for key in graph.get_all_asset_keys() if graph.get(key).automation_condition is not None}
    assert derived_data.asset_selection.resolve(graph) == watched == {keys.EMBEDDINGS, keys.YEAR_INDEX}
    assert derived_data.default_status == dg.DefaultSensorStatus.STOPPED

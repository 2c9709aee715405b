"""A back-fill of several years through Dagster's own run queue: the deployed configuration, real run processes."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_test_daemon_workspace_context, load_remote_repo
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from compliance_assets.deployment import Deployment
from compliance_assets.raw_pulls import store
from compliance_assets.raw_pulls.connector import source_id_of
from resources.location import canonical_uri

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
YEARS = ("2020", "2021", "2022", "2023")
PATIENCE_SECONDS = 600
UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


class Daemons:
    """What `dagster-daemon` does for back-fills and the run queue, a step at a time."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance, self.workspace = instance, workspace
        self.most_at_once = 0

    def backfill(self, backfill_id: str) -> list[dg.DagsterRun]:
        """Ask for all years, as the UI does, and see it through; returns its runs."""
        repository = load_remote_repo(self.workspace, "__repository__")
        self.instance.add_backfill(
            PartitionBackfill(
                backfill_id=backfill_id,
                status=BulkActionStatus.REQUESTED,
                from_failure=False,
                tags={},
                backfill_timestamp=time.time(),
                partition_set_origin=repository.get_partition_set("corpus_to_ledger_partition_set").get_remote_origin(),
                partition_names=list(YEARS),
            )
        )
        problems = list(execute_backfill_iteration(self.workspace, logging.getLogger("backfill")))
        assert [problem for problem in problems if problem] == []
        runs = self.runs(backfill_id)
        assert {run.status for run in runs} == {dg.DagsterRunStatus.QUEUED}, "they wait for their turn"
        self._drain(backfill_id)
        return self.runs(backfill_id)

    def runs(self, backfill_id: str) -> list[dg.DagsterRun]:
        return self.instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill_id}))

    def _drain(self, backfill_id: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        with QueuedRunCoordinatorDaemon(interval_seconds=1) as queue:
            while not all(run.is_finished for run in self.runs(backfill_id)):
                assert time.monotonic() < deadline, [run.status for run in self.runs(backfill_id)]
                list(queue.run_iteration(self.workspace))
                under_way = len(self.instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)))
                self.most_at_once = max(self.most_at_once, under_way)
                time.sleep(0.5)


@pytest.fixture
def daemons(deployment: Deployment, source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemons]:
    """The deployment as its own processes find it: by the environment, under its own Dagster home."""
    settings = deployment.settings
    environment = {
        "COMPLIANCE_DATA_DIR": settings.data_dir,
        "COMPLIANCE_DATABASE_URL": settings.database_url,
        "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
        "COMPLIANCE_EMBEDDER": settings.embedder,
        "COMPLIANCE_YEARS": "2018-2024",
        "DAGSTER_HOME": settings.dagster_home,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    uri = canonical_uri(str(source))
    with deployment.postgres.connect() as conn:
        store.register_source(conn, source_id_of(uri), uri)
    target = ModuleTarget(
        "compliance_assets.definitions", attribute=None, working_directory=str(ROOT), location_name="x"
    )
    with (
        dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):
        yield Daemons(instance, workspace)


def encoded(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int:
    """How many texts a run encoded."""
    records = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    materialised = {r.asset_materialization.asset_key.to_user_string(): r.asset_materialization for r in records
                    if r.asset_materialization}  # fmt: skip
    value = materialised["embeddings"].metadata["encoded_now"].value
    assert isinstance(value, int)
    return value


def test_a_back_fill_is_one_queued_run_a_year_few_at_once_and_a_second_one_encodes_nothing(
    daemons: Daemons, deployment: Deployment
) -> None:
    first = daemons.backfill("first")
    assert sorted(run.tags["dagster/partition"] for run in first) == sorted(YEARS)
    assert {run.status for run in first} == {dg.DagsterRunStatus.SUCCESS}
    limit = daemons.instance.get_concurrency_config().run_queue_config
    assert limit is not None
    assert limit.max_concurrent_runs == 2, "as deploy/dagster.yaml says"
    assert daemons.most_at_once == 2
    made = vectors(deployment)
    assert made > 0
    assert live_years(deployment) == [2020, 2021, 2022, 2023]

    second = daemons.backfill("second")
    assert {run.status for run in second} == {dg.DagsterRunStatus.SUCCESS}
    assert [encoded(daemons.instance, run) for run in second] == [0, 0, 0, 0]
    assert vectors(deployment) == made


def vectors(deployment: Deployment) -> int:
    """How many texts have a vector, whoever encoded them: a year's run, or the workers ahead of it."""
    with deployment.postgres.connect() as conn:
        row = conn.execute("SELECT count(*) FROM compliance.embeddings").fetchone()
    return row[0] if row else 0


def live_years(deployment: Deployment) -> list[int]:
    with deployment.postgres.connect() as conn:
        rows = conn.execute("SELECT year FROM compliance.index_versions WHERE state = 'live' ORDER BY year").fetchall()
    return [year for (year,) in rows]

"""Starts jobs in this process, on the deployment's own Dagster instance, so that the UI shows them like any other run."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psutil

from compliance_assets.contracts.errors import ComplianceError, DependencyUnavailable, IntegrityError, InvalidInput
from resources.settings import Settings

HOST_TAG, PID_TAG = "compliance/host", "compliance/pid"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
OUR_ERRORS: dict[str, type[ComplianceError]] = {
    error.__name__: error for error in (InvalidInput, DependencyUnavailable, IntegrityError)
}


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended. `failed_checks` are blocking checks that did not pass; `metadata` is by asset key."""

    job: str
    partition: str | None
    run_id: str
    failed_checks: tuple[str, ...]
    metadata: dict[str, dict[str, object]]


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The deployment's own. To open it costs as much as a small run: several runs share one."""
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        _close_runs_of_dead_processes(instance)
        yield instance


def run_job(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    job: str,
    *,
    partition: str | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
) -> RunOutcome:
    """Run a job, or some of its assets, to its end. Raises ComplianceError when a step fails for another reason than a check."""
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=partition,
        asset_selection=assets,
        run_config=QUIET,
        raise_on_error=False,
        tags={"trigger": "manual", HOST_TAG: socket.gethostname(), PID_TAG: str(os.getpid())},
    )
    evaluations = result.get_asset_check_evaluations()
    failed = tuple(f"{e.asset_key.to_user_string()}:{e.check_name}" for e in evaluations if not e.passed and e.blocking)
    if not result.success and not failed:
        raise _cause_of(result, job)
    return RunOutcome(job, partition, result.run_id, failed, _metadata_of(result))


def _close_runs_of_dead_processes(instance: dg.DagsterInstance) -> None:
    """A killed command leaves its run `started` for ever; whoever comes next says what became of it."""
    here = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED], tags={HOST_TAG: socket.gethostname()})
    for run in instance.get_runs(here):
        if not psutil.pid_exists(int(run.tags[PID_TAG])):
            instance.report_run_failed(run, "The process that ran it ended before the run did.")


def _cause_of(result: dg.ExecuteInProcessResult, job: str) -> ComplianceError:
    """The innermost error of the step that failed, as the type that it was raised as."""
    failure = next(event for event in result.all_events if event.is_step_failure)
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    kind = OUR_ERRORS.get((error.cls_name or "") if error else "", IntegrityError)
    return kind(
        f"the job {job} failed at {failure.step_key}",
        expected="every step to succeed",
        found=error.message.strip() if error else "no error recorded",
        remedy=f"`make dev` shows run {result.run_id}; a second attempt goes on where this one stopped.",
    )


def _metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    materialisations = (e.step_materialization_data.materialization for e in result.get_asset_materialization_events())
    return {m.asset_key.to_user_string(): {k: _plain(v) for k, v in m.metadata.items()} for m in materialisations}


def _plain(value: dg.MetadataValue[Any]) -> object:
    """A table becomes its rows, anything else its value."""
    return [dict(row.data) for row in value.records] if isinstance(value, dg.TableMetadataValue) else value.value

"""MLflow: runs of what was measured, the registries of prompts and models, and the alias `production` as a mirror of our pointer.

Nothing is decided, released or proven from it. Where it is away the run is missing openly (`NotTracked`), and the next time the
same is measured it is made up for. What a registry holds is found by its digest: the same text is one version, in whatever order
texts come into production.
"""

import json
import os
import re
import shlex
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.mlflow_registries import Models, Prompts, Registered, Version, registry_of
from resources.settings import Settings
from resources.telemetry import NO_TELEMETRY

if TYPE_CHECKING:
    from mlflow import MlflowClient

#: The tag by which a run is found again.
RUN_DIGEST = "run_digest"
#: What is asked of MLflow at once is answered within so long; the first question to a new database creates it.
SECONDS = 120.0
#: MLflow itself would ask a server that is away eight times, for two minutes each, and print what it does. Whoever has set one
#: of these otherwise meant it.
_MANNERS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_LONGEST_DATASET_DIGEST = 36  # in MLflow's tables
_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is to be logged. `digest` (SHA-256) is of what was measured: the same digest is the same run.

    `datasets` are name -> SHA-256 of what it was measured on. `files` are artifacts by path, `tables` those that MLflow shows
    as tables, by a path that ends in `.json`.
    """

    experiment: str
    name: str
    digest: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    datasets: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, object]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run in MLflow. `page` is its place in MLflow's pages, `url` that of a server, else `command` starts the pages."""

    run_id: str
    page: str
    url: str | None
    command: str | None


@dataclass(frozen=True, slots=True)
class NotTracked:
    """MLflow did not take what it was given, and why."""

    why: str


@dataclass(frozen=True)
class Tracking:
    """MLflow at a URI. A database's files are kept under `artifacts`, a server knows where its own are.

    Methods raise DependencyUnavailable where MLflow does not do it within `seconds`, but for the two that only add to it.
    """

    uri: str = field(repr=False)  # it may hold a password
    artifacts: Path
    seconds: float = SECONDS

    def log(self, record: RunRecord) -> TrackedRun | NotTracked:
        """The run of what was measured. One that was logged whole before is found again, and nothing is logged twice.

        Where MLflow is away this does not raise: what was measured stands without its run.
        """

        def logged(client: "MlflowClient") -> TrackedRun:
            experiment = _experiment(client, record.experiment, self._location)
            run_id = _whole_run(client, experiment, record.digest) or _logged(client, experiment, record)
            return self._run(experiment, run_id)

        try:
            return self._answer(logged)
        except DependencyUnavailable as problem:
            return NotTracked(problem.found)

    def holds(self, run_id: str) -> bool:
        """Whether MLflow has that run, whole and not deleted."""

        def held(client: "MlflowClient") -> bool:
            from mlflow.exceptions import MlflowException

            try:
                info = client.get_run(run_id).info
            except MlflowException as problem:
                if problem.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return False
                raise
            return bool(info.status == "FINISHED" and info.lifecycle_stage == "active")

        return self._answer(held)

    def register(self, entries: Sequence[Registered]) -> tuple[Version, ...] | NotTracked:
        """The version of each, in order; a new one only where none of its name holds the same. As `log`, this does not raise."""
        try:
            return self._answer(lambda client: tuple(_version(client, entry) for entry in entries))
        except DependencyUnavailable as problem:
            return NotTracked(problem.found)

    def versions(self, entries: Sequence[Registered]) -> dict[str, tuple[Version, ...]]:
        """By name, every version that MLflow holds now."""
        return self._answer(lambda client: {e.name: registry_of(client, e).versions(e.name) for e in entries})

    def mirror_production(self, release_id: str, entries: Sequence[Registered]) -> tuple[Version, ...]:
        """Point the alias `production` at what that release serves with, and of ours at nothing else."""

        def mirrored(client: "MlflowClient") -> tuple[Version, ...]:
            versions = tuple(_version(client, entry) for entry in entries)
            for entry, version in zip(entries, versions, strict=True):
                registry_of(client, entry).point(version, release_id)
            for registry in (Prompts(client), Models(client)):
                for name in registry.pointed().keys() - {entry.name for entry in entries}:
                    registry.unpoint(name)
            return versions

        return self._answer(mirrored)

    def aliases(self) -> dict[str, str]:
        """Name -> digest of what the alias `production` points at now. Until somebody moves one, those of the entries that were
        mirrored last.
        """
        return self._answer(lambda client: {**Prompts(client).pointed(), **Models(client).pointed()})

    @property
    def _is_server(self) -> bool:
        return urlsplit(self.uri).scheme in ("http", "https")

    @property
    def _location(self) -> str | None:
        return None if self._is_server else self.artifacts.as_uri()

    def _run(self, experiment: str, run_id: str) -> TrackedRun:
        page = f"#/experiments/{experiment}/runs/{run_id}"
        uri = _without_password(self.uri)
        if self._is_server:
            return TrackedRun(run_id, page, f"{uri.rstrip('/')}/{page}", None)
        return TrackedRun(run_id, page, None, shlex.join(["mlflow", "ui", "--backend-store-uri", uri]))

    def _answer(self, question: "Callable[[MlflowClient], Answer]") -> Answer:
        """The answer within the time limit: MLflow knows limits for a request, none for all of them, and none for a database.

        A question that runs over is left to itself.
        """
        os.environ.update(NO_TELEMETRY)
        for variable, value in _MANNERS.items():
            os.environ.setdefault(variable, value)
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        answer: Future[Answer] = Future()

        def ask() -> None:
            try:
                if not self._is_server:
                    self.artifacts.mkdir(parents=True, exist_ok=True)
                # A client of this URI alone: MLflow's own current one is the whole process's.
                answer.set_result(question(MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)))
            except (MlflowException, OSError) as problem:
                # Only its words leave this thread: what SQLite opened has to be let go of where it was opened.
                answer.set_exception(self._unavailable(str(problem)))
            except BaseException as problem:  # noqa: BLE001 (raised where the answer is waited for)
                answer.set_exception(problem)

        threading.Thread(target=ask, name="mlflow", daemon=True).start()
        try:
            return answer.result(self.seconds)
        except TimeoutError:
            raise self._unavailable("none yet") from None

    def _unavailable(self, problem: str) -> DependencyUnavailable:
        return DependencyUnavailable(
            "MLflow is not available",
            expected=f"an answer from {_without_password(self.uri)} within {self.seconds:g} seconds",
            found=_without_password(problem).partition("\n")[0][:300],
            remedy="Start it, or correct COMPLIANCE_MLFLOW_URI. What was measured stands without it.",
        )


def tracking_from(settings: Settings) -> Tracking:
    """The deployment's MLflow. Asks nothing of it yet."""
    return Tracking(settings.tracking_uri, settings.data_dir / "mlflow_artifacts")


def _experiment(client: "MlflowClient", name: str, location: str | None) -> str:
    """The id of an experiment, made where there is none; its files go to `location`, None: where the server keeps them."""
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found else client.create_experiment(name, artifact_location=location))


def _version(client: "MlflowClient", entry: Registered) -> Version:
    registry = registry_of(client, entry)
    same = (version for version in registry.versions(entry.name) if version.sha256 == entry.sha256)
    return next(same, None) or registry.add(entry)


def _whole_run(client: "MlflowClient", experiment: str, digest: str) -> str | None:
    found = client.search_runs(
        [experiment], f"tags.{RUN_DIGEST} = '{digest}' and attributes.status = 'FINISHED'", max_results=1
    )
    return str(found[0].info.run_id) if found else None


def _logged(client: "MlflowClient", experiment: str, record: RunRecord) -> str:
    run_id = str(
        client.create_run(experiment, tags={**record.tags, RUN_DIGEST: record.digest}, run_name=record.name).info.run_id
    )
    try:
        _fill(client, run_id, record)
    except BaseException:
        with suppress(Exception):  # what went wrong is raised, and matters more
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return run_id


def _fill(client: "MlflowClient", run_id: str, record: RunRecord) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    now = int(time.time() * 1000)
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in record.metrics.items()],
        params=[Param(name, str(value)) for name, value in record.params.items()],
    )
    datasets = [
        DatasetInput(
            Dataset(name, sha256[:_LONGEST_DATASET_DIGEST], "frozen", f'{{"sha256": "{sha256}"}}'),
            [InputTag("mlflow.data.context", "evaluation")],
        )
        for name, sha256 in record.datasets.items()
    ]
    if datasets:
        client.log_inputs(run_id, datasets)
    tables = {path: _table(rows) for path, rows in record.tables.items()}
    with tempfile.TemporaryDirectory() as folder:
        for path, content in {**record.files, **tables}.items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        client.log_artifacts(run_id, folder)
    shown = [{"path": path, "type": "table"} for path in tables]
    client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps(shown))


def _table(rows: Sequence[Mapping[str, object]]) -> bytes:
    """As `MlflowClient.log_table` writes one, which needs a data frame to."""
    columns = list(rows[0]) if rows else []
    return json.dumps({"columns": columns, "data": [[row.get(column) for column in columns] for row in rows]}).encode()


def _without_password(text: str) -> str:
    return _PASSWORD.sub("", text)

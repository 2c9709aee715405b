"""`prompt_versions` and `threshold_policy` as Dagster runs them, beside MLflow and without it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from compliance_assets import keys
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.releases.serving import served
from evals.promotion.control import ChangeControl
from evals.tracking import assets, checks
from resources.settings import Settings
from resources.tracking import NotTracked, TrackedRun, tracking_from
from tests.mlflow_server import bad_server

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHECKS = [checks.prompts_fill_their_template, checks.prompt_registry_agrees, checks.thresholds_within_bounds]


@pytest.fixture(scope="module")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for the module: creating one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def tracked(settings: Settings, mlflow_uri: str) -> Settings:
    return replace(settings, tracking_uri=mlflow_uri)


def materialised(
    deployment: Deployment, settings: Settings, control: ChangeControl | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [assets.prompt_versions, assets.threshold_policy, *CHECKS],
        resources={"settings": settings, "change_control": control or deployment.change_control},
        run_config=QUIET,
        raise_on_error=False,
    )


def shown(result: dg.ExecuteInProcessResult, asset: str) -> Any:
    return {n: v.value for n, v in result.asset_materializations_for_node(asset)[0].metadata.items()}


def found(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {e.check_name: (e.passed, e.severity.value) for e in result.get_asset_check_evaluations()}


def rows(table: Any) -> list[dict[str, Any]]:
    return [record.data for record in table]


def test_prompts_and_thresholds_are_registered_and_shown_beside_production(
    deployment: Deployment, tracked: Settings
) -> None:
    before = materialised(deployment, tracked)
    with deployment.postgres.connect() as conn:
        served(deployment.desk, conn)  # installs the shipped release
    after = materialised(deployment, tracked)

    prompts, thresholds = shown(after, "prompt_versions"), shown(after, "threshold_policy")
    assert before.success
    assert (shown(before, "prompt_versions")["in_production"], prompts["in_production"]) == (False, True)
    assert "compliance.irpf.triage/1" in prompts["mlflow_versions"]
    assert "compliance.irpf.triage.thresholds/1" in thresholds["mlflow_versions"]
    assert {row["in_production"] for row in rows(prompts["prompts"].records)} == {True}
    assert prompts["digest"] == deployment.bundle.prompt_version
    assert found(after) == {
        "prompts_fill_their_template": (True, "ERROR"),
        "prompt_registry_agrees": (True, "ERROR"),
        "thresholds_within_bounds": (False, "WARN"),  # nothing was evaluated
    }


def test_without_mlflow_both_say_so_and_the_run_succeeds(deployment: Deployment, settings: Settings) -> None:
    with bad_server("HTTP 400") as server:
        result = materialised(deployment, replace(settings, tracking_uri=server.url))

    assert result.success
    assert shown(result, "prompt_versions")["mlflow_versions"].startswith("not registered: ")
    assert shown(result, "threshold_policy")["mlflow_versions"].startswith("not registered: ")
    assert found(result)["prompt_registry_agrees"] == (False, "WARN")


def test_a_prompt_that_was_edited_in_the_registry_is_found(deployment: Deployment, tracked: Settings) -> None:
    from mlflow import MlflowClient

    materialised(deployment, tracked)
    client = MlflowClient(tracking_uri=tracked.tracking_uri, registry_uri=tracked.tracking_uri)
    client.set_prompt_version_tag("compliance.irpf.triage", 1, "mlflow.prompt.text", "Guess.")

    agrees = dg.materialize(
        [dg.AssetSpec(keys.PROMPT_VERSIONS), checks.prompt_registry_agrees],
        selection=dg.AssetSelection.checks(checks.prompt_registry_agrees),
        resources={"settings": tracked, "change_control": deployment.change_control},
        run_config=QUIET,
    )

    (evaluation,) = agrees.get_asset_check_evaluations()
    assert (evaluation.passed, evaluation.severity.value) == (False, "ERROR")
    assert evaluation.metadata["missing"].value == "irpf.triage"


def test_a_prompt_that_cannot_be_filled_in_is_found(deployment: Deployment, tracked: Settings) -> None:
    control = deployment.change_control
    without_year = deployment.bundle.with_files({"prompts/irpf.triage.v1.txt": b"Decide.\n{question}\n{passages}"})

    result = materialised(deployment, tracked, replace(control, desk=control.desk.with_bundle(without_year)))

    assert found(result)["prompts_fill_their_template"] == (False, "ERROR")


@pytest.mark.parametrize(
    ("logged", "severity"),
    [
        (NotTracked("nobody there"), (False, "WARN")),
        (TrackedRun("0" * 32, "#/", None, "mlflow ui"), (False, "WARN")),
        (None, (True, "ERROR")),
    ],
)
def test_a_report_without_its_run_is_a_warning(
    logged: TrackedRun | NotTracked | None, severity: tuple[bool, str], tracked: Settings, tmp_path: Path
) -> None:
    from compliance_assets.metadata import tracked as link
    from tests.resources.test_tracking import a_run

    run = logged or tracking_from(replace(tracked, data_dir=tmp_path)).log(a_run("a report"))

    @dg.asset(key=keys.EVAL_REPORT)
    def report() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=link(run))

    result = dg.materialize(
        [report, checks.evaluation_tracked],
        resources={"settings": tracked},
        run_config=QUIET,
    )

    assert found(result)["evaluation_tracked"] == severity

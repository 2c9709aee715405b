"""The asset `return_type_classifier` as Dagster runs it: trained, measured, logged, compared with what serves."""

from pathlib import Path

import dagster as dg

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.irpf.assets import EXPERIMENT, return_type_classifier
from compliance_assets.model_decisions.irpf.checks import serving_classifier_measures
from compliance_assets.model_decisions.irpf.return_type import ARTEFACT, ReturnTypeClassifier
from resources.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def test_it_is_trained_measured_and_logged(tmp_path: Path) -> None:
    settings = Settings.from_environment({}, data_dir=tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [return_type_classifier, serving_classifier_measures],
            instance=instance,
            resources={"settings": settings},
            run_config=QUIET,
        )
    made = result.asset_materializations_for_node("return_type_classifier")[0].metadata
    artefact = Path(str(made["artefact"].value)).read_bytes()

    assert [evaluation.passed for evaluation in result.get_asset_check_evaluations()] == [True]
    assert sha256_hex(artefact) == made["artefact_sha256"].value
    assert made["serving_sha256"].value == sha256_hex(ARTEFACT.read_bytes())
    probabilities = ReturnTypeClassifier.of(artefact).probabilities("Corrige a que entreguei em abril.")
    assert len(probabilities) == 3

    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{settings.data_dir / 'mlflow.db'}")
    run = mlflow.get_run(str(made["mlflow_run_id"].value))
    assert run.data.tags["artefact_sha256"] == sha256_hex(artefact)
    assert run.data.metrics["accuracy"] == made["held_out_accuracy"].value
    assert run.data.params["features"] == "4000"
    assert mlflow.get_experiment(run.info.experiment_id).name == EXPERIMENT

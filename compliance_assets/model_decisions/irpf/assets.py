"""The asset `return_type_classifier`: trained from the frozen sentences, measured, logged to MLflow.

What serves is the artefact in the repository; what was trained here is kept under the data directory, to be put in its place
by a commit. Both have a digest, and the materialisation says whether they are the same.
"""

from dataclasses import asdict
from pathlib import Path

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.irpf import training
from compliance_assets.model_decisions.irpf.return_type import ARTEFACT, CLASSES, ReturnTypeClassifier
from compliance_assets.model_decisions.irpf.training import Measured
from resources.settings import Settings

EXPERIMENT = "irpf-return-type"


@dg.asset(
    key=keys.RETURN_TYPE_CLASSIFIER,
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "scikitlearn", "mlflow"},
    owners=policies.OWNERS,
    code_version=training.CODE_VERSION,
)
def return_type_classifier(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    """Tells original from retificadora in sentences that no known label introduces; a part of the model local/irpf-v1."""
    sentences = training.read_sentences()
    artefact = training.trained(sentences)
    digest = sha256_hex(artefact)
    measured = training.measured(ReturnTypeClassifier.of(artefact), sentences)
    file = settings.data_dir / "models" / f"return_type-{digest[:12]}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(artefact)
    run_id = _logged(settings.data_dir, file, digest, measured, context.run.run_id)
    serving = sha256_hex(ARTEFACT.read_bytes())
    parts = {part: [s for s in sentences if s.part == part] for part in ("train", "held_out")}
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest),
        metadata={
            "dagster/row_count": len(sentences),
            "artefact": dg.MetadataValue.path(file),
            "artefact_sha256": digest,
            "serving_sha256": serving,
            "is_the_one_that_serves": digest == serving,
            "sentences_sha256": training.digest_of_sentences(),
            "mlflow_run_id": run_id,
            "sentences": metadata.table(
                [
                    {"part": part, "label": label, "sentences": sum(s.label == label for s in found)}
                    for part, found in parts.items()
                    for label in CLASSES
                ],
                ["part", "label", "sentences"],
            ),
            "held_out_accuracy": measured.accuracy,
            "held_out_log_loss": measured.log_loss,
            "held_out_recall": metadata.table(
                [{"label": label, "recall": recall} for label, recall in measured.recall.items()], ["label", "recall"]
            ),
            "held_out_decided": measured.decided,
            "held_out_decided_wrong": measured.wrong,
        },
    )


def _logged(data_dir: Path, file: Path, digest: str, measured: Measured, dagster_run_id: str) -> str:
    """The MLflow run that keeps parameters, metrics and the artefact, in a database under the data directory."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{data_dir / 'mlflow.db'}")
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        mlflow.create_experiment(EXPERIMENT, artifact_location=(data_dir / "mlflow_artifacts").as_uri())
    mlflow.set_experiment(EXPERIMENT)
    metrics = {**asdict(measured), **{f"recall_{label}": recall for label, recall in measured.recall.items()}}
    del metrics["recall"]
    with mlflow.start_run(tags={"dagster_run_id": dagster_run_id, "artefact_sha256": digest}) as run:
        mlflow.log_params({**training.parameters(), "sentences_sha256": training.digest_of_sentences()})
        mlflow.log_metrics(metrics)
        mlflow.log_artifact(str(file))
        return str(run.info.run_id)

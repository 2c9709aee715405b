"""The asset `return_type_classifier`: trained from the frozen sentences, measured, logged to MLflow.

What serves is the artefact in the repository; what was trained here is kept under the data directory, to be put in its place
by a commit. Both have a digest, and the materialisation says whether they are the same.
"""

from dataclasses import asdict
from pathlib import Path

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.contracts.canonical import digest_of, sha256_hex
from compliance_assets.model_decisions.decide import code_version
from compliance_assets.model_decisions.irpf import training
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.irpf.return_type import ARTEFACT, CLASSES, ReturnTypeClassifier
from compliance_assets.model_decisions.irpf.training import Measured
from resources.mlflow_registries import PREFIX, Registered
from resources.settings import Settings
from resources.tracking import RunRecord, tracking_from

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
    tracking = tracking_from(settings)
    run = tracking.log(_run(file.name, artefact, measured, context.run.run_id))
    versions = tracking.register(_models(artefact))
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
            **metadata.tracked(run),
            "mlflow_versions": metadata.versions(versions),
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


def _models(artefact: bytes) -> tuple[Registered, ...]:
    """What answers in this process, by reference, for MLflow's registry: the classifier, and the model that asks it."""
    code = {file.name: sha256_hex(file.read_bytes()) for file in Path(__file__).parent.iterdir() if file.is_file()}
    return (
        Registered(f"{PREFIX}return_type_classifier", sha256_hex(artefact), {"code_version": training.CODE_VERSION}),
        Registered(f"{PREFIX}{IrpfModel.model.replace('/', '.')}", digest_of(code), {"code_version": code_version()}),
    )


def _run(file: str, artefact: bytes, measured: Measured, dagster_run_id: str) -> RunRecord:
    """Parameters, metrics and the artefact, for MLflow."""
    digest, sentences = sha256_hex(artefact), training.digest_of_sentences()
    metrics = {**asdict(measured), **{f"recall_{label}": recall for label, recall in measured.recall.items()}}
    del metrics["recall"]
    return RunRecord(
        experiment=EXPERIMENT,
        name=f"return type {digest[:12]}",
        digest=digest_of({"artefact": digest, "sentences": sentences}),
        params={**training.parameters(), "sentences_sha256": sentences},
        metrics=metrics,
        tags={"dagster_run_id": dagster_run_id, "artefact_sha256": digest},
        datasets={"sentences": sentences},
        files={file: artefact},
    )

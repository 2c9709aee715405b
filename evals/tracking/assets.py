"""The assets `prompt_versions` and `threshold_policy`: what the working tree would ask and decide with, and what of it serves."""

import dagster as dg

from compliance_assets import keys, metadata, policies
from evals.promotion.control import ChangeControl
from evals.tracking.judged import newest_verdict, serving_bundle
from evals.tracking.prompts import prompts_of, thresholds_of
from resources.settings import Settings
from resources.tracking import tracking_from

CODE_VERSION = "1"


@dg.asset(
    key=keys.PROMPT_VERSIONS,
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "mlflow"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def prompt_versions(
    change_control: dg.ResourceParam[ChangeControl], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    """The prompts of the working tree, each in MLflow's prompt registry; a new version only where the text changed."""
    bundle, serving = change_control.desk.bundle, serving_bundle(change_control)
    prompts, served = prompts_of(bundle), prompts_of(serving) if serving else {}
    rows = [
        {
            "workload": name,
            "template": prompt.tags["template"],
            "sha256": prompt.sha256,
            "in_production": name in served and served[name].sha256 == prompt.sha256,
        }
        for name, prompt in prompts.items()
    ]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(bundle.prompt_version),
        metadata={
            "dagster/row_count": len(rows),
            "digest": bundle.prompt_version,
            "in_production": serving is not None and serving.prompt_version == bundle.prompt_version,
            "mlflow_versions": metadata.versions(tracking_from(settings).register(list(prompts.values()))),
            "prompts": metadata.table(rows, ["workload", "template", "sha256", "in_production"]),
        },
    )


@dg.asset(
    key=keys.THRESHOLD_POLICY,
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "mlflow"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def threshold_policy(
    change_control: dg.ResourceParam[ChangeControl], settings: dg.ResourceParam[Settings]
) -> dg.MaterializeResult[None]:
    """From which confidence on each workload of the working tree needs no person, below which support nobody sees an answer, and
    what the newest receipt bounds the error at.
    """
    bundle, serving = change_control.desk.bundle, serving_bundle(change_control)
    thresholds, served = thresholds_of(bundle), thresholds_of(serving) if serving else {}
    verdict = newest_verdict(change_control)
    bounds = verdict.thresholds if verdict else {}
    rows = [
        {
            "workload": name,
            "auto_decide": entry.tags["auto_decide"],
            "quarantine": entry.tags["quarantine"],
            "error_at_most": bounds[name].upper if name in bounds else None,
            "n": bounds[name].n if name in bounds else None,
            "coverage": bounds[name].coverage if name in bounds else None,
            "in_production": name in served and served[name].sha256 == entry.sha256,
        }
        for name, entry in thresholds.items()
    ]
    columns = ["workload", "auto_decide", "quarantine", "error_at_most", "n", "coverage", "in_production"]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(bundle.threshold_version),
        metadata={
            "dagster/row_count": len(rows),
            "digest": bundle.threshold_version,
            "in_production": serving is not None and serving.threshold_version == bundle.threshold_version,
            "mlflow_versions": metadata.versions(tracking_from(settings).register(list(thresholds.values()))),
            "thresholds": metadata.table(rows, columns),
        },
    )

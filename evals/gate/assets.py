"""The asset `eval_report`: the working tree before the gate, beside the release in production."""

import dagster as dg

from compliance_assets import keys, metadata, policies
from evals.gate import report
from evals.gate.candidates import gated, receipt_for
from evals.gate.gate import CODE_VERSION
from evals.promotion.control import ChangeControl
from evals.tracking.runs import log_evaluation
from resources.settings import Settings
from resources.tracking import tracking_from


@dg.asset(
    key=keys.EVAL_REPORT,
    deps=[keys.GOLDEN_SET, keys.PROMPT_VERSIONS, keys.THRESHOLD_POLICY, keys.ROUTER_MAP, keys.POLICY_BUNDLE],
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "mlflow"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def eval_report(
    context: dg.AssetExecutionContext,
    change_control: dg.ResourceParam[ChangeControl],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[None]:
    """Every golden filing decided with the working tree's prompts, thresholds, routes and policy, scored class by class, and held
    against floors and production. Whatever the verdict, it gets a signed receipt; only one that passed lets it be staged.
    """
    found = gated(change_control, settings, change_control.desk.bundle)
    evaluation, verdict = found.evaluation, found.verdict
    receipt = receipt_for(change_control, found)
    changed = report.changed_rows(found.production, evaluation) if found.production else []
    text = report.markdown(evaluation, verdict, found.production)
    logged = log_evaluation(tracking_from(settings), evaluation, verdict, text, changed, context.run.run_id)
    tables = {
        "against": report.against_rows(verdict),
        "scores": report.score_rows(verdict),
        "cases": report.case_rows(evaluation, verdict),
        "changed_answers": changed,
    }
    return dg.MaterializeResult(
        data_version=dg.DataVersion(evaluation.digest),
        metadata={
            "dagster/row_count": len(evaluation.golden),
            "verdict": "passed" if verdict.passed else "blocked",
            "release_id": evaluation.release.release_id,
            "baseline": found.baseline or "none",
            "evaluation_digest": evaluation.digest,
            "receipt_digest": receipt.digest,
            "report": dg.MetadataValue.md(text),
            **metadata.tracked(logged),
            **{name: metadata.table(rows, list(rows[0]) if rows else ["none"]) for name, rows in tables.items()},
        },
    )

"""Checks of `prompt_versions` and `threshold_policy`, and whether `eval_report` is tracked.

What MLflow lacks is a warning: nothing that decides depends on it. That it holds other texts than we would serve is an error.
"""

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.contracts.errors import DependencyUnavailable
from evals.promotion.control import ChangeControl
from evals.tracking.judged import newest_verdict
from evals.tracking.prompts import prompts_of, unfilled
from resources.settings import Settings
from resources.tracking import tracking_from


@dg.asset_check(asset=keys.PROMPT_VERSIONS, blocking=True)
def prompts_fill_their_template(change_control: dg.ResourceParam[ChangeControl]) -> dg.AssetCheckResult:
    """Every prompt has the scope, the question and the passages, each at one place, and nothing else to fill in."""
    workloads = change_control.desk.bundle.workloads
    problems = [f"{name}: {why}" for name, workload in workloads.items() if (why := unfilled(workload))]
    return dg.AssetCheckResult(
        passed=not problems, metadata={"prompts": len(workloads), "astray": "; ".join(problems) or "none"}
    )


@dg.asset_check(asset=keys.PROMPT_VERSIONS)
def prompt_registry_agrees(
    change_control: dg.ResourceParam[ChangeControl], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """MLflow holds the text of every prompt of the working tree, character by character."""
    prompts = prompts_of(change_control.desk.bundle)
    try:
        held = tracking_from(settings).versions(list(prompts.values()))
    except DependencyUnavailable as problem:
        return _warning({"not_asked": metadata.masked(problem.found)})
    missing = [name for name, one in prompts.items() if one.sha256 not in {v.sha256 for v in held[one.name]}]
    return dg.AssetCheckResult(
        passed=not missing, metadata={"prompts": len(prompts), "missing": ", ".join(missing) or "none"}
    )


@dg.asset_check(asset=keys.THRESHOLD_POLICY)
def thresholds_within_bounds(change_control: dg.ResourceParam[ChangeControl]) -> dg.AssetCheckResult:
    """In the newest receipt, the error above every threshold is bounded by the target, or a person read the workload as it is."""
    verdict = newest_verdict(change_control)
    if verdict is None:
        return _warning({"not_evaluated": change_control.candidate().release_id})
    findings = verdict.of("bound", "golden_set")
    failed = [f"{finding.score} ({finding.group})" for finding in findings if not finding.passed]
    return dg.AssetCheckResult(
        passed=not failed,
        metadata={"bounded": ", ".join(verdict.thresholds) or "none", "failed": ", ".join(failed) or "none"},
    )


@dg.asset_check(asset=keys.EVAL_REPORT)
def evaluation_tracked(
    context: dg.AssetCheckExecutionContext, settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """MLflow has the run that the newest report links to."""
    event = context.instance.get_latest_materialization_event(keys.EVAL_REPORT)
    made = event.asset_materialization.metadata if event and event.asset_materialization else {}
    if "mlflow_run_id" not in made:
        return _warning({"not_tracked": str(made["mlflow_run"].value) if "mlflow_run" in made else "no report yet"})
    run_id = str(made["mlflow_run_id"].value)
    try:
        held = tracking_from(settings).holds(run_id)
    except DependencyUnavailable as problem:
        return _warning({"not_asked": metadata.masked(problem.found)})
    return dg.AssetCheckResult(passed=True) if held else _warning({"not_held": run_id})


def _warning(why: dict[str, str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, metadata=why)

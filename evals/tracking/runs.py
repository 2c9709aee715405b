"""Every evaluation as a run in MLflow: what was evaluated, on what, how well, and what it looks like. Golden filings only."""

from collections.abc import Mapping, Sequence

from compliance_assets.contracts.canonical import canonical_json, digest_of
from evals.gate.evaluation import Evaluation
from evals.gate.gate import Finding, Rule, Verdict, shipped_floors
from evals.gate.scores import ALL
from evals.tracking.plots import plots_of
from resources.tracking import NotTracked, RunRecord, TrackedRun, Tracking

EXPERIMENT = "compliance-evaluations"
#: How a finding's number is called: what a score is, and how it differs from production or between categories.
_NAMES: Mapping[Rule, str] = {
    "floor": "{}",
    "ceiling": "{}",
    "zero": "{}",
    "bias": "{}.between_categories",
    "regression": "{}.against_production",
}
#: Of these more is better: the worst class has the least.
_MORE_IS_BETTER: tuple[Rule, ...] = ("floor", "regression")


def log_evaluation(
    tracking: Tracking,
    evaluation: Evaluation,
    verdict: Verdict,
    report: str,
    changed: Sequence[Mapping[str, object]],
    dagster_run_id: str,
) -> TrackedRun | NotTracked:
    """The run of a judged evaluation; judged again alike it is the same run.

    `report` is Markdown. `changed` are the answers that differ from production's, as rows of one shape. Neither verdict nor
    receipt waits for MLflow: where it is away, the answer says so.
    """
    return tracking.log(record_of(evaluation, verdict, report, changed, dagster_run_id))


def record_of(
    evaluation: Evaluation,
    verdict: Verdict,
    report: str,
    changed: Sequence[Mapping[str, object]],
    dagster_run_id: str,
) -> RunRecord:
    """A judged evaluation as a run."""
    release, target = evaluation.release, shipped_floors().auto_decided_error.target
    plots = plots_of(evaluation.golden, evaluation.calibration, evaluation.auto_decide, target)
    return RunRecord(
        experiment=EXPERIMENT,
        name=f"release {release.release_id[:12]}",
        digest=run_digest(evaluation, verdict),
        params={
            **release.model_dump(mode="json"),
            "auto_decide": evaluation.auto_decide,
            "reading": evaluation.reading,
            "gate_version": verdict.gate_version,
        },
        metrics=metrics_of(evaluation, verdict),
        tags={
            "dagster_run_id": dagster_run_id,
            "release_id": release.release_id,
            "evaluation_digest": evaluation.digest,
            "baseline": verdict.baseline or "none",
            "verdict": "passed" if verdict.passed else "blocked",
        },
        datasets={"golden": evaluation.golden_set, "calibration": evaluation.calibration_set},
        files={
            "report.md": report.encode(),
            "verdict.json": canonical_json(verdict.model_dump(mode="json")),
            **{f"plots/{name}": picture for name, picture in plots.items()},
        },
        tables={"changed_answers.json": changed},
    )


def run_digest(evaluation: Evaluation, verdict: Verdict) -> str:
    """What makes it the same run: the same evaluation, judged by the same rules beside the same release."""
    return digest_of(
        {"evaluation": evaluation.digest, "baseline": verdict.baseline, "gate_version": verdict.gate_version}
    )


def metrics_of(evaluation: Evaluation, verdict: Verdict) -> dict[str, float]:
    """Every score of all filings, and as `….worst_class` of the class that it is worst of; what the thresholds let through."""
    metrics = {
        "filings": float(len(evaluation.golden)),
        "calibration_filings": float(len(evaluation.calibration)),
        "findings_against": float(len(verdict.against)),
    }
    named: dict[str, list[Finding]] = {}
    for finding in verdict.findings:
        if finding.rule in _NAMES and finding.value is not None:
            named.setdefault(_NAMES[finding.rule].format(finding.score), []).append(finding)
    for name, findings in named.items():
        of_classes = [finding for finding in findings if finding.group != ALL]
        if of_all := [finding.value for finding in findings if finding.group == ALL]:
            metrics[name] = of_all[0] or 0.0
        if of_classes:
            metrics[f"{name}.worst_class"] = _worst(of_classes)
    for workload, bound in verdict.thresholds.items():
        metrics |= {
            f"{workload}.auto_decide": bound.threshold,
            f"{workload}.error_at_most": bound.upper,
            f"{workload}.coverage": bound.coverage,
            f"{workload}.decided": float(bound.n),
            f"{workload}.decided_wrong": float(bound.errors),
        }
    return metrics


def _worst(findings: Sequence[Finding]) -> float:
    values = [finding.value for finding in findings if finding.value is not None]
    return min(values) if findings[0].rule in _MORE_IS_BETTER else max(values)

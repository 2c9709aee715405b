"""The verb that tunes a threshold: writes a candidate, which has to pass the gate like any other."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, compliance, verb_of

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment
    from evals.gate.risk_control import Calibration

REVIEWED_DAYS = 30


@compliance.group()
def threshold() -> None:
    """From which confidence on nobody looks at a decision: tune."""


threshold_verb = partial(verb_of, threshold)


@threshold_verb
@click.option("--workload", default="irpf.triage", show_default=True, help="Whose threshold.")
@click.option(
    "--target",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.005,
    show_default=True,
    help="Wrong of what is decided without a person, at most.",
)
@click.option(
    "--outcomes", is_flag=True, help=f"Hold it against what persons made of the last {REVIEWED_DAYS} days too."
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The candidate's folder.")
def tune(deployment: "Deployment", workload: str, target: float, outcomes: bool, out: Path) -> Result:
    """Choose the lowest threshold whose error is bounded, as a candidate for `compliance eval run --candidate`.

    Chosen on the calibration set with the working tree's files. Where no threshold can be bounded the candidate has none, and a
    person decides everything.
    """
    from dataclasses import asdict

    from compliance_assets.model_decisions.releases.bundle import read_candidate
    from evals.gate.evaluation import MEASURED
    from evals.gate.risk_control import Calibration
    from evals.gate.run import evaluation_of
    from evals.gate.threshold_tuning import require_enough, require_measured, tuned, tuned_threshold

    bundle = deployment.bundle
    before = bundle.workload(workload).thresholds.auto_decide
    require_measured(workload, MEASURED)
    cases = evaluation_of(deployment.desk, deployment.settings, bundle).calibration
    calibration = Calibration.of((case.confidence, case.decides, case.wrong) for case in cases)
    require_enough(calibration, target)
    reviewed = _reviewed(deployment, workload) if outcomes else None
    bound = tuned_threshold(calibration, reviewed, target)
    name = f"workloads/{workload}.json"
    file = out / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(tuned(bundle.files[name], bound))
    read_candidate(out, bundle)  # raises where something else in the folder is no part of a candidate
    found = {
        "workload": workload,
        "auto_decide": bound.threshold if bound else None,
        "auto_decide_before": before,
        "target": target,
        "bound": asdict(bound) if bound else None,
        "cases": calibration.cases,
        "reviewed": len(reviewed.confidences) if reviewed else 0,
        "candidate": str(out),
    }
    return found, lambda: terminal.show_tuned_threshold(found), 0


def _reviewed(deployment: "Deployment", workload: str) -> "Calibration":
    """What persons made of the decisions of the release in production; nothing where none is."""
    from compliance_assets.model_decisions.releases.store import production
    from evals.gate.reviewed_decisions import reviewed_since
    from evals.gate.threshold_tuning import outcomes_of

    since = deployment.desk.clock() - timedelta(days=REVIEWED_DAYS)
    with deployment.postgres.connect() as conn:
        serving = production(conn, deployment.keyring)
        return outcomes_of(reviewed_since(conn, workload, serving.release.release_id, since) if serving else ())

"""`make eval`: the gate on the working tree, beside production of the deployment at hand.

Without --data-dir it is done in a scratch deployment, as in CI: nothing is in production there, so that floors, zeros and bounds
are all that it is held against. The exit code is 1 where the working tree is blocked. The report is printed, and written as
gate.md, its numbers as gate.json.
"""

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click

from compliance_assets.deployment import Deployment
from evals.gate import report
from evals.gate.candidates import Gated, gated, receipt_for
from evals.scratch_deployment import scratch_deployment
from resources.progress import Progress, Terminal
from resources.settings import DEFAULT_EMBEDDER, Settings
from resources.telemetry import contain

RESULTS = Path("bench_results")


@click.command()
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="A deployment, instead of a scratch one."
)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(data_dir: Path | None, output: Path) -> None:
    """Run the gate on the working tree, print the report, write gate.json and gate.md."""
    started = time.perf_counter()
    with ExitStack() as stack:
        progress = stack.enter_context(Terminal())
        deployment = (
            stack.enter_context(scratch_deployment(DEFAULT_EMBEDDER, progress))
            if data_dir is None
            else _deployment_at(data_dir, progress)
        )
        found = gated(deployment.change_control, deployment.settings, deployment.bundle)
        receipt = receipt_for(deployment.change_control, found)
    seconds = time.perf_counter() - started
    click.echo(report.terminal(found.evaluation, found.verdict, found.production))
    click.echo(f"receipt {receipt.digest}; {seconds:.1f} s in all")
    _write(output, found, seconds)
    sys.exit(0 if found.verdict.passed else 1)


def _deployment_at(data_dir: Path, progress: Progress) -> Deployment:
    settings = Settings.from_environment(data_dir=data_dir)
    contain(settings.data_dir)
    deployment = Deployment(settings, progress)
    deployment.prepare()
    return deployment


def _write(output: Path, found: Gated, seconds: float) -> None:
    evaluation, verdict = found.evaluation, found.verdict
    numbers = {
        "passed": verdict.passed,
        "seconds": round(seconds, 1),
        "evaluation_digest": evaluation.digest,
        "measured": list(report.facts(evaluation, verdict)),
        "scores": report.score_rows(verdict),
        "against": report.against_rows(verdict),
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "gate.md").write_text(report.markdown(evaluation, verdict, found.production), encoding="utf-8")
    (output / "gate.json").write_text(json.dumps(numbers, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

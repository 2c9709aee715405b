"""Verbs of who changes what decides: evaluate a candidate, and see what two releases answer differently."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, compliance, verb_of
from compliance_assets.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@compliance.group("eval")
def evaluation() -> None:
    """The gate: run it on a candidate, compare two releases. Nothing serves that did not pass it."""


eval_verb = partial(verb_of, evaluation)


@eval_verb
@click.option(
    "--candidate",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The files that the candidate changes, each in its place; without one, the working tree.",
)
@click.option("--author", metavar="NAME", help="Who asks; kept with the receipt.")
def run(deployment: "Deployment", candidate: Path | None, author: str | None) -> Result:
    """Evaluate a candidate on the golden set and beside production. Exit code 1 when it is blocked, and why."""
    from evals.gate import report
    from evals.gate.candidates import WORKTREE, bundle_named, gated, receipt_for
    from evals.promotion.steps import ACTOR

    deployment.prepare()
    control = deployment.change_control
    if candidate is not None and not candidate.is_dir():
        raise InvalidInput(
            "there is no such candidate",
            expected="a folder of workloads/, prompts/, policies/ and router_map.json, with what the candidate changes",
            found=str(candidate),
            remedy="Name the folder, or leave --candidate out for the working tree.",
        )
    bundle = bundle_named(control, str(candidate) if candidate else WORKTREE)
    found = gated(control, deployment.settings, bundle)
    receipt = receipt_for(control, found, author or ACTOR)
    text = report.terminal(found.evaluation, found.verdict, found.production)
    shown = {
        "release_id": receipt.release_id,
        "passed": found.verdict.passed,
        "evaluation_digest": found.evaluation.digest,
        "receipt_digest": receipt.digest,
        "baseline": found.baseline,
        "against": report.against_rows(found.verdict),
        "scores": report.score_rows(found.verdict),
        "cases": report.case_rows(found.evaluation, found.verdict),
        "changed": report.changed_rows(found.production, found.evaluation) if found.production else [],
    }
    return shown, terminal.say(f"{text}Receipt {receipt.digest}"), 0 if found.verdict.passed else 1


@eval_verb
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
def diff(deployment: "Deployment", before: str, after: str) -> Result:
    """The answers to golden filings that differ between A and B: each `production`, `worktree`, a release's id or a folder."""
    from evals.gate import report
    from evals.gate.candidates import bundle_named
    from evals.gate.run import evaluation_of

    deployment.prepare()
    control, settings = deployment.change_control, deployment.settings
    bundles = [bundle_named(control, name) for name in (before, after)]
    old, new = (evaluation_of(control.desk, settings, bundle, control.sets) for bundle in bundles)
    rows = report.changed_rows(old, new)
    shown = {"before": old.release.release_id, "after": new.release.release_id, "changed": rows}
    return shown, terminal.say(report.changed_terminal(rows)), 0

"""The verb of who asks what our scores are worth: held against what people said of answers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.evaluate import eval_verb
from compliance_assets.cli.verb import Result

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@eval_verb
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--answer", metavar="COLUMN", help="The answers (usual: model_answer, answer, response).")
@click.option("--label", metavar="COLUMN", help="What people said of them (usual: label, verdict).")
@click.option("--question", metavar="COLUMN", help="The questions (usual: question).")
@click.option("--row-id", metavar="COLUMN", help="What an answer answers (usual: financebench_id, question_id, id).")
@click.option(
    "--evidence", metavar="COLUMN", help="Text that answers are held against (usual: evidence_text, evidence)."
)
@click.option("--system", "systems", multiple=True, metavar="COLUMN", help="Who answered; several make one name.")
@click.option("--right", multiple=True, metavar="LABEL", help="A label that says right (usual: correct, true, 1).")
@click.option("--abstained", multiple=True, metavar="LABEL", help="A label that says not answered (usual: refusal).")
@click.option(
    "--questions",
    type=click.Path(path_type=Path),
    help="JSONL with the evidence of each row id, by path and page (usual: questions.jsonl beside the table).",
)
@click.option("--workload", default="ddq.draft_response", show_default=True, help="Whose thresholds are judged.")
def calibrate_judge(
    deployment: "Deployment",
    table: Path,
    answer: str | None,
    label: str | None,
    question: str | None,
    row_id: str | None,
    evidence: str | None,
    systems: tuple[str, ...],
    right: tuple[str, ...],
    abstained: tuple[str, ...],
    questions: Path | None,
    workload: str,
) -> Result:
    """How groundedness and confidence agree with what people said of the answers in TABLE (JSONL or CSV)."""
    from compliance_assets.model_decisions.workloads import workload_named
    from evals.calibrate_judge import calibrate
    from evals.judge.report import tables
    from evals.judge.table import ABSTAINED, RIGHT, Columns

    columns = Columns(
        answer, label, question, row_id, evidence, systems, right=right or RIGHT, abstained=abstained or ABSTAINED
    )
    report, _ = calibrate(table, columns, questions, deployment.embedder, workload_named(workload))
    return report, terminal.say(tables(report)), 0

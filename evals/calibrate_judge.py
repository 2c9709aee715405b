"""`make eval-judge`: how our groundedness and confidence agree with what people said of answers, on any table of both.

Without a table, on the public answers of 16 systems to questions about filings, each labelled by people, and beside them on
answers made wrong by code, on which nothing is judged: it is where the second groundedness was developed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from compliance_assets.chunks.chunker import DocumentText, chunker_for
from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.model_decisions.workloads import Workload, workload_named
from evals.judge.corrupted import corrupted_answers
from evals.judge.report import Scored, draw, report_of, tables
from evals.judge.scores import Windows, scores_of
from evals.judge.table import Columns, Labelled, read_table
from resources.embedder import Embedder, embedder_from
from resources.settings import DEFAULT_EMBEDDER

SHARED = Path(__file__).parents[2] / "shared" / "data"
TABLE = SHARED / "financebench" / "human_labelled_model_answers.jsonl"
DEVELOPED_ON = SHARED / "span_qa" / "tatqa_dataset_dev.json"
RESULTS = Path("bench_results")
#: Answers to questions from documents: the thresholds are this workload's.
WORKLOAD = "ddq.draft_response"


def calibrate(
    table: Path, columns: Columns, questions: Path | None, embedder: Embedder, workload: Workload
) -> tuple[dict[str, Any], list[Scored]]:
    """The report on a table, and what it was made from. `questions` names the pages of evidence; without it, the file
    `questions.jsonl` beside the table where there is one. Raises InvalidInput for a table that is not usable.
    """
    beside = table.with_name("questions.jsonl")
    answers = read_table(table, columns, questions or (beside if beside.is_file() else None))
    report, scored = judged(answers, embedder, workload)
    return {"table": table.name, **report}, scored


def judged(answers: Sequence[Labelled], embedder: Embedder, workload: Workload) -> tuple[dict[str, Any], list[Scored]]:
    """The report on answers that were read already."""
    windows = windows_by(embedder, answers)
    scored: list[Scored] = [(answer, scores_of(answer, windows)) for answer in answers]
    limits = {"groundedness": workload.quarantine, "groundedness by values": workload.quarantine}
    limits["confidence"] = workload.thresholds.auto_decide
    report = report_of(scored, {name: limit for name, limit in limits.items() if limit is not None})
    return {"workload": workload.name, "embedder": embedder.name, **report}, scored


def windows_by(embedder: Embedder, answers: Sequence[Labelled]) -> Windows:
    """Windows and cosines as the house makes them. Every text is encoded once, and all together: one by one takes far longer."""
    chunker = chunker_for(embedder)
    evidence = dict.fromkeys(text for answer in answers for text in answer.evidence)
    cut = {
        text: tuple(chunk.text for chunk in chunker.chunk(DocumentText("evidence", 1, None, text, (len(text),))))
        for text in evidence
    }
    texts = list(dict.fromkeys([*(w for windows in cut.values() for w in windows), *(a.question for a in answers)]))
    vector = dict(zip(texts, embedder.encode(texts), strict=True))

    def cosines(question: str, windows: Sequence[str]) -> Sequence[float]:
        return [float(vector[window] @ vector[question]) for window in windows]

    return Windows(cut.__getitem__, cosines)


@click.command()
@click.argument("table", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--embedder", default=DEFAULT_EMBEDDER, show_default=True)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(table: Path | None, embedder: str, output: Path) -> None:
    """Score, compare with the labels, print tables, write judge.json and judge.png."""
    if table is None and not TABLE.is_file():
        click.echo(f"Nothing to judge: {TABLE} is not there. Give a table of answers and labels.")
        return
    using, workload = embedder_from(embedder), workload_named(WORKLOAD)
    try:
        report, scored = calibrate(table or TABLE, Columns(), None, using, workload)
    except ComplianceError as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(tables(report))
    if table is None and DEVELOPED_ON.is_file():
        developed, _ = judged(corrupted_answers(DEVELOPED_ON), using, workload)
        report["developed_on"] = {"table": DEVELOPED_ON.name, "labels": "by code", **developed}
        click.echo(f"Beside it, {DEVELOPED_ON.name} made wrong by code, where the second groundedness was developed:")
        click.echo(tables(developed))
    output.mkdir(parents=True, exist_ok=True)
    (output / "judge.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draw(report, scored, output / "judge.png")
    click.echo(f"written: {output / 'judge.json'}, {output / 'judge.png'}")


if __name__ == "__main__":
    main()

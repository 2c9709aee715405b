"""`make eval-retrieval`: whether the search finds the page, and what each of its parts is worth.

Three corpora, one configuration, the default local model. Each is taken in by a deployment of its own and searched as a decision
or a command searches it. Then the same vectors and words are ranked again with one part left out at a time: the ablation.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from compliance_assets import commands
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.store import files_of
from compliance_assets.year_index.search import ask, search
from evals.retrieval_ablation import PARTS, Laboratory
from evals.retrieval_corpora import DATA, Corpus, Question, abstracts, filings, regulations
from evals.retrieval_scores import Answered, Passage, gold_found, ndcg
from evals.scratch_deployment import scratch_deployment, scratch_folder
from evals.triage_scores import Share
from resources.progress import Terminal

RESULTS = Path("bench_results")
HITS = 8
_CLAIMS_TO = 10  # the depth that SciFact is scored at


@dataclass(frozen=True, slots=True)
class Task:
    """Questions of one kind, and how they are asked. `scoped` False: the question itself has to name its scope."""

    name: str
    questions: tuple[Question, ...]
    scoped: bool = True
    ndcg: bool = False

    @property
    def hits(self) -> int:
        """How many hits are asked for."""
        return _CLAIMS_TO if self.ndcg else HITS

    def scored(self, answers: Sequence[Answered]) -> dict[str, Any]:
        """The task's own score with its n."""
        if self.ndcg:
            return {"ndcg_at_10": round(sum(map(ndcg, answers)) / len(answers), 4), "n": len(answers)}
        return Share(sum(map(gold_found, answers)), len(answers)).as_json()


@click.command()
@click.option(
    "--filings",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=DATA / "financebench",
    help="A folder of filings with manifest.jsonl and questions.jsonl.",
)
@click.option("--only", multiple=True, help="A corpus: filings, regulations or abstracts. Several may be named.")
@click.option("--ablation/--no-ablation", default=True, show_default=True)
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(folder: Path, only: tuple[str, ...], ablation: bool, output: Path) -> None:
    """Measure, print tables, write retrieval.json and retrieval.png."""
    from evals.retrieval_report import draw, table

    with scratch_folder() as scratch:
        corpora: dict[str, Callable[[], Corpus]] = {
            "filings": lambda: filings(folder),
            "regulations": lambda: regulations(DATA / "regulations", scratch / "acts"),
            "abstracts": lambda: abstracts(DATA / "scifact", scratch / "abstracts"),
        }
        unknown = sorted(set(only) - set(corpora))
        if unknown:
            raise click.BadParameter(f"expected {', '.join(corpora)}; found {', '.join(unknown)}")
        report = {name: _measured(corpora[name](), ablation) for name in only or corpora}
    click.echo(table(report))
    output.mkdir(parents=True, exist_ok=True)
    (output / "retrieval.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if ablation:
        (output / "retrieval.png").write_bytes(draw(report))
    click.echo(f"written to {output}")


def _tasks(corpus: Corpus) -> Iterator[Task]:
    for name, questions in corpus.tasks.items():
        yield Task(name, questions, ndcg=name == "claims")
    if corpus.name == "filings":
        yield Task("filings, no scope given", corpus.tasks["filings"], scoped=False)


def _measured(corpus: Corpus, ablation: bool) -> dict[str, Any]:
    with Terminal() as progress, scratch_deployment("minilm", progress) as deployment:
        taken_in = commands.ingest(deployment, str(corpus.folder))
        if not taken_in.checks_passed:
            raise click.ClickException(f"checks failed: {taken_in.failed_checks}")
        found = {task.name: _answered(deployment, task) for task in _tasks(corpus)}
        laboratory = Laboratory(deployment) if ablation else None
        return {
            "documents": taken_in.documents.get("ok", 0),
            "model": deployment.embedder.name,
            "precision": deployment.embedder.precision,
            "tasks": {
                task.name: {
                    "hits": task.hits,
                    "as shipped": task.scored(found[task.name]),
                    "hits of a year that was not asked for": _of_other_years(found[task.name]) if task.scoped else None,
                    "ablation": {
                        part: task.scored(laboratory.answers(task.questions, task.hits, part, scoped=task.scoped))
                        for part in PARTS
                    }
                    if laboratory
                    else None,
                }
                for task in _tasks(corpus)
            },
        }


def _answered(deployment: Deployment, task: Task) -> list[Answered]:
    """Every question of a task through the search itself."""
    answers = []
    with deployment.postgres.connect() as conn:
        for question in task.questions:
            asked = ask(conn, deployment.embedder, question.text, question.scope if task.scoped else None)
            hits = [one.hit for one in search(conn, asked, task.hits, deployment.reranker)]
            paths = files_of(conn, [hit.doc_id for hit in hits])
            passages = [
                Passage(paths[hit.doc_id][0], paths[hit.doc_id][1] or 0, hit.page, *hit.char_range) for hit in hits
            ]
            answers.append(Answered(question, tuple(passages)))
    return answers


def _of_other_years(answers: Sequence[Answered]) -> dict[str, int]:
    strays = sum(passage.year != answer.question.scope.year for answer in answers for passage in answer.passages)
    return {"hits": strays, "of": sum(len(answer.passages) for answer in answers)}


if __name__ == "__main__":
    main()

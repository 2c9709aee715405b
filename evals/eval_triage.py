"""`make eval-triage`: the triage of filings by the local model, on the golden set, end to end but for the database.

Each filing goes through the real parser and chunker, and then through the decision path itself: the shipped policy, redaction, a
search of the law of its year with the real embedder, the model, citations, confidence, outcome. Run again with the search
opened to all years, and with the law of the year before, to show what the scope is worth: the model takes the law as it stands
in the prompt. The shipped policy denies both, so that these two runs are under one that does not. The threshold for deciding
without a person is chosen on the calibration set. Scans are taken by their reference text, or read with `--ocr`.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.irpf.law import read_law
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.irpf.passages import Passage
from compliance_assets.model_decisions.irpf.question import QUESTION
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.normalised_documents.ocr.settings import EngineChoice
from evals import triage_report
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows
from evals.golden.plans import SetName
from evals.in_memory_world import shipped_policy
from evals.triage_material import LawIndex, Material, law_index, materials
from evals.triage_run import LawFrom, Setting, opened, triage
from evals.triage_scores import Triage, threshold_of
from resources.embedder import embedder_from
from resources.policy import RegoEngine
from resources.providers import Models
from resources.settings import DEFAULT_EMBEDDER

WORKLOAD = "irpf.triage"
RESULTS = Path("bench_results")
_ELSEWHERE: tuple[LawFrom, ...] = ("every year", "the year before")
_ENGINES = ("tesseract", "rapidocr")


@click.command()
@click.option("--set", "name", type=click.Choice(list(FROZEN)), default="golden", show_default=True)
@click.option(
    "--ocr", "engine", type=click.Choice(_ENGINES), help="Read scans with an engine instead of their reference text."
)
@click.option("--question", default=QUESTION, help="Search the law with other words.")
@click.option("--limit", type=click.IntRange(1), help="At most so many filings of each set.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(name: SetName, engine: EngineChoice | None, question: str, limit: int | None, output: Path) -> None:
    """Triage the filings of a set, compare with the truth, print tables, write JSON."""
    embedder = embedder_from(DEFAULT_EMBEDDER)
    chunker = chunker_for(embedder)
    law = law_index(embedder, chunker)
    calibration = list(materials(_rows("calibration", limit), chunker, engine or "none"))
    filings = list(materials(_rows(name, limit), chunker, engine or "none"))
    scoped = shipped(law, question)
    policy = RegoEngine(opened(scoped.policy.bundle, WORKLOAD))
    chosen_on = _run("calibration", calibration, scoped)
    thresholds = {
        "chosen on calibration": threshold_of(chosen_on),
        "of the workload": scoped.workload.auto_decide,
    }
    judged = _run(name, filings, scoped)
    others = {
        where: _run(f"{name}, law of {where}", filings, replace(scoped, law_from=where, policy=policy))
        for where in _ELSEWHERE
    }
    report = {
        "set": name,
        "scans": engine or "reference text",
        "question": question,
        "runs": {
            name: triage_report.run_report(judged, thresholds),
            **{f"{name}, law of {where}": triage_report.run_report(run, thresholds) for where, run in others.items()},
            "calibration": triage_report.run_report(chosen_on, thresholds),
        },
        "law_ranks": law_ranks(law, question),
        "speed": triage_report.speed_report(judged),
    }
    click.echo(triage_report.tables(report))
    output.mkdir(parents=True, exist_ok=True)
    file = output / ("triage.json" if name == "golden" and engine is None else f"triage-{name}-{engine or 'text'}.json")
    file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"written: {file}")


def shipped(law: LawIndex, question: str = QUESTION) -> Setting:
    """As the product comes: its workload, its policy, its model."""
    model = IrpfModel()
    return Setting(
        workload_named(WORKLOAD),
        shipped_policy(),
        Models(local=(model,)),
        CallParameters((model.model,)),
        law,
        question,
    )


def law_ranks(law: LawIndex, question: str) -> list[dict[str, Any]]:
    """Of each passage of the law that states a rule of the model: its worst rank among those of its year, from 1."""
    ranks: dict[str, list[int]] = defaultdict(list)
    for year in sorted({chunk.year for chunk in law.chunks}):
        hits = law.search(question, RetrievalScope(year=year), {year}, len(law.chunks))
        for rank, one in enumerate(hits, start=1):
            rules = read_law([Passage(one.hit.chunk_id, one.text)]).articles
            if rules:
                ranks[", ".join(sorted(rules))].append(rank)
    return [{"passage": name, "worst_rank": max(found), "years": len(found)} for name, found in sorted(ranks.items())]


def _run(name: str, filings: Sequence[Material], setting: Setting) -> list[Triage]:
    click.echo(f"{name}: {len(filings)} filings")
    return [triage(material, setting) for material in filings]


def _rows(name: SetName, limit: int | None) -> list[dict[str, Any]]:
    rows = read_rows(FROZEN[name])
    return rows if limit is None else rows[:: max(1, len(rows) // limit)][:limit]


if __name__ == "__main__":
    main()

"""`make eval-ablation`: what the retrieval's scope is worth, beside how much is retrieved, in what pieces, and by which embedder.

The triage of the calibration set's filings by the small model in process, one thing changed at a time: the law of its year
alone (as shipped), of every year, everything of its year, everything. What is beside the law are the set's other filings. Each
filing goes through the decision path; truth is what it was invented with. The same searches answer the questions about the law
of each year: whether the article that answers is among the hits. Latency is that of the whole decision in this process, without
a database; tokens are what any model would have to read, and to be paid for, whatever its size.

No large model runs here: what broad scope does to the small one is measured, what a large one would make of it is not.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np

from compliance_assets.chunks.chunker import Chunker, DocumentText, chunker_for
from compliance_assets.chunks.windows import WindowSize
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.router_map import router_map_of
from compliance_assets.model_decisions.workloads import Workload, workload_named
from compliance_assets.year_index.retrieved import Retrieved
from evals.gate.evaluation import MEASURED, Case
from evals.gate.run import case_of
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows
from evals.golden.rules import CATEGORY, path_of, rule_questions
from evals.in_memory_world import shipped_policy
from evals.triage_material import LawIndex, Material, law_index, materials, vectors_of, words_of
from evals.triage_run import Setting, decided, opened
from evals.triage_scores import Share
from resources.embedder import Embedder, HashEmbedder, MiniLM
from resources.policy import RegoEngine
from resources.providers import Models

RESULTS = Path("bench_results")
_NOBODY = "00000000-0000-4000-8000-000000000001"
_SPARE = 60  # hits of the filing itself, which stands in its prompt anyway


WINDOW = WindowSize()


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of retrieving. `changed` says what differs from the first, which is as shipped."""

    changed: str
    every_year: bool = False
    every_category: bool = False
    top_k: int = 8
    window: WindowSize = WINDOW
    embedder: str = "minilm"


SHIPPED = Variant("nothing: year and category, 8 hits")
VARIANTS = (
    SHIPPED,
    Variant("scope: category alone, every year", every_year=True),
    Variant("scope: year alone, every category", every_category=True),
    Variant("scope: none", every_year=True, every_category=True),
    Variant("scope: none, 16 hits", every_year=True, every_category=True, top_k=16),
    Variant("2 hits", top_k=2),
    Variant("4 hits", top_k=4),
    Variant("16 hits", top_k=16),
    Variant("windows of 100 tokens", window=WindowSize(100, 20)),
    Variant("windows of 150 tokens", window=WindowSize(150, 25)),
    Variant("windows of 450 tokens", window=WindowSize(450, 75)),
    Variant("embedder: hash", embedder="hash"),
)


@dataclass(frozen=True, slots=True)
class Everything(LawIndex):
    """The law and the filings, searched in no category. `leaving_out` is the filing that the work is about."""

    leaving_out: str = ""

    def search(self, question: str, scope: RetrievalScope, years: Collection[int], top_k: int) -> list[Retrieved]:
        """The nearest chunks of the years."""
        anywhere = scope.model_copy(update={"filer_category": None})
        found = LawIndex.search(self, question, anywhere, years, top_k + _SPARE)
        return [one for one in found if one.hit.doc_id != self.leaving_out][:top_k]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one variant came to: a case for each filing, whole seconds of each, and whether each question's article was found."""

    variant: Variant
    cases: tuple[Case, ...]
    seconds: tuple[float, ...]
    articles: tuple[bool, ...]

    def as_json(self) -> dict[str, Any]:
        """Shares with n and interval; means and percentiles."""
        claimed = [(set(case.anomalies), set(case.true_anomalies)) for case in self.cases]
        both = sum(len(found & true) for found, true in claimed)
        tokens = [case.prompt_tokens for case in self.cases]
        shares = {
            "type_right": Share(sum(case.type_right for case in self.cases), len(self.cases)),
            "anomaly_precision": Share(both, sum(len(found) for found, _ in claimed)),
            "anomaly_recall": Share(both, sum(len(true) for _, true in claimed)),
            "filings_without_false_anomaly": Share(sum(found <= true for found, true in claimed), len(claimed)),
            "citations_valid": Share(sum(not case.problems for case in self.cases), len(self.cases)),
            "all_right": Share(sum(case.right for case in self.cases), len(self.cases)),
            "passages_out_of_scope": Share(sum(bool(case.out_of_scope) for case in self.cases), len(self.cases)),
            "gold_article_found": Share(sum(self.articles), len(self.articles)),
        }
        return {
            "changed": self.variant.changed,
            "filings": len(self.cases),
            **{name: share.as_json() for name, share in shares.items()},
            "prompt_tokens_mean": round(float(np.mean(tokens)), 1) if tokens else None,
            "milliseconds_median": _milliseconds(self.seconds, 50),
            "milliseconds_p95": _milliseconds(self.seconds, 95),
        }


class Laboratory:
    """The filings, read once; cut and embedded as a variant says, each cut once."""

    def __init__(self, rows: Sequence[Row], embedders: dict[str, Embedder]) -> None:
        self.embedders = embedders
        self._tokens = embedders["minilm"]  # windows are counted by one tokenizer, whoever embeds them
        self.filings = tuple(materials(rows, chunker_for(self._tokens), "none"))
        self._cut: dict[WindowSize, tuple[Material, ...]] = {WINDOW: self.filings}
        self._laws: dict[tuple[WindowSize, str], LawIndex] = {}
        self._vectors: dict[str, dict[str, np.ndarray]] = {}
        self._everything: dict[tuple[WindowSize, str], Everything] = {}

    @cached_property
    def policy(self) -> RegoEngine:
        """The shipped policy, except that other years may be opted in."""
        return RegoEngine(opened(shipped_policy().bundle, MEASURED))

    def measure(self, variant: Variant) -> Measured:
        """The triage of every filing, and the search for every article."""
        setting = self._setting(variant)
        cases, seconds = [], []
        for material in self.cut(variant.window):
            own = setting
            if isinstance(setting.law, Everything):
                own = replace(setting, law=replace(setting.law, leaving_out=material.row["id"]))
            started = time.perf_counter()
            made = decided(material, own)
            seconds.append(time.perf_counter() - started)
            cases.append(case_of(material, made, own))
        return Measured(variant, tuple(cases), tuple(seconds), tuple(self._articles(variant, setting.law)))

    def cut(self, window: WindowSize) -> tuple[Material, ...]:
        """The filings in windows of that size."""
        if window not in self._cut:
            chunker = replace(chunker_for(self._tokens), size=window)
            self._cut[window] = tuple(_again(material, chunker) for material in self.filings)
        return self._cut[window]

    def _setting(self, variant: Variant) -> Setting:
        workload = _with_hits(workload_named(MEASURED), variant.top_k)
        law = self._law(variant)
        return Setting(
            workload,
            self.policy,
            Models((), local=(IrpfModel(),)),
            router_map_of(_NOBODY).route(MEASURED).call,
            self._with_filings(law, variant) if variant.every_category else law,
            law_from="every year" if variant.every_year else "its year",
        )

    def _law(self, variant: Variant) -> LawIndex:
        key = variant.window, variant.embedder
        if key not in self._laws:
            chunker = replace(chunker_for(self._tokens), size=variant.window)
            law = law_index(self.embedders[variant.embedder], chunker)
            self._laws[key] = replace(law, encode=self._questions(variant.embedder))
        return self._laws[key]

    def _questions(self, embedder: str) -> Callable[[tuple[str, ...]], np.ndarray]:
        """The vectors of a question's texts, each text encoded once."""
        known = self._vectors.setdefault(embedder, {})

        def encode(texts: tuple[str, ...]) -> np.ndarray:
            new = [text for text in texts if text not in known]
            if new:
                known.update(zip(new, self.embedders[embedder].encode(new), strict=True))
            return np.array([known[text] for text in texts])

        return encode

    def _with_filings(self, law: LawIndex, variant: Variant) -> Everything:
        key = variant.window, variant.embedder
        if key not in self._everything:
            embedder = self.embedders[variant.embedder]
            self._everything[key] = everything_of(law, self.cut(variant.window), embedder)
        return self._everything[key]

    def _articles(self, variant: Variant, law: LawIndex) -> Iterator[bool]:
        """Of each question about the law of a year: whether a hit of that year's law holds the words that answer it."""
        years = sorted({chunk.year for chunk in law.chunks if chunk.filer_category == CATEGORY})
        for asked in rule_questions(years):
            year, answer = int(str(asked["year"])), " ".join(str(asked["answer"]).split())
            inside = years if variant.every_year else [year]
            scope = RetrievalScope(year=year, filer_category=CATEGORY)
            hits = law.search(str(asked["question"]), scope, inside, variant.top_k)
            yield any(one.hit.doc_id == path_of(year) and answer in " ".join(one.text.split()) for one in hits)


def everything_of(law: LawIndex, filings: Sequence[Material], embedder: Embedder) -> Everything:
    """The law with the filings beside it, embedded alike."""
    chunks = [chunk for material in filings for chunk in material.document.chunks]
    vectors = np.vstack([law.vectors, vectors_of(chunks, embedder)])
    documents = {**law.documents, **{material.row["id"]: material.document for material in filings}}
    return Everything(documents, (*law.chunks, *chunks), vectors, words_of((*law.chunks, *chunks)), law.encode)


def ablated(rows: Sequence[Row], embedders: dict[str, Embedder], told: Callable[[str], None]) -> dict[str, Any]:
    """Every variant measured, ready for JSON."""
    laboratory = Laboratory(rows, embedders)
    found = []
    for variant in VARIANTS:
        told(variant.changed)
        found.append(laboratory.measure(variant).as_json())
    return {
        "set": "calibration",
        "filings": len(rows),
        "model": IrpfModel().model,
        "shipped": {"top_k": SHIPPED.top_k, "window": list(_pair(SHIPPED.window)), "embedder": SHIPPED.embedder},
        "intervals": "Wilson, 95%",
        "variants": found,
    }


@click.command()
@click.option("--limit", type=click.IntRange(1), help="At most so many filings.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(limit: int | None, output: Path) -> None:
    """Measure every variant, print a table, write ablation.json and ablation.png."""
    from evals.ablation_report import draw, table

    rows = read_rows(FROZEN["calibration"])
    rows = rows if limit is None else rows[:: max(1, len(rows) // limit)][:limit]
    report = ablated(rows, {"minilm": MiniLM(), "hash": HashEmbedder()}, click.echo)
    click.echo(table(report))
    output.mkdir(parents=True, exist_ok=True)
    (output / "ablation.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (output / "ablation.png").write_bytes(draw(report))
    click.echo(f"written: {output / 'ablation.json'}, {output / 'ablation.png'}")


def _with_hits(workload: Workload, top_k: int) -> Workload:
    return workload.model_copy(update={"retrieval": workload.retrieval.model_copy(update={"top_k": top_k})})


def _again(material: Material, chunker: Chunker) -> Material:
    """The filing in other windows."""
    document, row = material.document, material.row
    text = DocumentText(row["id"], int(row["year"]), row["category"], document.text, document.page_ends, row["id"])
    chunks = chunker.chunk(text) if document.chunks else ()
    return replace(material, document=replace(document, chunks=tuple(chunks)))


def _pair(window: WindowSize) -> tuple[int, int]:
    return window.tokens, window.overlap


def _milliseconds(seconds: Sequence[float], percentile: int) -> float | None:
    return round(float(np.percentile(seconds, percentile)) * 1000, 1) if seconds else None


if __name__ == "__main__":
    main()

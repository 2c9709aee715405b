"""Builds what the tests of the triage ask the model: prompts over generated filings of seeds that no golden set has."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from compliance_assets.chunks.chunker import Chunker, DocumentText
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.model_decisions.answer import ModelAnswer, read_answer
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.prompt import Passage, render
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.normalised_documents.parsed import Parsed
from evals.golden.declaration import Anomaly
from evals.golden.golden_set import Plan
from evals.golden.layouts import layout_of
from evals.golden.rules import rules_of

SEED = 8_000_000
_TOKEN = re.compile(r"\w{1,4}|[^\w\s]")
CHUNKER = Chunker(lambda texts: [[m.span() for m in _TOKEN.finditer(text)] for text in texts], "test-tokens")


def plan(kind: str, year: int, anomaly: Anomaly | None = None, **changed: Any) -> Plan:
    """A filing of a format; an e-mail is in sentences."""
    made = {
        "layout": layout_of(year).name if kind == "pdf" else "",
        "variant": "2" if kind == "email" else "",
        "category": "completa",
        "return_type": "original",
        "seed": SEED + year,
    } | changed
    if anomaly is Anomaly.RETIFICADORA_WITHOUT_RECEIPT:
        made["return_type"] = "retificadora"
    return Plan(id="filing", format=kind, year=year, anomalies=(anomaly,) if anomaly else (), **made)


def text_of(filing: Plan) -> str:
    """What the parser makes of it."""
    parsed = parse(filing.render().data)
    assert isinstance(parsed, Parsed), parsed
    return parsed.text


def chunks_of(text: str, doc_id: str = "filing", year: int = 2020) -> list[Chunk]:
    """The real windows, by small tokens, so that every filing has many."""
    return CHUNKER.chunk(DocumentText(doc_id, year, None, text, (len(text),)))


def prompt_of(text: str, law: Iterable[str], hide: Callable[[str], str] = lambda text: text) -> str:
    """The rendered prompt over a filing and laws; `hide` stands for redaction."""
    passages = [Passage(c.chunk_id, "filing", 1, "filing", hide(c.text)) for c in chunks_of(text)]
    for number, rules in enumerate(law):
        passages += [Passage(c.chunk_id, "law", 1, "rules", c.text) for c in chunks_of(rules, f"law-{number}")]
    item = WorkItem("irpf.triage", 2020, "Que declaração é esta?", document_id="filing")
    return render(workload_named("irpf.triage"), item, item.question, passages).text


def answer_to(prompt: str) -> ModelAnswer:
    """The model's answer, which keeps to the contract."""
    answer = read_answer(IrpfModel().complete(prompt).text)
    assert isinstance(answer, ModelAnswer), answer
    return answer


def triaged(filing: Plan, law_year: int | None = None) -> ModelAnswer:
    """The answer over a generated filing and the law of its year, or of another."""
    return answer_to(prompt_of(text_of(filing), [rules_of(law_year or filing.year)]))


def kinds(answer: ModelAnswer) -> set[str]:
    """The anomalies found."""
    return {anomaly.kind for anomaly in answer.anomalies}


def passages_of(prompt: str) -> dict[str, str]:
    """The texts of a prompt's passages by their ids."""
    lines: Sequence[str] = [line for line in prompt.split("\n") if line.startswith('{"chunk_id"')]
    return {line["chunk_id"]: line["text"] for line in map(json.loads, lines) if "text" in line}

"""One filing through the triage, as the decision path does it: search, redaction, prompt, model, contract, citations, signals.

What redaction hid comes back by its place: a quote that stands at [a, b) of what the model read is cut from the original at
[a, b), and a hidden value from within its quote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.contracts.response_envelope import Anomaly, ExtractedField, ResponseSegment
from compliance_assets.governance.redaction.redactor import Redactor
from compliance_assets.model_decisions import confidence as measures
from compliance_assets.model_decisions.answer import AnswerField, ModelAnswer, read_answer
from compliance_assets.model_decisions.citations import resolve
from compliance_assets.model_decisions.grounding import grounding_of
from compliance_assets.model_decisions.irpf.law import Rule, read_law
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.irpf.passages import Passage as Seen
from compliance_assets.model_decisions.irpf.question import QUESTION
from compliance_assets.model_decisions.irpf.stated import is_hidden
from compliance_assets.model_decisions.post_checks import problems_of
from compliance_assets.model_decisions.prompt import Passage, render
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.normalised_documents.filings.fields import Field, kind_of
from compliance_assets.normalised_documents.filings.values import canonical
from compliance_assets.year_index.retrieved import Retrieved
from evals.triage_material import LawIndex, Material, retrieved
from evals.triage_scores import Triage

WORKLOAD = "irpf.triage"
LawFrom = Literal["its year", "every year", "the year before"]
_KEY = b"an evaluation's key, of no use elsewhere"


@dataclass(frozen=True, slots=True)
class Setting:
    """How the filings are triaged: `law_from` says in which years the law is searched, `redacted` hides persons from the model."""

    law: LawIndex
    question: str = QUESTION
    law_from: LawFrom = "its year"
    redacted: bool = True

    def years_for(self, year: int) -> frozenset[int]:
        """The years whose law a filing of the year is held against. The year before's is the year after's of the first."""
        known = sorted({chunk.year for chunk in self.law.chunks})
        if self.law_from == "every year":
            return frozenset(known)
        if self.law_from == "its year":
            return frozenset({year})
        return frozenset({year - 1 if year - 1 in known else year + 1})


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, with what stood in it: the original passages and those that the model reads, by chunk id."""

    prompt: str
    hits: tuple[Retrieved, ...]
    shown: Mapping[str, str]


def triage(material: Material, setting: Setting) -> Triage:
    """The filing's triage, held against its truth."""
    asked = ask(material, setting)
    completion = IrpfModel().complete(asked.prompt)
    answer = read_answer(completion.text)
    if isinstance(answer, str):
        return _scored(material, asked, None, (f"answer_malformed: {answer}",), completion.latency_seconds)
    answer = restored(answer, asked)
    return _scored(material, asked, answer, _problems(material, setting, asked, answer), completion.latency_seconds)


def ask(material: Material, setting: Setting) -> Asked:
    """The prompt: all of the filing, then the best of the law in scope."""
    workload = workload_named(WORKLOAD)
    years = setting.years_for(material.year)
    scope = RetrievalScope(year=material.year, opt_in_years=tuple(sorted(years - {material.year})))
    filing = [retrieved(chunk, scope, 0.0, material.row["id"]) for chunk in material.chunks]
    rules = setting.law.search(setting.question, scope, years, workload.top_k)
    hits = (*filing, *rules)
    shown = _shown(material, hits) if setting.redacted else {one.hit.chunk_id: one.text for one in hits}
    passages = [
        Passage(
            h.chunk_id, h.doc_title, h.page, "filing" if h.doc_id == material.row["id"] else "rules", shown[h.chunk_id]
        )
        for h in (one.hit for one in hits)
    ]
    item = WorkItem(
        WORKLOAD, material.year, setting.question, opt_in_years=scope.opt_in_years, document_id=material.row["id"]
    )
    return Asked(render(workload, item, setting.question, passages).text, hits, shown)


def restored(answer: ModelAnswer, asked: Asked) -> ModelAnswer:
    """The answer with the originals of what was hidden, and its fields in canonical form."""
    originals = {one.hit.chunk_id: one.text for one in asked.hits}
    citations, places = [], []
    for cited in answer.citations:
        at = asked.shown.get(cited.chunk_id, "").find(cited.quote)
        places.append((cited.chunk_id, at, at + len(cited.quote)))
        quote = originals[cited.chunk_id][at : at + len(cited.quote)] if at >= 0 else cited.quote
        citations.append(cited.model_copy(update={"quote": quote}))
    fields = tuple(_restored_field(field, places, asked.shown, originals) for field in answer.fields)
    return answer.model_copy(update={"citations": tuple(citations), "fields": fields})


def _restored_field(
    field: AnswerField, places: Sequence[tuple[str, int, int]], shown: Mapping[str, str], originals: Mapping[str, str]
) -> AnswerField:
    value = field.value
    if is_hidden(value) and field.citation < len(places):
        chunk_id, start, end = places[field.citation]
        at = shown.get(chunk_id, "").find(value, start, end)
        value = originals[chunk_id][at : at + len(value)] if at >= 0 else value
    kind = kind_of(Field(field.name.partition("[")[0]))
    return field.model_copy(update={"value": canonical(kind, value) or value})


def _shown(material: Material, hits: Sequence[Retrieved]) -> dict[str, str]:
    known = [subject.partition(":")[2] for subject in data_subjects_in(material.text)]
    redactor = Redactor(_KEY, known=known)
    return {one.hit.chunk_id: redactor.redact(one.text).text for one in hits}


def _problems(material: Material, setting: Setting, asked: Asked, answer: ModelAnswer) -> tuple[str, ...]:
    """What of the answer does not hold, against the workload's contract and the sources."""
    texts = {material.row["id"]: material.text, **setting.law.texts}
    years = {material.row["id"]: material.year, **{chunk.doc_id: chunk.year for chunk in setting.law.chunks}}
    opened = setting.years_for(material.year) | {material.year}
    resolved = resolve(
        answer, asked.hits, lambda doc_id, start, end: texts[doc_id][start:end], opened, document_years=years
    )
    return (*problems_of(workload_named(WORKLOAD), answer), *resolved.problems)


def _scored(
    material: Material, asked: Asked, answer: ModelAnswer | None, problems: tuple[str, ...], seconds: float
) -> Triage:
    truth = {key: found["value"] for key, found in material.row["fields"].items()}
    read = {field.name: field.value for field in answer.fields} if answer else {}
    anomalies = frozenset(anomaly.kind for anomaly in answer.anomalies) if answer else frozenset()
    rules = [one for one in asked.hits if one.hit.doc_id != material.row["id"]]
    return Triage(
        filing=material.row["id"],
        format=material.format,
        decision=answer.decision if answer else "none",
        true_type=material.row["return_type"],
        fields=len(truth),
        exact=sum(read.get(key) == value for key, value in truth.items()),
        wrong=tuple(sorted(key for key in truth.keys() & read.keys() if read[key] != truth[key])),
        made_up=tuple(sorted(read.keys() - truth.keys())),
        anomalies=anomalies,
        true_anomalies=frozenset(material.row["anomalies"]),
        citations=len(answer.citations) if answer else 0,
        problems=problems,
        law_years=tuple(sorted(map(_year, rules))),
        signals=_signals(material, asked, answer, problems, rules),
        seconds=seconds,
    )


def _year(rule: Retrieved) -> int:
    return int(rule.hit.doc_id.rpartition("-")[2].partition(".")[0])


def _signals(
    material: Material,
    asked: Asked,
    answer: ModelAnswer | None,
    problems: tuple[str, ...],
    rules: Sequence[Retrieved],
) -> dict[str, float | None]:
    """Everything from which a confidence may be made, as numbers."""
    if answer is None:
        return {}
    fields = [ExtractedField(name=f.name, value=f.value, citation=f.citation) for f in answer.fields]
    anomalies = [Anomaly(kind=a.kind, explanation=a.explanation, citations=a.citations) for a in answer.anomalies]
    segments = [ResponseSegment(text=s.text, cited_chunk_ids=s.cited_chunk_ids) for s in answer.segments]
    parsed = material.parsed
    known = read_law([Seen(one.hit.chunk_id, one.text) for one in rules])
    scores = sorted((one.hit.embedding_score for one in rules), reverse=True)
    return {
        "field_agreement": measures.field_agreement_of({f.key: f.value for f in parsed.fields}, fields)
        if parsed
        else None,
        "rule_agreement": measures.rule_agreement_of(tuple(f.rule for f in parsed.findings), anomalies)
        if parsed
        else None,
        "citations_valid": 0.0 if problems or not answer.citations else 1.0,
        "ocr_certainty": material.ocr_certainty,
        "law_known": sum(map(known.knows, Rule)) / len(Rule),
        "retrieval": scores[0] if scores else None,
        "retrieval_margin": scores[0] - scores[-1] if scores else None,
        "grounding": grounding_of(segments, {one.hit.chunk_id: one.text for one in asked.hits}, QUESTION),
        "model_reported": answer.confidence,
    }

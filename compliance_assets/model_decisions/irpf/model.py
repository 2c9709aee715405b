"""local/irpf-v1: a model that triages one income-tax return. It sees the rendered prompt, as any provider would. Pure.

It knows how returns are written (labels, records, outlines, letters) and nothing of this one but what the passages say: no
metadata, no database, and of the law only what stands in the prompt, so that a wrong retrieval shows in its answers. It does
as the prompt tells it (instructions.py), so that a worse prompt shows in them too.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from compliance_assets.model_decisions.irpf import letter, outline, page, records
from compliance_assets.model_decisions.irpf.anomalies import Found, anomalies_of
from compliance_assets.model_decisions.irpf.instructions import guesses, read_instructions, remembered
from compliance_assets.model_decisions.irpf.law import Law, read_law
from compliance_assets.model_decisions.irpf.passages import FilingText, Quote, joined, read_passages
from compliance_assets.model_decisions.irpf.plain import plain
from compliance_assets.model_decisions.irpf.return_type import CLASSES, ORIGINAL, RETIFICADORA, shipped
from compliance_assets.model_decisions.irpf.stated import Return, Stated
from compliance_assets.model_decisions.irpf.wording import value_pattern
from compliance_assets.normalised_documents.filings.fields import Field, Kind
from resources.providers import Completion

#: A sentence decides where no label does if the classifier is this sure of it, and of no other sentence for the other type.
SURE = 0.9
CONTRADICTS = 0.5

_FEWEST_AMOUNTS = 3  # of a text that is a return
_RETURN = re.compile(r"imposto|rendiment|\brendas?\b|IRPF {4}")
_LONGEST_SENTENCE = 600
_EXPECTED = (
    Field.TAXPAYER_ID,
    Field.NAME,
    Field.CALENDAR_YEAR,
    Field.FILER_CATEGORY,
    Field.TAXABLE_INCOME,
    Field.TAX_BASE,
    Field.TAX_DUE,
    Field.TAX_WITHHELD,
    Field.TAX_TO_PAY,
    Field.TAX_REFUND,
)
_SENTENCES = {ORIGINAL: "Declaração original.", RETIFICADORA: "Declaração retificadora."}


@dataclass(frozen=True, slots=True)
class _Type:
    """Which type the return is, what says so, and how sure that is."""

    value: str
    span: tuple[int, int]
    certainty: float


@dataclass(slots=True)
class _Answer:
    """The answer while it is put together. A quote is cited once, by its place."""

    filing: FilingText
    citations: dict[Quote, int] = field(default_factory=dict)
    segments: list[dict[str, object]] = field(default_factory=list)
    fields: list[dict[str, object]] = field(default_factory=list)
    anomalies: list[dict[str, object]] = field(default_factory=list)

    def cite(self, quote: Quote) -> int:
        """The place of the quote among the citations."""
        return self.citations.setdefault(quote, len(self.citations))

    def quote(self, stated: Stated) -> Quote | None:
        """The value with its label, or else the value alone; None where no passage holds it whole."""
        return self.filing.quote(*stated.context) or self.filing.quote(stated.start, stated.end)


class IrpfModel:
    """Deterministic: the same prompt gives the same answer."""

    model = "local/irpf-v1"

    def complete(self, prompt: str) -> Completion:
        """The answer to a rendered prompt of the workload irpf.triage, in the output contract that the prompt states."""
        started = time.monotonic()
        text = json.dumps(answer_to(prompt), ensure_ascii=False)
        return Completion(text, self.model, "local", 1, time.monotonic() - started)


def answer_to(prompt: str) -> dict[str, object]:
    """The answer as JSON's own types."""
    told = read_instructions(prompt)
    windows, rules = read_passages(prompt)
    filing = joined(windows)
    if not _is_a_return(filing.text):
        return _nothing()
    stated = read_return(filing)
    found = _type_of(stated, filing) if stated else None
    if stated is None or found is None:
        return _nothing()
    answer = _Answer(filing)
    if not _say_type(answer, found):
        return _nothing()
    for one in sorted(stated.fields, key=lambda one: (one.start, one.field)):
        if (quote := answer.quote(one)) is not None:
            answer.fields.append({"name": one.key, "value": one.value, "citation": answer.cite(quote)})
    if not told.nothing_guessed:
        answer.fields.extend(guesses(answer.fields))
    law = read_law(rules) if told.law_of_the_year else remembered(read_law(rules))
    for anomaly in anomalies_of(stated, law):
        _say_anomaly(answer, anomaly, stated, law)
    return {
        "decision": found.value,
        "confidence": round(found.certainty * _share_read(stated), 4),
        "segments": answer.segments,
        "citations": [{"chunk_id": quote.chunk_id, "quote": quote.text} for quote in answer.citations if told.quoted],
        "fields": answer.fields,
        "anomalies": answer.anomalies,
    }


def read_return(filing: FilingText) -> Return | None:
    """The return by the reader of its format; None for a record or an outline whose layout is not known."""
    if filing.text.startswith("IRPF    "):
        return records.read(filing)
    if outline.START.match(filing.text):
        return outline.read(filing)
    return letter.read(filing.text) if letter.HEADERS.match(filing.text) else page.read(filing.text)


def _nothing() -> dict[str, object]:
    return {
        "decision": "insufficient_evidence",
        "confidence": 0.0,
        "segments": [],
        "citations": [],
        "fields": [],
        "anomalies": [],
    }


def _is_a_return(text: str) -> bool:
    """Whether the text speaks of income or tax, of a person and of sums, as every return does."""
    if text.startswith("IRPF    ") or outline.START.match(text):
        return True
    own = letter.own_words(text) if letter.HEADERS.match(text) else plain(text)
    amounts = value_pattern(Kind.AMOUNT).finditer(own)
    enough = sum(1 for _, _ in zip(range(_FEWEST_AMOUNTS), amounts, strict=False)) == _FEWEST_AMOUNTS
    return enough and bool(_RETURN.search(own)) and bool(value_pattern(Kind.CPF).search(own))


def _type_of(stated: Return, filing: FilingText) -> _Type | None:
    """By its label; in print and in letters, where there is none, by the sentence that says it."""
    labelled = stated.one(Field.RETURN_TYPE)
    if stated.format in ("records", "outline") or (labelled and stated.format == "page"):
        return _Type(labelled.value, labelled.context, 1.0) if labelled else None
    said = _said(stated, filing.text)
    if labelled:
        other = ORIGINAL if labelled.value == RETIFICADORA else RETIFICADORA
        return _Type(labelled.value, labelled.context, 1.0) if said[other].certainty < SURE else None
    best, second = sorted(said.values(), key=lambda one: -one.certainty)
    return best if best.certainty >= SURE and second.certainty < CONTRADICTS else None


def _said(stated: Return, text: str) -> dict[str, _Type]:
    """For each type the sentence that says it most clearly."""
    classifier = shipped()
    best = {kind: _Type(kind, (0, 0), 0.0) for kind in (ORIGINAL, RETIFICADORA)}
    for span in _sentences(stated, text):
        for kind, certainty in zip(CLASSES, classifier.probabilities(text[slice(*span)]), strict=True):
            if kind in best and certainty > best[kind].certainty:
                best[kind] = _Type(kind, span, certainty)
    return best


def _sentences(stated: Return, text: str) -> list[tuple[int, int]]:
    if stated.format == "letter":
        spans: Sequence[tuple[int, int]] = list(letter.sentences(letter.own_words(text)))
    else:
        spans = [match.span() for match in re.finditer(r"[^\n]+", text)]
    return [(start, end) for start, end in spans if end - start <= _LONGEST_SENTENCE]


def _say_type(answer: _Answer, found: _Type) -> bool:
    quote = answer.filing.quote(*found.span)
    if quote is None:
        return False
    answer.cite(quote)
    answer.segments.append({"text": _SENTENCES[found.value], "cited_chunk_ids": [quote.chunk_id]})
    return True


def _say_anomaly(answer: _Answer, anomaly: Found, stated: Return, law: Law) -> None:
    quotes = [quote for one in anomaly.shown_by if (quote := answer.quote(one)) is not None]
    empty = stated.empty.get(anomaly.empty) if anomaly.empty else None
    if empty and (listed := answer.filing.quote(*empty)):
        quotes.append(listed)
    if not quotes:
        return
    if anomaly.rule in law.articles:
        quotes.append(law.articles[anomaly.rule])
    places = list(dict.fromkeys(map(answer.cite, quotes)))
    answer.anomalies.append({"kind": anomaly.kind, "explanation": anomaly.why, "citations": places})
    chunk_ids = list(dict.fromkeys(quote.chunk_id for quote in quotes))
    answer.segments.append({"text": anomaly.sentence, "cited_chunk_ids": chunk_ids})


def _share_read(stated: Return) -> float:
    """How much of what every return states was read; what stands there and was not read weighs as much."""
    read = sum(stated.one(name) is not None for name in _EXPECTED)
    return read / (len(_EXPECTED) + len(stated.unread))

"""What a model does not see: everything that tells of a person, hidden before the prompt and put back after the answer. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from compliance_assets.governance.redaction.redactor import Redactor
from compliance_assets.model_decisions.answer import AnswerCitation, AnswerField, ModelAnswer
from compliance_assets.model_decisions.prompt import Passage
from compliance_assets.model_decisions.quotes import places_of
from compliance_assets.model_decisions.stated_values import canonical_value
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.normalised_documents.filings.fields import Field
from compliance_assets.normalised_documents.filings.values import is_valid_taxpayer_id
from compliance_assets.year_index.retrieved import Retrieved

#: Fields of a filing that tell of a person.
_OF_PERSONS = frozenset({Field.NAME, Field.TAXPAYER_ID, Field.PAYER_ID, Field.DEPENDANT_ID})


def persons_stated(data_subjects: Iterable[str], fields: Mapping[str, str]) -> tuple[str, ...]:
    """Numbers and names of the persons whom documents state: their data subjects (`cpf:…`), and fields parsed from them.

    A number whose check digits do not hold is nobody's, and stays: that it does not hold is for the model to find.
    """
    numbers = {subject.partition(":")[2] for subject in data_subjects}
    stated = {
        value
        for name, value in fields.items()
        if (field := name.partition("[")[0]) in _OF_PERSONS and (field == Field.NAME or is_valid_taxpayer_id(value))
    }
    return tuple(sorted({*numbers, *stated} - {""}))


@dataclass(frozen=True, slots=True)
class Veil:
    """The question and the passages with everything hidden that tells of a person. Each has as many characters as before, so
    that a place in one is a place in the other.
    """

    redactor: Redactor
    question: str
    hits: tuple[Retrieved, ...]
    hidden: tuple[Retrieved, ...]

    @classmethod
    def over(cls, item: WorkItem, hits: Sequence[Retrieved], persons: Sequence[str], key: bytes) -> "Veil":
        """What the documents are known to state of `persons` is hidden wherever it stands."""
        redactor = Redactor(key, known=tuple(persons))
        question = redactor.redact(item.question).text
        hidden = tuple(
            Retrieved(
                r.hit.model_copy(update={"doc_title": redactor.redact(r.hit.doc_title).text}),
                redactor.redact(r.text).text,
            )
            for r in hits
        )
        return cls(redactor, question, tuple(hits), hidden)

    def first(self, count: int) -> "Veil":
        """The same with the first so many passages alone: those that stand in the prompt."""
        return replace(self, hits=self.hits[:count], hidden=self.hidden[:count])

    def passages(self, item: WorkItem) -> list[Passage]:
        """As they stand in the prompt."""
        return [
            Passage(
                r.hit.chunk_id,
                r.hit.doc_title,
                r.hit.page,
                "filing" if r.hit.doc_id == item.document_id else "rules",
                r.text,
            )
            for r in self.hidden
        ]

    def lifted(self, answer: ModelAnswer) -> ModelAnswer:
        """The answer with what was hidden put back: a quote, and a value that stands in it, by its place in the passage."""
        hidden = {r.hit.chunk_id: r.text for r in self.hidden}
        shown = {r.hit.chunk_id: r.text for r in self.hits}
        back = self.redactor.restore

        def quoted(cited: AnswerCitation) -> str:
            places = list(places_of(cited.quote, hidden.get(cited.chunk_id, "")))
            return shown[cited.chunk_id][slice(*places[0])] if places else back(cited.quote)

        def stated(field: AnswerField) -> str:
            value = back(field.value)
            cited = answer.citations[field.citation] if field.citation < len(answer.citations) else None
            if cited is not None and value != field.value and (at := cited.quote.find(field.value)) >= 0:
                quote = quoted(cited)  # of two spellings of one person the one that is quoted
                value = quote[at : at + len(field.value)] if len(quote) == len(cited.quote) else value
            return canonical_value(field.name, value)

        return answer.model_copy(
            update={
                "segments": tuple(s.model_copy(update={"text": back(s.text)}) for s in answer.segments),
                "citations": tuple(c.model_copy(update={"quote": quoted(c)}) for c in answer.citations),
                "fields": tuple(f.model_copy(update={"value": stated(f)}) for f in answer.fields),
                "anomalies": tuple(a.model_copy(update={"explanation": back(a.explanation)}) for a in answer.anomalies),
            }
        )

"""The output contract of a model, and how its raw text is read against it. Pure."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.text import storable

#: JSON can escape characters that no database holds; they become U+FFFD, as in the documents themselves.
Text = Annotated[str, AfterValidator(storable)]
_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*$", re.DOTALL)


class AnswerSegment(Contract):
    """A piece of the answer and the chunks it rests on."""

    text: Text = Field(min_length=1)
    cited_chunk_ids: Annotated[tuple[Text, ...], Field(min_length=1)]


class AnswerCitation(Contract):
    """A quote, verbatim from the chunk."""

    chunk_id: Text
    quote: Text = Field(min_length=1)


class AnswerField(Contract):
    """A field that was read, and the citation (by its place) that states it."""

    name: Text = Field(min_length=1)
    value: Text
    citation: int = Field(ge=0)


class AnswerAnomaly(Contract):
    """Something wrong in the document, and the citations (by their places) that show it."""

    kind: Text = Field(min_length=1)
    explanation: Text
    citations: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class ModelAnswer(Contract):
    """What a model must return. Its own confidence is recorded, never relied on. Which decisions there are, the workload says."""

    decision: Text = Field(min_length=1)
    confidence: float = Field(ge=0, le=1)
    segments: tuple[AnswerSegment, ...]
    citations: tuple[AnswerCitation, ...]
    fields: tuple[AnswerField, ...] = ()
    anomalies: tuple[AnswerAnomaly, ...] = ()


def read_answer(text: str) -> ModelAnswer | str:
    """The answer, or what is wrong with it. A code fence around the JSON is tolerated, prose is not."""
    fenced = _FENCE.match(text)
    try:
        return ModelAnswer.model_validate_json(fenced.group(1) if fenced else text)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        return storable(f"{'.'.join(str(part) for part in first['loc']) or 'answer'}: {first['msg']}")

"""Our scores of an answer that somebody else's system gave, from its text, the question and the evidence alone. Pure.

The answer is taken as one segment that cites all of its evidence, which is what the decision path measures groundedness on.
Where a search found the evidence is not known, so each sentence is taken to cite the window of the evidence with which it
shares most: of these the retrieval component is computed. Components that need more than a row has are not measured:
field agreement, rule agreement, OCR certainty; stability is that of a first answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from compliance_assets.contracts.response_envelope import ResponseSegment
from compliance_assets.governance.injection.detector import flags_of, score_of
from compliance_assets.model_decisions.confidence import Confidence, retrieval_of, stability_of
from compliance_assets.model_decisions.grounding import grounding_of
from compliance_assets.model_decisions.stated_values import Quoted, states
from evals.judge.table import Labelled
from evals.judge.value_grounding import value_grounding

HOUSE, BY_VALUES = "groundedness", "groundedness by values"
#: name -> what it is computed from.
SCORES: Mapping[str, str] = {
    "groundedness": "grounding.py: the answer as one segment that cites all of its evidence; 0 where one number stands nowhere",
    "numbers stated": "stated_values.py: share of the answer's numbers that stand, as written, in the evidence",
    "groundedness by values": "value_grounding.py: numbers by value, unit and arithmetic; half numbers, half words",
    "confidence": "confidence.py: the weakest of retrieval, citations, stability and absence of injection",
}
_NUMBER = re.compile(r"\d+(?:[.,/\-]\d+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_TERM = re.compile(r"\d+(?:[.,/\-]\d+)*|[^\W\d_]{4,}")


@dataclass(frozen=True, slots=True)
class Windows:
    """How evidence is cut and found: text -> its windows; (question, windows) -> the cosine of each to the question."""

    cut: Callable[[str], Sequence[str]]
    cosines: Callable[[str, Sequence[str]], Sequence[float]]


def scores_of(answer: Labelled, windows: Windows) -> dict[str, float | None]:
    """Each score by name, None where there is nothing to measure it on."""
    passages = {f"page {number}": text for number, text in enumerate(answer.evidence)}
    if not passages:
        return dict.fromkeys(SCORES)
    segment = ResponseSegment(text=answer.answer, cited_chunk_ids=tuple(passages))
    return {
        "groundedness": grounding_of([segment], passages, answer.question),
        "numbers stated": _numbers_stated(answer),
        "groundedness by values": value_grounding(answer.answer, answer.evidence, answer.question),
        "confidence": confidence_of(answer, windows).value,
    }


def confidence_of(answer: Labelled, windows: Windows) -> Confidence:
    """The components that a row gives."""
    cut = [window for text in answer.evidence for window in windows.cut(text)]
    cosines = windows.cosines(answer.question, cut)
    cited = {_most_shared(sentence, cut) for sentence in _SENTENCE.split(answer.answer) if _TERM.search(sentence)}
    suspicion = max((score_of(flags_of(text, "passage")) for text in answer.evidence), default=0.0)
    return Confidence(
        retrieval=retrieval_of([cosines[at] for at in cited if at is not None]),
        citations_valid=1.0 if cited - {None} else 0.0,
        stability=stability_of(0),
        injection_free=1.0 - suspicion,
    )


def _most_shared(sentence: str, windows: Sequence[str]) -> int | None:
    """The window that holds most of the sentence's numbers and words, the first of equals; None where none holds any."""
    terms = set(_TERM.findall(sentence.casefold()))
    shared = [len(terms & set(_TERM.findall(window.casefold()))) for window in windows]
    best = max(shared, default=0)
    return shared.index(best) if best else None


def _numbers_stated(answer: Labelled) -> float | None:
    numbers = _NUMBER.findall(answer.answer)
    if not numbers:
        return None
    sources = [*answer.evidence, answer.question]
    return sum(any(_stands(number, text) for text in sources) for number in numbers) / len(numbers)


def _stands(number: str, text: str) -> bool:
    return states("value", number, Quoted(text, 0, len(text), lambda: "", ()))

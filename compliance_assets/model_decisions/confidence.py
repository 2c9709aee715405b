"""The confidence of a decision, computed from evidence. The model's own figure is recorded and not used. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from compliance_assets.contracts.response_envelope import Citation


@dataclass(frozen=True, slots=True)
class Confidence:
    """`value` is the weakest component: one weak link is enough to doubt a decision."""

    retrieval: float
    citations_valid: float
    model_reported: float

    @property
    def value(self) -> float:
        """In [0, 1]."""
        return min(self.retrieval, self.citations_valid)

    def as_json(self) -> dict[str, float]:
        """The value with every component, as the ledger keeps it."""
        return {"value": self.value, **asdict(self)}


NONE = Confidence(0.0, 0.0, 0.0)


def confidence_of(cited_scores: Sequence[float], citations: Sequence[Citation], reported: float) -> Confidence:
    """`cited_scores` are the cosines of the cited chunks to the question; citations are those that were found valid."""
    retrieval = sum(cited_scores) / len(cited_scores) if cited_scores else 0.0
    return Confidence(min(max(retrieval, 0.0), 1.0), 1.0 if citations else 0.0, reported)

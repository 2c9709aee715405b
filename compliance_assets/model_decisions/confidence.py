"""The confidence of a decision, computed from evidence. The model's own figure is recorded and not used. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from compliance_assets.contracts.response_envelope import Anomaly, Citation, ExtractedField
from compliance_assets.normalised_documents.filings.fields import Field


@dataclass(frozen=True, slots=True)
class Confidence:
    """Each component is in [0, 1], None where there is nothing to measure it on.

    `value` is the weakest of them: one weak link is enough to doubt a decision. `grounding`, which decides about quarantine,
    and `model_reported` take no part.
    """

    retrieval: float | None = None  # mean cosine of the cited chunks that a search found
    citations_valid: float | None = None  # 1 where every citation holds
    field_agreement: float | None = None  # share of the deterministically parsed fields that the model read alike
    rule_agreement: float | None = (
        None  # whether the model and the deterministic rules see something wrong, or both nothing
    )
    stability: float | None = None  # 1 for a first answer that holds, halved by each that was sent back
    ocr_certainty: float | None = None  # of the least certain field that OCR read
    injection_free: float | None = None  # 1 less the strongest sign of an injection
    grounding: float | None = None  # of the least grounded segment, the share that stands in what it cites
    model_reported: float = 0.0

    @property
    def value(self) -> float:
        """In [0, 1]; 0 where nothing was measured."""
        measured = [getattr(self, f.name) for f in fields(self) if f.name not in ("grounding", "model_reported")]
        return min((value for value in measured if value is not None), default=0.0)

    def as_json(self) -> dict[str, float | None]:
        """The value with every component, as the ledger keeps it."""
        return {"value": self.value, **asdict(self)}


NONE = Confidence()
_OF_A_FILING = frozenset(Field)  # what else normalisation notes of a document is not the model's to read


def retrieval_of(cited_scores: Sequence[float]) -> float | None:
    """The mean cosine to the question of the cited chunks that were searched for."""
    if not cited_scores:
        return None
    return min(max(sum(cited_scores) / len(cited_scores), 0.0), 1.0)


def field_agreement_of(parsed: Mapping[str, str], read: Sequence[ExtractedField]) -> float | None:
    """The share of deterministically parsed fields that the model read with the same value. A field it left out disagrees."""
    values = {field.name: field.value.casefold() for field in read}
    stated = {name: value.casefold() for name, value in parsed.items() if name.partition("[")[0] in _OF_A_FILING}
    return sum(values.get(name) == value for name, value in stated.items()) / len(stated) if stated else None


def rule_agreement_of(findings: Sequence[str] | None, anomalies: Sequence[Anomaly]) -> float | None:
    """1 where the deterministic rules and the model both see something wrong, or both nothing; else 0.

    Kinds are not compared: one error breaks several rules.
    """
    return None if findings is None else float(bool(findings) == bool(anomalies))


def stability_of(answers_sent_back: int) -> float:
    """Halved by every answer that had to be sent back."""
    return float(0.5**answers_sent_back)


def citations_valid_of(citations: Sequence[Citation]) -> float:
    """An answer whose citations do not all hold never gets here: what is measured is that there are any."""
    return 1.0 if citations else 0.0

"""How well filings were triaged: type, fields, anomalies and citations against the truth, added up by any grouping. Pure.

A decision may be taken without a person where nothing but its confidence stands against it; it is an error where the type, a
field or the set of anomalies is wrong.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from compliance_assets.model_decisions.confidence import Confidence
from compliance_assets.model_decisions.decide import Outcome

_Z = 1.959964  # of a two-sided interval of 95 %
COMPONENTS = tuple(field.name for field in fields(Confidence))


@dataclass(frozen=True, slots=True)
class Triage:
    """One filing. `decision` is `not_decided` where no answer held, `problems` say why; `made_up` are fields that it does not
    state.

    `reason` is the code of why it is not decided. `confidence` is the decision's, `components` what it was made from: numbers in
    0..1, None where there was nothing to measure. `seconds` is how long the model took.
    """

    filing: str
    format: str
    outcome: Outcome
    reason: str | None
    decision: str
    true_type: str
    fields: int
    exact: int
    wrong: tuple[str, ...]
    made_up: tuple[str, ...]
    anomalies: frozenset[str]
    true_anomalies: frozenset[str]
    citations: int
    problems: tuple[str, ...]
    law_years: tuple[int, ...]
    confidence: float
    components: Mapping[str, float | None]
    seconds: float

    @property
    def type_right(self) -> bool:
        """Whether the return is what was decided."""
        return self.decision == self.true_type

    @property
    def decides(self) -> bool:
        """Whether it would be decided if its confidence were enough."""
        return self.outcome == "decided" or self.reason == "low_confidence"

    @property
    def error(self) -> bool:
        """Whether it must not be decided as it is; what was left out of its fields does not count."""
        return not self.type_right or self.anomalies != self.true_anomalies or bool(self.wrong) or bool(self.made_up)

    @property
    def right(self) -> bool:
        """Whether all that was said of it is so, and holds."""
        return not self.error and not self.problems


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, with the bounds of its Wilson interval of 95 %. The share of nothing is None."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The share itself."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Lower and upper bound."""
        if not self.whole:
            return None
        n, p = self.whole, self.part / self.whole
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(middle - half, 0.0), min(middle + half, 1.0)

    def as_json(self) -> dict[str, float | int | None]:
        """For a report."""
        low, high = self.interval or (None, None)
        return {"part": self.part, "n": self.whole, "share": self.value, "low": low, "high": high}


def totals(found: Iterable[Triage]) -> dict[str, Share]:
    """Filings added up: accuracy of the type, abstentions, fields exact, precision and recall of anomalies, citations."""
    rows = list(found)
    right, claimed, there = _anomaly_counts(rows)
    return {
        "type": Share(sum(t.type_right for t in rows), len(rows)),
        "abstained": Share(sum(t.decision == "insufficient_evidence" for t in rows), len(rows)),
        "fields_exact": Share(sum(t.exact for t in rows), sum(t.fields for t in rows)),
        "fields_made_up": Share(sum(len(t.made_up) for t in rows), sum(t.exact + len(t.made_up) for t in rows)),
        "anomaly_precision": Share(right.total(), claimed.total()),
        "anomaly_recall": Share(right.total(), there.total()),
        "filings_with_valid_citations": Share(sum(not t.problems for t in rows), len(rows)),
        "filings_without_false_anomaly": Share(sum(t.anomalies <= t.true_anomalies for t in rows), len(rows)),
    }


def by_anomaly(found: Iterable[Triage]) -> dict[str, dict[str, Share]]:
    """Precision and recall of each kind."""
    right, claimed, there = _anomaly_counts(list(found))
    kinds = sorted(claimed.keys() | there.keys())
    return {k: {"precision": Share(right[k], claimed[k]), "recall": Share(right[k], there[k])} for k in kinds}


def decided(found: Sequence[Triage], threshold: float) -> dict[str, Share]:
    """What is decided without a person at a threshold, and how much of that is wrong."""
    automatic = [t for t in found if t.decides and t.confidence >= threshold]
    return {
        "automatic": Share(len(automatic), len(found)),
        "wrong": Share(sum(t.error for t in automatic), len(automatic)),
        "wrong_type": Share(sum(not t.type_right for t in automatic), len(automatic)),
        "missed_anomaly": Share(sum(bool(t.true_anomalies) for t in automatic), len(automatic)),
    }


def threshold_of(calibration: Sequence[Triage]) -> float:
    """The least confidence above that of every filing that was triaged wrong, decided or not; 0 where none was.

    Those that a person sees anyway count too: the few errors of a small set have to say as much as they can.
    """
    wrong = [t.confidence for t in calibration if not t.right]
    if not wrong:
        return 0.0
    higher = sorted({t.confidence for t in calibration if t.decides and t.confidence > max(wrong)})
    return higher[0] if higher else math.inf


def component_means(found: Sequence[Triage]) -> dict[str, dict[str, float | int | None]]:
    """The mean of each component where the filing was triaged right and where it was not, and in how many it was measured."""
    means: dict[str, dict[str, float | int | None]] = {}
    for name in (*COMPONENTS, "confidence"):
        values = [(t.right, t.confidence if name == "confidence" else t.components.get(name)) for t in found]
        right = [v for is_right, v in values if is_right and v is not None]
        bad = [v for is_right, v in values if not is_right and v is not None]
        means[name] = {"right": _mean(right), "right_n": len(right), "wrong": _mean(bad), "wrong_n": len(bad)}
    return means


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _anomaly_counts(rows: Sequence[Triage]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """By kind: found and there, found, there."""
    right = Counter(kind for t in rows for kind in t.anomalies & t.true_anomalies)
    claimed = Counter(kind for t in rows for kind in t.anomalies)
    return right, claimed, Counter(kind for t in rows for kind in t.true_anomalies)

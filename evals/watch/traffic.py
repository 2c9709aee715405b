"""What was decided in a window of time and what people made of it: rates by group, errors with their bounds, distributions. Pure.

People look at two kinds of decisions. Those that were sent to review: the model was wrong where they overrode or rejected its
answer. And those that were decided without anybody, where somebody looked afterwards (oversight): wrong where contested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from compliance_assets.model_decisions.citations import ABSTENTIONS
from evals.gate.risk_control import upper_bound
from evals.watch.stability_index import Drift, Value, drift_of

LEVEL = 0.95

Looked = Literal["right", "wrong"]


class Decided(NamedTuple):
    """A decision. `looked` is what a person made of it, None where nobody said. Of a filing: its return type, two of its amounts
    and how many fields were read; None where it is a question, or where it does not state them.
    """

    response_id: str
    release_id: str
    workload: str
    year: int
    category: str
    outcome: str
    reason: str | None
    confidence: float
    looked: Looked | None
    return_type: str | None = None
    taxable_income: float | None = None
    tax_due: float | None = None
    fields_read: int | None = None

    @property
    def abstained(self) -> bool:
        """Whether the model said that it cannot tell."""
        return self.reason in ABSTENTIONS


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions from `since` on and before `until`."""

    since: datetime
    until: datetime
    decisions: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one group: how its decisions ended, and how many of those that people looked at were wrong."""

    group: str
    decisions: int
    review: int
    quarantined: int
    denied: int
    abstained: int
    mean_confidence: float
    looked_at: int
    wrong: int

    def as_row(self) -> dict[str, object]:
        """For a table: counts, and shares of the decisions."""
        shares = {
            f"{name}_rate": round(getattr(self, name) / self.decisions, 4)
            for name in ("review", "quarantined", "denied", "abstained")
        }
        return {
            "group": self.group,
            "decisions": self.decisions,
            **shares,
            "mean_confidence": round(self.mean_confidence, 4),
            "looked_at": self.looked_at,
            "wrong": self.wrong,
        }


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Wrong ones of those that people looked at, with the one-sided 95% bounds of Clopper and Pearson on either side."""

    what: str
    n: int
    wrong: int
    low: float
    high: float

    def as_row(self) -> dict[str, object]:
        """For a table."""
        return {
            "decisions": self.what,
            "looked_at": self.n,
            "wrong": self.wrong,
            "at_least": round(self.low, 4),
            "at_most": round(self.high, 4),
        }


def rates_by(decisions: Sequence[Decided], group_of: Callable[[Decided], str]) -> list[Rates]:
    """By group, in the order of the groups' names."""
    groups: dict[str, list[Decided]] = {}
    for decided in decisions:
        groups.setdefault(group_of(decided), []).append(decided)
    return [_rates(group, groups[group]) for group in sorted(groups)]


def error_of(what: str, decisions: Sequence[Decided]) -> ErrorRate:
    """Of those decisions that people looked at."""
    looked = [decided.looked for decided in decisions if decided.looked is not None]
    wrong = looked.count("wrong")
    low = 1.0 - upper_bound(len(looked) - wrong, len(looked), LEVEL) if looked else 0.0
    return ErrorRate(what, len(looked), wrong, low, upper_bound(wrong, len(looked), LEVEL) if looked else 1.0)


def drifts_of(reference: Window, now: Window) -> tuple[Drift, ...]:
    """Every distribution that is watched, in the two windows."""
    return tuple(
        drift_of(
            name,
            _values(reference, value_of),
            _values(now, value_of),
            len(_DISTRIBUTIONS),
            private=name in _PRIVATE,
        )
        for name, value_of in _DISTRIBUTIONS.items()
    )


_DISTRIBUTIONS: dict[str, Callable[[Decided], Value | None]] = {
    "confidence": lambda decided: decided.confidence,
    "outcome": lambda decided: decided.outcome,
    "reason": lambda decided: decided.reason or "none",
    "workload": lambda decided: decided.workload,
    "filer_category": lambda decided: decided.category,
    "year": lambda decided: str(decided.year),
    "return_type": lambda decided: decided.return_type,
    "taxable_income": lambda decided: decided.taxable_income,
    "tax_due": lambda decided: decided.tax_due,
    "fields_read": lambda decided: decided.fields_read,
}
_PRIVATE = frozenset({"taxable_income", "tax_due"})


def _values(window: Window, value_of: Callable[[Decided], Value | None]) -> list[Value]:
    return [value for decided in window.decisions if (value := value_of(decided)) is not None]


def _rates(group: str, decisions: Sequence[Decided]) -> Rates:
    outcomes = [decided.outcome for decided in decisions]
    looked = [decided.looked for decided in decisions if decided.looked is not None]
    return Rates(
        group,
        len(decisions),
        outcomes.count("review"),
        outcomes.count("quarantined"),
        outcomes.count("denied"),
        sum(decided.abstained for decided in decisions),
        sum(decided.confidence for decided in decisions) / len(decisions),
        len(looked),
        looked.count("wrong"),
    )

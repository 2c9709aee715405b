"""What an evaluation is scored by: shares and quantities, of all filings and of every class of them. Pure.

A class is a format, a year, a filer category, a type of return or a kind of anomaly: no score stands for all filings alone. A
share is always of what is as it should be, so that more is better; one that nothing was measured for has no value.

| score | share of |
|---|---|
| type_right | filings decided to be what they are |
| answered | filings with an answer that decides and holds |
| fields_exact | fields stated, read as they are |
| nothing_misread, nothing_made_up | filings without such a field |
| anomaly_precision, anomaly_recall, anomaly_f1 | anomalies reported that are there; there and reported; their harmonic mean |
| citations_hold | filings whose last answer broke neither contract nor citations |
| fields_supported | fields read as they are whose quote holds what the filing prints there |
| grounded | answers of which at least half of the words of every segment stand in what it cites |
| in_scope | filings without a passage or citation of another year or category than was asked for |
| auto_decided | filings without an anomaly that are decided without a person |
| auto_decided_right | filings decided without a person that are decided right |
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from evals.gate.evaluation import Case
from evals.triage_scores import Share

ALL = "all"
GROUNDED = 0.5
T = TypeVar("T")
#: A case's part and whole in a share.
Counted = Callable[[Case], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Group:
    """A class of a dimension; all filings where the dimension is empty."""

    dimension: str
    name: str

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.dimension} {self.name}" if self.dimension else self.name


EVERYTHING = Group("", ALL)


@dataclass(frozen=True, slots=True)
class Score:
    """A share of a group, counted on so many `filings`. `cases` are those that lower it."""

    name: str
    group: Group
    share: Share
    filings: int
    cases: tuple[str, ...]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the share, as if each filing counted once: what is read of one filing goes wrong together."""
        if self.share.value is None or self.share.whole <= self.filings:
            return self.share.interval
        return Share(self.share.value * self.filings, self.filings).interval  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a group that is no share; `value` is None where nothing was measured."""

    name: str
    group: Group
    value: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Bias:
    """By how much a share of one filer category lies below that of another; None where there are not two, or one has none.
    `cases` are those that lower the share of the worse served.
    """

    name: str
    worse: str
    better: str
    value: float | None
    n: int
    cases: tuple[str, ...]


def shares(cases: Sequence[Case]) -> list[Score]:
    """Every share, of all filings and of every class."""
    return [
        score(name, counted, group, inside)
        for group, inside in groups(cases, lambda case: (case,))
        for name, counted in counted_in(group).items()
    ]


def quantities(cases: Sequence[Case]) -> list[Quantity]:
    """Seconds of the model (median, 95th percentile) and tokens of a filing, of all filings and of every class."""
    found: list[Quantity] = []
    for group, inside in groups(cases, lambda case: (case,)):
        seconds = sorted(case.seconds for case in inside)
        values = {
            "seconds_p50": percentile(seconds, 0.50),
            "seconds_p95": percentile(seconds, 0.95),
            "prompt_tokens": _mean([case.prompt_tokens for case in inside]),
            "answer_tokens": _mean([case.answer_tokens for case in inside]),
        }
        found += [Quantity(name, group, value, len(inside)) for name, value in values.items()]
    return found


def biases(cases: Sequence[Case]) -> list[Bias]:
    """Of each share that must not depend on it, the largest difference between two filer categories."""
    served = [(group, inside) for group, inside in groups(cases, lambda case: (case,)) if group.dimension == "category"]
    found = []
    for name in BIASED:
        scores = [score(name, COUNTED[name], group, inside) for group, inside in served]
        ordered = sorted(scores, key=lambda one: -1.0 if one.share.value is None else one.share.value)
        worst, best = (ordered[0], ordered[-1]) if len(ordered) > 1 else (None, None)
        if worst is None or best is None or worst.share.value is None or best.share.value is None:
            found.append(Bias(name, "", "", None, len(cases), ()))
            continue
        value = best.share.value - worst.share.value
        found.append(Bias(name, worst.group.name, best.group.name, value, worst.share.whole, worst.cases))
    return found


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that so large a share of the ordered values does not exceed; None of none."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None


# ── shares ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _anomalies(measure: Literal["precision", "recall", "f1"], kind: str | None = None) -> Counted:
    """Of one kind, or of all."""

    def counted(case: Case) -> tuple[int, int]:
        found, there = (
            {one for one in several if kind is None or one == kind} for several in (case.anomalies, case.true_anomalies)
        )
        both = len(found & there)
        return {
            "precision": (both, len(found)),
            "recall": (both, len(there)),
            "f1": (2 * both, len(found) + len(there)),
        }[measure]

    return counted


COUNTED: Mapping[str, Counted] = {
    "type_right": lambda case: (case.type_right, 1),
    "answered": lambda case: (case.decision not in ("insufficient_evidence", "not_decided"), 1),
    "fields_exact": lambda case: (case.exact, case.fields),
    "nothing_misread": lambda case: (not case.misread, 1),
    "nothing_made_up": lambda case: (not case.made_up, 1),
    "anomaly_precision": _anomalies("precision"),
    "anomaly_recall": _anomalies("recall"),
    "anomaly_f1": _anomalies("f1"),
    "citations_hold": lambda case: (not case.problems, 1),
    "fields_supported": lambda case: (case.supported, case.exact),
    "grounded": lambda case: ((case.grounding or 0.0) >= GROUNDED, case.grounding is not None),
    "in_scope": lambda case: (not case.out_of_scope, 1),
    "auto_decided": lambda case: (case.outcome == "decided" and not case.true_anomalies, not case.true_anomalies),
    "auto_decided_right": lambda case: (case.outcome == "decided" and not case.wrong, case.outcome == "decided"),
}
#: May be a share of nothing: where nothing is decided without a person, nothing is decided wrong.
MAY_BE_EMPTY = frozenset({"auto_decided_right"})
#: In what filer categories must not differ.
BIASED = ("type_right", "fields_exact", "anomaly_f1", "citations_hold", "auto_decided")


def counted_in(group: Group) -> Mapping[str, Counted]:
    """The shares of a group. Of a kind of anomaly, precision and recall are of that kind alone, and none of its filings is
    decided without a person.
    """
    if group.dimension != "anomaly":
        return COUNTED
    own: dict[str, Counted] = {
        "anomaly_precision": _anomalies("precision", group.name),
        "anomaly_recall": _anomalies("recall", group.name),
        "anomaly_f1": _anomalies("f1", group.name),
    }
    return {**{name: counted for name, counted in COUNTED.items() if not name.startswith("auto_")}, **own}


def score(name: str, counted: Counted, group: Group, cases: Sequence[Case]) -> Score:
    """A share of the cases of a group."""
    parts = [(case.filing, *counted(case)) for case in cases]
    share = Share(sum(part for _, part, _ in parts), sum(whole for *_, whole in parts))
    counted_on = sum(whole > 0 for *_, whole in parts)
    return Score(name, group, share, counted_on, tuple(filing for filing, part, whole in parts if part < whole))


def groups(items: Sequence[T], cases_of: Callable[[T], Iterable[Case]]) -> Iterator[tuple[Group, list[T]]]:
    """All items first, then those of each class; an item is of every class that one of its cases is of. A kind of anomaly has
    the filings that have it and those that are said to.
    """
    yield EVERYTHING, list(items)
    for dimension, classes in DIMENSIONS.items():
        found: dict[str, list[T]] = {}
        for item in items:
            for name in dict.fromkeys(name for case in cases_of(item) for name in classes(case)):
                found.setdefault(name, []).append(item)
        for name in sorted(found):
            yield Group(dimension, name), found[name]


DIMENSIONS: Mapping[str, Callable[[Case], Iterable[str]]] = {
    "format": lambda case: (case.format,),
    "year": lambda case: (str(case.year),),
    "category": lambda case: (case.category,),
    "type": lambda case: (case.true_type,),
    "anomaly": lambda case: sorted({*case.anomalies, *case.true_anomalies}),
}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

"""How well a score tells right answers from wrong ones: AUROC, Cohen's kappa at a threshold, bootstrap intervals. Pure.

Answers to one question are alike, so what is drawn again in a resample are questions, each with all of its answers (the
cluster bootstrap), and intervals are percentiles of the resamples. A threshold is either given beforehand, or chosen on half
of the questions and judged on the other half, both ways: never chosen on the rows that it is judged on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 1_000
LEVEL = 0.95
_SEED = 20240607


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds of its interval; all None where there is nothing to estimate it from."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, float | None]:
        """Four digits."""
        return {
            name: None if number is None else round(number, 4)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """Answers let through (score >= threshold) against held back. `thresholds` holds two where each half had its own."""

    thresholds: tuple[float, ...]
    n: int
    right_let_through: int
    right_held: int
    wrong_let_through: int
    wrong_held: int
    kappa: Interval


def auroc(scores: Scores, right: Flags) -> float | None:
    """The chance that a right answer scores above a wrong one, ties counting half (Mann-Whitney). None without both."""
    good, bad = scores[right], np.sort(scores[~right])
    if not len(good) or not len(bad):
        return None
    below = np.searchsorted(bad, good, "left")
    upto = np.searchsorted(bad, good, "right")
    return float((below + upto).sum() / 2 / len(good) / len(bad))


def kappa(one: Flags, other: Flags) -> float | None:
    """Cohen's kappa of two verdicts: agreement beyond what their shares alone would give. None where these leave no room."""
    if not len(one):
        return None
    agreed = float(np.mean(one == other))
    p, q = float(np.mean(one)), float(np.mean(other))
    by_chance = p * q + (1 - p) * (1 - q)
    return None if by_chance >= 1 else (agreed - by_chance) / (1 - by_chance)


def best_threshold(scores: Scores, right: Flags) -> float:
    """The lowest score at which kappa is highest, of the scores that occur."""
    candidates = np.unique(scores)
    return float(max(candidates, key=lambda t: (kappa(scores >= t, right) or 0.0, -t)))


def half_of(question: str) -> int:
    """0 or 1, by the question alone: whoever answers it, it lies in the same half."""
    return sha256(question.encode()).digest()[0] & 1


def auroc_with_interval(scores: Scores, right: Flags, questions: Sequence[str]) -> Interval:
    """The AUROC with its bootstrap interval."""
    return _bootstrapped(lambda at: auroc(scores[at], right[at]), questions)


def auroc_difference(one: Scores, other: Scores, right: Flags, questions: Sequence[str]) -> Interval:
    """By how much the AUROC of one score exceeds that of another on the same answers, with its bootstrap interval."""

    def difference(at: NDArray[np.intp]) -> float | None:
        first, second = auroc(one[at], right[at]), auroc(other[at], right[at])
        return None if first is None or second is None else first - second

    return _bootstrapped(difference, questions)


def at_threshold(scores: Scores, right: Flags, questions: Sequence[str], threshold: float) -> AtThreshold:
    """At a threshold that was given beforehand."""
    return _judged(scores >= threshold, right, questions, (threshold,))


def at_threshold_of_other_half(scores: Scores, right: Flags, questions: Sequence[str]) -> AtThreshold | None:
    """At thresholds chosen on the questions of the other half; None where a half is empty. The interval holds them fixed."""
    halves = np.array([half_of(question) for question in questions])
    if len(set(halves.tolist())) < 2:
        return None
    chosen = [best_threshold(scores[halves != half], right[halves != half]) for half in (0, 1)]
    through = np.where(halves == 0, scores >= chosen[0], scores >= chosen[1])
    return _judged(through, right, questions, tuple(chosen))


def _judged(through: Flags, right: Flags, questions: Sequence[str], thresholds: tuple[float, ...]) -> AtThreshold:
    return AtThreshold(
        thresholds,
        len(right),
        int(np.sum(through & right)),
        int(np.sum(~through & right)),
        int(np.sum(through & ~right)),
        int(np.sum(~through & ~right)),
        _bootstrapped(lambda at: kappa(through[at], right[at]), questions),
    )


def _bootstrapped(statistic: Callable[[NDArray[np.intp]], float | None], questions: Sequence[str]) -> Interval:
    rows_of: dict[str, list[int]] = {}
    for row, question in enumerate(questions):
        rows_of.setdefault(question, []).append(row)
    value = statistic(np.arange(len(questions), dtype=np.intp))
    if value is None or len(rows_of) < 2:
        return Interval(value)
    by_question = np.array([row for rows in rows_of.values() for row in rows], dtype=np.intp)
    sizes = np.array([len(rows) for rows in rows_of.values()], dtype=np.intp)
    starts = np.cumsum(sizes) - sizes
    draws = np.random.default_rng(_SEED).integers(0, len(sizes), (RESAMPLES, len(sizes)))
    found = [statistic(by_question[_run(starts[draw], sizes[draw])]) for draw in draws]
    seen = np.array([one for one in found if one is not None])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(seen, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _run(starts: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """The places `[start, start + size)` of every pair, one after the other."""
    ends = np.cumsum(sizes)
    result: NDArray[np.intp] = np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1])
    return result

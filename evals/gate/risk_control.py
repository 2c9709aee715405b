"""From which confidence on a decision needs no person, with a bound on how often it is wrong then. Pure.

The cases are those of a calibration set, a sample of what is to be decided. Of them those count that nothing but the threshold
keeps from being decided (`decides`). Given how many of them reach a threshold, the number of wrong ones is binomial, and
Clopper and Pearson's bound is exact: no approximation, at no size.

Who looks for the lowest threshold whose bound is small enough looks many times, and one time in twenty a bound of 95 % is too
small. Corrected is by *fixed-sequence testing* (Learn then Test): a grid that is declared before anything is seen, from strict
to lenient, each threshold tested at the full level, an end at the first that fails. To accept one that is too lenient, the
strictest of the too lenient has to pass, and that is one test. Bonferroni needs no order and pays for all of the grid, 0.1 %
instead of 5 % at 51 thresholds: it takes 1,383 cases without an error to bound 0.5 %, where the sequence takes 598.

Of few cases no threshold can be accepted, however right they are; those of the grid that fewer reach are passed over instead
of ending the sequence. That looks at how many there are and not at which are wrong, and keeps the level wherever the error does
not fall as the threshold is lowered: then fewer cases above a stricter threshold mean more errors among the rest, not fewer. Of
accepted thresholds that let the same cases through the strictest is taken: nothing was seen of the confidences below it.

C. J. Clopper, E. S. Pearson: The use of confidence or fiducial limits illustrated in the case of the binomial. Biometrika 26
(1934). A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan, L. Lei: Learn then Test: calibrating predictive algorithms to
achieve risk control. arXiv:2110.01052 (2021), section 2.3 (fixed-sequence testing).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

#: From strict to lenient. Below a half nothing is decided without a person, whatever the cases say.
GRID: tuple[float, ...] = tuple(percent / 100 for percent in range(100, 49, -1))
TARGET = 0.005  # wrong among what is decided without a person, at most
LEVEL = 0.95  # how sure that is


@dataclass(frozen=True, slots=True)
class Calibration:
    """Cases whose truth is known. `confidences` and `wrong`, in one order, are of those that only a threshold keeps from being
    decided; `cases` counts all.
    """

    confidences: tuple[float, ...]
    wrong: tuple[bool, ...]
    cases: int

    @classmethod
    def of(cls, rows: Iterable[tuple[float, bool, bool]]) -> "Calibration":
        """From (confidence, decides, wrong) of every case."""
        every = list(rows)
        kept = [(confidence, wrong) for confidence, decides, wrong in every if decides]
        return cls(tuple(confidence for confidence, _ in kept), tuple(wrong for _, wrong in kept), len(every))

    def with_cases(self, others: "Calibration") -> "Calibration":
        """Both together."""
        return Calibration(self.confidences + others.confidences, self.wrong + others.wrong, self.cases + others.cases)

    def counts(self, grid: Sequence[float]) -> tuple[Counts, Counts]:
        """How many cases reach each threshold, and how many of them are wrong."""
        confidences, wrong = np.asarray(self.confidences, dtype=float), np.asarray(self.wrong, dtype=bool)
        thresholds = np.asarray(grid, dtype=float)
        return _reaching(confidences, thresholds), _reaching(confidences[wrong], thresholds)


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold and what is known of it: of `n` cases that reach it `errors` are wrong, and the share of wrong ones among all
    that will ever be drawn alike is at most `upper`, with probability `confidence_level`. `coverage` is n of all cases.
    `searched` thresholds were tested on the way to it, itself included. It `holds` where all of them are at most at `target`.
    """

    threshold: float
    n: int
    errors: int
    upper: float
    coverage: float
    confidence_level: float
    target: float
    searched: int
    holds: bool


def upper_bound(errors: int, n: int, level: float = LEVEL) -> float:
    """The one-sided Clopper-Pearson bound of a share: with `errors` of `n` found, it is at most so much, with probability
    `level`. 1 where nothing was looked at. It is the `level` quantile of Beta(errors + 1, n - errors).
    """
    return float(upper_bounds(np.array([errors]), np.array([n]), level)[0])


def upper_bounds(errors: Counts, n: Counts, level: float = LEVEL) -> NDArray[np.float64]:
    """`upper_bound` of many at once."""
    from scipy.stats import beta

    bounds = np.ones(len(n))
    inside = errors < n  # else Beta has no second parameter, and the bound is 1
    bounds[inside] = beta.ppf(level, errors[inside] + 1, (n - errors)[inside])
    return bounds


@lru_cache(maxsize=256)
def cases_needed(target: float = TARGET, level: float = LEVEL, errors: int = 0) -> int:
    """The least number of cases with so many errors whose bound is at most the target."""
    low, high = errors, errors + 1
    while upper_bound(errors, high, level) > target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if upper_bound(errors, middle, level) <= target else (middle, high)
    return high


def fixed_sequence(n: Counts, errors: Counts, target: float = TARGET, level: float = LEVEL) -> tuple[int | None, int]:
    """The place of the last threshold that is accepted, from strict to lenient, None where none is; and how many were tested.

    `n` cases reach each threshold, `errors` of them are wrong.
    """
    bounds = upper_bounds(errors, n, level)
    least, accepted, tested = cases_needed(target, level), None, 0
    for place in np.flatnonzero(n >= least):
        tested += 1
        if bounds[place] > target:
            break
        accepted = int(place)
    return accepted, tested


def bonferroni(n: Counts, errors: Counts, target: float = TARGET, level: float = LEVEL) -> int | None:
    """The place of the most lenient threshold whose bound holds with all of the grid paid for; None where none does."""
    held = np.flatnonzero(upper_bounds(errors, n, 1 - (1 - level) / len(n)) <= target)
    return int(held[-1]) if held.size else None


def lowest_threshold(
    calibration: Calibration, target: float = TARGET, level: float = LEVEL, grid: Sequence[float] = GRID
) -> Bound | None:
    """The lowest threshold at which at most `target` of what is decided is wrong, with probability `level`; None where there is
    none, and then nothing is to be decided without a person. `grid` runs from strict to lenient.
    """
    n, errors = calibration.counts(grid)
    accepted, tested = fixed_sequence(n, errors, target, level)
    if accepted is None:
        return None
    place = int(np.flatnonzero(n == n[accepted])[0])
    return _bound(calibration, grid[place], int(n[place]), int(errors[place]), target, level, tested, True)


def bound_at(
    calibration: Calibration,
    threshold: float,
    target: float = TARGET,
    level: float = LEVEL,
    grid: Sequence[float] = GRID,
) -> Bound:
    """The bound of a threshold that stands in a workload, however it came there.

    `upper` is its own, as if nobody had searched. It `holds` only where the search would have come to it: who tries one by hand
    after the other until one passes has searched too.
    """
    way = (*(stricter for stricter in grid if stricter > threshold), threshold)
    n, errors = calibration.counts(way)
    accepted, tested = fixed_sequence(n, errors, target, level)
    return _bound(calibration, threshold, int(n[-1]), int(errors[-1]), target, level, tested, accepted == len(way) - 1)


def _bound(
    calibration: Calibration,
    threshold: float,
    n: int,
    errors: int,
    target: float,
    level: float,
    tested: int,
    holds: bool,
) -> Bound:
    coverage = n / calibration.cases if calibration.cases else 0.0
    return Bound(threshold, n, errors, upper_bound(errors, n, level), coverage, level, target, tested, holds)


def _reaching(confidences: NDArray[np.float64], thresholds: NDArray[np.float64]) -> Counts:
    """How many confidences are at least each threshold."""
    below = np.searchsorted(np.sort(confidences), thresholds, side="left")
    return np.asarray(len(confidences) - below, dtype=np.int64)

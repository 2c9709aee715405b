"""The population stability index: how far a distribution moved from a reference window, with a bound on what chance does. Pure.

PSI = sum over bins of (now - reference) * ln(now / reference), of shares (Siddiqi, Credit Risk Scorecards, 2006). The bins are
frozen on the reference: its deciles for numbers, equal ones merged, its most frequent values for codes, with one bin for what
it did not know. Half an observation is added to every bin of both windows, so that an empty bin has a logarithm.

By the usual rule of thumb 0.1 is a change worth a look and 0.25 one that matters. A PSI of few observations passes both by
chance alone: its size without any drift goes with 1/n + 1/m. So the bound is the greater of 0.25 and the value that one in a
hundred pairs of windows would exceed if both were drawn from one population: observed by dealing the pooled observations out
anew into windows of these sizes. Where several distributions are watched at once, the hundredth is shared among them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The rule of thumb: a look, and an alarm.
NOTABLE, MATTERS = 0.1, 0.25
#: How often chance alone may raise an alarm, over all distributions that are watched at once.
FALSE_ALARMS = 0.01
#: With fewer observations in either window nothing is said of it.
LEAST_OBSERVATIONS = 50

_DEALS = 10_000
_MOST_BINS = 10
_ADDED = 0.5
_SEED = 20240607
OTHER = "other"

Value = float | str


@dataclass(frozen=True, slots=True)
class Bins:
    """Either the upper edges of all but the last bin of numbers, ascending, or the codes that have a bin of their own."""

    edges: tuple[float, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each bin, in order."""
        if self.codes:
            return (*self.codes, OTHER)
        if not self.edges:
            return ("all",)
        inner = [f"{low:.3g} to {high:.3g}" for low, high in zip(self.edges, self.edges[1:], strict=False)]
        return (f"up to {self.edges[0]:.3g}", *inner, f"above {self.edges[-1]:.3g}")

    def counts(self, values: Sequence[Value]) -> tuple[int, ...]:
        """How many of the values lie in each bin."""
        if self.codes:
            known = Counter(str(value) for value in values)
            own = [known[code] for code in self.codes]
            return (*own, len(values) - sum(own))
        places = Counter(bisect_left(self.edges, float(value)) for value in values)
        return tuple(places[place] for place in range(len(self.edges) + 1))


@dataclass(frozen=True, slots=True)
class Drift:
    """One distribution in two windows. `state` is `insufficient` where a window is too small to say anything."""

    name: str
    labels: tuple[str, ...]
    reference: tuple[int, ...]
    now: tuple[int, ...]
    psi: float | None
    bound: float | None

    @property
    def state(self) -> str:
        """`stable`, `notable`, `moved` or `insufficient`."""
        if self.psi is None or self.bound is None:
            return "insufficient"
        if self.psi > self.bound:
            return "moved"
        return "notable" if self.psi > NOTABLE else "stable"

    def as_row(self) -> dict[str, object]:
        """For a table."""
        return {
            "distribution": self.name,
            "state": self.state,
            "psi": None if self.psi is None else round(self.psi, 4),
            "bound": None if self.bound is None else round(self.bound, 4),
            "reference": sum(self.reference),
            "now": sum(self.now),
        }


def bins_of(reference: Sequence[Value]) -> Bins:
    """Bins frozen on a reference window: deciles where all values are numbers, else its most frequent codes."""
    if all(isinstance(value, int | float) for value in reference):
        numbers = np.array(reference, dtype=float)
        cuts = np.quantile(numbers, np.arange(1, _MOST_BINS) / _MOST_BINS, method="lower") if len(numbers) else []
        return Bins(edges=tuple(sorted({float(cut) for cut in cuts if cut < numbers.max()})))
    common = Counter(str(value) for value in reference).most_common(_MOST_BINS)
    return Bins(codes=tuple(sorted(code for code, _ in common)))


def psi_of(reference: Sequence[int], now: Sequence[int]) -> float:
    """From the counts of the bins; 0 where the shares are the same."""
    value = _psi(np.array([reference], dtype=float), np.array([now], dtype=float))[0]
    return float(value)


def bound_of(reference: Sequence[int], now: Sequence[int], watched: int = 1) -> float:
    """The PSI that an alarm has to exceed, for windows of these sizes, where so many distributions are watched."""
    pooled = np.array(reference) + np.array(now)
    chance = np.random.default_rng(_SEED)
    dealt = chance.multivariate_hypergeometric(pooled, int(sum(now)), size=_DEALS, method="marginals")
    by_chance = _psi((pooled - dealt).astype(float), dealt.astype(float))
    return max(MATTERS, float(np.quantile(by_chance, 1 - FALSE_ALARMS / max(watched, 1))))


def drift_of(
    name: str, reference: Sequence[Value], now: Sequence[Value], watched: int = 1, *, private: bool = False
) -> Drift:
    """One distribution, held against its reference. The edges of `private` bins are somebody's values, and are not named."""
    bins = bins_of(reference or now)  # an empty reference is too small to compare, not too small to show
    before, after = bins.counts(reference), bins.counts(now)
    labels = tuple(f"bin {number}" for number in range(1, len(before) + 1)) if private else bins.labels
    if min(len(reference), len(now)) < LEAST_OBSERVATIONS:
        return Drift(name, labels, before, after, None, None)
    return Drift(name, labels, before, after, psi_of(before, after), bound_of(before, after, watched))


def _psi(reference: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row by row."""
    one, other = (_shares(counts) for counts in (reference, now))
    result: NDArray[np.float64] = ((other - one) * np.log(other / one)).sum(axis=1)
    return result


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    added = counts + _ADDED
    shares: NDArray[np.float64] = added / added.sum(axis=1, keepdims=True)
    return shares

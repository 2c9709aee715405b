"""By how much a score differs between two releases over the same cases, and how sure that is. Pure.

Cases are drawn anew, with all that both releases made of them: what is hard for one is hard for the other, and only what they
differ in counts. The interval is the percentile one (B. Efron, R. J. Tibshirani: An Introduction to the Bootstrap, 1993,
chapter 13). It is drawn from a seed that both releases' digests give, so that a report says the same when it is made again.

Where no case differs the interval is [0, 0]; where only a handful of a group's do, it is narrower than it should be. A class
that must not get worse at all has a floor of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compliance_assets.contracts.canonical import sha256_hex

RESAMPLES = 10_000
LEVEL = 0.95
_AT_ONCE = 500  # resamples held in memory


class Part(NamedTuple):
    """What a case adds to a score, which is the sum of the parts over that of the wholes: (1, 1) for a right type, (exact
    fields, fields), and for an F1 (2 TP, 2 TP + FP + FN).
    """

    part: float
    whole: float


@dataclass(frozen=True, slots=True)
class Difference:
    """The score of the candidate less that of production, with the bounds of its interval, over `n` cases. A score of nothing,
    and a difference to it, is None.
    """

    candidate: float | None
    production: float | None
    difference: float | None
    low: float | None
    high: float | None
    n: int

    @property
    def worse(self) -> bool:
        """Whether all of the interval lies below zero."""
        return self.high is not None and self.high < 0

    @property
    def better(self) -> bool:
        """Whether all of it lies above."""
        return self.low is not None and self.low > 0


def seed_of(candidate: str, production: str) -> int:
    """A seed from the digests of the two."""
    return int(sha256_hex(f"{candidate}\n{production}")[:16], 16)


def paired_difference(
    candidate: Sequence[Part],
    production: Sequence[Part],
    seed: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Difference:
    """Of a score where a higher value is better. Both name the same cases in the same order; ValueError where they cannot."""
    if len(candidate) != len(production):
        raise ValueError(f"not the same cases: {len(candidate)} and {len(production)}")
    both = np.array([(*ours, *theirs) for ours, theirs in zip(candidate, production, strict=True)], dtype=float)
    both = both.reshape(-1, 4)
    new, old = (_share(both.sum(axis=0)[i : i + 2]) for i in (0, 2))
    if new is None or old is None:
        return Difference(new, old, None, None, None, len(both))
    low, high = np.nanquantile(_differences(both, seed, resamples), ((1 - level) / 2, (1 + level) / 2))
    return Difference(new, old, new - old, float(low), float(high), len(both))


def by_group(
    groups: Sequence[str],
    candidate: Sequence[Part],
    production: Sequence[Part],
    seed: int,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Mapping[str, Difference]:
    """The same within each group; `groups` names that of each case."""
    places: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        places.setdefault(group, []).append(place)
    return {
        group: paired_difference(
            [candidate[i] for i in inside], [production[i] for i in inside], seed, resamples=resamples, level=level
        )
        for group, inside in sorted(places.items())
    }


def _differences(both: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    """Of each resample; NaN where it drew nothing that counts."""
    draw, cases = np.random.default_rng(seed), len(both)
    found = []
    for start in range(0, resamples, _AT_ONCE):
        drawn = draw.integers(cases, size=(min(_AT_ONCE, resamples - start), cases))
        sums = both[drawn].sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3])
    return np.concatenate(found)


def _share(sums: NDArray[np.float64]) -> float | None:
    return float(sums[0] / sums[1]) if sums[1] else None

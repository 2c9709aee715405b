"""How long documents could still be found after their files were removed. Pure: the times in, percentiles out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Removal:
    """Seconds that a removed file's document could be found: since its tombstone, and at most since it was removed.

    `at_most` counts from the last listing that still had the file; None where there was none on record. `in_index` is the time
    until the live index no longer held it, None while it does: a search skips it all the same.
    """

    since_noticed: float
    at_most: float | None
    in_index: float | None

    @property
    def bound(self) -> float:
        """The longest that the document can have been found."""
        return self.since_noticed if self.at_most is None else self.at_most


@dataclass(frozen=True, slots=True)
class Times:
    """Percentiles of seconds, nearest rank; all 0 where n is 0."""

    n: int
    p50: float
    p95: float
    max: float


def times_of(seconds: Sequence[float]) -> Times:
    """The percentiles of durations."""
    ordered = sorted(seconds)
    if not ordered:
        return Times(0, 0.0, 0.0, 0.0)
    at = [ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95)]
    return Times(len(ordered), at[0], at[1], ordered[-1])

"""How long a candidate has soaked: what counts of the time since it was staged, whatever anybody does to a clock. Pure.

A candidate soaks by being observed. Between one observation and the next as much time is credited as the slowest of the clocks
says that passed: the process's wall clock, the kernel's clock since it booted (which nobody can set, and which counts while the
boot is the same) and the database server's. A clock that went back credits nothing, and a gap counts for two hours at most:
what was not looked at did not soak.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resources.clock import rfc3339

SOAK_SECONDS = 72 * 3600.0
#: What one gap between observations counts for at most: an hourly job may miss one of them.
LONGEST_GAP_SECONDS = 2 * 3600.0
#: Without so many shadow decisions in all, time without any says nothing.
FEWEST_SHADOW_DECISIONS = 20
#: Real decisions that one observation decides again at most: a model's answer may cost money.
MOST_SHADOW_DECISIONS_AT_ONCE = 25


@dataclass(frozen=True, slots=True)
class Reading:
    """Three clocks, read at one moment. `boot_seconds` counts since the boot `boot_id`; both are None where no kernel tells."""

    wall: datetime
    database: datetime
    boot_id: str | None = None
    boot_seconds: float | None = None

    def as_json(self) -> dict[str, object]:
        """As it stands in the ledger."""
        return {
            "wall": rfc3339(self.wall),
            "database": rfc3339(self.database),
            "boot_id": self.boot_id,
            "boot_seconds": self.boot_seconds,
        }


def reading_of(stored: dict[str, Any]) -> Reading:
    """The reading that `as_json` wrote."""
    wall, database = datetime.fromisoformat(stored["wall"]), datetime.fromisoformat(stored["database"])
    return Reading(wall, database, stored["boot_id"], stored["boot_seconds"])


@dataclass(frozen=True, slots=True)
class Observation:
    """One look at a candidate that soaks. `decided`: real decisions since the one before, up to entry `through`; `shadow` of
    them were decided again, of which `differing` (response ids) came out otherwise; `unanswered` could not be.
    """

    reading: Reading
    through: int
    decided: int = 0
    shadow: int = 0
    differing: tuple[str, ...] = ()
    unanswered: int = 0

    @property
    def serves(self) -> bool:
        """Whether the candidate answered at all where it was asked."""
        return self.shadow > 0 or self.unanswered == 0


@dataclass(frozen=True, slots=True)
class Soak:
    """How far a candidate has soaked."""

    credited_seconds: float
    observations: int
    shadow: int
    differing: int
    unanswered: int

    @property
    def complete(self) -> bool:
        """Whether it soaked long enough, over enough real traffic."""
        return is_enough(self.credited_seconds, self.shadow)

    @property
    def wording(self) -> str:
        """For a person: hours and shadow decisions, each beside what is needed."""
        return (
            f"{self.credited_seconds / 3600:.1f} of {SOAK_SECONDS / 3600:.0f} hours, {self.shadow} shadow decisions"
            f" ({FEWEST_SHADOW_DECISIONS} at least), {self.differing} of them otherwise than in production"
        )


def is_enough(credited_seconds: float, shadow: int) -> bool:
    """Whether a soak is one."""
    return credited_seconds >= SOAK_SECONDS and shadow >= FEWEST_SHADOW_DECISIONS


def credit(before: Reading, after: Reading) -> float:
    """The seconds that count between two readings, from 0 to `LONGEST_GAP_SECONDS`."""
    passed = [(after.wall - before.wall).total_seconds(), (after.database - before.database).total_seconds()]
    if before.boot_id is not None and before.boot_id == after.boot_id:
        passed.append((after.boot_seconds or 0.0) - (before.boot_seconds or 0.0))
    return min(max(min(passed), 0.0), LONGEST_GAP_SECONDS)


def soak_of(staged: Reading, observations: Sequence[Observation]) -> Soak:
    """What the observations since the staging come to. Time without a real decision counts once there are enough in all."""
    shadow = sum(o.shadow for o in observations)
    before, credited = staged, 0.0
    for observed in observations:
        if observed.serves and (observed.shadow or shadow >= FEWEST_SHADOW_DECISIONS):
            credited += credit(before, observed.reading)
        before = observed.reading
    return Soak(
        credited,
        len(observations),
        shadow,
        sum(len(o.differing) for o in observations),
        sum(o.unanswered for o in observations),
    )


def sample_of(places: Sequence[int], most: int = MOST_SHADOW_DECISIONS_AT_ONCE) -> list[int]:
    """At most so many of the places, spread evenly over them."""
    taken = min(len(places), most)
    return [places[i * len(places) // taken] for i in range(taken)]

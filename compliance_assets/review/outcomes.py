"""What persons made of the model's decisions, as rows to train thresholds on and as figures. Pure.

An approved decision is one that the model and a person agree on; an overridden or rejected one is not. A row holds codes and
the two decisions, nothing of what was asked or read: the rationale is sealed in the ledger.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Reviewed(NamedTuple):
    """So many reviews of one kind. `tenth` is the tenth of the computed confidence, from 0 (below 0.1) to 9 (from 0.9)."""

    workload: str
    reason: str
    tenth: int
    outcome: str
    reviews: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often persons agreed with the model, over the `reviewed` decisions of a group."""

    group: str
    reviewed: int
    approved: int
    overridden: int
    rejected: int

    @property
    def share(self) -> float | None:
        """Approved of reviewed, from 0 to 1; None where nothing was reviewed."""
        return self.approved / self.reviewed if self.reviewed else None

    def as_row(self) -> dict[str, object]:
        """For a table."""
        return {
            "group": self.group,
            "reviewed": self.reviewed,
            "approved": self.approved,
            "overridden": self.overridden,
            "rejected": self.rejected,
            "agreement": "none yet" if self.share is None else f"{self.share:.1%}",
        }


def agreement_of(counts: Iterable[Reviewed], group: str = "all") -> Agreement:
    """Over everything."""
    by_outcome = dict.fromkeys(("approved", "overridden", "rejected"), 0)
    for reviewed in counts:
        by_outcome[reviewed.outcome] += reviewed.reviews
    return Agreement(group, sum(by_outcome.values()), **by_outcome)


def agreement_by(counts: Iterable[Reviewed], group_of: Callable[[Reviewed], str]) -> list[Agreement]:
    """By group, in the order of the groups' names."""
    groups: dict[str, list[Reviewed]] = {}
    for reviewed in counts:
        groups.setdefault(group_of(reviewed), []).append(reviewed)
    return [agreement_of(groups[group], group) for group in sorted(groups)]


def confidence_band(reviewed: Reviewed) -> str:
    """The tenth that the confidence lies in, for people."""
    return f"{reviewed.tenth / 10:.1f} to {(reviewed.tenth + 1) / 10:.1f}"

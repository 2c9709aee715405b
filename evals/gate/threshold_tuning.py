"""A new threshold for a workload: from the calibration set, and from what persons made of decisions. Pure.

What persons looked at is no sample of what is decided without them. A case comes to them because its confidence was below the
threshold in force, or because something else stood against it; a decision that was taken without them is looked at when
somebody chose to. So outcomes cannot stand for the calibration set, and approvals by the dozen cannot bring a threshold down:
they can only hold one up. A threshold is taken where the calibration set bounds its error, alone and with the search paid for,
*and* where the same bound holds with the outcomes added. The second asks more and never less, so that the guarantee of the
first stands whatever was reviewed, and by whom.

Added are those that a threshold decides about: what waited for its confidence alone (`low_confidence`), every one of them, and
decisions taken without a person that one accepted or contested afterwards. What has an anomaly, no answer or an ungrounded one
goes to a person at any threshold. Wrong is what was not approved: also a rejection says that it should not have been decided.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from compliance_assets.contracts.errors import InvalidInput
from evals.gate.risk_control import LEVEL, TARGET, Bound, Calibration, bound_at, cases_needed, lowest_threshold

_APPROVED = {"approved": True, "overridden": False, "rejected": False, "accepted": True, "contested": False}


class Reviewed(NamedTuple):
    """A decision that a person looked at. `reason` is the code of why it came to a person, None where it was decided without
    one; `outcome` is that of its case (`approved`, `overridden`, `rejected`), or else of its oversight (`accepted`,
    `contested`, or what says nothing yet).
    """

    confidence: float
    reason: str | None
    outcome: str


def outcomes_of(reviewed: Iterable[Reviewed]) -> Calibration:
    """Those of the reviewed decisions that a threshold decides about."""
    return Calibration.of(
        (one.confidence, one.reason in (None, "low_confidence"), not _APPROVED[one.outcome])
        for one in reviewed
        if one.outcome in _APPROVED
    )


def require_measured(workload: str, *measured: str) -> None:
    """Raises InvalidInput for a workload that has no calibration set."""
    if workload not in measured:
        raise InvalidInput(
            "nothing is known of how often this workload is wrong",
            expected=f"a workload with a calibration set: {', '.join(measured)}",
            found=workload,
            remedy="Its threshold stays as it is; a person reads a change of it.",
        )


def require_enough(calibration: Calibration, target: float = TARGET, level: float = LEVEL) -> None:
    """Raises InvalidInput where so few cases decide that no threshold could be bounded if all of them were right."""
    needed, there = cases_needed(target, level), len(calibration.confidences)
    if there < needed:
        raise InvalidInput(
            "the calibration set is too small",
            expected=f"{needed:,} cases that decide, to bound {target:.2%} at {level:.0%} if none of them is wrong",
            found=f"{there:,} of {calibration.cases:,} cases",
            remedy="Enlarge the calibration set, or tune for a higher --target.",
        )


def tuned_threshold(
    calibration: Calibration, outcomes: Calibration | None = None, target: float = TARGET, level: float = LEVEL
) -> Bound | None:
    """The lowest threshold that both bear out, with its bound on the calibration set; None where there is none."""
    found = lowest_threshold(calibration, target, level)
    if found is None or outcomes is None or not outcomes.confidences:
        return found
    with_outcomes = lowest_threshold(calibration.with_cases(outcomes), target, level)
    if with_outcomes is None:
        return None
    if with_outcomes.threshold <= found.threshold:
        return found
    stricter = bound_at(calibration, with_outcomes.threshold, target, level)
    return stricter if stricter.holds else None


def tuned(workload: bytes, bound: Bound | None) -> bytes:
    """The workload's file with the threshold of a bound; without one, nothing is decided without a person."""
    content = json.loads(workload)
    content["thresholds"]["auto_decide"] = bound.threshold if bound else None
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()

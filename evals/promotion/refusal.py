"""A step of a release that is refused. `why` is a code, kept in the ledger; the rest is for the person who tried."""

from typing import Literal

from compliance_assets.contracts.errors import IntegrityError

Why = Literal[
    "receipt_malformed",
    "receipt_edited",
    "receipt_other_key",
    "receipt_other_candidate",
    "receipt_expired",
    "receipt_missing",
    "evaluation_differs",
    "gate_not_passed",
    "golden_set_changed",
    "calibration_set_changed",
    "gate_changed",
    "baseline_moved",
    "not_staged",
    "approvals_missing",
    "not_on_the_board",
    "own_change",
    "approved_twice",
    "soak_incomplete",
    "outside_window",
    "clocks_disagree",
    "nightly_failing",
    "router_map_not_approved",
    "runs_otherwise",
    "never_in_production",
    "in_production_already",
]


class Refused(IntegrityError):
    """A rule of the release is not kept."""

    def __init__(self, why: Why, problem: str, *, expected: str, found: str, remedy: str) -> None:
        super().__init__(problem, expected=expected, found=found, remedy=remedy)
        self.why = why

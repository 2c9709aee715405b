"""Checks of `eval_report`: what the verdict in the working tree's signed receipt says. What enforces it is that receipt."""

import dagster as dg

from compliance_assets import keys, metadata
from evals.gate import report
from evals.gate.gate import Rule
from evals.promotion import store
from evals.promotion.control import ChangeControl

Control = dg.ResourceParam[ChangeControl]


@dg.asset_check(asset=keys.EVAL_REPORT, blocking=True)
def floors_held(change_control: Control) -> dg.AssetCheckResult:
    """No score of any class lies below its floor or above its ceiling, and none is missing, also of workloads without a set."""
    return _held(change_control, "floor", "ceiling", "bias", "golden_set")


@dg.asset_check(asset=keys.EVAL_REPORT, blocking=True)
def no_regression(change_control: Control) -> dg.AssetCheckResult:
    """Against production no score may be worse by more than its margin, at the lower end of its interval."""
    return _held(change_control, "regression")


@dg.asset_check(asset=keys.EVAL_REPORT, blocking=True)
def hard_zeros(change_control: Control) -> dg.AssetCheckResult:
    """Nothing out of scope was retrieved or cited, no bad citation accepted, no example of the policy broken: not once."""
    return _held(change_control, "zero")


@dg.asset_check(asset=keys.EVAL_REPORT, blocking=True)
def auto_decided_error_bounded(change_control: Control) -> dg.AssetCheckResult:
    """The upper bound on errors among what is decided without a person is at most the target."""
    return _held(change_control, "bound")


def _held(control: ChangeControl, *rules: Rule) -> dg.AssetCheckResult:
    """Raises IntegrityError where the working tree has no receipt that holds."""
    with control.desk.postgres.connect() as conn:
        candidacy = store.candidacy(conn, control.desk.keyring, control.candidate().release_id)
        verdict = store.receipt_of(conn, candidacy).verdict
    failed = [row for row in report.against_rows(verdict) if row["rule"] in rules]
    columns = ["score", "class", "value", "bound", "n", "interval", "cases"]
    return dg.AssetCheckResult(
        passed=not failed,
        metadata={
            "findings": len(verdict.of(*rules)),
            "failed": len(failed),
            "against": metadata.table(failed, columns),
        },
    )

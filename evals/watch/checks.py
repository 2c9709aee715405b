"""Checks of `prod_traffic_30d`, on what the last nightly evaluation recorded."""

from typing import Any

import dagster as dg

from compliance_assets import keys
from compliance_assets.audit_ledger import store as ledger
from evals.watch.nightly import NIGHTLY_EVALUATION
from resources.postgres import Postgres


@dg.asset_check(asset=keys.PROD_TRAFFIC)
def drift_within_bounds(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """No watched distribution moved by more than its bound. Where there is too little to say it is a warning."""
    body = _last(postgres)
    moved = [code for code in body["findings"] if code.startswith("drift.")]
    return _result(moved, body)


@dg.asset_check(asset=keys.PROD_TRAFFIC)
def errors_within_bounds(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """What people looked at is not wrong more often than the target or than before, and production passes today's gate."""
    body = _last(postgres)
    return _result([code for code in body["findings"] if not code.startswith("drift.")], body)


def _result(crossed: list[str], body: dict[str, Any]) -> dg.AssetCheckResult:
    unsaid = body["state"] == "insufficient"
    return dg.AssetCheckResult(
        passed=not crossed and not unsaid,
        severity=dg.AssetCheckSeverity.ERROR if crossed else dg.AssetCheckSeverity.WARN,
        description="Too little traffic to say: neither passed nor failed." if unsaid else None,
        metadata={
            "crossed": ", ".join(crossed) or "none",
            "decisions": body["n"],
            "looked_at": body["looked_at"],
            "too_little_of": ", ".join(body["not_judged"]) or "nothing",
        },
    )


def _last(postgres: Postgres) -> dict[str, Any]:
    with postgres.connect() as conn:
        return ledger.body_of(ledger.entries_of_kind(conn, NIGHTLY_EVALUATION)[-1])

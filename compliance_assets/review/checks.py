"""Checks of `review_queue`."""

from datetime import timedelta

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.review import case_store as store
from compliance_assets.review.assets import hours_since
from resources.clock import system_clock
from resources.postgres import Postgres

#: queue -> how long a case may wait: one day for what is held back, a working week for the rest.
LONGEST_WAIT = {"quarantine": timedelta(days=1), "review": timedelta(days=7)}


@dg.asset_check(asset=keys.REVIEW_QUEUE)
def no_case_waits_too_long(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """No answer lies in quarantine for more than a day, no decision in review for more than a week. A warning."""
    now, waiting, oldest = system_clock(), {}, []
    with postgres.connect() as conn:
        for queue, longest in LONGEST_WAIT.items():
            waiting[queue], rows = store.opened_before(conn, queue, now - longest)
            oldest += [
                {"response_id": r[0], "queue": queue, "reason": r[4], "hours": hours_since(r[7], now)} for r in rows
            ]
    return dg.AssetCheckResult(
        passed=not any(waiting.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            **{f"{queue}_waits_too_long": count for queue, count in waiting.items()},
            "longest_waiting": metadata.table(oldest, ["response_id", "queue", "reason", "hours"]),
        },
    )

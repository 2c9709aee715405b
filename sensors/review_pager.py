"""The sensor `review_pager`: something in the outbox is due, a quarantined answer above all -> one run that delivers it."""

import dagster as dg

from compliance_assets.contracts.canonical import digest_of
from compliance_assets.review import notification_store
from jobs.deliver_notifications import deliver_notifications
from resources.clock import system_clock
from resources.postgres import Postgres

#: A run key is remembered for ever: with the quarter of an hour in it, a delivery that died is started again.
TRY_AGAIN_SECONDS = 900


@dg.sensor(job=deliver_notifications, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.STOPPED)
def review_pager(
    context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres]
) -> dg.SensorResult | dg.SkipReason:
    """Looks for what may be sent now; what waits for its next attempt is left alone until then."""
    now = system_clock()
    with postgres.connect() as conn:
        waiting = notification_store.due(conn, now)
    if not waiting:
        return dg.SkipReason("Nothing is due.")
    quarter = int(now.timestamp()) // TRY_AGAIN_SECONDS
    run_key = f"{digest_of([list(row) for row in waiting])[:16]}:{quarter}"
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=run_key, tags={"trigger": "sensor"})])

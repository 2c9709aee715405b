"""The sensor `pending_filings`: filings that nobody triaged and questions that nobody answered -> one run for each year."""

import dagster as dg

from compliance_assets.contracts.canonical import content_id
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.pending import TRIAGE
from jobs.decide import decide_pending
from resources.postgres import Postgres
from resources.settings import Settings


@dg.sensor(job=decide_pending, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.STOPPED)
def pending_filings(
    context: dg.SensorEvaluationContext, postgres: dg.ResourceParam[Postgres], settings: dg.ResourceParam[Settings]
) -> dg.SensorResult | dg.SkipReason:
    """A year whose index stands and that has work which is not waiting for a model. The same work requests the same run key."""
    requests = []
    with postgres.connect() as conn:
        for year in store.indexed_years(conn, settings.years):
            waiting = [*store.filings_without_work(conn, year, TRIAGE), *store.fresh_work(conn, year)]
            if waiting:
                requests.append(
                    dg.RunRequest(
                        run_key=f"pending:{year}:{content_id('work', *sorted(waiting))}",
                        partition_key=str(year),
                        tags={"trigger": "sensor"},
                    )
                )
    return dg.SensorResult(run_requests=requests) if requests else dg.SkipReason("Nothing waits to be decided.")

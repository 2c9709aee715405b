"""The sensor `queue_recovery`: work that waits for a model, and a model that answers again -> one run for each year."""

import dagster as dg

from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.releases.serving import served
from jobs.decide import drain_queue


@dg.sensor(job=drain_queue, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.STOPPED)
def queue_recovery(
    context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]
) -> dg.SensorResult | dg.SkipReason:
    """Nothing is sent to try a model: it counts as back when its server answers at all. One run at a time for a year."""
    with desk.postgres.connect() as conn:
        waiting = store.postponed_work(conn)
        if not waiting:
            return dg.SkipReason("Nothing waits for a model.")
        at = served(desk, conn).desk
    ready = sorted({(year, since) for year, workload, since in waiting if _answers(at, workload)})
    if not ready:
        return dg.SkipReason(f"{len(waiting)} kinds of work wait; none of their models answers.")
    requests = [
        dg.RunRequest(run_key=f"recovered:{year}:{since}", partition_key=str(year), tags={"trigger": "sensor"})
        for year, since in {year: since for year, since in ready}.items()
    ]
    return dg.SensorResult(run_requests=requests)


def _answers(desk: Desk, workload: str) -> bool:
    return desk.models.any_reachable(desk.router_map.route(workload).models)

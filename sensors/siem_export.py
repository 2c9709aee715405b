"""The sensor `siem_export`: entries that a SIEM does not have -> one run for each sink that is behind."""

import dagster as dg

from compliance_assets.evidence.exports.deliver import Waiting, waiting
from jobs.siem_export import deliver_to_sinks, export_to_siem
from resources.clock import system_clock
from resources.postgres import Postgres
from resources.settings import Settings

#: A run key is remembered for ever: with the quarter of an hour in it, a sink that was down is tried again.
TRY_AGAIN_SECONDS = 900


@dg.sensor(job=export_to_siem, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.STOPPED)
def siem_export(
    context: dg.SensorEvaluationContext,
    postgres: dg.ResourceParam[Postgres],
    settings: dg.ResourceParam[Settings],
) -> dg.SensorResult | dg.SkipReason:
    """Compares the ledger's head with what each sink of COMPLIANCE_SIEM_SINKS acknowledged."""
    with postgres.connect() as conn:
        behind = waiting(conn, settings.siem_sinks)
    if not behind:
        return dg.SkipReason("Every sink has the whole ledger." if settings.siem_sinks else "No sink is configured.")
    quarter = int(system_clock().timestamp()) // TRY_AGAIN_SECONDS
    return dg.SensorResult(run_requests=[_run(sink, quarter) for sink in behind])


def _run(sink: Waiting, quarter: int) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{sink.format}|{sink.sink}:{sink.head}:{quarter}",
        run_config=dg.RunConfig(ops={deliver_to_sinks.name: {"config": {"format": sink.format, "sink": sink.sink}}}),
        tags={"trigger": "sensor"},
    )

"""The sensor `ledger_watch`: looks at the ledger every minute; what does not hold is an incident and a warning."""

import dagster as dg

from compliance_assets.audit_ledger.store import head
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.watch import watch


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.STOPPED)
def ledger_watch(context: dg.SensorEvaluationContext, archive: dg.ResourceParam[Archive]) -> dg.SkipReason:
    """Verifies what was written since the last look. Starts no run; its cursor says how far the ledger was looked at."""
    alarms = watch(archive)
    for alarm in alarms:
        context.log.warning(f"{alarm.severity}: {alarm.summary} ({alarm.incident_id or 'the ledger took no incident'})")
    with archive.postgres.connect() as conn:
        end = head(conn)
    context.update_cursor(f"{end.seq}/{end.entry_hash}")
    if not alarms:
        return dg.SkipReason(f"The ledger holds up to entry {end.seq}, and every pointer is where it says.")
    return dg.SkipReason(f"Alarms: {len(alarms)}. `compliance incidents` shows them.")

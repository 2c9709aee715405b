"""The sensor `pointer_drift`: the release in production, or MLflow's alias, moved by hand -> put back, and an incident."""

import dagster as dg

from evals.promotion.control import ChangeControl
from evals.promotion.drift import look_and_put_back


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.STOPPED)
def pointer_drift(
    context: dg.SensorEvaluationContext, change_control: dg.ResourceParam[ChangeControl]
) -> dg.SkipReason:
    """Holds the pointer against the ledger, and the aliases against the pointer. Starts no run."""
    drifts = look_and_put_back(change_control)
    for drift in drifts:
        context.log.warning(
            f"{drift.what}: expected {drift.expected}, found {drift.found};"
            f" {'put back' if drift.put_back else 'a person has to look'} ({drift.incident_id})"
        )
    if not drifts:
        return dg.SkipReason("The release in production and its mirror stand where the ledger says.")
    return dg.SkipReason(f"Moved by hand: {len(drifts)}. `compliance incidents` shows them.")

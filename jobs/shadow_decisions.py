"""The job `shadow_decisions`, by the hour: candidates that soak decide again what was really decided."""

import dagster as dg

from evals.promotion.control import ChangeControl
from evals.promotion.shadow import observe_all


@dg.op
def observe_soaking(context: dg.OpExecutionContext, change_control: dg.ResourceParam[ChangeControl]) -> None:
    """Look at every candidate that soaks; nothing of it is a decision."""
    seen = observe_all(change_control)
    if not seen:
        context.log.info("No candidate soaks.")
    for each in seen:
        context.log.info(
            f"{each.release_id}: {each.seen.shadow} shadow decisions of {each.seen.decided}, {len(each.seen.differing)}"
            f" otherwise, {each.seen.unanswered} unanswered; {each.soak.wording}"
        )


@dg.job(
    name="shadow_decisions", description="Decide again, in candidates that soak, what was decided since the last look."
)
def shadow_decisions() -> None:
    """One op: how far a candidate was looked at stands in the ledger."""
    observe_soaking()


#: A gap counts for two hours at most: an hourly look may be missed once.
shadow_decisions_hourly = dg.ScheduleDefinition(
    name="shadow_decisions_hourly", job=shadow_decisions, cron_schedule="20 * * * *", execution_timezone="UTC"
)

JOBS = (shadow_decisions,)
SCHEDULES = (shadow_decisions_hourly,)

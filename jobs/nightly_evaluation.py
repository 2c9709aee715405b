"""The nightly evaluation of production: the last thirty days of decisions and of what people made of them."""

import dagster as dg

from compliance_assets import keys

nightly_evaluation = dg.define_asset_job(
    "nightly_evaluation",
    selection=dg.AssetSelection.assets(keys.PROD_TRAFFIC),
    description="Errors that reviewers found, rates and drift of the last thirty days; a promotion waits while it fails.",
)

#: Behind the night's verification of the ledger that it reads.
evaluate_nightly = dg.ScheduleDefinition(
    name="evaluate_nightly", job=nightly_evaluation, cron_schedule="30 3 * * *", execution_timezone="UTC"
)

JOBS = (nightly_evaluation,)
SCHEDULES = (evaluate_nightly,)

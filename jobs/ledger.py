"""Signing and verifying the ledger by the clock."""

import dagster as dg

from compliance_assets import keys

#: A signed tree head over everything so far; the walk over the whole ledger is the night's.
checkpoint_ledger = dg.define_asset_job(
    "checkpoint_ledger",
    selection=dg.AssetSelection.assets(keys.LEDGER_CHECKPOINTS).without_checks(),
    description="Sign and publish the ledger's tree as it stands.",
)

verify_ledger = dg.define_asset_job(
    "verify_ledger",
    selection=dg.AssetSelection.checks_for_assets(keys.LEDGER_CHECKPOINTS),
    description="Walk the whole ledger: chain, tree, checkpoints, decisions, and what they rest on.",
)

checkpoint_hourly = dg.ScheduleDefinition(
    name="checkpoint_hourly", job=checkpoint_ledger, cron_schedule="0 * * * *", execution_timezone="UTC"
)
verify_nightly = dg.ScheduleDefinition(
    name="verify_nightly", job=verify_ledger, cron_schedule="15 2 * * *", execution_timezone="UTC"
)

JOBS = (checkpoint_ledger, verify_ledger)
SCHEDULES = (checkpoint_hourly, verify_nightly)

"""The nightly replica of the ledger."""

import dagster as dg

from compliance_assets import keys

#: Signs what is not signed yet, so that the replica reaches the last entry. The walk over the whole ledger is another job's.
replicate_ledger = dg.define_asset_job(
    "replicate_ledger",
    selection=dg.AssetSelection.assets(keys.LEDGER_CHECKPOINTS).without_checks()
    | dg.AssetSelection.assets(keys.WORM_REPLICA),
    description="Sign the ledger and copy what is new to the store that nobody can change; compare all of it.",
)

#: Off until somebody has chosen the store (COMPLIANCE_WORM_URL).
replicate_nightly = dg.ScheduleDefinition(
    name="replicate_nightly",
    job=replicate_ledger,
    cron_schedule="30 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Every night at 02:30 UTC.",
)

JOBS = (replicate_ledger,)
SCHEDULES = (replicate_nightly,)

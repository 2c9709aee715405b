"""Pruning by the clock: what no live index, no index that was superseded lately, and no recorded decision needs."""

from dataclasses import asdict

import dagster as dg

from compliance_assets import policies
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.year_index.prune import prune
from resources.embedder import Embedder
from resources.postgres import Postgres
from resources.settings import Settings


@dg.op(retry_policy=policies.RETRY_TRANSIENT)
def prune_derived_data(
    context: dg.OpExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    embedder: dg.ResourceParam[Embedder],
    settings: dg.ResourceParam[Settings],
) -> None:
    """Remove chunks, vectors and index versions that nothing needs any more; say how many."""
    gone = prune(postgres, embedder, chunker_for(embedder).version, settings.keep_versions_days)
    context.add_output_metadata({**asdict(gone), "keep_versions_days": settings.keep_versions_days})


@dg.job(name="prune_derived", description="Remove derived data that no live index and no recorded decision needs.")
def prune_derived() -> None:
    """One op: what is needed stands in the tables."""
    prune_derived_data()


#: On Sundays, before the night's verification of the ledger.
prune_weekly = dg.ScheduleDefinition(
    name="prune_weekly", job=prune_derived, cron_schedule="30 1 * * 0", execution_timezone="UTC"
)

JOBS = (prune_derived,)
SCHEDULES = (prune_weekly,)

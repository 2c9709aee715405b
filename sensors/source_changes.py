"""The sensor `source_changes`: files added, changed, moved, relabelled or removed -> one run for each year they touch."""

from collections.abc import Iterator

import dagster as dg

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.raw_pulls.changes import Changes, changes_of_sources
from compliance_assets.year_index.backlog import stale_years
from jobs.corpus_to_ledger import corpus_to_ledger, intake
from resources.embedder import Embedder
from resources.postgres import Postgres
from resources.settings import Settings


@dg.sensor(jobs=[corpus_to_ledger, intake], minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.STOPPED)
def source_changes(
    context: dg.SensorEvaluationContext,
    postgres: dg.ResourceParam[Postgres],
    embedder: dg.ResourceParam[Embedder],
    settings: dg.ResourceParam[Settings],
) -> dg.SensorResult | dg.SkipReason:
    """Compares every source's listing with what was pulled. The same change requests the same run keys: it runs once.

    A file that is gone leaves every search with the tick itself, and one that others may see now is theirs: neither waits for
    a run. The run that is requested takes what is gone out of its year's index.
    """
    changes = changes_of_sources(postgres, settings.path_pattern)
    for problem in changes.unreachable:
        context.log.warning(problem)
    if changes.counts:
        context.log.info(", ".join(f"{count} {kind}" for kind, count in changes.counts.items()))
    with postgres.connect() as conn:
        stale = stale_years(conn, postgres.organization_id, embedder, chunker_for(embedder).version)
    requests = list(_requests(changes, stale, settings.years))
    if not requests:
        nothing = "No file is to be read, and every year's index matches its documents."
        return dg.SkipReason(" ".join((*changes.unreachable, nothing)))
    return dg.SensorResult(run_requests=requests, cursor=changes.digest)


def _requests(changes: Changes, stale: dict[int, str], years: tuple[int, ...]) -> Iterator[dg.RunRequest]:
    for year, digest in sorted(changes.by_year.items()):
        if year in years:
            yield _year_run(year, f"files:{year}:{digest}")
    if changes.without_year:
        yield dg.RunRequest(run_key=f"files:unknown:{changes.without_year}", job_name=intake.name)
    for year, version in sorted(stale.items()):
        if year in years and year not in changes.by_year:
            yield _year_run(year, f"index:{year}:{version}")


def _year_run(year: int, run_key: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=run_key, job_name=corpus_to_ledger.name, partition_key=str(year), tags={"trigger": "sensor"}
    )

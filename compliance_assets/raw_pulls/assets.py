"""The asset `raw_pulls`: our immutable copy of every source."""

import time

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.raw_pulls import pull, store
from resources.object_store import ObjectStore
from resources.postgres import Postgres
from resources.progress import Progress
from resources.settings import Settings

COUNTS = ("new", "changed", "moved", "removed", "relabelled", "unchanged", "unreadable")


@dg.asset(
    key=keys.RAW_PULLS,
    group_name=keys.DATA_PLANE,
    kinds={"python", "postgres", "file"},
    owners=policies.OWNERS,
    code_version=pull.CODE_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def raw_pulls(
    postgres: dg.ResourceParam[Postgres],
    objects: dg.ResourceParam[ObjectStore],
    settings: dg.ResourceParam[Settings],
    progress: dg.ResourceParam[Progress],
) -> dg.MaterializeResult[None]:
    """Every file of every registered source, kept once by content: a changed file is a new version, a removed one a tombstone."""
    started = time.monotonic()
    reports = pull.pull_sources(postgres, objects, settings.path_pattern, progress)
    with postgres.connect() as conn:
        states, unreadable = store.state_counts(conn), store.unreadable(conn)
    seconds = time.monotonic() - started
    rows = [{"source": uri, **{count: getattr(r, count) for count in COUNTS}} for uri, r in reports.items()]
    unreachable = [{"source": uri, "reason": r.unreachable} for uri, r in reports.items() if r.unreachable]
    problems = [{"problem": problem} for r in reports.values() for problem in r.manifest_problems]
    read = sum(r.bytes_read for r in reports.values())
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": states.get("pulled", 0),
            "sources": metadata.table(rows, ["source", *COUNTS]),
            "unreachable_sources": metadata.table(unreachable, ["source", "reason"]),
            "unreadable_files": metadata.table(unreadable, ["path", "reason"]),
            "manifest_problems": metadata.table(problems, ["problem"]),
            "bytes_read": read,
            "seconds": round(seconds, 2),
            "megabytes_per_second": metadata.rate(read // 1_000_000, seconds),
        }
    )

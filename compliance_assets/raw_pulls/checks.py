"""Checks of `raw_pulls`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.raw_pulls import store
from resources.object_store import ObjectStore
from resources.postgres import Postgres


@dg.asset_check(asset=keys.RAW_PULLS, blocking=True)
def every_pull_has_its_object(
    postgres: dg.ResourceParam[Postgres], objects: dg.ResourceParam[ObjectStore]
) -> dg.AssetCheckResult:
    """Every live file's bytes stand in the object store under their digest."""
    with postgres.connect() as conn:
        expected = store.live_digests(conn)
    missing = sorted(set(expected) - set(objects.digests()))
    return dg.AssetCheckResult(
        passed=not missing,
        metadata={
            "objects": len(expected),
            "missing": len(missing),
            "first_missing": missing[0] if missing else "none",
        },
    )

"""Checks of `normalised_documents`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.normalised_documents import store
from resources.postgres import Postgres


@dg.asset_check(asset=keys.NORMALISED_DOCUMENTS, blocking=True)
def no_document_lost(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """Files in = ok + needs_human + rejected."""
    with postgres.connect() as conn:
        files, states = store.counts(conn)
    return dg.AssetCheckResult(
        passed=files == sum(states.values()), metadata={"files": files, **{f"state/{s}": n for s, n in states.items()}}
    )


@dg.asset_check(asset=keys.NORMALISED_DOCUMENTS)
def every_year_known(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """No readable document waits for a person to give its year."""
    with postgres.connect() as conn:
        waiting = store.documents_awaiting_a_year(conn)
    return dg.AssetCheckResult(
        passed=not waiting,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"waiting": len(waiting), "first": waiting[0]["path"] if waiting else "none"},
    )

"""Checks of `audit_ledger`."""

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.partitions import YEARS
from resources.keyring import Keyring
from resources.postgres import Postgres


@dg.asset_check(asset=keys.AUDIT_LEDGER, blocking=True, partitions_def=YEARS)
def ledger_chain_unbroken(
    postgres: dg.ResourceParam[Postgres], keyring: dg.ResourceParam[Keyring]
) -> dg.AssetCheckResult:
    """Every hash fits, no gap, the head is the last entry, and every decision stands in the ledger as it was handed out."""
    with postgres.connect() as conn:
        result = verify_ledger(conn, keyring, postgres.organization_id)
    rows = [{"seq": f.seq, "problem": f.problem, "expected": f.expected, "found": f.found} for f in result.findings]
    return dg.AssetCheckResult(
        passed=result.verified,
        metadata={
            "entries": result.entries,
            "head": result.head,
            "findings": metadata.table(rows, ["seq", "problem", "expected", "found"]),
            "unmatched_decisions": len(result.unmatched_decisions),
            "seconds": result.seconds,
        },
    )


@dg.asset_check(asset=keys.AUDIT_LEDGER, blocking=True, partitions_def=YEARS)
def ledger_append_only(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """UPDATE, DELETE and TRUNCATE, tried as the application's role, are refused."""
    with postgres.connect() as conn:
        permitted = store.permitted_changes(conn)
    return dg.AssetCheckResult(passed=not permitted, metadata={"permitted": ", ".join(permitted) or "none"})

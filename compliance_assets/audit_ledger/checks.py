"""Checks of `audit_ledger` and `ledger_checkpoints`."""

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.chain import Finding
from compliance_assets.audit_ledger.verify import verify_and_record
from compliance_assets.partitions import YEARS
from resources.checkpoint_log import CheckpointLog
from resources.keyring import Keyring
from resources.postgres import Postgres


@dg.asset_check(asset=keys.AUDIT_LEDGER, blocking=True, partitions_def=YEARS)
def ledger_append_only(postgres: dg.ResourceParam[Postgres]) -> dg.AssetCheckResult:
    """UPDATE, DELETE, TRUNCATE and DROP, tried as the application's role, are refused."""
    with postgres.connect() as conn:
        permitted = store.permitted_changes(conn)
    return dg.AssetCheckResult(passed=not permitted, metadata={"permitted": ", ".join(permitted) or "none"})


@dg.asset_check(asset=keys.LEDGER_CHECKPOINTS, blocking=True)
def ledger_holds(
    postgres: dg.ResourceParam[Postgres],
    keyring: dg.ResourceParam[Keyring],
    checkpoint_log: dg.ResourceParam[CheckpointLog],
) -> dg.AssetCheckResult:
    """Chain, tree and every checkpoint hold, and every decision stands in the ledger as it was made: from the first entry on."""
    result = verify_and_record(postgres, keyring, checkpoint_log)
    return dg.AssetCheckResult(
        passed=result.verified,
        metadata={
            "entries": result.entries,
            "checkpoints": result.checkpoints,
            "head": result.head,
            "root": result.root,
            "findings": findings_table(result.findings),
            "unmatched_decisions": len(result.unmatched_decisions),
            "amended_entries": ", ".join(map(str, result.amended)) or "none",
            "seconds": result.seconds,
        },
    )


def findings_table(findings: tuple[Finding, ...]) -> dg.TableMetadataValue:
    """Findings for the UI, the first bad entry on top."""
    rows = [{"entry": f.seq, "problem": f.problem, "expected": f.expected, "found": f.found} for f in findings]
    return metadata.table(rows, ["entry", "problem", "expected", "found"])

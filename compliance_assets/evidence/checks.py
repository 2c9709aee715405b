"""Checks of `worm_replica`, and of what the ledger's decisions rest on."""

import contextlib
from dataclasses import asdict

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.audit_ledger.checks import findings_table
from compliance_assets.evidence.archive import Archive
from compliance_assets.evidence.replica import parity
from compliance_assets.evidence.verification import verify_evidence
from resources.postgres import Postgres
from resources.settings import Settings
from resources.worm_store import worm_store_from


@dg.asset_check(asset=keys.LEDGER_CHECKPOINTS)
def evidence_holds(archive: dg.ResourceParam[Archive]) -> dg.AssetCheckResult:
    """Every sealed content opens to what its entry committed to; chunks, documents and raw objects are those of the decisions."""
    result = verify_evidence(archive)
    return dg.AssetCheckResult(
        passed=not result.findings,
        metadata={
            "contents": result.contents,
            "erased": result.erased,
            "findings": findings_table(result.findings),
            "seconds": result.seconds,
        },
    )


@dg.asset_check(asset=keys.WORM_REPLICA, blocking=True)
def replica_parity(postgres: dg.ResourceParam[Postgres], settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """Every object is there, unchanged and kept long enough; it is the ledger's, and proves itself by its checkpoints."""
    with contextlib.closing(worm_store_from(settings.worm_url)) as worm:
        findings = parity(postgres, worm)
    rows = [asdict(finding) for finding in findings]
    return dg.AssetCheckResult(
        passed=not findings,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "findings": len(findings),
            "found": metadata.table(rows, ["name", "problem", "expected", "found"]),
        },
    )


@dg.asset_check(asset=keys.WORM_REPLICA)
def replica_locked(settings: dg.ResourceParam[Settings]) -> dg.AssetCheckResult:
    """A fresh object that the store promised to keep can be neither changed nor shortened nor removed: each is tried.

    A warning for a folder, since no folder withholds a file from its owner; a failure for a store that is made for it.
    """
    with contextlib.closing(worm_store_from(settings.worm_url)) as worm:
        probe, url = worm.probe(), worm.url
    folder = url.startswith("file:")
    return dg.AssetCheckResult(
        passed=not probe.permitted,
        severity=dg.AssetCheckSeverity.WARN if folder else dg.AssetCheckSeverity.ERROR,
        metadata={"store": url, "mode": probe.mode, "permitted": ", ".join(probe.permitted) or "none"},
    )

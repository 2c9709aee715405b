"""Checks of `golden_set`."""

import dagster as dg

from compliance_assets import keys
from evals.golden import soundness
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows


@dg.asset_check(asset=keys.GOLDEN_SET, blocking=True)
def documents_reproduce() -> dg.AssetCheckResult:
    """Every document of the golden set, written again from its row, has the frozen digest and the frozen truth."""
    rows = read_rows(FROZEN["golden"])
    return _found("documents", len(rows), soundness.unreproduced(rows))


@dg.asset_check(asset=keys.GOLDEN_SET, blocking=True)
def strata_filled() -> dg.AssetCheckResult:
    """Every format, category, return type, year and anomaly has filings enough to be judged on."""
    rows = read_rows(FROZEN["golden"])
    return _found("filings", len(rows), soundness.unfilled_strata(rows))


@dg.asset_check(asset=keys.GOLDEN_SET, blocking=True)
def truth_adds_up() -> dg.AssetCheckResult:
    """A filing without an anomaly breaks no rule, and one with an anomaly breaks some."""
    rows = read_rows(FROZEN["golden"])
    return _found("filings", len(rows), list(soundness.contradictions(rows)))


@dg.asset_check(asset=keys.GOLDEN_SET, blocking=True)
def sets_are_disjoint() -> dg.AssetCheckResult:
    """No filing that judges is also one that thresholds were chosen on: no seed and no document is in two sets."""
    seen: set[str] = set()
    twice: list[str] = []
    count = 0
    for path in FROZEN.values():
        rows = read_rows(path)
        count += len(rows)
        own = {f"seed {row['seed']}" for row in rows} | {row["sha256"] for row in rows}
        twice += sorted(seen & own)
        seen |= own
    return _found("filings", count, twice)


def _found(what: str, count: int, wrong: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not wrong, metadata={what: count, "wrong": len(wrong), "first": (wrong or ["none"])[0]}
    )

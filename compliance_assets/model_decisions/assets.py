"""The asset `model_decisions`: the year's queued work, decided."""

import time
from collections import Counter

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.decide import CODE_VERSION
from compliance_assets.model_decisions.drain import Desk, drain_year
from compliance_assets.partitions import YEARS


@dg.asset(
    key=keys.MODEL_DECISIONS,
    deps=[keys.YEAR_INDEX],
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    partitions_def=YEARS,
    retry_policy=policies.RETRY_TRANSIENT,
)
def model_decisions(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.MaterializeResult[None]:
    """Every queued question of the year: retrieved in scope, answered, its citations held against the source, recorded."""
    started, year = time.monotonic(), int(context.partition_key)
    report = drain_year(desk, year)
    with desk.postgres.connect() as conn:
        summary = store.year_summary(conn, year)
    outcomes = Counter(outcome for outcome, *_ in summary)
    reasons = Counter(reason.split(":")[0] for _, reason, *_ in summary if reason)
    latencies = sorted(latency for *_, latency in summary)
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(summary),
            "decided_now": report.decided,
            "already_decided": report.already_decided,
            "still_queued": len(report.postponed),
            "still_queued_because": metadata.table(
                [{"work_id": work_id, "reason": reason} for work_id, reason in report.postponed.items()],
                ["work_id", "reason"],
            ),
            "outcomes": metadata.bars(dict(sorted(outcomes.items())), title=f"Outcomes, {year}"),
            "reasons_for_review": metadata.table(
                [{"reason": reason, "decisions": count} for reason, count in reasons.most_common()],
                ["reason", "decisions"],
            ),
            "confidence": metadata.histogram(
                [row[2] for row in summary], title=f"Confidence, {year}", xlabel="confidence", limits=(0.0, 1.0)
            ),
            "latency_median_seconds": round(latencies[len(latencies) // 2], 4) if latencies else 0.0,
            "seconds": round(time.monotonic() - started, 2),
        }
    )

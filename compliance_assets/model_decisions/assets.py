"""The asset `model_decisions`: the year's filings triaged and its questions answered, each under the ledger."""

import time
from collections import Counter
from dataclasses import replace

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.decide import CODE_VERSION
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.pending import enqueue_filings
from compliance_assets.partitions import YEARS


class DecidingConfig(dg.Config):
    """`in_order`: one item at a time, in the order in which they were asked, however many the deployment decides at once."""

    in_order: bool = False


@dg.asset(
    key=keys.MODEL_DECISIONS,
    deps=[keys.YEAR_INDEX, keys.PRODUCTION_RELEASE],
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    partitions_def=YEARS,
    retry_policy=policies.RETRY_TRANSIENT,
)
def model_decisions(
    context: dg.AssetExecutionContext, config: DecidingConfig, desk: dg.ResourceParam[Desk]
) -> dg.MaterializeResult[None]:
    """Every filing of the year that nobody triaged, every queued question: governed, retrieved in scope, cited, recorded."""
    started, year = time.monotonic(), int(context.partition_key)
    with desk.postgres.connect() as conn:
        enqueue_filings(conn, year)
    report = drain_year(replace(desk, deciders=1) if config.in_order else desk, year)
    with desk.postgres.connect() as conn:
        made, categories = store.decisions_of(conn, year), store.outcomes_by_category(conn, year)
    outcomes = Counter(f"{row.workload}: {row.outcome}" for row in made)
    reasons = Counter(row.reason for row in made if row.reason)
    latencies = sorted(row.latency_seconds for row in made)
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(made),
            "decided_now": report.decided,
            "already_decided": report.already_decided,
            "still_queued": len(report.postponed),
            "outage": report.outage or "none",
            "left_to_a_person_after_errors": len(report.failed),
            "still_queued_because": metadata.table(
                [{"work_id": work_id, "reason": reason} for work_id, reason in list(report.postponed.items())[:20]],
                ["work_id", "reason"],
            ),
            "outcomes": metadata.bars(dict(sorted(outcomes.items())), title=f"Outcomes, {year}"),
            "by_category": metadata.table(
                categories,
                ["workload", "filer_category", "outcome", "decisions"],
            ),
            "reasons_for_review": metadata.table(
                [{"reason": reason, "decisions": count} for reason, count in reasons.most_common(20)],
                ["reason", "decisions"],
            ),
            "confidence": metadata.histogram(
                [row.confidence for row in made], title=f"Confidence, {year}", xlabel="confidence", limits=(0.0, 1.0)
            ),
            "latency_median_seconds": _quantile(latencies, 0.5),
            "latency_p95_seconds": _quantile(latencies, 0.95),
            "seconds": round(time.monotonic() - started, 2),
        }
    )


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 4) if ordered else 0.0

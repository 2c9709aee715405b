"""The assets `review_queue` and `review_outcomes`: what waits for a person, and what persons made of the decisions.

Cases open with their decisions and close with their signatures; these report them. Ids and codes only.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.review import case_store as store
from compliance_assets.review.outcomes import Reviewed, agreement_by, agreement_of, confidence_band
from resources.clock import system_clock
from resources.postgres import Postgres

CODE_VERSION = "1"
SHOWN_OUTCOMES = 10
_AGREEMENT = ["group", "reviewed", "approved", "overridden", "rejected", "agreement"]


@dg.asset(
    key=keys.REVIEW_QUEUE,
    deps=[keys.MODEL_DECISIONS],
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def review_queue(postgres: dg.ResourceParam[Postgres]) -> dg.MaterializeResult[None]:
    """Decisions that wait for a person, those in quarantine first: by queue, workload and reason, and how long they wait."""
    now = system_clock()
    with postgres.connect() as conn:
        counts = store.open_counts(conn)
    by_queue: Counter[str] = Counter()
    for queue, _, _, count, _ in counts:
        by_queue[queue] += count
    rows = [
        {"queue": q, "workload": w, "reason": r, "cases": n, "oldest_hours": hours_since(at, now)}
        for q, w, r, n, at in counts
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(by_queue.values()),
            "in_review": by_queue["review"],
            "in_quarantine": by_queue["quarantine"],
            "oldest_hours": max((hours_since(at, now) for *_, at in counts), default=0.0),
            "waiting": metadata.table(rows, ["queue", "workload", "reason", "cases", "oldest_hours"]),
        }
    )


@dg.asset(
    key=keys.REVIEW_OUTCOMES,
    deps=[keys.REVIEW_QUEUE],
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def review_outcomes(postgres: dg.ResourceParam[Postgres]) -> dg.MaterializeResult[None]:
    """What persons made of the model's decisions, a row for each closed case: what thresholds are tuned on."""
    with postgres.connect() as conn:
        counts = [Reviewed(*row) for row in store.outcome_counts(conn)]
        latest = store.latest_outcomes(conn, SHOWN_OUTCOMES)
    every = agreement_of(counts)
    columns = ["response_id", "year", "workload", "outcome", "reviewed_at"]
    shown = [dict(zip(columns, (*row[:4], f"{row[4]:%Y-%m-%d %H:%M}"), strict=True)) for row in latest]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": every.reviewed,
            "approved": every.approved,
            "overridden": every.overridden,
            "rejected": every.rejected,
            "agreement": "none yet" if every.share is None else round(every.share, 4),
            "by_workload": _table(counts, lambda reviewed: reviewed.workload),
            "by_reason": _table(counts, lambda reviewed: reviewed.reason),
            "by_confidence": _table(counts, confidence_band),
            "latest": metadata.table(shown, columns),
        }
    )


def hours_since(moment: datetime, now: datetime) -> float:
    """Hours, to a tenth."""
    return round((now - moment).total_seconds() / 3600, 1)


def _table(counts: list[Reviewed], group_of: Callable[[Reviewed], str]) -> dg.TableMetadataValue:
    return metadata.table([agreement.as_row() for agreement in agreement_by(counts, group_of)], _AGREEMENT)

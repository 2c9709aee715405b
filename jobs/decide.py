"""Deciding what waits, and draining what had to wait for a model: the same assets, at once or in order."""

import dagster as dg

from compliance_assets import keys
from jobs.corpus_to_ledger import SIGNED

_DECIDING = dg.AssetSelection.assets(keys.MODEL_DECISIONS, keys.AUDIT_LEDGER) | SIGNED

#: One year's filings and questions, as many at once as the deployment decides.
decide_pending = dg.define_asset_job(
    "decide_pending",
    selection=_DECIDING,
    description="Triage the year's new filings and answer its queued questions.",
)

#: After an outage: one at a time, so that the oldest is answered first.
drain_queue = dg.define_asset_job(
    "drain_queue",
    selection=_DECIDING,
    config={"ops": {"model_decisions": {"config": {"in_order": True}}}},
    description="Answer what waited for a model, in the order in which it was asked.",
)

JOBS = (decide_pending, drain_queue)

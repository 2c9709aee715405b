"""Evaluating the files that stand here as a candidate: what a change of prompt, threshold, route or policy starts."""

import dagster as dg

from compliance_assets import keys

evaluate_candidate = dg.define_asset_job(
    "evaluate_candidate",
    selection=dg.AssetSelection.assets(
        keys.GOLDEN_SET,
        keys.PROMPT_VERSIONS,
        keys.THRESHOLD_POLICY,
        keys.ROUTER_MAP,
        keys.POLICY_BUNDLE,
        keys.EVAL_REPORT,
        keys.PROMOTION_RECEIPT,
    ),
    description="Evaluate the working tree's prompts, thresholds, routes and policy against the gate and against production.",
)

JOBS = (evaluate_candidate,)

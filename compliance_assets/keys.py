"""Every asset key and group, in lineage order. A key is the name of its room."""

import dagster as dg

DATA_PLANE = "data_plane"
COMPLIANCE_PLANE = "compliance_plane"
CONTROL_PLANE = "control_plane"

RAW_PULLS = dg.AssetKey("raw_pulls")
NORMALISED_DOCUMENTS = dg.AssetKey("normalised_documents")
CHUNKS = dg.AssetKey("chunks")
EMBEDDINGS = dg.AssetKey("embeddings")
YEAR_INDEX = dg.AssetKey("year_index")
MODEL_DECISIONS = dg.AssetKey("model_decisions")
AUDIT_LEDGER = dg.AssetKey("audit_ledger")
LEDGER_CHECKPOINTS = dg.AssetKey("ledger_checkpoints")
WORM_REPLICA = dg.AssetKey("worm_replica")
GOLDEN_SET = dg.AssetKey("golden_set")
POLICY_BUNDLE = dg.AssetKey("policy_bundle")
ROUTER_MAP = dg.AssetKey("router_map")
RETURN_TYPE_CLASSIFIER = dg.AssetKey("return_type_classifier")
PROMPT_VERSIONS = dg.AssetKey("prompt_versions")
THRESHOLD_POLICY = dg.AssetKey("threshold_policy")
EVAL_REPORT = dg.AssetKey("eval_report")
PROMOTION_RECEIPT = dg.AssetKey("promotion_receipt")
PRODUCTION_RELEASE = dg.AssetKey("production_release")
PROD_TRAFFIC = dg.AssetKey("prod_traffic_30d")
ABLATION_REPORT = dg.AssetKey("ablation_report")
REVIEW_QUEUE = dg.AssetKey("review_queue")
REVIEW_OUTCOMES = dg.AssetKey("review_outcomes")

#: Unpartitioned: the year is what normalisation finds.
INTAKE = (RAW_PULLS, NORMALISED_DOCUMENTS)
#: Partitioned by year.
YEARLY = (CHUNKS, EMBEDDINGS, YEAR_INDEX, MODEL_DECISIONS, AUDIT_LEDGER)
#: Unpartitioned again: one tree over all years.
PROOF = (LEDGER_CHECKPOINTS, WORM_REPLICA)
#: What people made of decisions: over all years.
REVIEW = (REVIEW_QUEUE, REVIEW_OUTCOMES)
#: What decides whether a change may serve.
CONTROL = (
    GOLDEN_SET,
    PROMPT_VERSIONS,
    THRESHOLD_POLICY,
    POLICY_BUNDLE,
    ROUTER_MAP,
    RETURN_TYPE_CLASSIFIER,
    EVAL_REPORT,
    PROMOTION_RECEIPT,
    PRODUCTION_RELEASE,
    PROD_TRAFFIC,
    ABLATION_REPORT,
)

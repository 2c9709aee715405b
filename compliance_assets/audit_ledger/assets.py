"""The asset `audit_ledger`. Entries are written with their decisions; this reports the year's and the chain's head."""

import dagster as dg

from compliance_assets import keys, policies
from compliance_assets.audit_ledger import store
from compliance_assets.partitions import YEARS
from resources.postgres import Postgres

CODE_VERSION = "1"


@dg.asset(
    key=keys.AUDIT_LEDGER,
    deps=[keys.MODEL_DECISIONS],
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    partitions_def=YEARS,
    retry_policy=policies.RETRY_TRANSIENT,
)
def audit_ledger(context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres]) -> dg.MaterializeResult[None]:
    """The append-only, HMAC-chained record. An entry is written in its decision's own transaction, never afterwards."""
    with postgres.connect() as conn:
        counts, head = store.counts_by_kind(conn, int(context.partition_key)), store.head(conn)
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": sum(counts.values()),
            **{f"entries/{kind}": count for kind, count in counts.items()},
            "ledger/length": head.seq,
            "ledger/head": head.entry_hash,
        }
    )

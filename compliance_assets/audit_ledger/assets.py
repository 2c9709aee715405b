"""The assets `audit_ledger` and `ledger_checkpoints`. Entries are written with their decisions; these report and sign them."""

import time

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.audit_ledger import checkpoints, store
from compliance_assets.partitions import YEARS
from resources.checkpoint_log import CheckpointLog
from resources.keyring import Keyring
from resources.postgres import Postgres

CODE_VERSION = "2"


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


@dg.asset(
    key=keys.LEDGER_CHECKPOINTS,
    deps=[keys.AUDIT_LEDGER, keys.YEAR_INDEX],  # an index that is put in place is an entry too
    group_name=keys.COMPLIANCE_PLANE,
    kinds={"postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def ledger_checkpoints(
    postgres: dg.ResourceParam[Postgres],
    keyring: dg.ResourceParam[Keyring],
    checkpoint_log: dg.ResourceParam[CheckpointLog],
) -> dg.MaterializeResult[None]:
    """Signed tree heads over every entry of every year, published outside the database. What an outsider checks against."""
    started = time.monotonic()
    signed = checkpoints.checkpoint_ledger(postgres, keyring, checkpoint_log)
    with postgres.connect() as conn:
        count, verification = len(store.checkpoint_rows(conn)), store.last_verification(conn)
    vkey = checkpoints.verifier_of(keyring, postgres.organization_id).vkey if signed else "none"
    last = {name: str(value) for name, value in (verification or {"verified": "never"}).items()}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": count,
            "ledger/tree_size": signed.size if signed else 0,
            "ledger/root": signed.root.hex() if signed else "none",
            "signed_at": str(signed.signed_at) if signed else "never",
            "checkpoint": dg.MetadataValue.md(f"```\n{signed.note if signed else 'none'}\n```"),
            "public_key": vkey,
            "last_verification": metadata.table([last], list(last)),
            "last_verification_seconds": float(str(verification["seconds"])) if verification else 0.0,
            "seconds": round(time.monotonic() - started, 3),
        },
        data_version=dg.DataVersion(signed.root.hex() if signed else "empty"),
    )

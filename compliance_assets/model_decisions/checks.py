"""Checks of `model_decisions`."""

from collections.abc import Sequence

import dagster as dg

from compliance_assets import keys, metadata
from compliance_assets.model_decisions import store
from compliance_assets.partitions import YEARS
from resources.keyring import Keyring
from resources.postgres import Postgres


@dg.asset_check(asset=keys.MODEL_DECISIONS, blocking=True, partitions_def=YEARS)
def citations_exist(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres], keyring: dg.ResourceParam[Keyring]
) -> dg.AssetCheckResult:
    """Every citation's span holds exactly its quote, in a document of the decision's year or of one it opted into."""
    year = int(context.partition_key)
    with postgres.connect() as conn:
        wrong, decisions = store.wrong_citations(conn, keyring, year), len(store.decisions_of(conn, year))
    return dg.AssetCheckResult(passed=not wrong, metadata={"decisions": decisions, "with_wrong_citations": len(wrong)})


@dg.asset_check(asset=keys.MODEL_DECISIONS, blocking=True, partitions_def=YEARS)
def every_segment_cited(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres], keyring: dg.ResourceParam[Keyring]
) -> dg.AssetCheckResult:
    """Of every recorded answer, each segment names passages that were retrieved, each field and anomaly a citation."""
    with postgres.connect() as conn:
        wrong = store.without_provenance(conn, keyring, int(context.partition_key))
    return _nothing_wrong(wrong)


@dg.asset_check(asset=keys.MODEL_DECISIONS, blocking=True, partitions_def=YEARS)
def template_adherence(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres], keyring: dg.ResourceParam[Keyring]
) -> dg.AssetCheckResult:
    """Every recorded answer under a workload with a template has all of its fields, in order."""
    with postgres.connect() as conn:
        wrong = store.off_template(conn, keyring, int(context.partition_key))
    return _nothing_wrong(wrong)


def _nothing_wrong(wrong: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not wrong,
        metadata={
            "wrong": len(wrong),
            "decisions": metadata.table([{"response_id": response_id} for response_id in wrong[:10]], ["response_id"]),
        },
    )

"""Checks of `model_decisions`."""

import dagster as dg

from compliance_assets import keys
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

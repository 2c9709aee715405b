"""Checks of `embeddings`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.embeddings import store
from compliance_assets.partitions import YEARS
from resources.embedder import Embedder
from resources.postgres import Postgres


@dg.asset_check(asset=keys.EMBEDDINGS, blocking=True, partitions_def=YEARS)
def every_chunk_has_a_vector(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres], embedder: dg.ResourceParam[Embedder]
) -> dg.AssetCheckResult:
    """Each chunk of the year has exactly one vector of the model in use."""
    with postgres.connect() as conn:
        chunks, vectors = store.parity(conn, int(context.partition_key), chunker_for(embedder).version, embedder.digest)
    return dg.AssetCheckResult(passed=chunks == vectors, metadata={"chunks": chunks, "vectors": vectors})

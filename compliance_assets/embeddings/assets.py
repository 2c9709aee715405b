"""The asset `embeddings`: a vector for every chunk, from the cache where the text was embedded before."""

import time

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.automation import FOLLOWS_DATA
from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.embeddings import store
from compliance_assets.embeddings.claims import TextClaims
from compliance_assets.embeddings.encode import BATCH_CHUNKS, encode
from compliance_assets.partitions import YEARS
from resources.batches import drain
from resources.embedder import Embedder
from resources.postgres import Postgres
from resources.progress import Progress

CODE_VERSION = "1"


@dg.asset(
    key=keys.EMBEDDINGS,
    deps=[keys.CHUNKS],
    group_name=keys.DATA_PLANE,
    kinds={"python", "postgres", "huggingface"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    partitions_def=YEARS,
    automation_condition=FOLLOWS_DATA,
    retry_policy=policies.RETRY_TRANSIENT,
)
def embeddings(
    context: dg.AssetExecutionContext,
    postgres: dg.ResourceParam[Postgres],
    embedder: dg.ResourceParam[Embedder],
    progress: dg.ResourceParam[Progress],
) -> dg.MaterializeResult[None]:
    """One vector a text and model: nothing is ever embedded twice, in whatever document or year it stands."""
    started, year, version = time.monotonic(), int(context.partition_key), chunker_for(embedder).version
    encoded = 0
    with postgres.connect() as conn:
        store.first_statistics(conn, year)
        conn.commit()
        waiting = store.count_pending(conn, year, version, embedder.digest)

    def advance(count: int) -> None:
        nonlocal encoded
        encoded += count
        progress.advance(f"{year}: texts embedded", encoded)

    claims = TextClaims(version, embedder.digest)
    drain(
        postgres,
        claim=lambda conn: claims.take(conn, year, BATCH_CHUNKS),
        count_pending=lambda conn: store.count_pending(conn, year, version, embedder.digest),
        work=lambda conn, batch: encode(conn, embedder, batch, advance),
    )
    with postgres.connect() as conn:
        store.first_statistics(conn, year)
        total, _ = store.parity(conn, year, version, embedder.digest)
        state = chunk_store.state_of_year(conn, year, version)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": total,
            "encoded_now": encoded,
            "taken_from_cache": total - waiting,
            "embedder": embedder.name,
            "embedder_digest": embedder.digest,
            "precision": embedder.precision if encoded else "nothing encoded",
            "seconds": round(seconds, 2),
            "chunks_per_second": metadata.rate(encoded, seconds),
        },
        data_version=dg.DataVersion(digest_of([embedder.digest, version, state])),
    )

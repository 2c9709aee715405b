"""The asset `embeddings`: a vector for every chunk, from the cache where the text was embedded before."""

import time
from collections.abc import Sequence

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.embeddings import store
from compliance_assets.embeddings.store import PendingText
from compliance_assets.partitions import YEARS
from resources.batches import drain
from resources.embedder import Embedder
from resources.postgres import Connection, Postgres
from resources.progress import Progress

CODE_VERSION = "1"
BATCH_TEXTS = 1_024  # what a killed run loses at most; large enough to sort by length within


@dg.asset(
    key=keys.EMBEDDINGS,
    deps=[keys.CHUNKS],
    group_name=keys.DATA_PLANE,
    kinds={"python", "postgres", "huggingface"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
    partitions_def=YEARS,
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
        waiting = store.count_pending(conn, year, version, embedder.digest)

    def work(conn: Connection, batch: Sequence[PendingText]) -> None:
        nonlocal encoded
        texts = {pending.text_sha256: pending.text for pending in batch}  # twins within the batch are encoded once

        def advance(count: int) -> None:
            nonlocal encoded
            encoded += count
            progress.advance(f"{year}: chunks embedded", encoded, waiting)

        vectors = embedder.encode(list(texts.values()), advance)
        store.insert(conn, embedder.digest, embedder.precision, list(texts), vectors)

    drain(
        postgres,
        claim=lambda conn: store.claim(conn, year, version, embedder.digest, BATCH_TEXTS),
        count_pending=lambda conn: store.count_pending(conn, year, version, embedder.digest),
        work=work,
    )
    with postgres.connect() as conn:
        total, _ = store.parity(conn, year, version, embedder.digest)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": total,
            "encoded_now": encoded,
            "taken_from_cache": total - encoded,
            "embedder": embedder.name,
            "embedder_digest": embedder.digest,
            "precision": embedder.precision if encoded else "nothing encoded",
            "seconds": round(seconds, 2),
            "chunks_per_second": metadata.rate(encoded, seconds),
        }
    )

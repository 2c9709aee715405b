"""The asset `chunks`: sentence windows of a year's documents."""

import time
from collections.abc import Sequence

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.chunks import chunker, store
from compliance_assets.chunks.chunker import DocumentText, chunker_for
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.partitions import YEARS
from resources.batches import drain
from resources.embedder import Embedder
from resources.postgres import Connection, Postgres

BATCH_DOCUMENTS = 8


@dg.asset(
    key=keys.CHUNKS,
    deps=[keys.NORMALISED_DOCUMENTS],
    group_name=keys.DATA_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=chunker.CODE_VERSION,
    partitions_def=YEARS,
    retry_policy=policies.RETRY_TRANSIENT,
)
def chunks(
    context: dg.AssetExecutionContext, postgres: dg.ResourceParam[Postgres], embedder: dg.ResourceParam[Embedder]
) -> dg.MaterializeResult[None]:
    """Sentence windows of 300 tokens, 50 overlap, never across a page or a section divider, with exact offsets."""
    started, year, windows = time.monotonic(), int(context.partition_key), chunker_for(embedder)

    def work(conn: Connection, documents: Sequence[DocumentText]) -> None:
        store.insert(conn, documents, (c for d in documents for c in windows.chunk(d)), windows.version)

    chunked = drain(
        postgres,
        claim=lambda conn: store.claim(conn, year, windows.version, BATCH_DOCUMENTS),
        count_pending=lambda conn: store.count_pending(conn, year, windows.version),
        work=work,
    )
    with postgres.connect() as conn:
        counts = store.token_counts(conn, year, windows.version)
        state = store.state_of_year(conn, year, windows.version)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            "dagster/partition_row_count": len(counts),
            "documents_chunked_now": chunked,
            "chunker_version": windows.version,
            "tokens": sum(counts),
            "token_histogram": metadata.histogram(counts, title=f"Tokens a chunk, {year}", xlabel="tokens"),
            "seconds": round(seconds, 2),
            "documents_per_second": metadata.rate(chunked, seconds),
        },
        data_version=dg.DataVersion(digest_of([windows.version, state])),
    )

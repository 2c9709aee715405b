"""Checks of `chunks`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.chunks import store
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.chunks.coverage import uncovered, wrong_offsets
from compliance_assets.partitions import YEARS
from resources.embedder import Embedder
from resources.postgres import Postgres


@dg.asset_check(asset=keys.CHUNKS, blocking=True, partitions_def=YEARS)
def chunk_offsets_exact(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres], embedder: dg.ResourceParam[Embedder]
) -> dg.AssetCheckResult:
    """`raw_text[char_start:char_end]` is the chunk's text, inside the page it names; every character is in some chunk."""
    year, version = int(context.partition_key), chunker_for(embedder).version
    wrong: list[str] = []
    gaps: list[str] = []
    checked = 0
    with postgres.connect() as conn:
        for document, spans in store.documents_with_chunks(conn, year, version):
            checked += len(spans)
            wrong += wrong_offsets(document, spans)
            gaps += [f"{document.doc_id}[{start}:{end}]" for start, end in uncovered(document, spans)]
    return dg.AssetCheckResult(
        passed=not wrong and not gaps,
        metadata={
            "chunks": checked,
            "wrong_offsets": len(wrong),
            "uncovered": len(gaps),
            "first": (wrong + gaps + ["none"])[0],
        },
    )


@dg.asset_check(asset=keys.CHUNKS, blocking=True, partitions_def=YEARS)
def every_document_chunked(
    context: dg.AssetCheckExecutionContext, postgres: dg.ResourceParam[Postgres], embedder: dg.ResourceParam[Embedder]
) -> dg.AssetCheckResult:
    """Every readable document of the year has been through this chunker."""
    with postgres.connect() as conn:
        expected, found = store.document_counts(conn, int(context.partition_key), chunker_for(embedder).version)
    return dg.AssetCheckResult(passed=expected == found, metadata={"documents": expected, "chunked": found})

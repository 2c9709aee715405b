"""The asset `normalised_documents`: bytes to canonical envelopes, each parse in a limited worker process."""

import time
from collections.abc import Sequence
from contextlib import nullcontext

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.normalised_documents import store
from compliance_assets.normalised_documents.envelope import PulledFile
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parse import NORMALISER_VERSION, parser_with
from compliance_assets.normalised_documents.read import read_documents
from compliance_assets.normalised_documents.worker import ParserPool
from resources.ahead import Ahead, Done
from resources.batches import drain
from resources.object_store import ObjectStore
from resources.postgres import Connection, Postgres
from resources.progress import Progress
from resources.settings import Settings

#: What is committed together, and what a killed run loses at most. Later rooms begin with a batch when it is committed.
BATCH_FILES = 64
BATCH_BYTES = 8_000_000


@dg.asset(
    key=keys.NORMALISED_DOCUMENTS,
    deps=[keys.RAW_PULLS],
    group_name=keys.DATA_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=NORMALISER_VERSION,
    retry_policy=policies.RETRY_TRANSIENT,
)
def normalised_documents(
    postgres: dg.ResourceParam[Postgres],
    objects: dg.ResourceParam[ObjectStore],
    settings: dg.ResourceParam[Settings],
    ocr: dg.ResourceParam[OcrSettings],
    progress: dg.ResourceParam[Progress],
    ahead: dg.ResourceParam[Ahead],
) -> dg.MaterializeResult[None]:
    """Canonical envelopes of every pulled file. What cannot be read is kept, marked and counted with its reason."""
    started, read, changed = time.monotonic(), 0, 0
    with postgres.connect() as conn:
        waiting = store.count_pending(conn)

    def work(conn: Connection, files: Sequence[PulledFile]) -> None:
        nonlocal read, changed
        for document in read_documents(files, pool, objects, settings.years):
            store.insert(conn, [document])
            if document.pulled.parent_id is None:
                read += 1
                progress.advance("documents read", read, waiting)
        store.share_data_subjects(conn, [file.pull_id for file in files])
        changed += store.retire_predecessors(conn, [file.pull_id for file in files])

    with ahead.beside() if waiting else nullcontext(Done()) as done, ParserPool(parser=parser_with(ocr)) as pool:
        drain(postgres, lambda conn: store.claim(conn, BATCH_FILES, BATCH_BYTES), store.count_pending, work)
    with postgres.connect() as conn:
        changed += store.refresh_liveness(conn)
        (files, _), states = store.file_counts(conn), store.state_counts(conn)
        years, refused, pages = store.counts_by_year(conn), store.not_ok(conn), store.page_count(conn)
        formats, findings = store.counts_by_format(conn), store.finding_counts(conn)
        _, attachments = store.attachment_counts(conn)
    seconds = time.monotonic() - started
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(states.values()),
            "files": files,
            "attachments": attachments,
            **{f"state/{state}": states.get(state, 0) for state in ("ok", "needs_human", "rejected")},
            "by_format": metadata.table(formats, ["format", "ok", "needs_human", "rejected"]),
            "not_ok": metadata.table(refused, ["path", "state", "reason"]),
            "filings_by_broken_rule": metadata.table(
                [{"rule": rule, "filings": count} for rule, count in findings.items()], ["rule", "filings"]
            ),
            "documents_by_year": metadata.bars(years, title="Readable documents by year"),
            "pages": pages,
            "read_now": read,
            "chunked_ahead": done.documents_chunked,
            "encoded_ahead": done.texts_encoded,
            "liveness_changed": changed,
            "seconds": round(seconds, 2),
            "documents_per_second": metadata.rate(read, seconds),
        }
    )

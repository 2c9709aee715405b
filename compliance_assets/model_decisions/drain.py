"""Drains the work table of a year: retrieve, decide, record. Called by the asset and by the command line alike."""

import secrets
import time
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version

import numpy as np

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.decide import CODE_VERSION, SourceDocument, decide, idempotency_key
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.year_index.exact import encoded, half
from compliance_assets.year_index.parameters import HnswParameters
from compliance_assets.year_index.retrieved import Retrieved
from compliance_assets.year_index.search import search
from compliance_assets.year_index.store import live_index
from resources.batches import drain
from resources.clock import Clock
from resources.embedder import Embedder
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres
from resources.progress import Progress
from resources.providers import Provider


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that deciding needs."""

    postgres: Postgres
    embedder: Embedder
    provider: Provider
    keyring: Keyring
    clock: Clock
    progress: Progress


@dataclass(slots=True)
class DrainReport:
    """What a drain did. `postponed`: work_id -> why the item is still queued."""

    decided: int = 0
    already_decided: int = 0
    postponed: dict[str, str] = field(default_factory=dict)


def release_of(workload_name: str, embedder: Embedder, model: str) -> Release:
    """The manifest of what decisions under a workload are made with, here and now."""
    workload = workload_named(workload_name)
    return Release(
        prompt_version=f"{workload.template}@{workload.template_version}:{digest_of(workload.template_text)}",
        threshold_version=None,
        router_map=digest_of({workload.name: {"model": model, "top_k": workload.top_k}}),
        policy_bundle=None,
        chunker=chunker_for(embedder).version,
        embedder_digest=embedder.digest,
        index_parameters=digest_of(HnswParameters().as_json()),
        golden_set=None,
        code_version=f"{version('compliance-assets')}/{CODE_VERSION}",
    )


def drain_year(desk: Desk, year: int) -> DrainReport:
    """Decide every queued item of a year, each in a transaction of its own with its ledger entry.

    One at a time: the ledger's head is locked from an entry to its commit, and must not be held over a model's answer.
    An item that cannot be decided now (a provider that is down, say) stays queued with the reason; the others go on.
    """
    report = DrainReport()
    drain(
        desk.postgres,
        claim=lambda conn: store.claim(conn, year, 1, list(report.postponed)),
        count_pending=lambda conn: store.count_pending(conn, year, list(report.postponed)),
        work=lambda conn, batch: _decide_or_postpone(desk, conn, batch[0], report),
    )
    return report


def needs_deciding(conn: Connection, desk: Desk, item: WorkItem) -> bool:
    """Whether no decision was made yet on this input with this release over the index as it is now."""
    key = idempotency_key(
        item, release_of(item.workload, desk.embedder, desk.provider.model), _index_version(conn, item)
    )
    return store.response_of_key(conn, item.year, key) is None


def _decide_or_postpone(desk: Desk, conn: Connection, item: WorkItem, report: DrainReport) -> None:
    try:
        with conn.transaction():  # undone alone, so that the reason can still be stored
            _decide(desk, conn, item, report)
    except ComplianceError as problem:
        report.postponed[item.work_id] = str(problem)
        store.postpone(conn, item, str(problem))
    desk.progress.advance(f"{item.year}: questions decided", report.decided + report.already_decided)


def _decide(desk: Desk, conn: Connection, item: WorkItem, report: DrainReport) -> None:
    started = time.monotonic()
    release = release_of(item.workload, desk.embedder, desk.provider.model)
    known = store.response_of_key(conn, item.year, idempotency_key(item, release, _index_version(conn, item)))
    if known:
        store.finish(conn, item, *known)
        report.already_decided += 1
        return
    vector = half(desk.embedder.encode([item.question])[0])
    retrieved, documents, index_version = _retrieve(desk, conn, item, vector)
    decision = decide(
        item,
        retrieved,
        desk.provider,
        source=partial(store.source_text, conn),
        release=release,
        index_version=index_version,
        now=desk.clock(),
        salt=secrets.token_bytes(16),
        query_vector=encoded(vector),
    )
    store.record(conn, desk.keyring, decision, documents, time.monotonic() - started)
    report.decided += 1


def _retrieve(
    desk: Desk, conn: Connection, item: WorkItem, vector: np.ndarray
) -> tuple[list[Retrieved], list[SourceDocument], str]:
    """The hits, their documents and the index versions that they came from.

    Once more if an index was swapped in meanwhile, or a document erased; from then on none of them is until the decision is
    recorded: an erasure waits, and takes the decision along.
    """
    while True:
        before = _index_version(conn, item)
        retrieved = search(conn, desk.embedder, vector, item.scope, workload_named(item.workload).top_k)
        doc_ids = {r.hit.doc_id for r in retrieved}
        documents = store.documents_of(conn, doc_ids, hold=True)
        if _index_version(conn, item) == before and len(documents) == len(doc_ids):
            return retrieved, documents, before


def _index_version(conn: Connection, item: WorkItem) -> str:
    """The versions that the item's scope searches, `none` for a year without an index."""
    indexes = [live_index(conn, year) for year in item.scope.years]
    return "+".join(index.index_version if index else "none" for index in indexes)

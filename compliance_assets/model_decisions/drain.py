"""Drains the work table of a year: claim, decide, record, one item a transaction. Called by the asset and by the command line."""

import contextlib
import secrets
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from compliance_assets.contracts.errors import ComplianceError, DependencyUnavailable, IntegrityError
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.decide import (
    Circumstances,
    Decision,
    Egress,
    Evidence,
    decide,
    idempotency_key,
)
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.releases.serving import Served, served
from compliance_assets.model_decisions.releases.store import in_production
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload
from compliance_assets.year_index.exact import encoded
from compliance_assets.year_index.retrieved import Retrieved, ranked
from compliance_assets.year_index.search import Asked, ask, read_document, search
from compliance_assets.year_index.store import live_index
from resources.batches import POLL_SECONDS
from resources.clock import rfc3339
from resources.postgres import Connection
from resources.providers import Completion, ModelRequest

#: Seconds between the starts of two deciders: else the prompts of the first items are all made at the same moment, each as late
#: as the last, and every wave of answers after them comes in as one.
STAGGER_SECONDS = 0.04
#: So many items in a row that no model answered are an outage: the next would find the same.
OUTAGE_AFTER = 3


@dataclass(slots=True)
class DrainReport:
    """What a drain did. `postponed`: work_id -> why the item is still queued. `failed`: those left to a person for good.
    `outage`: why the drain ended early.
    """

    decided: int = 0
    already_decided: int = 0
    postponed: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    outage: str | None = None


class IndexMoved(Exception):
    """An index was swapped in, or a document erased, between the look at it and the search."""


class ReleaseMoved(Exception):
    """Another release came into production between the start of a decision and its record."""


def drain_year(desk: Desk, year: int) -> DrainReport:
    """Decide every queued item of a year, each in a transaction of its own with its ledger entry.

    The ledger's head is locked from an entry to its commit, never over a model's answer. What no model answers stays queued
    with the reason; after `OUTAGE_AFTER` of those in a row so does the rest, and the drain ends. An item that goes unanswered
    while later ones are answered, or that fails by itself, is counted: after `store.MOST_ATTEMPTS` times a person gets it.

    The release in production decides: where it changes meanwhile, what was not recorded yet is decided again with the new one.
    Raises as `served` does, with nothing decided; the queue holds the reason.
    """
    try:
        with desk.postgres.connect() as conn:
            at = served(desk, conn)
    except ComplianceError as problem:
        with desk.postgres.connect() as conn:
            store.postpone_all(conn, year, str(problem))
        raise
    drain = _Drain(desk, at, year)
    with ThreadPoolExecutor(desk.deciders, thread_name_prefix="decider") as pool:
        for future in [pool.submit(drain.run, place * STAGGER_SECONDS) for place in range(desk.deciders)]:
            future.result()
    drain.end()
    return drain.report


def needs_deciding(conn: Connection, release: Release, item: WorkItem) -> bool:
    """Whether no decision was made yet on this input with this release over the index as it is now."""
    key = idempotency_key(item, release, _index_version(conn, item))
    return store.response_of_key(conn, item.year, key) is None


class _Drain:
    """One drain of a year, shared by its deciders."""

    def __init__(self, desk: Desk, at: Served, year: int) -> None:
        self.report = DrainReport()
        self._desk, self._served, self._year = desk, at, year
        self._lock = threading.Lock()
        self._unanswered: list[WorkItem] = []  # in a row, the latest last
        self._passed_over: list[WorkItem] = []  # unanswered before others were answered

    def run(self, after_seconds: float = 0.0) -> None:
        """One decider: an item after the other, on one session."""
        time.sleep(after_seconds)
        with self._desk.postgres.connect() as conn:
            while self.report.outage is None:
                claimed = store.claim(conn, self._year, 1, self._set_aside())
                if claimed:
                    self._decide(conn, claimed[0])
                elif not store.count_pending(conn, self._year, self._set_aside()):
                    return
                conn.commit()
                if not claimed:
                    time.sleep(POLL_SECONDS)  # held by others: the next room needs all of them

    def end(self) -> None:
        """Count those that were passed over; where the last ones went unanswered, that is an outage too."""
        with self._desk.postgres.connect() as conn:
            for item in self._passed_over:
                self._count(conn, item, self.report.postponed[item.work_id])
            if self._unanswered and self.report.outage is None:
                self._outage(conn, self._unanswered[-1], self.report.postponed[self._unanswered[-1].work_id])

    def _set_aside(self) -> list[str]:
        with self._lock:
            return [*self.report.postponed, *self.report.failed]

    def _decide(self, conn: Connection, item: WorkItem) -> None:
        report = self.report
        try:
            fresh = self._decided(conn, item)
        except DependencyUnavailable as problem:
            self._unanswered_item(conn, item, str(problem))
        except psycopg.OperationalError as problem:
            if conn.closed:
                raise
            self._unanswered_item(conn, item, f"the database refuses: {type(problem).__name__}")
        except ComplianceError as problem:
            self._count(conn, item, str(problem))
        except Exception as problem:  # noqa: BLE001 - whatever is wrong with one item, the others go on
            self._count(conn, item, _place_of(problem))
        else:
            with self._lock:
                report.decided += fresh
                report.already_decided += not fresh
                self._passed_over += self._unanswered
                self._unanswered = []
        self._desk.progress.advance(f"{item.year}: decided", report.decided + report.already_decided)

    def _decided(self, conn: Connection, item: WorkItem) -> bool:
        """Whether a decision was made now, with the release that is in production when it is recorded.

        A try is undone alone: a reason can still be stored, and no move of the release waits for another answer.
        """
        while True:
            try:
                with conn.transaction():
                    return _decide(self._served, conn, item)
            except ReleaseMoved:
                self._served = self._served_now(conn)

    def _served_now(self, conn: Connection) -> Served:
        try:
            with conn.transaction():
                return served(self._desk, conn)
        except IntegrityError as problem:  # no fault of the item: it waits, as all others do
            raise DependencyUnavailable(
                problem.problem, expected=problem.expected, found=problem.found, remedy=problem.remedy
            ) from None

    def _unanswered_item(self, conn: Connection, item: WorkItem, why: str) -> None:
        store.postpone(conn, item, why)
        with self._lock:
            self.report.postponed[item.work_id] = why
            self._unanswered.append(item)
            outage = len(self._unanswered) >= OUTAGE_AFTER and self.report.outage is None
        if outage:
            self._outage(conn, item, why)

    def _outage(self, conn: Connection, item: WorkItem, why: str) -> None:
        """The rest of the year waits as well, and the ledger says so."""
        self.report.outage = why
        store.postpone_all(conn, item.year, why)
        with contextlib.suppress(DependencyUnavailable):  # without the master key there is no ledger to say it in
            store.record_outage(conn, self._desk.keyring, item, rfc3339(self._desk.clock()), why)

    def _count(self, conn: Connection, item: WorkItem, why: str) -> None:
        state = store.fail(conn, item, why)
        with self._lock:
            self.report.postponed.pop(item.work_id, None)
            (self.report.failed if state == "dead" else self.report.postponed)[item.work_id] = why


def _place_of(problem: Exception) -> str:
    """What went wrong where in our own code. The message is left out: it may quote a document."""
    frames = traceback.extract_tb(problem.__traceback__)
    last = frames[-1] if frames else None
    return f"{type(problem).__name__} in {Path(last.filename).stem}:{last.lineno}" if last else type(problem).__name__


def _decide(at: Served, conn: Connection, item: WorkItem) -> bool:
    """Whether a decision was made now; else there was one already. Raises ReleaseMoved."""
    started, desk, release = time.monotonic(), at.desk, at.release
    while True:
        index_version = _index_version(conn, item)
        known = store.response_of_key(conn, item.year, idempotency_key(item, release, index_version))
        if known:
            store.finish(conn, item, *known)
            return False
        try:
            decision = _decision(desk, release, conn, item, index_version)
        except IndexMoved:
            continue
        if in_production(conn) != (release.release_id, at.moved.seq):  # held until the commit
            raise ReleaseMoved
        store.record(conn, desk.keyring, decision, time.monotonic() - started, desk.told)
        return True


def rehearsed(desk: Desk, release: Release, conn: Connection, item: WorkItem) -> Decision:
    """What a desk would decide now. Nothing is recorded; what was read stays held until the caller's transaction ends.

    Raises as `decide` does.
    """
    while True:
        with contextlib.suppress(IndexMoved):
            return _decision(desk, release, conn, item, _index_version(conn, item))


def _decision(desk: Desk, release: Release, conn: Connection, item: WorkItem, index_version: str) -> Decision:
    """What a desk decides over the index as it is. Raises IndexMoved where it is no longer so, else as `decide` does."""
    at = _circumstances(desk, desk.bundle.workload(item.workload), release, index_version)
    return decide(item, at, Live(desk, conn, index_version, store.CitedDocuments(conn)))


def _circumstances(desk: Desk, workload: Workload, release: Release, index_version: str) -> Circumstances:
    route = desk.router_map.route(workload.name)
    key_id, organization_id = desk.keyring.active_key_id, desk.postgres.organization_id
    return Circumstances(
        organization_id=organization_id,
        workload=workload,
        egress_profile=desk.egress_profile,
        release=release,
        index_version=index_version,
        call=route.call,
        regions={**desk.models.regions, **desk.models.regions_of(route.models)},
        pseudonym_key_id=key_id,
        pseudonym_key=desk.keyring.pseudonym_key(organization_id, key_id),
        now=desk.clock(),
        salt=secrets.token_bytes(16),
    )


@dataclass(frozen=True, slots=True)
class Live:
    """The world as it is now, for one decision: the policy engine, the indexes, the models, the documents."""

    desk: Desk
    conn: Connection
    index_version: str
    cited: store.CitedDocuments

    def policy(self, asked: PolicyInput) -> PolicyDecision:
        """The engine's answer; where it has none, an outage."""
        return self.desk.policy.evaluate(asked)

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> Evidence:
        """The hits and their documents, held until the commit: an erasure waits, and takes the decision along."""
        workload = self.desk.bundle.workload(item.workload)
        asked = ask(self.conn, self.desk.embedder, question, scope)
        _require_pinned(asked, self.desk)
        hits = self._hits(item, workload, asked)
        if sources is not None:
            come_from = store.sources_of(self.conn, [r.hit.doc_id for r in hits])
            hits = ranked([r for r in hits if come_from.get(r.hit.doc_id) in sources], item.document_id)
        doc_ids = {r.hit.doc_id for r in hits}
        documents = store.documents_of(self.conn, doc_ids, hold=True)
        if _index_version(self.conn, item) != self.index_version or len(documents) != len(doc_ids):
            raise IndexMoved
        parsed = store.parsed_of(self.conn, item.document_id) if item.document_id else None
        return Evidence(tuple(hits), tuple(documents), self.index_version, encoded(asked.vector), parsed)

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        """The first of the models that answers."""
        return self.desk.models.ask(
            request, egress.models, allowed_regions=egress.regions, provider_constraints=egress.providers
        )

    def source(self, doc_id: str, start: int, end: int) -> str:
        """Characters of a document."""
        return self.cited.source(doc_id, start, end)

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        """The page that characters of a document stand on."""
        return self.cited.page_of(doc_id, start, end)

    def _hits(self, item: WorkItem, workload: Workload, asked: Asked) -> list[Retrieved]:
        """The document that the work is about, whole, and what answers the question best in the workload's context."""
        if item.document_id is None:
            return search(self.conn, asked, workload.top_k, self.desk.reranker)
        own = read_document(self.conn, asked, item.document_id)
        if not own:
            return []
        context = [
            found
            for category in workload.context_categories
            for found in search(self.conn, asked.within(category), workload.top_k, self.desk.reranker)
        ]
        return ranked([*own, *context], item.document_id)


def _require_pinned(asked: Asked, desk: Desk) -> None:
    """Whoever searches is answered by the index that there is; a decision rests on the embedder that its release pins."""
    if asked.embedder.digest != desk.embedder.digest:
        raise DependencyUnavailable(
            "the index of a year is still the one of another embedder than the release's",
            expected=f"years {list(asked.scope.years)} with vectors of {desk.embedder.name} ({desk.embedder.digest[:12]}…)",
            found=f"those of {asked.embedder.name} ({asked.embedder.digest[:12]}…)",
            remedy="Run `compliance ingest` to build the year with the new one. Work stays queued meanwhile.",
        )


def _index_version(conn: Connection, item: WorkItem) -> str:
    """The versions that the item's scope searches, `none` for a year without an index."""
    indexes = [live_index(conn, year) for year in item.scope.years]
    return "+".join(index.index_version if index else "none" for index in indexes)

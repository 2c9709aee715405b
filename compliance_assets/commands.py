"""What the longer verbs do: sequences of job runs and of work, in the order that a person would start them."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from compliance_assets import keys
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.audit_ledger.verify import verify_and_record
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.contracts.text import storable
from compliance_assets.deployment import Deployment
from compliance_assets.evidence import store as evidence_store
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.ddq import DdqReport, answer_questionnaire
from compliance_assets.model_decisions.drain import drain_year, needs_deciding
from compliance_assets.model_decisions.pending import TRIAGE, enqueue_filings, years_with_filings
from compliance_assets.model_decisions.questionnaire import read_rows
from compliance_assets.model_decisions.releases.serving import served
from compliance_assets.model_decisions.work import WorkItem, work_item_from_row
from compliance_assets.normalised_documents import store as document_store
from compliance_assets.raw_pulls import store as pull_store
from compliance_assets.raw_pulls.connector import FilesystemConnector, source_id_of
from compliance_assets.year_index.backlog import stale_years
from evals.gold_pages import Page, gold_pages_of, score_gold_pages
from resources.location import canonical_uri

if TYPE_CHECKING:
    from dagster import AssetKey

    from jobs.in_process import RunOutcome

#: A run that writes entries ends with a checkpoint over them.
INDEXING = (keys.CHUNKS, keys.EMBEDDINGS, keys.YEAR_INDEX, keys.LEDGER_CHECKPOINTS)
DECIDING = (*keys.YEARLY, keys.LEDGER_CHECKPOINTS)


@dataclass(slots=True)
class CorpusReport:
    """What taking in a folder came to. Rates are of the work done now; nothing done, no rate."""

    files: int = 0
    documents: dict[str, int] = field(default_factory=dict)
    formats: list[dict[str, str | int]] = field(default_factory=list)
    not_ok: list[dict[str, str]] = field(default_factory=list)
    pages: int = 0
    years: list[int] = field(default_factory=list)
    documents_read: int = 0
    chunks_encoded: int = 0
    seconds: float = 0.0
    unreachable_sources: list[str] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)

    @property
    def checks_passed(self) -> bool:
        """Whether every blocking check of every run passed."""
        return not self.failed_checks

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "checks_passed": self.checks_passed}


def ingest(deployment: Deployment, folder: str) -> CorpusReport:
    """Take in a folder and index the years that changed. Running it again does nothing."""
    deployment.prepare()
    report = CorpusReport()
    started = time.monotonic()
    with _runs(deployment) as run, deployment.ahead.beside() as ahead:  # a year is indexed while the next is encoded
        _take_in(deployment, run, folder, report)
        _run_years(run, _stale(deployment), report, assets=INDEXING)
    report.chunks_encoded += ahead.texts_encoded
    report.seconds = round(time.monotonic() - started, 2)
    return report


def decide(deployment: Deployment, items: Sequence[WorkItem]) -> list[ResponseEnvelope]:
    """Decide items now, without a Dagster run. Raises DependencyUnavailable for what has to stay queued."""
    _refuse_unknown_years(deployment, items)
    deployment.prepare()
    with deployment.postgres.connect() as conn:
        at = served(deployment.desk, conn)
        decision_store.enqueue(conn, [item for item in items if needs_deciding(conn, at.release, item)])
        queued = decision_store.queued_years(conn)
    for year in sorted({item.year for item in items} & set(queued)):
        drain_year(deployment.desk, year)
    checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    return _envelopes(deployment, items)


def ddq(
    deployment: Deployment, path: Path, year: int | None = None, category: str | None = None, out: Path | None = None
) -> DdqReport:
    """Answer a whole questionnaire now, without a Dagster run. Running it again decides nothing twice."""
    deployment.prepare()
    return answer_questionnaire(
        deployment.desk,
        deployment.checkpoint_log,
        deployment.settings.years,
        path,
        year=year,
        filer_category=category,
        out=out,
    )


def triage(deployment: Deployment, years: Sequence[int] = ()) -> dict[str, object]:
    """Triage every filing that nobody triaged yet, without a Dagster run. Raises DependencyUnavailable where a model is away."""
    unknown = sorted(set(years) - set(deployment.settings.years))
    if unknown:
        raise _unserved("the year", unknown[0], deployment.settings.years)
    deployment.prepare()
    reports = {}
    for year in years or deployment.settings.years:
        with deployment.postgres.connect() as conn:
            enqueue_filings(conn, year)
            waiting = decision_store.count_pending(conn, year, [])
        if waiting:
            reports[year] = drain_year(deployment.desk, year)
    checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    with deployment.postgres.connect() as conn:
        triaged = decision_store.triaged(conn, TRIAGE, years or deployment.settings.years)
    outage = next((report.outage for report in reports.values() if report.outage), None)
    if outage:
        raise DependencyUnavailable(
            f"{sum(len(r.postponed) for r in reports.values())} filings and more stay queued",
            expected="an answer to each",
            found=outage,
            remedy="Mend that and run the same command again, or let the sensor queue_recovery do it.",
        )
    return {"decided_now": sum(report.decided for report in reports.values()), "filings": triaged}


def demo(deployment: Deployment, source: str, questions: Path | None) -> dict[str, object]:
    """A folder of filings to a verified ledger, through the same jobs that the Dagster UI shows."""
    started = time.monotonic()
    rows = read_questions(questions, "ddq.draft_response") if questions else []
    items = [item for item, _ in rows]
    _refuse_unknown_years(deployment, items)
    deployment.prepare()
    report = CorpusReport()
    with _runs(deployment) as run, deployment.ahead.beside() as ahead:
        _take_in(deployment, run, source, report)
        stale = _stale(deployment)
        with deployment.postgres.connect() as conn:
            at = served(deployment.desk, conn)
            waiting = [i for i in items if i.year in stale or needs_deciding(conn, at.release, i)]
            decision_store.enqueue(conn, waiting)
            queued = decision_store.queued_years(conn)
            indexed = decision_store.indexed_years(conn, deployment.settings.years)
            new_filings = years_with_filings(conn, indexed)
        _run_years(run, sorted({*stale, *queued, *new_filings}), report, assets=DECIDING)
    report.chunks_encoded += ahead.texts_encoded
    envelopes = _envelopes(deployment, items)
    verification = verify_and_record(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    with deployment.postgres.connect() as conn:
        triaged = decision_store.triaged(conn, TRIAGE, deployment.settings.years)
        doc_ids = sorted({chunk.doc_id for e in envelopes for chunk in e.retrieved_chunks})
        files = evidence_store.files_of(conn, doc_ids)
    report.seconds = round(time.monotonic() - started, 2)
    paths = {doc_id: path for doc_id, (path, _) in files.items()}
    gold = score_gold_pages([(pages, e) for (_, pages), e in zip(rows, envelopes, strict=True)], paths)
    hit_years = [
        (item.year, files[c.doc_id][1]) for item, e in zip(items, envelopes, strict=True) for c in e.retrieved_chunks
    ]
    return {
        **report.as_json(),
        "triage": triaged,
        "questions": len(items),
        "decided_now": len(waiting),
        "decisions": [_decision_row(item, e) for item, e in zip(items, envelopes, strict=True)],
        "hits": len(hit_years),
        "hits_of_another_year": sum(asked != found for asked, found in hit_years),
        "gold_pages": gold.as_json(),
        "verified": verification.verified,
        "ledger": verification.as_json(),
    }


def export_file(deployment: Deployment, format: str, out: Path, since: int, open_content: bool) -> int:
    """Write the ledger into a file that only its owner reads; the file is there when it is complete. Returns its lines."""
    from compliance_assets.evidence.exports.deliver import write_events, write_jsonl

    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        with (
            open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle,
            deployment.postgres.connect() as conn,
        ):
            if format == "jsonl":
                count = write_jsonl(conn, deployment.keyring, handle, since, open_content=open_content)
            else:
                count = write_events(conn, format, handle, since)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return count


def read_questions(path: Path, workload: str) -> list[tuple[WorkItem, frozenset[Page]]]:
    """The rows of a questions file with their gold pages, where they have any. Raises InvalidInput naming the row."""
    rows = read_rows(path.name, path.read_bytes())
    return [(work_item_from_row(row.values, workload, row.number), gold_pages_of(row.values)) for row in rows]


def usable_question(text: str) -> str:
    """A question as it is stored. Raises InvalidInput for one without a word."""
    if not text.strip():
        raise InvalidInput("the question is empty", expected="text", found=repr(text), remedy="Say what to decide.")
    return storable(text)


@contextmanager
def _runs(deployment: Deployment) -> Iterator["Callable[..., RunOutcome]"]:
    """`run_job` of the deployment: all runs of a command on one instance."""
    from compliance_assets.definitions import build_defs
    from jobs.in_process import dagster_instance, run_job

    with dagster_instance(deployment.settings) as instance:
        yield partial(run_job, build_defs(deployment), instance)


def _take_in(deployment: Deployment, run: "Callable[..., RunOutcome]", folder: str, report: CorpusReport) -> None:
    uri = canonical_uri(folder)
    FilesystemConnector(uri).list()  # refuse a folder that is not there before it becomes a source of every pull
    with deployment.postgres.connect() as conn:
        pull_store.register_source(conn, source_id_of(uri), uri)
    outcome = run("intake")
    report.failed_checks += outcome.failed_checks
    report.documents_read = int(str(outcome.metadata.get("normalised_documents", {}).get("read_now", 0)))
    unreachable = outcome.metadata.get("raw_pulls", {}).get("unreachable_sources")
    report.unreachable_sources = [row["source"] for row in unreachable] if isinstance(unreachable, list) else []
    with deployment.postgres.connect() as conn:
        report.files, _ = document_store.file_counts(conn)
        report.documents = document_store.state_counts(conn)
        report.formats = document_store.counts_by_format(conn)
        report.not_ok, report.pages = document_store.not_ok(conn), document_store.page_count(conn)


def _run_years(
    run: "Callable[..., RunOutcome]", years: Sequence[int], report: CorpusReport, assets: Sequence["AssetKey"]
) -> None:
    for year in years:
        outcome = run("corpus_to_ledger", partition=str(year), assets=assets)
        report.years.append(year)
        report.failed_checks += [f"{year}:{check}" for check in outcome.failed_checks]
        report.chunks_encoded += int(str(outcome.metadata.get("embeddings", {}).get("encoded_now", 0)))


def _stale(deployment: Deployment) -> list[int]:
    """Years whose index no longer matches their documents."""
    with deployment.postgres.connect() as conn:
        version = chunker_for(deployment.embedder).version
        stale = stale_years(conn, deployment.postgres.organization_id, deployment.embedder, version)
    return sorted(set(stale) & set(deployment.settings.years))


def _envelopes(deployment: Deployment, items: Sequence[WorkItem]) -> list[ResponseEnvelope]:
    work_ids = [item.work_id for item in items]
    with deployment.postgres.connect() as conn:
        envelopes = decision_store.envelopes_of_work(conn, deployment.keyring, work_ids)
        waiting = decision_store.waiting_reasons(conn, work_ids)
    if waiting:
        raise DependencyUnavailable(
            f"{len(waiting)} of {len(items)} questions could not be decided and stay queued",
            expected="an answer to each",
            found=next(iter(waiting.values())),
            remedy="Mend that and run the same command again: what was decided stays, the rest is decided then.",
        )
    return [envelopes[work_id] for work_id in work_ids]


def _refuse_unknown_years(deployment: Deployment, items: Sequence[WorkItem]) -> None:
    years = deployment.settings.years
    for item in items:
        if item.year not in years:
            raise _unserved(f"the year of {item.item_id or 'the question'}", item.year, years)


def _unserved(what: str, year: int, years: Sequence[int]) -> InvalidInput:
    return InvalidInput(
        f"{what} is not served here",
        expected=f"a year from {years[0]} to {years[-1]}",
        found=str(year),
        remedy="Correct the year, or widen COMPLIANCE_YEARS.",
    )


def _decision_row(item: WorkItem, envelope: ResponseEnvelope) -> dict[str, object]:
    return {
        "id": item.item_id,
        "year": item.year,
        "filer_category": item.filer_category,
        "response_id": envelope.response_id,
        "decision": envelope.decision,
        "confidence": envelope.confidence,
        "citations": len(envelope.citations),
    }

"""Filings that came in become work: each is triaged once, without anybody asking."""

from collections.abc import Sequence

from compliance_assets.model_decisions import store
from compliance_assets.model_decisions.irpf.question import QUESTION
from compliance_assets.model_decisions.work import WorkItem
from resources.postgres import Connection

TRIAGE = "irpf.triage"


def triage_of(doc_id: str, year: int) -> WorkItem:
    """The triage of a filing. The question is what the law of its year is searched with, the same for every filing."""
    return WorkItem(TRIAGE, year, QUESTION, document_id=doc_id, item_id=doc_id)


def enqueue_filings(conn: Connection, year: int) -> int:
    """Put every readable filing of the year that was never triaged into the queue; returns how many that were."""
    waiting = store.filings_without_work(conn, year, TRIAGE)
    return store.enqueue_new(conn, [triage_of(doc_id, year) for doc_id in waiting])


def years_with_filings(conn: Connection, years: Sequence[int]) -> list[int]:
    """Years with filings that were never triaged."""
    return [year for year in years if store.filings_without_work(conn, year, TRIAGE)]

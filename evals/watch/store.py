"""All SQL of watching production: decisions of a window with what people made of them. It writes nothing."""

from datetime import datetime
from typing import Any

from evals.watch.traffic import Decided, Window
from resources.postgres import Connection


def traffic(conn: Connection, since: datetime, until: datetime) -> Window:
    """Every decision of the window.

    Reviewed: right where approved, wrong where overridden or rejected, unsaid where the model had given no answer or the
    decision was erased. Decided without a person: right where oversight accepted it, wrong where it contested it.
    """
    rows = conn.execute(
        "WITH overseen AS (SELECT e.subject_id AS response_id, s.state FROM compliance.ledger_oversight s"
        "  JOIN compliance.ledger_entries e USING (seq, year) WHERE e.kind = 'decision')"
        " SELECT d.response_id, d.release_id, d.workload, d.year,"
        " coalesce(f.filer_category, w.input::jsonb ->> 'filer_category', 'any'), d.outcome, split_part(d.reason, ':', 1),"
        " d.confidence,"
        " CASE WHEN o.model_decision IS NOT NULL THEN CASE o.outcome WHEN 'approved' THEN 'right' ELSE 'wrong' END"
        "  WHEN d.outcome = 'decided' THEN CASE s.state WHEN 'accepted' THEN 'right' WHEN 'contested' THEN 'wrong' END END,"
        " f.metadata -> 'fields' ->> 'return_type', f.metadata -> 'fields' ->> 'taxable_income',"
        " f.metadata -> 'fields' ->> 'tax_due',"
        " (SELECT count(*) FROM jsonb_object_keys(f.metadata -> 'fields'))::integer"
        " FROM compliance.decisions d LEFT JOIN compliance.work_items w USING (work_id)"
        " LEFT JOIN compliance.documents f ON f.filing_id = w.input::jsonb ->> 'document_id'"
        " LEFT JOIN compliance.review_outcomes o ON o.response_id = d.response_id"
        " LEFT JOIN overseen s ON s.response_id = d.response_id"
        " WHERE d.decided_at >= %s AND d.decided_at < %s ORDER BY d.response_id",
        [since, until],
    ).fetchall()
    return Window(since, until, tuple(_decided(row) for row in rows))


def _decided(row: tuple[Any, ...]) -> Decided:
    *said, taxable_income, tax_due, fields_read = row
    return Decided._make((*said, _number(taxable_income), _number(tax_due), fields_read))


def _number(canonical: str | None) -> float | None:
    """An amount as it was read; None for one that is none."""
    try:
        return None if canonical is None else float(canonical)
    except ValueError:
        return None

"""SQL of dossiers: the documents that a decision cites, and what was said of it afterwards."""

from dataclasses import dataclass
from typing import Any

from compliance_assets.contracts.envelope import RawPage
from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class CitedDocument:
    """A document with all of its text. `media_type` and the readers are empty where they are not on record."""

    doc_id: str
    year: int | None
    title: str
    text: str
    pages: tuple[RawPage, ...]
    object_sha256: str
    media_type: str
    normaliser: str
    normaliser_version: str
    ocr_engine: str


def documents(conn: Connection, doc_ids: list[str]) -> dict[str, CitedDocument]:
    """Documents by their id. Those that were erased are not there."""
    rows = conn.execute(
        "SELECT filing_id, year, title, raw_text, raw_pages, object_sha256, coalesce(metadata ->> 'media_type', ''),"
        " coalesce(metadata ->> 'normaliser', ''), normaliser_version, coalesce(metadata ->> 'ocr_engine', '')"
        " FROM compliance.documents WHERE filing_id = ANY(%s) ORDER BY filing_id",
        [doc_ids],
    ).fetchall()
    return {row[0]: CitedDocument(row[0], row[1], row[2], row[3], _pages(row[4]), *row[5:10]) for row in rows}


def entries_about(conn: Connection, response_id: str, seq: int) -> list[int]:
    """`seq` of every later entry about a decision: approvals, oversight, amendments. Dossiers of it say nothing about it."""
    rows = conn.execute(
        "SELECT seq FROM compliance.ledger_entries WHERE kind NOT IN ('decision', 'dossier') AND seq > %(seq)s"
        " AND (subject_id = %(response_id)s OR (kind IN ('amendment', 'oversight')"
        "      AND CASE WHEN pg_input_is_valid(body, 'jsonb') THEN body::jsonb -> 'seq' = to_jsonb(%(seq)s::bigint) END))"
        " ORDER BY seq",
        {"seq": seq, "response_id": response_id},
    ).fetchall()
    return [later for (later,) in rows]


def _pages(rows: list[dict[str, Any]]) -> tuple[RawPage, ...]:
    return tuple(RawPage(**row) for row in rows)

"""All SQL of cases: what waits for a person, who signed, and what came of it. The record is the ledger.

A case is opened where its decision is stored, in the same statement (`model_decisions/store.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

from resources.postgres import Connection

#: response_id, year, workload, queue, reason, state, four_eyes, opened_at, closed_at
CaseRow = tuple[str, int, str, str, str, str, bool, datetime, datetime | None]
SignatureRow = tuple[str, str, datetime, int]  # reviewer, verdict, signed_at, seq
#: response_id, year, workload, release_id, outcome, model_decision, final_decision, confidence, reason, reviewed_at
OutcomeRow = tuple[str, int, str, str, str, str | None, str | None, float, str, datetime]

_CASES: LiteralString = (
    "SELECT response_id, year, workload, queue, reason, state, four_eyes, opened_at, closed_at"
    " FROM compliance.review_cases"
)


def case_row(conn: Connection, response_id: str, *, hold: bool = False) -> CaseRow | None:
    """One case. With `hold` it is locked until the transaction ends: whoever else signs waits."""
    row = conn.execute(_CASES + " WHERE response_id = %s" + (" FOR UPDATE" if hold else ""), [response_id]).fetchone()
    return _case(row) if row else None


def case_rows(
    conn: Connection, state: str | None, queue: str | None, year: int | None, workload: str | None
) -> list[CaseRow]:
    """Cases that fit, what is quarantined first, then the oldest."""
    rows = conn.execute(
        _CASES
        + " WHERE (%(state)s::text IS NULL OR state = %(state)s) AND (%(queue)s::text IS NULL OR queue = %(queue)s)"
        " AND (%(year)s::integer IS NULL OR year = %(year)s) AND (%(workload)s::text IS NULL OR workload = %(workload)s)"
        " ORDER BY queue, opened_at, response_id",
        {"state": state, "queue": queue, "year": year, "workload": workload},
    ).fetchall()
    return [_case(row) for row in rows]


def open_counts(conn: Connection) -> list[tuple[str, str, str, int, datetime]]:
    """(queue, workload, reason, how many, the oldest's opening) of the open cases."""
    rows = conn.execute(
        "SELECT queue, workload, reason, count(*), min(opened_at) FROM compliance.review_cases WHERE state = 'open'"
        " GROUP BY queue, workload, reason ORDER BY queue, count(*) DESC, workload, reason"
    ).fetchall()
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def opened_before(conn: Connection, queue: str, moment: datetime) -> tuple[int, list[CaseRow]]:
    """How many of a queue's open cases were opened before a moment, and the fifty oldest of them."""
    row = conn.execute(
        "SELECT count(*) FROM compliance.review_cases WHERE state = 'open' AND queue = %s AND opened_at < %s",
        [queue, moment],
    ).fetchone()
    oldest = conn.execute(
        _CASES + " WHERE state = 'open' AND queue = %s AND opened_at < %s ORDER BY opened_at, response_id LIMIT 50",
        [queue, moment],
    ).fetchall()
    return (row[0] if row else 0), [_case(row) for row in oldest]


def close_case(conn: Connection, response_id: str, state: str, at: datetime) -> None:
    """Close a case."""
    conn.execute(
        "UPDATE compliance.review_cases SET state = %s, closed_at = %s WHERE response_id = %s", [state, at, response_id]
    )


def signature_rows(conn: Connection, response_id: str) -> list[SignatureRow]:
    """Who signed a case, in order."""
    rows = conn.execute(
        "SELECT reviewer, verdict, signed_at, seq FROM compliance.review_signatures WHERE response_id = %s ORDER BY seq",
        [response_id],
    ).fetchall()
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def add_signature(conn: Connection, response_id: str, reviewer: str, verdict: str, at: datetime, seq: int) -> None:
    """A person's verdict, recorded by entry `seq`."""
    conn.execute(
        "INSERT INTO compliance.review_signatures (organization_id, response_id, reviewer, verdict, signed_at, seq)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s)",
        [response_id, reviewer, verdict, at, seq],
    )


def put_outcome(conn: Connection, row: OutcomeRow) -> None:
    """What came of a case: one row for training."""
    conn.execute(
        "INSERT INTO compliance.review_outcomes (organization_id, response_id, year, workload, release_id, outcome,"
        " model_decision, final_decision, confidence, reason, reviewed_at)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        list(row),
    )


def outcome_counts(conn: Connection) -> list[tuple[str, str, int, str, int]]:
    """(workload, reason, tenth of the confidence from 0 to 9, outcome, how many) of what was reviewed."""
    rows = conn.execute(
        "SELECT workload, reason, least(floor(confidence * 10), 9)::integer AS tenth, outcome, count(*)"
        " FROM compliance.review_outcomes GROUP BY workload, reason, tenth, outcome ORDER BY 1, 2, 3, 4"
    ).fetchall()
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def latest_outcomes(conn: Connection, limit: int) -> list[tuple[str, int, str, str, datetime]]:
    """(response_id, year, workload, outcome, reviewed_at) of the latest, the newest first."""
    rows = conn.execute(
        "SELECT response_id, year, workload, outcome, reviewed_at FROM compliance.review_outcomes"
        " ORDER BY reviewed_at DESC, response_id LIMIT %s",
        [limit],
    ).fetchall()
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def training_rows(conn: Connection, workload: str | None = None) -> list[OutcomeRow]:
    """Every reviewed decision in the order of the reviews. One that was erased has neither decision."""
    rows = conn.execute(
        "SELECT response_id, year, workload, release_id, outcome, model_decision, final_decision, confidence, reason,"
        " reviewed_at FROM compliance.review_outcomes WHERE %(workload)s::text IS NULL OR workload = %(workload)s"
        " ORDER BY reviewed_at, response_id",
        {"workload": workload},
    ).fetchall()
    return [(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9]) for row in rows]


def held_back(conn: Connection, response_ids: Sequence[str]) -> set[str]:
    """Those of the responses whose answer lies in quarantine and was not approved: nobody but a reviewer is shown it."""
    rows = conn.execute(
        "SELECT response_id FROM compliance.review_cases WHERE response_id = ANY(%s) AND queue = 'quarantine'"
        " AND state <> 'approved'",
        [list(response_ids)],
    ).fetchall()
    return {response_id for (response_id,) in rows}


def held_keys(conn: Connection, key_ids: Sequence[str]) -> bool:
    """Whether all these keys of data subjects are there; they stay until the transaction ends: an erasure waits."""
    rows = conn.execute(
        "SELECT key_id FROM compliance.subject_keys WHERE key_id = ANY(%s::uuid[]) ORDER BY key_id FOR KEY SHARE",
        [list(key_ids)],
    ).fetchall()
    return len(rows) == len(set(key_ids))


def _case(row: tuple[Any, ...]) -> CaseRow:
    return (row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])

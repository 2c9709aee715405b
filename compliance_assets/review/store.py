"""All SQL of review: what persons make of entries, and the register of incidents."""

from datetime import datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from resources.postgres import Connection

OversightRow = tuple[int, str, str, str, datetime]  # seq, state, reviewer, note, updated_at
#: incident_id, kind, severity, state, summary, detail, opened_at, updated_at, updated_by
IncidentRow = tuple[str, str, str, str, str, dict[str, Any], datetime, datetime, str]

_INCIDENTS: LiteralString = (
    "SELECT incident_id, kind, severity, state, summary, detail, opened_at, updated_at, updated_by"
    " FROM compliance.incidents"
)


def lock(conn: Connection, name: str) -> None:
    """One writer of something that may have no row yet; held until the transaction ends."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('review:' || compliance.current_organization() || ':' || %s, 0))",
        [name],
    )


def oversight_row(conn: Connection, seq: int) -> OversightRow | None:
    """What stands for an entry."""
    row = conn.execute(
        "SELECT seq, state, reviewer, note, updated_at FROM compliance.ledger_oversight WHERE seq = %s", [seq]
    ).fetchone()
    return (row[0], row[1], row[2], row[3], row[4]) if row else None


def put_oversight(
    conn: Connection, seq: int, year: int, state: str, reviewer: str, note: str, updated_at: datetime
) -> None:
    """The one row of an entry, new or in place of what it said."""
    conn.execute(
        "INSERT INTO compliance.ledger_oversight (organization_id, seq, year, state, reviewer, note, updated_at)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s) ON CONFLICT (organization_id, seq, year)"
        " DO UPDATE SET state = excluded.state, reviewer = excluded.reviewer, note = excluded.note,"
        " updated_at = excluded.updated_at",
        [seq, year, state, reviewer, note, updated_at],
    )


def overseen_decisions(conn: Connection, workload: str, release_id: str, since: datetime) -> list[tuple[float, str]]:
    """(confidence, state) of the decisions of a release that were taken without a person, and that one looked at since."""
    rows = conn.execute(
        "SELECT decision.confidence, oversight.state FROM compliance.ledger_oversight AS oversight"
        " JOIN compliance.ledger_entries AS entry USING (organization_id, seq, year)"
        " JOIN compliance.decisions AS decision"
        " ON decision.year = entry.year AND decision.response_id = entry.subject_id"
        " WHERE entry.kind = 'decision' AND decision.outcome = 'decided' AND decision.workload = %s"
        " AND decision.release_id = %s AND oversight.updated_at >= %s ORDER BY entry.seq",
        [workload, release_id, since],
    ).fetchall()
    return [(row[0], row[1]) for row in rows]


def incident_row(conn: Connection, incident_id: str) -> IncidentRow | None:
    """One incident, locked until the transaction ends."""
    row = conn.execute(_INCIDENTS + " WHERE incident_id = %s FOR UPDATE", [incident_id]).fetchone()
    return _incident(row) if row else None


def latest_occurrence(conn: Connection, first_id: str) -> tuple[int, IncidentRow] | None:
    """How often an incident occurred, and the latest of its occurrences: `<first_id>`, `<first_id>.2`, `<first_id>.3`, …"""
    rows = conn.execute(
        _INCIDENTS + " WHERE incident_id = %(id)s OR starts_with(incident_id, %(id)s || '.')"
        " ORDER BY length(incident_id), incident_id",
        {"id": first_id},
    ).fetchall()
    return (len(rows), _incident(rows[-1])) if rows else None


def incident_rows(conn: Connection, state: str | None) -> list[IncidentRow]:
    """The register, or what is in one state, in the order in which it was opened."""
    rows = conn.execute(
        _INCIDENTS + " WHERE %(state)s::text IS NULL OR state = %(state)s ORDER BY opened_at, incident_id",
        {"state": state},
    ).fetchall()
    return [_incident(row) for row in rows]


def add_incident(
    conn: Connection,
    incident_id: str,
    kind: str,
    severity: str,
    summary: str,
    detail: dict[str, Any],
    at: datetime,
    by: str,
) -> None:
    """A new incident."""
    conn.execute(
        "INSERT INTO compliance.incidents (organization_id, incident_id, kind, severity, state, summary, detail, opened_at,"
        " updated_at, updated_by) VALUES (compliance.current_organization(), %s, %s, %s, 'open', %s, %s, %s, %s, %s)",
        [incident_id, kind, severity, summary, Jsonb(detail), at, at, by],
    )


def set_incident_state(conn: Connection, incident_id: str, state: str, at: datetime, by: str) -> None:
    """Move an incident on."""
    conn.execute(
        "UPDATE compliance.incidents SET state = %s, updated_at = %s, updated_by = %s WHERE incident_id = %s",
        [state, at, by, incident_id],
    )


def _incident(row: tuple[Any, ...]) -> IncidentRow:
    return (row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])

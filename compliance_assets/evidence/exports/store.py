"""All SQL of the exports: how far each sink has been served, and the lock that lets one process serve it."""

import psycopg

from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from resources.postgres import Connection


def lock(conn: Connection, key: str, seconds: float) -> None:
    """Serve a sink alone until the session ends; waits for whoever serves it now. Commits.

    The cursor is moved in the same session: where the lock is lost with its session, the cursor cannot be moved either.
    """
    conn.execute("SELECT set_config('lock_timeout', %s, true)", [f"{round(seconds * 1000)}ms"])
    try:
        conn.execute(
            "SELECT pg_advisory_lock(hashtextextended('export:' || compliance.current_organization() || ':' || %s, 0))",
            [key],
        )
    except psycopg.errors.LockNotAvailable:
        conn.rollback()
        raise DependencyUnavailable(
            "another process serves this sink",
            expected=f"to serve {key} within {seconds:g} seconds",
            found="it is still being served",
            remedy="Wait for it; it sends what is missing.",
        ) from None
    conn.commit()


def cursor(conn: Connection, key: str) -> int:
    """`seq` of the last entry that a sink acknowledged, 0 for a new one."""
    return cursors(conn).get(key, 0)


def cursors(conn: Connection) -> dict[str, int]:
    """Every sink's cursor."""
    return dict(conn.execute("SELECT sink, seq FROM compliance.export_cursors").fetchall())


def advance(conn: Connection, key: str, since: int, to: int) -> None:
    """Move a sink's cursor from `since` to `to`. Raises IntegrityError when it is not at `since`."""
    moved = conn.execute(
        "INSERT INTO compliance.export_cursors AS known (organization_id, sink, seq, delivered_at)"
        " VALUES (compliance.current_organization(), %s, %s, clock_timestamp())"
        " ON CONFLICT (organization_id, sink) DO UPDATE SET seq = excluded.seq, delivered_at = excluded.delivered_at"
        " WHERE known.seq = %s",
        [key, to, since],
    ).rowcount
    if not moved:
        raise IntegrityError(
            "the cursor of a sink was moved by somebody else",
            expected=f"{key} at entry {since}",
            found=f"entry {cursor(conn, key)}",
            remedy="Nothing is lost: start the export again. Change compliance.export_cursors by hand only while none runs.",
        )

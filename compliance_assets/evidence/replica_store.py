"""SQL of the replica: which objects were written to the store that nobody can change."""

from dataclasses import dataclass
from datetime import datetime

from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class Noted:
    """An object as it was written. `name` is relative to the organisation's part of the replica."""

    name: str
    sha256: str
    size_bytes: int
    retain_until: datetime
    written_at: datetime


def lock(conn: Connection) -> None:
    """One process at a time writes or compares an organisation's replica; held until the session ends."""
    conn.execute("SELECT pg_advisory_lock(hashtextextended('worm_replica:' || compliance.current_organization(), 0))")
    conn.commit()


def noted(conn: Connection) -> dict[str, Noted]:
    """name -> what was written, in order of names."""
    rows = conn.execute(
        "SELECT name, sha256, size_bytes, retain_until, written_at FROM compliance.replica_objects"
        ' ORDER BY name COLLATE "C"'
    ).fetchall()
    return {row[0]: Noted(*row) for row in rows}


def note(conn: Connection, written: Noted) -> None:
    """Keep what was written. What was noted before stays."""
    conn.execute(
        "INSERT INTO compliance.replica_objects"
        " (organization_id, name, sha256, size_bytes, retain_until, written_at)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [written.name, written.sha256, written.size_bytes, written.retain_until, written.written_at],
    )

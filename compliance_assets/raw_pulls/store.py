"""All SQL of raw_pulls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from compliance_assets.raw_pulls.labels import Label
from compliance_assets.raw_pulls.plan import LivePull
from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class NewPull:
    """A version to record. `object_sha256` None is a tombstone or an unreadable file.

    `moved_from` is the version under whose path the source had the same bytes before.
    """

    pull_id: str
    path: str
    state: str
    reason: str | None
    object_sha256: str | None
    size_bytes: int | None
    source_version: str
    label: Label
    moved_from: str | None = None


def register_source(conn: Connection, source_id: str, uri: str) -> None:
    """Add a source to those that every pull walks. Idempotent."""
    conn.execute(
        "INSERT INTO compliance.sources (organization_id, source_id, uri)"
        " VALUES (compliance.current_organization(), %s, %s) ON CONFLICT DO NOTHING",
        [source_id, uri],
    )


def sources(conn: Connection) -> list[tuple[str, str]]:
    """Every registered (source_id, uri), oldest first."""
    rows = conn.execute("SELECT source_id, uri FROM compliance.sources ORDER BY registered_at, source_id").fetchall()
    return [(source_id, uri) for source_id, uri in rows]


def clock(conn: Connection) -> datetime:
    """The database's time: deadlines are measured by one clock."""
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    began: datetime = row[0]
    return began


def note_listing(conn: Connection, source_id: str, began: datetime) -> None:
    """A source was listed, and nothing that the listing missed is left retrievable."""
    conn.execute(
        "UPDATE compliance.sources SET last_listed_at = greatest(last_listed_at, %s) WHERE source_id = %s",
        [began, source_id],
    )


def lock_source(conn: Connection, source_id: str) -> None:
    """One pull of a source at a time; held until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [source_id])


def live_pulls(conn: Connection, source_id: str) -> dict[str, LivePull]:
    """The newest version of every path of a source, tombstones included."""
    rows = conn.execute(
        "SELECT pull_id, path, state, object_sha256, source_version, label, versions FROM compliance.raw_pulls"
        " JOIN (SELECT path, count(*) AS versions FROM compliance.raw_pulls WHERE source_id = %(source)s GROUP BY path) v"
        " USING (path) WHERE source_id = %(source)s AND superseded_at IS NULL",
        {"source": source_id},
    )
    return {
        path: LivePull(pull_id, path, state, digest, version, label.digest, label.year, versions, label.access)
        for pull_id, path, state, digest, version, label, versions in (
            (*row[:5], Label.from_json(row[5]), row[6]) for row in rows
        )
    }


def free_pulls(conn: Connection, pull_ids: Sequence[str]) -> set[str]:
    """Those of these newest versions that nobody else works on, locked until the transaction ends.

    A file that is being read holds its version for as long as that takes; the others need not wait for it.
    """
    rows = conn.execute(
        "SELECT pull_id FROM compliance.raw_pulls WHERE pull_id = ANY(%s) AND superseded_at IS NULL"
        " FOR UPDATE SKIP LOCKED",
        [list(pull_ids)],
    ).fetchall()
    return {pull_id for (pull_id,) in rows}


def vacated(conn: Connection, source_id: str, digests: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """object digest -> (pull_id, path) of removed files that had these bytes and did not turn up again, latest first."""
    rows = conn.execute(
        "SELECT p.object_sha256, p.pull_id, p.path FROM compliance.raw_pulls p JOIN compliance.raw_pulls gone"
        "  ON gone.source_id = p.source_id AND gone.path = p.path AND gone.state = 'removed'"
        "  AND gone.superseded_at IS NULL AND gone.pulled_at = p.superseded_at"  # one transaction, one time
        " WHERE p.source_id = %s AND p.object_sha256 = ANY(%s)"
        "   AND NOT EXISTS (SELECT FROM compliance.raw_pulls m WHERE m.moved_from = p.pull_id)"
        " ORDER BY gone.pulled_at DESC, p.path",
        [source_id, list(digests)],
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = {}
    for digest, pull_id, path in rows:
        found.setdefault(digest, []).append((pull_id, path))
    return found


def record(conn: Connection, source_id: str, superseded: Sequence[str], pulls: Iterable[NewPull]) -> None:
    """Close the versions that are replaced and insert their successors, in the caller's transaction."""
    conn.execute("UPDATE compliance.raw_pulls SET superseded_at = now() WHERE pull_id = ANY(%s)", [list(superseded)])
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.raw_pulls (organization_id, pull_id, source_id, path, state, reason, object_sha256,"
            " size_bytes, source_version, label, moved_from)"
            " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (p.pull_id, source_id, p.path, p.state, p.reason, p.object_sha256, p.size_bytes, p.source_version,
                 Jsonb(p.label.as_json()), p.moved_from)
                for p in pulls
            ],
        )  # fmt: skip


def touch(conn: Connection, seen: Sequence[tuple[str, str]]) -> None:
    """Files that were rewritten with the same bytes: note the source's new version token, make no new version."""
    with conn.cursor() as cursor:
        cursor.executemany("UPDATE compliance.raw_pulls SET source_version = %s WHERE pull_id = %s", seen)


def relabel_access(conn: Connection, access: Iterable[tuple[str, Sequence[str]]]) -> None:
    """(pull_id, who may see it): taken over by the version and, in the same transaction, by its documents."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE compliance.raw_pulls SET label = jsonb_set(label, '{access}', %s) WHERE pull_id = %s",
            [(Jsonb(list(names)), pull_id) for pull_id, names in access],
        )


def state_counts(conn: Connection) -> dict[str, int]:
    """Live files by state, over all sources."""
    rows = conn.execute(
        "SELECT state, count(*) FROM compliance.raw_pulls WHERE superseded_at IS NULL GROUP BY state ORDER BY state"
    ).fetchall()
    return {state: count for state, count in rows}


def unreadable(conn: Connection) -> list[dict[str, str]]:
    """Live files that could not be read, with the reason."""
    rows = conn.execute(
        "SELECT path, reason FROM compliance.raw_pulls WHERE superseded_at IS NULL AND state = 'unreadable' ORDER BY path"
    ).fetchall()
    return [{"path": path, "reason": reason} for path, reason in rows]


def live_digests(conn: Connection) -> list[str]:
    """The objects that live pulls point at."""
    rows = conn.execute(
        "SELECT DISTINCT object_sha256 FROM compliance.raw_pulls"
        " WHERE superseded_at IS NULL AND state = 'pulled' ORDER BY 1"
    ).fetchall()
    return [digest for (digest,) in rows]

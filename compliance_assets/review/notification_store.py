"""All SQL of the outbox: what is to be told, to whom, and how often it was tried."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

from compliance_assets.contracts.notification import EVERYBODY, Notification, notification_id_of
from resources.postgres import Connection

#: notification_id, kind, subject_id, target, payload, state, attempts, last_error, next_attempt_at, created_at, delivered_at
OutboxRow = tuple[str, str, str, str, str, str, int, str | None, datetime, datetime, datetime | None]

#: What is urgent is due so long before it was written.
_HEAD_START = timedelta(days=365)
_ROWS: LiteralString = (
    "notification_id, kind, subject_id, target, payload, state, attempts, last_error, next_attempt_at, created_at,"
    " delivered_at"
)


def add(conn: Connection, notification: Notification, target: str = EVERYBODY, due_at: datetime | None = None) -> None:
    """Put an event into the outbox, in the transaction of what it tells of. A second time changes nothing."""
    conn.execute(
        "INSERT INTO compliance.notifications (organization_id, notification_id, kind, subject_id, target, payload, state,"
        " next_attempt_at, created_at) VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, 'queued', %s, %s)"
        " ON CONFLICT DO NOTHING",
        [
            notification_id_of(notification.event_id, target),
            notification.event,
            notification.subject_id,
            target,
            notification.body,
            due_at or notification.created_at,
            notification.created_at,
        ],
    )


def hand_on(
    conn: Connection, targets_of: Mapping[str, Sequence[str]], urgent: Sequence[str], now: datetime, nobody: str
) -> int:
    """Make a row for each target of each event that is for everybody; returns how many events that were.

    `targets_of`: kind -> targets. Events of an urgent kind go before all that waits: they are due since long ago. An event
    that is for nobody is dead with `nobody` as its reason.
    """
    rows = conn.execute(
        "SELECT notification_id, kind, payload FROM compliance.notifications WHERE state = 'queued' AND target = %s"
        " ORDER BY created_at, notification_id LIMIT 1000 FOR UPDATE SKIP LOCKED",
        [EVERYBODY],
    ).fetchall()
    for notification_id, kind, payload in rows:
        targets = targets_of.get(kind, ())
        for target in targets:
            told = Notification.model_validate_json(payload)
            add(conn, told, target, told.created_at - _HEAD_START if kind in urgent else None)
        conn.execute(
            "UPDATE compliance.notifications SET state = %s, last_error = %s, delivered_at = %s WHERE notification_id = %s",
            ["delivered", None, now, notification_id] if targets else ["dead", nobody, None, notification_id],
        )
    return len(rows)


def claim(conn: Connection, now: datetime, until: datetime, passed_over: Sequence[str]) -> OutboxRow | None:
    """The next row that is due, its attempt counted; nobody else takes it before `until`."""
    row = conn.execute(
        "UPDATE compliance.notifications SET attempts = attempts + 1, next_attempt_at = %s"  # noqa: S608 - our own columns
        " WHERE notification_id = (SELECT notification_id FROM compliance.notifications WHERE state = 'queued'"
        "  AND target <> %s AND target <> ALL(%s) AND next_attempt_at <= %s"
        "  ORDER BY next_attempt_at, created_at, notification_id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING " + _ROWS,
        [until, EVERYBODY, list(passed_over), now],
    ).fetchone()
    return _outbox(row) if row else None


def delivered(conn: Connection, notification_id: str, at: datetime) -> None:
    """A target took it."""
    conn.execute(
        "UPDATE compliance.notifications SET state = 'delivered', last_error = NULL, delivered_at = %s"
        " WHERE notification_id = %s",
        [at, notification_id],
    )


def put_off(conn: Connection, notification_id: str, target: str, error: str, until: datetime) -> None:
    """A target did not take it: it is tried again then, and so is whatever else waits for that target."""
    conn.execute(
        "UPDATE compliance.notifications SET last_error = %s WHERE notification_id = %s", [error, notification_id]
    )
    rest(conn, target, until)
    conn.execute(
        "UPDATE compliance.notifications SET next_attempt_at = %s WHERE notification_id = %s", [until, notification_id]
    )


def rest(conn: Connection, target: str, until: datetime) -> None:
    """Leave a target alone for a while."""
    conn.execute(
        "UPDATE compliance.notifications SET next_attempt_at = greatest(next_attempt_at, %s)"
        " WHERE target = %s AND state = 'queued'",
        [until, target],
    )


def bury(conn: Connection, notification_id: str, error: str) -> None:
    """It is not tried again by itself."""
    conn.execute(
        "UPDATE compliance.notifications SET state = 'dead', last_error = %s WHERE notification_id = %s",
        [error, notification_id],
    )


def redrive(conn: Connection, notification_id: str, at: datetime) -> bool:
    """Put a dead one back into the queue; False where there is no such dead one."""
    return (
        conn.execute(
            "UPDATE compliance.notifications SET state = 'queued', attempts = 0, next_attempt_at = %s"
            " WHERE notification_id = %s AND state = 'dead'",
            [at, notification_id],
        ).rowcount
        == 1
    )


def due(conn: Connection, now: datetime, limit: int = 1_000) -> list[tuple[str, int]]:
    """(id, attempts) of what may be handed on or sent now."""
    rows = conn.execute(
        "SELECT notification_id, attempts FROM compliance.notifications WHERE state = 'queued' AND next_attempt_at <= %s"
        " ORDER BY next_attempt_at, notification_id LIMIT %s",
        [now, limit],
    ).fetchall()
    return [(notification_id, attempts) for notification_id, attempts in rows]


def rows(conn: Connection, state: str | None, limit: int) -> list[OutboxRow]:
    """The newest, oldest first; events that were handed on are left out, since their targets' rows stand for them."""
    found = conn.execute(
        "SELECT * FROM (SELECT " + _ROWS + " FROM compliance.notifications"  # noqa: S608 - our own columns
        "  WHERE (%(state)s::text IS NULL OR state = %(state)s)"
        "  AND NOT (target = %(everybody)s AND state = 'delivered')"
        "  ORDER BY created_at DESC, notification_id DESC LIMIT %(limit)s) newest ORDER BY created_at, notification_id",
        {"state": state, "everybody": EVERYBODY, "limit": limit},
    ).fetchall()
    return [_outbox(row) for row in found]


def _outbox(row: tuple[Any, ...]) -> OutboxRow:
    return (row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10])

"""The outbox: an event is written in the transaction of what it tells of, and delivered afterwards, at least once.

First it is found out whom an event is for; from then on each target has a row of its own, which is sent, tried again with
growing pauses, and at last left to a person: dead, with an incident. A process that dies between a target's taking it and the
row's saying so sends it again; a webhook's Idempotency-Key tells the receiver.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, get_args

from compliance_assets.contracts.errors import ComplianceError, DependencyUnavailable, InvalidInput
from compliance_assets.contracts.notification import EventKind, Notification, event_id_of
from compliance_assets.review import notification_store as store
from compliance_assets.review.incidents import open_incident
from resources.clock import Clock
from resources.keyring import Keyring
from resources.notifier import Notifier
from resources.postgres import Connection, Postgres, organization_of
from resources.webhook import Patience, Webhook

ACTOR = "review_pager"
EVENTS: tuple[EventKind, ...] = get_args(EventKind)
#: What people are told of; a webhook is told of what it was configured for.
PEOPLE_ARE_TOLD_OF: tuple[EventKind, ...] = ("quarantine_opened",)
EVERY_EVENT = "*"
MOST_ATTEMPTS = 8  # deliveries, each with the attempts of its own: about two hours
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
#: How long a row is somebody's who sends it; longer than any delivery takes.
LEASE = timedelta(minutes=2)
NOBODY = "nobody is configured to be told of it"
GONE = "the target is not configured any more"


@dataclass(frozen=True, slots=True)
class Recipients:
    """Whom a deployment tells: people of PEOPLE_ARE_TOLD_OF, each webhook of its event."""

    people: tuple[Notifier, ...] = ()
    webhooks: tuple[tuple[str, Webhook], ...] = ()  # event or EVERY_EVENT, where to

    @property
    def by_name(self) -> dict[str, Notifier | Webhook]:
        """Every recipient by the name that the outbox knows it by."""
        everybody: list[Notifier | Webhook] = [*self.people, *(hook for _, hook in self.webhooks)]
        return {recipient.name: recipient for recipient in everybody}

    def of(self, kind: str) -> tuple[str, ...]:
        """The names of those who are told of an event."""
        people = [person.name for person in self.people if kind in PEOPLE_ARE_TOLD_OF]
        hooks = [hook.name for event, hook in self.webhooks if event in (kind, EVERY_EVENT)]
        return tuple(dict.fromkeys([*people, *hooks]))

    @property
    def kinds(self) -> frozenset[str]:
        """The events that anybody is told of."""
        return frozenset(kind for kind in EVENTS if self.of(kind))


def recipients_from(
    notify_urls: Sequence[str],
    webhooks: Sequence[tuple[str, str]],
    secret: str,
    patience: Patience | None = None,
) -> Recipients:
    """Recipients from settings: Apprise URLs, (event, URL) of webhooks and their secret. Raises InvalidInput."""
    for event, _ in webhooks:
        if event not in (*EVENTS, EVERY_EVENT):
            raise InvalidInput(
                "there is no such event",
                expected=", ".join((*EVENTS, EVERY_EVENT)),
                found=repr(event),
                remedy="COMPLIANCE_WEBHOOKS is EVENT=URL, separated by commas; * is every event.",
            )
    return Recipients(
        tuple(map(Notifier, notify_urls)),
        tuple((event, Webhook(url, secret, patience or Patience())) for event, url in webhooks),
    )


# ── the outbox ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the outbox. `last_error` is why the last attempt failed, without an address in it."""

    notification_id: str
    kind: str
    subject_id: str
    target: str
    payload: dict[str, Any]
    state: str
    attempts: int
    last_error: str | None
    next_attempt_at: datetime
    created_at: datetime
    delivered_at: datetime | None

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def enqueue_notification(
    conn: Connection,
    kind: EventKind,
    subject_id: str,
    data: Mapping[str, str | int | float | bool | None],
    at: datetime,
) -> None:
    """Write an event, in the caller's transaction. The same event about the same subject is told once.

    Raises pydantic.ValidationError for particulars that are not ids, codes or counts.
    """
    notification = Notification(
        event=kind,
        event_id=event_id_of(kind, subject_id),
        organization_id=organization_of(conn),
        subject_id=subject_id,
        created_at=at,
        data=dict(data),
    )
    store.add(conn, notification)


def notifications(conn: Connection, state: str | None = None, limit: int = 1_000) -> list[Told]:
    """The newest rows of the outbox, oldest first, or those in one state."""
    return [_told(row) for row in store.rows(conn, state, limit)]


def _told(row: store.OutboxRow) -> Told:
    notification_id, kind, subject_id, target, payload = row[:5]
    state, attempts, last_error, next_attempt_at, created_at, delivered_at = row[5:]
    return Told(
        notification_id, kind, subject_id, target, json.loads(payload), state, attempts, last_error, next_attempt_at,
        created_at, delivered_at,
    )  # fmt: skip


def redrive(conn: Connection, clock: Clock, notification_id: str) -> None:
    """Put a dead notification back into the queue. Raises InvalidInput where there is none of that id."""
    if not store.redrive(conn, notification_id, clock()):
        dead = [told.notification_id for told in notifications(conn, "dead")]
        raise InvalidInput(
            "no such dead notification",
            expected=", ".join(dead[-5:]) or "a dead notification; there is none",
            found=repr(notification_id),
            remedy="`compliance notifications --dead` shows them.",
        )


# ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Delivery:
    """What a delivery came to."""

    handed_on: int = 0
    delivered: int = 0
    put_off: int = 0
    dead: int = 0
    failed_targets: dict[str, str] = field(default_factory=dict)  # name -> why

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def deliver(
    postgres: Postgres, keyring: Keyring, clock: Clock, recipients: Recipients, *, most: int = 10_000
) -> Delivery:
    """Send what is due. A target that fails is left alone for the rest of the delivery, and longer each time.

    No transaction stays open over the network: a row is claimed for a while, sent, and its end written. Several may deliver
    at once.
    """
    done, by_name = Delivery(), recipients.by_name
    with postgres.connect() as conn:
        targets: dict[str, tuple[str, ...]] = {kind: recipients.of(kind) for kind in EVENTS}
        for _ in range(most):
            while handed_on := store.hand_on(conn, targets, PEOPLE_ARE_TOLD_OF, clock(), NOBODY):
                conn.commit()
                done.handed_on += handed_on
            row = store.claim(conn, clock(), clock() + LEASE, list(done.failed_targets))
            conn.commit()
            if row is None:
                break
            told = _told(row)
            _deliver_one(conn, postgres, keyring, clock, by_name.get(told.target), told, row[4], done)
            conn.commit()
    return done


def _deliver_one(
    conn: Connection,
    postgres: Postgres,
    keyring: Keyring,
    clock: Clock,
    recipient: Notifier | Webhook | None,
    told: Told,
    payload: str,
    done: Delivery,
) -> None:
    try:
        if recipient is None:
            raise InvalidInput("no such target", expected="a target of the settings", found=GONE, remedy="Redrive.")
        _send(recipient, payload)
    except (DependencyUnavailable, InvalidInput) as problem:
        done.failed_targets[told.target] = problem.found
        if isinstance(problem, DependencyUnavailable) and told.attempts < MOST_ATTEMPTS:
            store.put_off(conn, told.notification_id, told.target, problem.found, clock() + pause_after(told.attempts))
            done.put_off += 1
        else:
            _give_up(conn, postgres, keyring, clock, told, problem)
            done.dead += 1
    else:
        store.delivered(conn, told.notification_id, clock())
        done.delivered += 1


def _give_up(
    conn: Connection, postgres: Postgres, keyring: Keyring, clock: Clock, told: Told, problem: ComplianceError
) -> None:
    """The incident first: a crash in between gives it up once more, and the same incident is open already."""
    detail: dict[str, object] = {
        "notification_id": told.notification_id,
        "event": told.kind,
        "subject_id": told.subject_id,
        "target": told.target,
        "attempts": told.attempts,
        "error": problem.found,
    }
    severity = "high" if told.kind in PEOPLE_ARE_TOLD_OF else "medium"
    summary = f"{told.target} could not be told of {told.kind}"
    open_incident(
        postgres, keyring, clock, "notification_dead", severity, summary, detail, ACTOR, fingerprint=told.target
    )
    store.bury(conn, told.notification_id, problem.found)
    store.rest(conn, told.target, clock() + FIRST_PAUSE)


def pause_after(attempts: int) -> timedelta:
    """How long a target is left alone after so many deliveries of a row that failed."""
    return min(FIRST_PAUSE * (1 << max(attempts, 1) - 1), LONGEST_PAUSE)


def _send(recipient: Notifier | Webhook, payload: str) -> None:
    if isinstance(recipient, Webhook):
        recipient.send(payload.encode())
    else:
        recipient.send(*message_of(Notification.model_validate_json(payload)))


def message_of(notification: Notification) -> tuple[str, str]:
    """(title, text) for people."""
    title = f"{notification.event.replace('_', ' ').capitalize()}: {notification.subject_id}"
    lines = [f"{name}: {value}" for name, value in sorted(notification.data.items())]
    if notification.event == "quarantine_opened":
        lines.append(f"Review it: compliance review show {notification.subject_id}")
    return title, "\n".join([*lines, f"event: {notification.event_id}"])

"""The outbox, delivered to a local server that misbehaves."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.notification import EventKind, Notification
from compliance_assets.deployment import Deployment
from compliance_assets.review import incidents
from compliance_assets.review.notifications import (
    LEASE,
    MOST_ATTEMPTS,
    Delivery,
    Recipients,
    Told,
    deliver,
    enqueue_notification,
    message_of,
    notifications,
    pause_after,
    recipients_from,
    redrive,
)
from resources.webhook import Patience, signature_of
from tests.evidence.exports.receivers import HttpReceiver, http_receiver
from tests.review.decided import NOW

RESPONSE = "rsp_01J0000000000000000000000A"
SECRET = "between us"
ONCE = Patience(seconds=0.5, attempts=1)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as server:
        yield server


class Clock:
    """Stands still until it is set on."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Office:
    """A deployment with an outbox, its recipients and a clock."""

    def __init__(self, deployment: Deployment, recipients: Recipients) -> None:
        self.deployment, self.recipients, self.clock = deployment, recipients, Clock()

    def event(self, kind: EventKind, subject: str = RESPONSE, **data: str | float) -> None:
        with self.deployment.postgres.connect() as conn:
            enqueue_notification(conn, kind, subject, data, self.clock())

    def deliver(self) -> Delivery:
        return deliver(self.deployment.postgres, self.deployment.keyring, self.clock, self.recipients)

    def outbox(self, state: str | None = None) -> list[Told]:
        with self.deployment.postgres.connect() as conn:
            return notifications(conn, state)

    def redrive(self, notification_id: str) -> None:
        with self.deployment.postgres.connect() as conn:
            redrive(conn, self.clock, notification_id)

    def incidents(self) -> list[incidents.Incident]:
        with self.deployment.postgres.connect() as conn:
            return incidents.incidents(conn)


@pytest.fixture
def office(deployment: Deployment, receiver: HttpReceiver) -> Office:
    """One webhook is told of denials, one person of quarantines; both at the one receiver."""
    recipients = recipients_from(
        [receiver.url.replace("http", "json") + "/person"], [("policy_denied", receiver.url + "/hook")], SECRET, ONCE
    )
    return Office(deployment, recipients)


def test_an_event_is_delivered_once_to_whom_it_is_for(office: Office, receiver: HttpReceiver) -> None:
    office.event("policy_denied", reason="outside_egress", year=2021)
    office.event("policy_denied", reason="outside_egress", year=2021)  # the same event again
    done = office.deliver()
    assert (done.handed_on, done.delivered, done.dead) == (1, 1, 0)
    assert office.deliver() == Delivery()

    (post,) = receiver.posts
    told = Notification.model_validate_json(post.body)
    assert (told.event, told.subject_id, told.created_at) == ("policy_denied", RESPONSE, NOW)
    assert told.data == {"reason": "outside_egress", "year": 2021}
    assert told.organization_id == office.deployment.postgres.organization_id
    assert post.headers["X-Compliance-Signature"] == signature_of(post.body, SECRET)
    (row,) = office.outbox()
    assert (row.state, row.attempts, row.delivered_at) == ("delivered", 1, NOW)


def test_the_reviewer_is_told_when_a_quarantined_case_opens(office: Office, receiver: HttpReceiver) -> None:
    office.event("quarantine_opened", reason="ungrounded", workload="irpf.triage", year=2021)
    assert office.deliver().delivered == 1

    (post,) = receiver.posts
    assert post.path == "/person"
    told = json.loads(post.body)
    assert told["title"] == f"Quarantine opened: {RESPONSE}"
    assert told["message"].splitlines()[:4] == [
        "reason: ungrounded",
        "workload: irpf.triage",
        "year: 2021",
        f"Review it: compliance review show {RESPONSE}",
    ]


def test_every_subscriber_has_a_row_of_its_own(office: Office, receiver: HttpReceiver) -> None:
    urls = [("quarantine_opened", "/a"), ("*", "/b"), ("redaction_hit", "/c")]
    hooks = recipients_from([], [(event, receiver.url + path) for event, path in urls], SECRET, ONCE).webhooks
    office.recipients = replace(office.recipients, webhooks=hooks)
    receiver.answers = [500]

    office.event("quarantine_opened")
    done = office.deliver()

    assert (done.delivered, done.put_off) == (2, 1), "that one of them fails keeps it from no other"
    assert {post.path for post in receiver.posts} == {"/person", "/a", "/b"}
    assert len({row.target for row in office.outbox()}) == 3


@pytest.mark.parametrize("answer", [500, 429, "drop", "hang"])
def test_what_was_not_taken_is_sent_again_later_and_then_no_more(
    office: Office, receiver: HttpReceiver, answer: int | str
) -> None:
    office.event("policy_denied")
    receiver.answers = [answer]
    assert office.deliver().put_off == 1
    assert office.deliver() == Delivery(), "not before its time"

    office.clock.now += timedelta(minutes=1)
    assert office.deliver().delivered == 1
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == 1
    assert len({post.body for post in receiver.posts}) == 1


def test_pauses_grow_to_an_hour() -> None:
    minutes = [pause_after(attempts) / timedelta(minutes=1) for attempts in range(1, 9)]
    assert minutes == [1, 2, 4, 8, 16, 32, 60, 60]


def test_after_its_attempts_it_is_dead_with_an_incident_and_can_be_redriven(
    office: Office, receiver: HttpReceiver
) -> None:
    office.event("policy_denied")
    receiver.answers = [503] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        assert office.outbox("dead") == []
        office.deliver()
        office.clock.now += timedelta(hours=1)

    (dead,) = office.outbox("dead")
    assert (dead.attempts, dead.last_error) == (MOST_ATTEMPTS, "HTTP 503")
    (incident,) = office.incidents()
    assert (incident.kind, incident.severity) == ("notification_dead", "medium")
    assert incident.detail["notification_id"] == dead.notification_id
    assert office.deliver() == Delivery()

    office.redrive(dead.notification_id)
    assert office.deliver().delivered == 1
    with pytest.raises(InvalidInput, match="no such dead notification"):
        office.redrive(dead.notification_id)


def test_a_refusal_is_dead_at_once(office: Office, receiver: HttpReceiver) -> None:
    office.event("policy_denied")
    receiver.answers = [401]
    assert office.deliver().dead == 1
    assert [row.last_error for row in office.outbox("dead")] == ["HTTP 401"]


def test_many_dead_of_one_target_are_one_incident(office: Office, receiver: HttpReceiver) -> None:
    receiver.answers = [410, 410]
    for subject in ("rsp_a", "rsp_b"):
        office.event("policy_denied", subject)
        office.deliver()
        office.clock.now += timedelta(minutes=2)
    assert len(office.outbox("dead")) == 2
    assert len(office.incidents()) == 1


def test_a_target_that_fails_is_left_alone_with_all_that_waits_for_it(office: Office, receiver: HttpReceiver) -> None:
    for number in range(5):
        office.event("policy_denied", f"rsp_{number}")
    receiver.answers = [500]
    done = office.deliver()
    assert (done.put_off, len(receiver.posts)) == (1, 1)
    assert sorted(row.attempts for row in office.outbox()) == [0, 0, 0, 0, 1], "only what was sent counts"

    office.clock.now += timedelta(minutes=1)
    assert office.deliver().delivered == 5


def test_a_page_goes_before_everything_that_waits(office: Office, receiver: HttpReceiver) -> None:
    for number in range(3):
        office.event("policy_denied", f"rsp_{number}")
    office.clock.now += timedelta(minutes=1)
    office.event("quarantine_opened")
    office.deliver()
    assert [post.path for post in receiver.posts] == ["/person", "/hook", "/hook", "/hook"]


def test_a_killed_delivery_is_taken_up_again_under_the_same_key(office: Office, receiver: HttpReceiver) -> None:
    office.event("policy_denied")

    class Killed(BaseException):
        """As `kill -9` ends it: nothing after it runs."""

    real = office.recipients.webhooks[0][1]

    def killed(seconds: float) -> None:
        raise Killed

    receiver.answers = [503]
    dying = replace(real, patience=Patience(attempts=2), pause=killed)
    office.recipients = replace(office.recipients, webhooks=(("policy_denied", dying),))
    with pytest.raises(Killed):
        office.deliver()

    office.recipients = replace(office.recipients, webhooks=(("policy_denied", real),))
    assert office.deliver() == Delivery(), "it is still somebody's"
    office.clock.now += LEASE
    assert office.deliver().delivered == 1
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == 1


def test_deliveries_at_once_send_each_event_once(office: Office, receiver: HttpReceiver) -> None:
    for number in range(40):
        office.event("policy_denied", f"rsp_{number}")
    threads = [threading.Thread(target=office.deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.posts) == len({post.body for post in receiver.posts}) == 40
    assert {row.state for row in office.outbox()} == {"delivered"}


def test_an_event_for_nobody_is_kept_and_opens_no_incident(office: Office) -> None:
    office.event("redaction_hit", count=2)
    assert office.deliver().delivered == 0
    (row,) = office.outbox("dead")
    assert row.last_error == "nobody is configured to be told of it"
    assert office.incidents() == []

    office.recipients = Recipients()
    office.redrive(row.notification_id)
    assert office.deliver().handed_on == 1


def test_a_target_that_is_gone_from_the_settings_is_given_up(office: Office) -> None:
    office.event("policy_denied")
    with office.deployment.postgres.connect() as conn:
        conn.execute("UPDATE compliance.notifications SET target = 'webhook of old'")
    assert office.deliver().dead == 1
    assert len(office.incidents()) == 1


def test_nothing_secret_stands_in_the_outbox_or_an_incident(office: Office, receiver: HttpReceiver) -> None:
    url = receiver.url.replace("http://", "http://user:hush@") + "/path-token?key=query-token"
    office.recipients = recipients_from([], [("policy_denied", url)], SECRET, ONCE)
    office.event("policy_denied")
    receiver.answers = [403]
    office.deliver()
    told = str(office.outbox()) + str(office.incidents())
    assert not any(secret in told for secret in ("hush", "path-token", "query-token", SECRET))


@pytest.mark.parametrize("value", ["123.456.789-09", "cpf:12345678909", 12345678909, "two words", "Straße", "x" * 201])
def test_a_payload_holds_ids_codes_and_counts_alone(office: Office, value: str | float) -> None:
    with pytest.raises(ValidationError, match="ids, codes and counts"):
        office.event("policy_denied", reason=value)
    with pytest.raises(ValidationError, match="ids, codes and counts"):
        office.event("policy_denied", str(value))


def test_a_digest_with_eleven_digits_in_it_is_nobody(office: Office) -> None:
    office.event("policy_denied", policy_hash="a12345678909b" * 4, share=0.12345678909)
    assert len(office.outbox()) == 1


def test_an_event_stands_or_falls_with_what_it_tells_of(office: Office) -> None:
    with office.deployment.postgres.connect() as conn:
        enqueue_notification(conn, "policy_denied", RESPONSE, {}, NOW)
        conn.rollback()
    assert office.outbox() == []


def test_recipients_say_which_events_anybody_is_told_of(office: Office) -> None:
    assert office.recipients.kinds == {"quarantine_opened", "policy_denied"}
    assert Recipients().kinds == frozenset()


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no such event: expected quarantine_opened, policy_denied"):
        recipients_from([], [("policy_denid", "http://127.0.0.1/")], SECRET)


def test_a_message_for_people_names_the_event() -> None:
    told = Notification(
        event="policy_denied",
        event_id="evt_1",
        organization_id="o",
        subject_id=RESPONSE,
        created_at=NOW,
        data={"b": 1, "a": 2},
    )
    assert message_of(told) == (f"Policy denied: {RESPONSE}", "a: 2\nb: 1\nevent: evt_1")

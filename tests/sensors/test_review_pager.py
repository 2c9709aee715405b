"""The sensor and its job, tick by tick, on a real outbox and a local receiver."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

import jobs.deliver_notifications
import sensors.review_pager
from compliance_assets.contracts.notification import EventKind
from compliance_assets.deployment import Deployment
from compliance_assets.review.notifications import LEASE, enqueue_notification, notifications, recipients_from
from jobs.deliver_notifications import deliver_notifications
from resources.webhook import Patience
from sensors.review_pager import review_pager
from tests.evidence.exports.receivers import HttpReceiver, http_receiver


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as server:
        yield server


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """A clock that stands still; its one element is the time."""
    moment = [datetime(2026, 1, 2, 3, 0, tzinfo=UTC)]
    for module in (sensors.review_pager, jobs.deliver_notifications):
        monkeypatch.setattr(module, "system_clock", lambda: moment[0])
    return moment


class Watched:
    """A deployment whose reviewer listens at a receiver, and its Dagster instance."""

    def __init__(self, deployment: Deployment, receiver: HttpReceiver, instance: dg.DagsterInstance) -> None:
        self.deployment, self.instance = deployment, instance
        people, hooks = [receiver.url.replace("http", "json")], [("policy_denied", receiver.url + "/hook")]
        recipients = recipients_from(people, hooks, "secret", Patience(attempts=1))
        self.resources = {**deployment.resources(), "recipients": recipients}

    def definitions(self) -> dg.Definitions:
        return dg.Definitions(jobs=[deliver_notifications], sensors=[review_pager], resources=self.resources)

    def event(self, kind: EventKind, at: datetime) -> None:
        with self.deployment.postgres.connect() as conn:
            enqueue_notification(conn, kind, "rsp_1", {}, at)

    def tick(self) -> list[str]:
        """The run keys that the sensor requests."""
        with dg.build_sensor_context(
            instance=self.instance, definitions=self.definitions(), resources=self.resources
        ) as context:
            result = review_pager(context)
        if isinstance(result, dg.SkipReason):
            return []
        assert isinstance(result, dg.SensorResult)
        return [str(request.run_key) for request in result.run_requests or ()]

    def run(self) -> bool:
        job = self.definitions().resolve_job_def("deliver_notifications")
        return job.execute_in_process(instance=self.instance, raise_on_error=False).success

    def states(self) -> list[str]:
        with self.deployment.postgres.connect() as conn:
            return [told.state for told in notifications(conn)]


@pytest.fixture
def watched(deployment: Deployment, receiver: HttpReceiver) -> Iterator[Watched]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Watched(deployment, receiver, instance)


def test_a_quarantined_answer_pages_its_reviewer(watched: Watched, receiver: HttpReceiver, now: list[datetime]) -> None:
    assert watched.tick() == []
    watched.event("quarantine_opened", now[0])
    first = watched.tick()
    assert len(first) == 1
    assert watched.tick() == first, "the same outbox asks for the same run: it runs once"

    assert watched.run()
    assert watched.states() == ["delivered"]
    assert len(receiver.posts) == 1
    assert watched.tick() == []


def test_what_was_not_taken_is_asked_for_again_when_it_is_due(
    watched: Watched, receiver: HttpReceiver, now: list[datetime]
) -> None:
    receiver.answers = [503]
    watched.event("policy_denied", now[0])
    first = watched.tick()
    assert watched.run(), "that a receiver is down fails no run"
    assert watched.tick() == []

    now[0] += timedelta(minutes=1)
    again = watched.tick()
    assert len(again) == 1
    assert again != first
    assert watched.run()
    assert watched.states() == ["delivered"]


def test_a_delivery_that_died_is_started_again(watched: Watched, now: list[datetime]) -> None:
    watched.event("policy_denied", now[0])
    first = watched.tick()
    now[0] += timedelta(minutes=14)
    assert watched.tick() == first
    now[0] += LEASE
    assert watched.tick() not in ([], first)


def test_the_sensor_starts_only_when_a_deployment_starts_it() -> None:
    assert review_pager.default_status is dg.DefaultSensorStatus.STOPPED

"""Webhooks against a local server that misbehaves, and people through a service of the loopback interface."""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Iterator

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.notifier import Notifier
from resources.webhook import Patience, Webhook
from tests.evidence.exports.receivers import HttpReceiver, http_receiver

BODY = '{"event":"policy_denied","subject":"é"}'.encode()
SECRET = "between us"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as server:
        yield server


class Pauses:
    """Instead of sleeping."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def hook(url: str, pauses: Pauses | None = None, **patience: float) -> Webhook:
    return Webhook(url, SECRET, Patience(**patience), pauses or Pauses())  # type: ignore[arg-type]


def test_the_receiver_can_check_who_sent_it_and_drop_what_it_has(receiver: HttpReceiver) -> None:
    url = f"{receiver.url}/hooks/1?team=a"
    hook(url).send(BODY)

    (post,) = receiver.posts
    assert (post.path, post.body) == ("/hooks/1?team=a", BODY)
    assert post.headers["X-Compliance-Signature"] == f"sha256={hmac.new(SECRET.encode(), BODY, 'sha256').hexdigest()}"
    assert post.headers["Idempotency-Key"] == hashlib.sha256(url.encode() + b":" + BODY).hexdigest()
    assert post.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("answer", [500, 502, 503, 429, 408, "drop"])
def test_what_may_succeed_later_is_tried_again_under_the_same_key(receiver: HttpReceiver, answer: int | str) -> None:
    receiver.answers = [answer, answer]
    hook(receiver.url).send(BODY)

    assert len(receiver.posts) == 3
    assert len({post.headers["Idempotency-Key"] for post in receiver.posts}) == 1
    assert receiver.accepted == [BODY]


def test_pauses_grow_to_two_seconds_and_no_longer(receiver: HttpReceiver) -> None:
    receiver.answers, pauses = [503] * 7, Pauses()
    with pytest.raises(DependencyUnavailable, match="HTTP 503"):
        hook(receiver.url, pauses, attempts=7).send(BODY)
    assert pauses.seconds == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


@pytest.mark.parametrize(("asked", "paused"), [("1", 1.0), ("3600", 2.0), ("0", 0.2), ("soon", 0.2)])
def test_a_receiver_may_ask_for_a_longer_pause_up_to_two_seconds(
    receiver: HttpReceiver, asked: str, paused: float
) -> None:
    receiver.answers, receiver.retry_after, pauses = [429], asked, Pauses()
    hook(receiver.url, pauses).send(BODY)
    assert pauses.seconds == [paused]


@pytest.mark.parametrize("answer", [400, 401, 404, 410, 413, 301, 307])
def test_a_refusal_is_not_tried_again_and_no_redirection_followed(receiver: HttpReceiver, answer: int) -> None:
    receiver.answers = [answer]
    with pytest.raises(InvalidInput, match=f"HTTP {answer}"):
        hook(receiver.url).send(BODY)
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("mood", ["hang", "drip"])
def test_a_slow_receiver_is_left_after_the_time_of_one_attempt(receiver: HttpReceiver, mood: str) -> None:
    receiver.answers = [mood]
    started = time.monotonic()
    with pytest.raises(DependencyUnavailable, match=r"no answer within 0\.3 seconds|timed out"):
        hook(receiver.url, seconds=0.3, attempts=1).send(BODY)
    assert time.monotonic() - started < 2


def test_one_attempt_lasts_five_seconds_at_most() -> None:
    assert Patience().seconds == 5.0


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/secret-path"
    with pytest.raises(DependencyUnavailable, match="ConnectionRefusedError") as caught:
        hook(url).send(BODY)
    assert "secret-path" not in str(caught.value)


def test_a_password_goes_into_a_header_and_nowhere_else(receiver: HttpReceiver) -> None:
    url = receiver.url.replace("http://", "http://user:hush%3A@") + "/hooks/token"
    named = hook(url)
    named.send(BODY)

    (post,) = receiver.posts
    assert post.headers["Authorization"] == "Basic dXNlcjpodXNoOg=="
    assert not any(secret in named.name + repr(named) for secret in ("hush", "token", SECRET))
    assert named.name == hook(url.replace("hush%3A", "another")).name, "the same receiver under another password"


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "http://host:port/", "//host/x"])
def test_a_url_of_no_receiver_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="URL is not usable"):
        hook(url)


@pytest.mark.parametrize("rest", ["#part", "é", "a b", "\n"])
def test_a_url_that_cannot_be_sent_as_it_stands_is_refused(rest: str) -> None:
    with pytest.raises(InvalidInput, match="percent-encoded"):
        hook(f"https://host/{rest}")


def test_without_a_secret_nothing_is_signed() -> None:
    with pytest.raises(InvalidInput, match="COMPLIANCE_WEBHOOK_SECRET"):
        Webhook("https://host/x", "")


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_people_are_told_through_the_service_of_the_url(receiver: HttpReceiver) -> None:
    Notifier(receiver.url.replace("http", "json") + "/page").send("Quarantined: rsp_1", "year: 2021")

    (post,) = receiver.posts
    told = json.loads(post.body)
    assert (post.path, told["title"], told["message"]) == ("/page", "Quarantined: rsp_1", "year: 2021")


@pytest.mark.parametrize("answer", [500, 403, 302, "drop"])
def test_a_service_that_does_not_take_it_is_an_error(receiver: HttpReceiver, answer: int | str) -> None:
    receiver.answers = [answer]
    with pytest.raises(DependencyUnavailable, match="not taken"):
        Notifier(receiver.url.replace("http", "json")).send("title", "text")
    assert len(receiver.posts) == 1


def test_a_url_of_no_service_is_refused_without_being_told() -> None:
    with pytest.raises(InvalidInput, match="names no service") as caught:
        Notifier("bogus://user:hush@host").send("title", "text")
    assert "hush" not in str(caught.value)

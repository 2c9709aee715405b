"""A model server that misbehaves on command, on a real socket, against the real SDK."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from resources import providers
from resources.providers import OpenAICompatibleProvider
from tests.model_decisions.conftest import Office

QUESTION = "Where are the assets of Northwind held?"
TIMEOUT = 0.4


class ModelServer(ThreadingHTTPServer):
    """Speaks POST /v1/chat/completions; `behaviour` names what it does with it."""

    daemon_threads = True
    behaviour = "good"
    requests = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests += 1
        prompt = body["messages"][0]["content"]
        good = ExtractiveModel().complete(prompt).text
        behaviour = self.server.behaviour
        if behaviour in CONTENTS:
            self.reply(completion(CONTENTS[behaviour](good)))
        elif behaviour in BODIES:
            self.reply(BODIES[behaviour])
        elif behaviour.startswith("HTTP "):
            self.reply(b'{"error": {"message": "no"}}', status=int(behaviour.split()[1]))
        elif behaviour == "error with NUL in plain text":
            self.reply(b"dead\x00beef", status=500, media_type="text/plain")
        elif behaviour == "HTML":
            self.reply(b"<html>Please log in</html>", media_type="text/html")
        elif behaviour == "slow":
            time.sleep(3 * TIMEOUT)
            self.close_connection = True
        elif behaviour == "cut in the middle":
            self.reply(completion(good), cut=True)
        elif behaviour == "hangs up":
            self.close_connection = True

    def reply(self, body: bytes, *, status: int = 200, media_type: str = "application/json", cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


def completion(content: object) -> bytes:
    message = {"role": "assistant", "content": content}
    return json.dumps({"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


CONTENTS = {
    "good": lambda good: good,
    "fenced": lambda good: f"```json\n{good}\n```",
    "malformed JSON": lambda good: good[:-2],
    "prose around it": lambda good: f"Sure! {good}",
    "fabricated quote": lambda good: good.replace("Harbour", "Evil"),
    "no content": lambda good: None,
    "content with NUL": lambda good: f"\x00{good}",
    "refusal": lambda good: "I cannot help with that.",
    "content that is a list": lambda good: [{"type": "text", "text": good}],
    "content that is a number": lambda good: 7,
}
BODIES = {
    "empty choices": b'{"id": "1", "choices": []}',
    "no choices": b"{}",
    "choices that are null": b'{"choices": null}',
    "choices that are text": b'{"choices": "none"}',
    "a choice that is null": b'{"choices": [null]}',
    "a choice without a message": b'{"choices": [{"index": 0}]}',
    "a list": b"[]",
    "null": b"null",
    "an empty body": b"",
    "a body that is not JSON": b'{"choices": [',
    "a body that is not UTF-8": b'{"choices": "\xff\xfe"}',
}

DECIDED = ["good", "fenced"]
REVIEW = {
    "malformed JSON": "answer_malformed",
    "prose around it": "answer_malformed",
    "no content": "answer_malformed",
    "content with NUL": "answer_malformed",
    "refusal": "answer_malformed",
    "fabricated quote": "citations_invalid",
    "empty choices": "answer_malformed",
}
QUEUED = [
    "HTTP 500",
    "HTTP 429",
    "HTTP 401",
    "HTTP 404",
    "error with NUL in plain text",
    "HTML",
    "slow",
    "cut in the middle",
    "hangs up",
    "a choice that is null",
    "a choice without a message",
    "choices that are text",
    "content that is a list",
    "content that is a number",
    "a list",
    "a body that is not JSON",
    "a body that is not UTF-8",
]
#: No answer came, or an empty one: either is right as long as it is recorded.
QUEUED_OR_REVIEW = ["no choices", "choices that are null", "null", "an empty body"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with ModelServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{made.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(providers, "TIMEOUT_SECONDS", TIMEOUT)
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def provider(server: ModelServer) -> Iterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider("some-model")
    yield made
    made._client.close()


def drained(office: Office, provider: OpenAICompatibleProvider) -> tuple[str, str | None]:
    """(state, reason) of the one question after a drain; a decision has its entry, a queued question has none."""
    office.ask(QUESTION)
    drain_year(office.desk(provider), 2021)
    state, reason = office.work()[QUESTION]
    assert office.recorded() == ([] if state == "queued" else [QUESTION])
    assert (reason is None) == (state == "done")
    return state, reason


@pytest.mark.parametrize("behaviour", DECIDED)
def test_a_sound_answer_is_decided(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, behaviour: str
) -> None:
    server.behaviour = behaviour

    assert drained(office, provider) == ("done", None)
    with office.deployment.postgres.connect() as conn:
        row = conn.execute(
            "SELECT body::jsonb -> 'provider_route' -> 0, body::jsonb ->> 'model' FROM compliance.ledger_entries"
            " WHERE kind = 'decision'"
        ).fetchone()
    assert row is not None
    assert (row[0]["provider"], row[0]["model"], row[0]["attempts"], row[1]) == (
        "openai",
        "openai/some-model",
        1,
        "openai/some-model",
    )


@pytest.mark.parametrize("behaviour", REVIEW)
def test_an_unsound_answer_goes_to_review_with_its_reason(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, behaviour: str
) -> None:
    server.behaviour = behaviour
    state, reason = drained(office, provider)

    assert state == "review"
    assert str(reason).startswith(REVIEW[behaviour])


@pytest.mark.parametrize("behaviour", QUEUED)
def test_a_server_that_gives_no_answer_leaves_the_question_queued_until_it_does(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, behaviour: str
) -> None:
    server.behaviour = behaviour
    state, reason = drained(office, provider)

    assert state == "queued"
    assert "the model server did not answer" in str(reason)
    assert server.requests == 1

    server.behaviour = "good"
    assert drained(office, provider) == ("done", None)


@pytest.mark.parametrize("behaviour", QUEUED_OR_REVIEW)
def test_an_empty_answer_is_never_lost(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, behaviour: str
) -> None:
    server.behaviour = behaviour

    assert drained(office, provider)[0] in ("queued", "review")


def test_a_server_that_is_not_there_leaves_the_question_queued(
    office: Office, server: ModelServer, provider: OpenAICompatibleProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    state, reason = drained(office, provider)

    assert state == "queued"
    assert "127.0.0.1:9" in str(reason)

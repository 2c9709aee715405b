"""Both protocols through their real SDKs, against a server that misbehaves on command."""

import logging
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import closing

import pytest

from resources.providers import ModelRequest, ProviderFailure
from resources.providers.bounded_http import error_code
from tests.model_servers import EVENTS, HUGE, INPUT_TOKENS, JSON, OUTPUT_TOKENS, TEXT, ModelServer, model_server
from tests.resources.providers.reaching import LIMITS, PATIENT, adapter_at

PROMPT, GUARDRAIL = "What of Maria Aparecida?", "Never name Joaquim."
ASKED = ModelRequest(PROMPT, temperature=0.2, max_tokens=99, guardrail=GUARDRAIL)
PROTOCOLS = ["openai", "anthropic"]
WAYS = ["whole", "events"]

#: behaviour -> code, for a whole answer and for events.
FAILURES = {
    "refuses": ("cut", "cut"),
    "silent": ("first_byte_timeout", "first_byte_timeout"),
    "headers then silent": ("first_byte_timeout", "first_byte_timeout"),
    "drips": ("total_timeout", "total_timeout"),
    "stalls": ("stalled", "stalled"),
    "cut": ("cut", "cut"),
    "ends early": ("malformed", "cut"),
    "HTTP 429": ("rate_limited", "rate_limited"),
    "HTTP 500": ("unavailable", "unavailable"),
    "HTTP 502": ("unavailable", "unavailable"),
    "HTTP 503": ("unavailable", "unavailable"),
    "HTTP 529": ("unavailable", "unavailable"),
    "HTTP 408": ("unavailable", "unavailable"),
    "error drips": ("unavailable", "unavailable"),
    "HTTP 400": ("bad_request", "bad_request"),
    "HTTP 404": ("bad_request", "bad_request"),
    "HTTP 401": ("unauthorized", "unauthorized"),
    "HTTP 403": ("unauthorized", "unauthorized"),
    "malformed": ("malformed", "malformed"),
    "deep": ("malformed", "malformed"),
    "wrong types": ("malformed", "malformed"),
    "HTML": ("malformed", "malformed"),
    "compressed": ("malformed", "malformed"),
    "huge": ("too_large", "too_large"),
    "announces much": ("too_large", "too_large"),
    "redirects": ("redirected", "redirected"),
}
SLOW = {"silent", "headers then silent", "drips", "stalls"}


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with model_server() as running:
        yield running


@pytest.fixture(autouse=True)
def afresh(server: ModelServer) -> None:
    server.behaviour, server.redirect_to, server.retry_after, server.sent = "good", server.url, "0", 0
    server.requests.clear()


def asked(server: ModelServer, protocol: str, way: str, limits: dict[str, float] = PATIENT, **fields: object) -> str:
    with closing(adapter_at(server, protocol, limits, **fields)) as adapter:
        adapter.prepare()
        if way == "whole":
            return adapter.complete(f"{protocol}/m", ASKED).text
        return "".join(adapter.stream(f"{protocol}/m", ASKED))


# ── well ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_is_read_whole_and_as_events(server: ModelServer, protocol: str, way: str) -> None:
    assert asked(server, protocol, way) == TEXT


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_tokens_are_those_that_the_provider_states(server: ModelServer, protocol: str) -> None:
    with closing(adapter_at(server, protocol, PATIENT)) as adapter:
        answer = adapter.complete(f"{protocol}/m", ASKED)

    assert (answer.input_tokens, answer.output_tokens) == (INPUT_TOKENS, OUTPUT_TOKENS)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_that_is_slow_to_begin_and_within_its_time_is_an_answer(server: ModelServer, protocol: str) -> None:
    server.behaviour = "slow first byte"
    assert asked(server, protocol, "whole") == TEXT


def test_openai_is_sent_messages_with_the_guardrail_first(server: ModelServer) -> None:
    asked(server, "openai", "whole")
    (seen,) = server.requests

    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == "Bearer sk-open"
    assert (seen.headers["accept"], seen.headers["accept-encoding"]) == (JSON, "identity")
    assert seen.body == {
        "model": "m",
        "messages": [{"role": "system", "content": GUARDRAIL}, {"role": "user", "content": PROMPT}],
        "temperature": 0.2,
        "max_completion_tokens": 99,
    }


def test_anthropic_is_sent_the_guardrail_as_the_systems_text(server: ModelServer) -> None:
    asked(server, "anthropic", "events")
    (seen,) = server.requests

    assert seen.path == "/v1/messages"
    assert seen.headers["authorization"] == "Bearer sk-ant"
    assert seen.headers["accept"] == EVENTS
    assert seen.body == {
        "model": "m",
        "messages": [{"role": "user", "content": PROMPT}],
        "system": GUARDRAIL,
        "max_tokens": 99,
        "stream": True,
    }


def test_older_models_of_anthropic_take_a_temperature(server: ModelServer) -> None:
    asked(server, "anthropic", "whole", without_temperature=[])
    assert server.requests[0].body["temperature"] == 0.2


def test_azure_is_asked_for_a_deployment(server: ModelServer) -> None:
    fields = {"protocol": "azure", "base_url": server.url, "deployments": {"gpt-5": "our-gpt5"}}
    with closing(adapter_at(server, "azure", PATIENT, **fields)) as adapter:
        adapter.complete("azure/gpt-5", ASKED)
    (seen,) = server.requests

    path, _, query = seen.path.partition("?")
    assert path == "/openai/deployments/our-gpt5/chat/completions"
    assert query.startswith("api-version=20")
    assert seen.headers["api-key"] == "sk-az"
    assert "temperature" not in seen.body


def test_any_compatible_server_is_reached_by_its_address(server: ModelServer) -> None:
    fields = {"protocol": "openai", "base_url": server.base_url("openai"), "api_key_variable": "OURS_KEY"}
    with closing(adapter_at(server, "ours", PATIENT, **fields)) as adapter:
        adapter.complete("ours/tuned-v3", ASKED)
    (seen,) = server.requests

    assert (seen.body["model"], seen.body["max_tokens"]) == ("tuned-v3", 99)
    assert seen.headers["authorization"] == "Bearer sk-ours"


def test_vectors_come_in_the_order_of_their_texts(server: ModelServer) -> None:
    with closing(adapter_at(server, "openai", PATIENT)) as adapter:
        assert adapter.embed("openai/e", ["a", "bbb"]) == [[1.0, 1.0], [3.0, 1.0]]


# ── badly ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("behaviour", FAILURES)
def test_every_misbehaviour_has_its_name_and_quotes_nothing(
    server: ModelServer, caplog: pytest.LogCaptureFixture, behaviour: str, protocol: str, way: str
) -> None:
    server.behaviour = behaviour
    caplog.set_level(logging.DEBUG)
    started = time.monotonic()

    with pytest.raises(ProviderFailure) as caught:
        asked(server, protocol, way, LIMITS if behaviour in SLOW else PATIENT)

    failure = caught.value
    assert failure.code == FAILURES[behaviour][WAYS.index(way)]
    assert started < failure.known_at <= time.monotonic()
    assert len(server.requests) == 1, "no silent retry, no redirection followed"
    told = caplog.text + "".join(traceback.format_exception(failure)) + repr(failure.__context__)
    for secret in (PROMPT, "Maria", "Joaquim", "sk-", TEXT, "reserve"):
        assert secret not in told


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("behaviour", ["empty", "blank"])
def test_an_answer_without_text_is_a_failure(server: ModelServer, behaviour: str, protocol: str) -> None:
    server.behaviour = behaviour
    with pytest.raises(ProviderFailure) as caught:
        asked(server, protocol, "whole")
    assert caught.value.code == "empty"


OPENAI_BODIES = {
    b'{"id": "1", "choices": []}': "empty",
    b"{}": "empty",
    b'{"choices": null}': "empty",
    b'{"choices": [{"message": {"content": null, "refusal": "no"}}]}': "empty",
    b'{"choices": [{"message": {"content": null}}], "usage": null}': "empty",
    b'{"choices": "none"}': "malformed",
    b'{"choices": [null]}': "malformed",
    b'{"choices": [{"index": 0}]}': "malformed",
    b'{"choices": [{"message": {"content": [{"type": "text", "text": "a"}]}}]}': "malformed",
}
ANTHROPIC_BODIES = {
    b'{"content": []}': "empty",
    b'{"content": [], "usage": null}': "empty",
    b'{"content": null}': "malformed",
    b'{"content": [null]}': "malformed",
    b'{"content": [{"type": "text"}]}': "malformed",
    b'{"content": [{"type": "text", "text": ["a"]}]}': "malformed",
    b'{"content": "text"}': "malformed",
}
BODIES = [
    *(("openai", body, code) for body, code in OPENAI_BODIES.items()),
    *(("anthropic", body, code) for body, code in ANTHROPIC_BODIES.items()),
    *(
        (p, body, "malformed")
        for p in PROTOCOLS
        for body in (b"[]", b"null", b"7", b"", b'{"choices": [', b'{"a": "\xff"}')
    ),
]


@pytest.mark.parametrize(("protocol", "body", "code"), BODIES)
def test_a_body_that_is_not_the_protocols_is_named(server: ModelServer, protocol: str, body: bytes, code: str) -> None:
    server.behaviour, server.raw = "raw", body
    with pytest.raises(ProviderFailure) as caught:
        asked(server, protocol, "whole")
    assert caught.value.code == code


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_ten_megabytes_are_not_read(server: ModelServer, protocol: str) -> None:
    server.behaviour = "huge"
    with pytest.raises(ProviderFailure):
        asked(server, protocol, "whole", PATIENT | {"max_answer_bytes": 100_000})
    assert server.sent < HUGE  # what was sent and not read stands in the kernel's buffers


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_time_of_a_drip_is_bounded_however_often_a_byte_comes(server: ModelServer, protocol: str) -> None:
    server.behaviour = "drips"
    started = time.monotonic()
    with pytest.raises(ProviderFailure):
        asked(server, protocol, "whole", LIMITS)
    assert time.monotonic() - started < LIMITS["total_seconds"] + 5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_is_not_there_is_named(server: ModelServer, protocol: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        closing(adapter_at(server, protocol, PATIENT, base_url=f"http://127.0.0.1:{port}/v1")) as adapter,
        pytest.raises(ProviderFailure) as caught,
    ):
        adapter.complete(f"{protocol}/m", ASKED)

    assert caught.value.code == "unreachable"
    assert caught.value.detail == f"127.0.0.1:{port}: ConnectionRefusedError"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_accepts_no_connection_is_given_up_in_time(server: ModelServer, protocol: str) -> None:
    """A listener whose queue is full leaves connections unanswered."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        with (
            closing(adapter_at(server, protocol, PATIENT | {"connect_seconds": 0.2}, base_url=address)) as adapter,
            pytest.raises(ProviderFailure) as caught,
        ):
            adapter.complete(f"{protocol}/m", ASKED)
        for one in waiting:
            one.close()
    assert caught.value.code == "connect_timeout"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_its_key_nothing_is_sent(server: ModelServer, protocol: str) -> None:
    with closing(adapter_at(server, protocol, PATIENT, api_key_variable="NOT_SET")) as adapter:
        adapter.prepare()
        with pytest.raises(ProviderFailure, match="NOT_SET is not set"):
            adapter.complete(f"{protocol}/m", ASKED)
    assert server.requests == []


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("soon", None), ("-1", None), ("1e9", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_retry_after_is_read_in_seconds(server: ModelServer, stated: str, seconds: float | None) -> None:
    server.behaviour, server.retry_after = "HTTP 429", stated
    with pytest.raises(ProviderFailure) as caught:
        asked(server, "openai", "whole")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"error": {"code": "context_length_exceeded", "type": "x"}}', "context_length_exceeded"),
        (b'{"type": "error", "error": {"type": "overloaded_error", "message": "Maria"}}', "overloaded_error"),
        (b'{"error": {"code": "529.982.247-25", "type": "Maria Aparecida"}}', None),
        (b'{"error": "Maria"}', None),
        (b"<html>", None),
        (b"[" * 100_000, None),
    ],
)
def test_of_an_error_only_a_plain_code_is_kept(body: bytes, word: str | None) -> None:
    assert error_code(body) == word


def test_a_prompt_that_cannot_be_encoded_is_the_requests_fault(server: ModelServer) -> None:
    with closing(adapter_at(server, "openai", PATIENT)) as adapter, pytest.raises(ProviderFailure) as caught:
        adapter.complete("openai/m", ModelRequest("\ud800"))
    assert caught.value.code == "bad_request"

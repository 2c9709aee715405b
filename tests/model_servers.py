"""A model server on loopback that speaks the OpenAI chat protocol and Anthropic's Messages protocol, whole and as events, and
misbehaves on command. `text` is what it says, or a function from the prompt to that.

`plan` says how the next requests are treated, one name for each; then `behaviour` holds. Names:
  good                      an answer
  refuses                   closes the connection without a word
  silent                    accepts, reads, never answers
  slow first byte           answers after `delay`
  headers then silent       a head, and no body
  drips                     a byte, a pause of `pause`, for ever
  stalls                    half an answer, then silence
  cut                       half an answer, then hangs up
  ends early                events: half an answer, a proper end of the body, none of the protocol; whole: half the JSON
  HTTP <status>             an error that quotes the prompt; 429 and 503 with Retry-After `retry_after`
  error drips               HTTP 503 whose body never ends
  malformed, wrong types, HTML, empty, blank, huge, announces much, compressed, redirects, deep
                            an answer that is not one
  raw                       the body `raw`
"""

import gzip
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HUGE = 10_000_000
TEXT = "The reserve is ten percent."
INPUT_TOKENS, OUTPUT_TOKENS = 11, 7
JSON, EVENTS = "application/json", "text/event-stream"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. `at` is on `time.monotonic`."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any] = field(repr=False)
    at: float


class ModelServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, text: object = TEXT) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.text = text
        self.behaviour = "good"
        self.plan: deque[str] = deque()
        self.requests: list[Seen] = []
        self.delay, self.pause, self.retry_after = 0.2, 0.02, "0"
        self.redirect_to = ""
        self.raw = b""
        self.obeys_prompts = False  # what follows `: ` in the prompt is the behaviour
        #: prompt -> when it arrived; when the misbehaviour was complete on this side: an error's end sent, hung up.
        self.arrived_at: dict[str, float] = {}
        self.misbehaved_at: dict[str, float] = {}
        self.sent = 0  # bytes of huge answers that were taken
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def base_url(self, protocol: str) -> str:
        return f"{self.url}/v1" if protocol == "openai" else self.url

    def next_behaviour(self, prompt: str) -> str:
        if self.obeys_prompts:
            return prompt.partition(": ")[2] or "good"
        return self.plan.popleft() if self.plan else self.behaviour

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are no news."""


@contextmanager
def model_server(text: object = TEXT) -> Iterator[ModelServer]:
    server = ModelServer(text)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


# ── the protocols ────────────────────────────────────────────────────────────────────────────────────────────────────


def openai_whole(text: object) -> bytes:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS, "total_tokens": 18}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def openai_events(text: object) -> list[bytes]:
    def event(delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return (
            b"data: "
            + json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [choice]}).encode()
            + b"\n\n"
        )

    return [
        event({"role": "assistant", "content": ""}),
        *(event({"content": piece}) for piece in pieces_of(text)),
        event({}, "stop"),
        b"data: [DONE]\n\n",
    ]


def anthropic_whole(text: object) -> bytes:
    content = [] if text is None else [{"type": "text", "text": text}]
    return json.dumps(
        {
            "id": "1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn",
            "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
        }
    ).encode()  # fmt: skip


def anthropic_events(text: object) -> list[bytes]:
    def event(kind: str, **rest: object) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n".encode()

    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": 1}
    message = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("ping"),
        *(event("content_block_delta", index=0, delta={"type": "text_delta", "text": p}) for p in pieces_of(text)),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": OUTPUT_TOKENS}),
        event("message_stop"),
    ]


def pieces_of(text: object) -> Iterable[object]:
    if not isinstance(text, str):
        return [] if text is None else [text]
    return [text[i : i + 8] for i in range(0, len(text), 8)]


# ── the server ───────────────────────────────────────────────────────────────────────────────────────────────────────


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ModelServer

    def do_POST(self) -> None:
        arrived = time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Seen(self.path, headers, body, arrived))
        self.streams, self.anthropic = bool(body.get("stream")), self.path.startswith("/v1/messages")
        self.prompt = str(body["messages"][-1]["content"]) if "messages" in body else ""
        self.server.arrived_at[self.prompt] = arrived
        if self.path.partition("?")[0].endswith("/embeddings"):
            return self._embed(body)
        with suppress(OSError):
            self._behave(self.server.next_behaviour(self.prompt), body)

    def _embed(self, body: dict[str, Any]) -> None:
        rows = [
            {"object": "embedding", "index": i, "embedding": [float(len(t)), 1]} for i, t in enumerate(body["input"])
        ]
        self._whole(json.dumps({"object": "list", "model": "m", "data": rows[::-1], "usage": {}}).encode(), JSON)

    def _behave(self, behaviour: str, body: dict[str, Any]) -> None:
        server = self.server
        text = server.text(self.prompt) if callable(server.text) else server.text
        if behaviour.startswith("HTTP "):
            return self._refuse(int(behaviour[5:]), body)
        match behaviour:
            case "good":
                self._send(self._answer(text))
            case "refuses":
                self._hang_up()
            case "silent":
                server.stopping.wait(30)
                self._hang_up()
            case "slow first byte":
                server.stopping.wait(server.delay)
                self._send(self._answer(text))
            case "headers then silent":
                self._head(1_000)
                server.stopping.wait(30)
            case "drips" | "stalls" | "cut" | "ends early":
                self._half(behaviour, b"".join(self._answer(text)))
            case "error drips":
                self._head(1_000, status=503, media_type=JSON)
                self._misbehaved()
                self._drip(b'{"error": ' + b" " * 900)
            case "redirects":
                self._whole(b"{}", JSON, status=307, extra={"Location": server.redirect_to})
            case "HTML":
                self._whole(b"<html>Please log in</html>", "text/html")
            case "compressed":
                self._whole(
                    gzip.compress(b"".join(self._answer(text))), self._media_type, extra={"Content-Encoding": "gzip"}
                )
            case "huge":
                self._huge()
            case "announces much":
                self._head(HUGE)
                server.stopping.wait(30)
            case "malformed":
                self._send([b'data: {"choices": [\n\n' if self.streams else b'{"choices": ['], event=True)
            case "deep":
                self._send([(b"data: " if self.streams else b"") + b"[" * 200_000 + b"\n\n"], event=True)
            case "wrong types":
                self._send(self._answer(7))
            case "raw":
                self._whole(server.raw, self._media_type)
            case "empty":
                self._send(self._answer(None))
            case "blank":
                self._send(self._answer("  \n "))
            case _:
                raise AssertionError(behaviour)

    @property
    def _media_type(self) -> str:
        return EVENTS if self.streams else JSON

    def _answer(self, text: object) -> list[bytes]:
        if self.streams:
            return anthropic_events(text) if self.anthropic else openai_events(text)
        return [anthropic_whole(text) if self.anthropic else openai_whole(text)]

    def _send(self, pieces: list[bytes], *, event: bool = False) -> None:
        if event and self.streams and self.anthropic:
            pieces = [b"event: message_start\n", *pieces]
        self._whole(b"".join(pieces), self._media_type)

    def _refuse(self, status: int, body: dict[str, Any]) -> None:
        message = f"cannot serve {json.dumps(body['messages'])}"
        told = {"error": {"type": "refused_for_a_reason", "message": message, "param": message}}
        extra = {"Retry-After": self.server.retry_after} if status in (429, 503) else {}
        self._whole(json.dumps(told).encode(), JSON, status=status, extra=extra)
        self._misbehaved()

    def _half(self, how: str, whole: bytes) -> None:
        half = whole[: len(whole) // 2]
        if how == "ends early":
            return self._whole(half.rpartition(b"\n\n")[0] + b"\n\n" if self.streams else half, self._media_type)
        self._head(len(whole) + 100_000)
        if how == "drips":
            return self._drip(half[:3] + b" " * 100_000)
        self.wfile.write(half)
        if how == "stalls":
            self.server.stopping.wait(30)
        self._hang_up()

    def _huge(self) -> None:
        """Without a length, so that only counting finds it."""
        self.send_response(200)
        self.send_header("Content-Type", self._media_type)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        pieces = self._answer("a")
        head, tail = (pieces[0], b"".join(pieces[1:])) if self.streams else (pieces[0][:-1], pieces[0][-1:])
        filling = b": " + b"a" * 65_000 + b"\n\n" if self.streams else b" " * 65_000
        self.wfile.write(head)
        for _ in range(HUGE // len(filling)):
            self.wfile.write(filling)
            self.server.sent += len(filling)
        self.wfile.write(tail)

    def _drip(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.stopping.wait(self.server.pause):
                break
        self._hang_up()

    def _head(
        self, length: int, *, status: int = 200, media_type: str | None = None, extra: Mapping[str, str] = {}
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type or self._media_type)
        self.send_header("Content-Length", str(length))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()

    def _whole(self, body: bytes, media_type: str, *, status: int = 200, extra: Mapping[str, str] = {}) -> None:
        self._head(len(body), status=status, media_type=media_type, extra=extra)
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self._misbehaved()

    def _misbehaved(self) -> None:
        self.server.misbehaved_at[self.prompt] = time.monotonic()

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""

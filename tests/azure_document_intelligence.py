"""A server that speaks the protocol of Azure AI Document Intelligence and misbehaves on command.

POST …:analyze answers 202 with an Operation-Location; GET there answers `running`, then `succeeded` with the words.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "local-key"
OPERATION = "/documentintelligence/documentModels/prebuilt-read/analyzeResults/1"

_WORDS = (("Imposto", 100.0, 0.99), ("devido", 260.0, 0.97), ("12.345,67", 700.0, 0.95))


class AzureServer(ThreadingHTTPServer):
    """`analyze` and `poll` say how the two requests are answered: `good`, `HTTP 503`, `hangs`, `malformed`, …

    `failures` requests are answered so, the ones after them well; `retry_after` goes with an error.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.analyze = "good"
        self.poll = "good"
        self.failures = 1_000_000
        self.retry_after: str | None = None
        self.requests: list[str] = []
        self.body = b""

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def behaviour(self, named: str) -> str:
        """How this request is answered."""
        if named == "good" or self.failures <= 0:
            return "good"
        self.failures -= 1
        return named


@contextmanager
def azure_server() -> Iterator[AzureServer]:
    """A server in a thread, until the block ends."""
    server = AzureServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: AzureServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append("POST")
        behaviour = self.server.behaviour(self.server.analyze)
        if self.headers.get("Ocp-Apim-Subscription-Key") != KEY:
            self._json({"error": {"code": "401", "message": "wrong key"}}, status=401)
        elif not self._misbehaves(behaviour):
            self.server.body = body
            self._reply(b"", status=202, headers={"Operation-Location": self.server.url + OPERATION})

    def do_GET(self) -> None:
        first = "GET" not in self.server.requests
        self.server.requests.append("GET")
        behaviour = self.server.behaviour(self.server.poll)
        if not self._misbehaves(behaviour):
            self._json({"status": "running"} if first else {"status": "succeeded", "analyzeResult": _result()})

    def _misbehaves(self, behaviour: str) -> bool:
        """Whether the request has been answered as the test wants it."""
        if behaviour.startswith("HTTP "):
            self._json({"error": {"code": "x", "message": "no"}}, status=int(behaviour.split()[1]))
        elif behaviour == "hangs":
            time.sleep(2)
            self.close_connection = True
        elif behaviour == "hangs up":
            self.close_connection = True
        elif behaviour == "malformed":
            self._reply(b'{"status": "succ', status=200)
        elif behaviour == "not an object":
            self._json([1])
        elif behaviour == "without an address":
            self._reply(b"", status=202)
        elif behaviour in {"running", "failed", "canceled", "unknown"}:
            self._json({"status": behaviour, "error": {"code": "InvalidRequest", "message": "no"}})
        elif behaviour == "succeeded with nothing":
            self._json({"status": "succeeded"})
        elif behaviour == "words without places":
            self._json({"status": "succeeded", "analyzeResult": _result(placed=False)})
        return behaviour != "good"

    def _json(self, body: Any, *, status: int = 200) -> None:
        headers = {} if self.server.retry_after is None or status < 400 else {"Retry-After": self.server.retry_after}
        self._reply(json.dumps(body).encode(), status=status, headers=headers)

    def _reply(self, body: bytes, *, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""


def _result(*, placed: bool = True) -> dict[str, Any]:
    words = [_word(text, left, confidence, placed=placed) for text, left, confidence in _WORDS]
    page = {"pageNumber": 1, "angle": 0.1, "width": 1200, "height": 700, "unit": "pixel", "words": words, "spans": []}
    return {
        "apiVersion": "2024-11-30",
        "modelId": "prebuilt-read",
        "stringIndexType": "textElements",
        "content": " ".join(text for text, _, _ in _WORDS),
        "pages": [page],
    }


def _word(text: str, left: float, confidence: float, *, placed: bool) -> dict[str, Any]:
    right = left + 18 * len(text)
    polygon = {"polygon": [left, 60, right, 61, right, 96, left, 95]} if placed else {}
    return {"content": text, "confidence": confidence, "span": {"offset": 0, "length": len(text)}, **polygon}

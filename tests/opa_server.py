"""A server that speaks OPA's REST protocol, evaluates with the policy's own rules, and misbehaves on command.

POST /v1/data/<path> answers a query, GET /v1/data/<path> a document, GET /v1/policies the modules as they were loaded.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import regopy

from compliance_assets.contracts.canonical import sha256_hex
from resources.policy_bundle import PolicyBundle, nested

LIE = {"allow": "yes", "reason": 7}
WRONG_HASH = f"sha256:{sha256_hex('another policy')}"


class OpaServer(ThreadingHTTPServer):
    """`behaviour` says how queries are answered: `good`, `slow`, `drips`, `HTTP 500`, `not JSON`, `lies`, `undefined`,
    `wrong hash`, `claims` (`claimed_hash`), `hangs up`, `redirects`, `too long`. `requests` are the queries so far,
    `connections` how many were opened.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, bundle: PolicyBundle) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bundle = bundle
        self.behaviour = "good"
        self.claimed_hash = ""
        self.requests: list[dict[str, Any]] = []
        self.authorizations: list[str | None] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._compiled: dict[tuple[str, str], tuple[regopy.Interpreter, regopy.Bundle]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        """As OPA answers: {"result": …}, or {} where the document is undefined."""
        query = f"data.{path.replace('/', '.')}"
        with self._lock:
            if (self.behaviour, query) not in self._compiled:
                self._compiled[self.behaviour, query] = self._compile(query)
            interpreter, compiled = self._compiled[self.behaviour, query]
            interpreter.set_input_term(json.dumps(asked))
            expressions = interpreter.query_bundle(compiled).results[0].expressions
        return {"result": expressions[0]} if expressions else {}

    def _compile(self, query: str) -> tuple[regopy.Interpreter, regopy.Bundle]:
        documents = dict(self.bundle.sealed_documents)
        if self.behaviour == "wrong hash":
            documents["compliance/bundle"] = {"hash": WRONG_HASH}
        if self.behaviour == "claims":
            documents["compliance/bundle"] = {"hash": self.claimed_hash}
        interpreter = regopy.Interpreter()
        interpreter.add_data(nested(documents))
        for name, module in self.bundle.modules.items():
            interpreter.add_module(name, module)
        return interpreter, interpreter.build(query)

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()


@contextmanager
def opa_server(bundle: PolicyBundle) -> Iterator[OpaServer]:
    """A server in a thread, until the block ends."""
    server = OpaServer(bundle)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: OpaServer

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))["input"]
        self.server.requests.append(asked)
        self.server.authorizations.append(self.headers.get("Authorization"))
        if not self._misbehaves(self.server.behaviour):
            self._json(self.server.answer(self.path.removeprefix("/v1/data/"), asked))

    def do_GET(self) -> None:
        bundle = self.server.bundle
        if self.path == "/v1/policies":
            self._json({"result": [{"id": name, "raw": text, "ast": {}} for name, text in bundle.modules.items()]})
        else:
            document = bundle.documents.get(self.path.removeprefix("/v1/data/"))
            self._json({} if document is None else {"result": document})

    def _misbehaves(self, behaviour: str) -> bool:
        """Whether the request has been answered as the test wants it."""
        if behaviour.startswith("HTTP "):
            self._json({"code": "internal_error", "message": "no"}, status=int(behaviour.split()[1]))
        elif behaviour == "slow":
            self.server.stopping.wait(2)
            self.close_connection = True
        elif behaviour == "drips":
            self._drip()
        elif behaviour == "hangs up":
            self.close_connection = True
        elif behaviour == "redirects":
            self._reply(b"", status=307, headers={"Location": "http://127.0.0.1:9/"})
        elif behaviour == "too long":
            self._reply(b" " * 2_000_000)
        elif behaviour == "not JSON":
            self._reply(b'{"result": {"allow": tr')
        elif behaviour == "undefined":
            self._json({})
        elif behaviour == "lies":
            self._json({"result": LIE})
        return behaviour not in {"good", "wrong hash", "claims"}

    def _drip(self) -> None:
        """A byte every 20 ms: each read is quick, the whole is not."""
        self.close_connection = True
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:  # the client hung up
            return

    def _json(self, body: Any, *, status: int = 200) -> None:
        self._reply(json.dumps(body).encode(), status=status)

    def _reply(self, body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
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

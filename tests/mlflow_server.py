"""A real `mlflow server` on loopback, in a process of its own, and a server in its place that only misbehaves."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from resources.telemetry import NO_TELEMETRY

STARTED_WITHIN_SECONDS = 120


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The URL of a server whose database and artifacts lie in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder / 'server.db'}", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **NO_TELEMETRY}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        server.wait(30)


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + STARTED_WITHIN_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise AssertionError("the server did not start")


class BadServer(ThreadingHTTPServer):
    """`behaviour`: `HTTP <status>`, `silent`, `drips`, `not JSON`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, behaviour: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behaviour = behaviour
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def bad_server(behaviour: str) -> Iterator[BadServer]:
    server = BadServer(behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: BadServer

    def do_GET(self) -> None:
        kind, _, status = self.server.behaviour.partition(" ")
        if kind == "silent":
            self.server.stopping.wait(60)
            return
        self.send_response(int(status) if kind == "HTTP" else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        with suppress(OSError):  # the client hung up
            self.wfile.write(b'{"error_code": ')
            while kind == "drips" and not self.server.stopping.wait(0.1):
                self.wfile.write(b" ")

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent."""

"""Receivers on the loopback interface that speak syslog (RFC 6587 octet counting, TLS too) and HTTP, and misbehave on command."""

import datetime
import ipaddress
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class SyslogReceiver:
    """`moods` are taken one a connection, `good` when none is left:

    `drop N`: reset the connection after N messages; `leave N`: close it in order after N messages, the rest unread;
    `greet`: close it in order before anything was read; `hang`: read nothing and close nothing.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self.moods: list[str] = []
        self.messages: list[bytes] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            mood = self.moods.pop(0) if self.moods else "good"
            thread = threading.Thread(target=self._serve, args=(connection, mood), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, mood: str) -> None:
        with connection, suppress(OSError):
            if self._context is None:
                self._receive(connection, mood)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self._receive(secured, mood)

    def _receive(self, connection: socket.socket, mood: str) -> None:
        what, _, count = mood.partition(" ")
        if what == "hang":
            self._closing.wait(30)
            return
        if what == "greet":
            return
        buffer, taken = b"", 0
        while data := connection.recv(64 if what == "leave" else 1 << 16):  # what it does not take stays unread
            buffer += data
            while frame := re.match(rb"([1-9][0-9]*) ", buffer):
                length = int(frame[1])
                if len(buffer) < frame.end() + length:
                    break
                if count and taken == int(count):
                    if what == "drop":
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                self.messages.append(buffer[frame.end() : frame.end() + length])
                buffer, taken = buffer[frame.end() + length :], taken + 1
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()


@contextmanager
def syslog_receiver(context: ssl.SSLContext | None = None) -> Iterator[SyslogReceiver]:
    """A syslog server, until the block ends."""
    receiver = SyslogReceiver(context)
    try:
        yield receiver
    finally:
        receiver.close()


@dataclass
class Post:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class HttpReceiver(ThreadingHTTPServer):
    """Answers with the statuses of `answers`, then with 200. An answer may be `hang`, `drip` or `drop`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int | str] = []
        self.retry_after: str | None = None
        self.posts: list[Post] = []
        self.accepted: list[bytes] = []
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: HttpReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append(Post(self.path, dict(self.headers), body))
        answer = self.server.answers.pop(0) if self.server.answers else 200
        if answer == "hang":
            self.server.closing.wait(30)
        if answer == "drip":
            self._drip()
        if isinstance(answer, str):
            self.close_connection = True
            return
        if answer < 300:
            self.server.accepted.append(body)
        self.send_response(answer)
        if self.server.retry_after is not None:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _drip(self) -> None:
        with suppress(OSError):
            for byte in b"HTTP/1.1 200 " + b"O" * 10_000:
                self.wfile.write(bytes([byte]))
                if self.server.closing.wait(0.05):
                    return

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """An HTTP server, until the block ends."""
    server = HttpReceiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Authority:
    """A certificate authority made for a test. `ca_file` is what a client trusts."""

    folder: Path
    name: str = "authority"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def ca_file(self) -> Path:
        path = self.folder / f"{self.name}.pem"
        if not path.exists():
            path.write_bytes(self._issue(self._key, self.name, None).public_bytes(serialization.Encoding.PEM))
        return path

    def server_context(self, host: str = "127.0.0.1") -> ssl.SSLContext:
        """For a server whose certificate names `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._issue(key, "receiver", host).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.folder / f"{self.name}-{host}.pem"
        path.write_bytes(certificate + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _issue(self, key: ec.EllipticCurvePrivateKey, subject: str, host: str | None) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if host is None:
            usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
            return builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        return builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])

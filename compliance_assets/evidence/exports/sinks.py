"""Where told entries go. Each sink returns once its receiver has the whole batch and raises DependencyUnavailable otherwise.

- `file:///folder/ledger.cef`: a line an event, on disk when it returns.
- `syslog+tcp://host:port`: RFC 5424 messages, octet counting (RFC 6587 3.4.1).
- `syslog+tls://host:port?ca=/etc/ca.pem`: the same over TLS (RFC 5425); without `ca` the system's authorities count.
- `http://…` and `https://…`: one POST a batch, a line an event; 2xx acknowledges. A user and a password in the URL become
  HTTP Basic authentication (RFC 7617).

Syslog has no acknowledgement of its own. The connection is closed after each batch and the receiver's closing is waited for:
a connection that broke before the receiver had read to the end does not close in order. What a receiver loses after it read
it, only HTTP can tell.
"""

import base64
import hashlib
import http.client
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit, urlunsplit

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.evidence.exports.meaning import Event, Severity
from resources.http_post import Answer, post

SCHEMES = ("file", "syslog+tcp", "syslog+tls", "http", "https")
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sink tries. `seconds` bounds one attempt at a batch from the connection to the acknowledgement."""

    seconds: float = 30.0
    attempts: int = 4
    first_pause: float = 0.5
    longest_pause: float = 30.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order of `seq`."""

    events: Sequence[Event]
    media_type: str

    @property
    def lines(self) -> bytes:
        """The texts, each ended by a newline."""
        return b"".join(event.text.encode() + b"\n" for event in self.events)


class Sink(Protocol):
    """`name` is the URL without anything secret: the same sink under another password is the same sink."""

    @property
    def name(self) -> str:
        """What the sink is known by."""

    def deliver(self, batch: Batch) -> None:
        """Hand over a batch. Returns when it was acknowledged."""


def sink_from(url: str, patience: Patience | None = None) -> Sink:
    """The sink that a URL describes; nothing is opened yet. Raises InvalidInput for a URL that describes none."""
    patience = patience or Patience()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as problem:
        raise _unusable("a URL", str(problem)) from None
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and not parts.path.endswith("/"):
        return FileSink(Path(unquote(parts.path)))
    if parts.scheme in ("syslog+tcp", "syslog+tls") and parts.hostname and port and parts.path in ("", "/"):
        return SyslogSink(parts.hostname, port, _certificates(parts), patience)
    if parts.scheme in ("http", "https") and parts.hostname:
        return HttpSink(parts, patience)
    forms = "file:///path, syslog+tcp://host:port, syslog+tls://host:port?ca=file, http://… or https://…"
    raise _unusable(forms, repr(_without_secrets(parts)))


def _certificates(parts: SplitResult) -> "Certificates | None":
    query = parse_qs(parts.query)
    if unknown := set(query) - ({"ca"} if parts.scheme == "syslog+tls" else set()):
        raise _unusable("no parameter but `ca`, of syslog+tls", ", ".join(sorted(unknown)))
    if parts.scheme == "syslog+tcp":
        return None
    return Certificates(query["ca"][0] if "ca" in query else None)


def _unusable(expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        "there is no such sink",
        expected=expected,
        found=found,
        remedy=f"Known are: {', '.join(SCHEMES)}. Percent-encode what is special in a URL.",
    )


def _without_secrets(parts: SplitResult) -> str:
    """A query may hold a token, so that only its digest tells two sinks apart."""
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    place = f"{host}:{parts.port}" if parts.port else host
    query = f"sha256={hashlib.sha256(parts.query.encode()).hexdigest()[:16]}" if parts.query else ""
    return urlunsplit((parts.scheme, place, parts.path, query, ""))


def _unavailable(sink: Sink, found: object) -> DependencyUnavailable:
    return DependencyUnavailable(
        "a sink did not take a batch",
        expected=f"{sink.name} to acknowledge it",
        found=f"{type(found).__name__}: {found}" if isinstance(found, Exception) else str(found),
        remedy="Make the receiver reachable; the next export begins with the same batch, so nothing is lost.",
    )


# ── file ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class FileSink:
    """Appends lines to a file that only its owner reads."""

    path: Path

    @property
    def name(self) -> str:
        """The file's URL."""
        return self.path.as_uri()

    def deliver(self, batch: Batch) -> None:
        """Append the batch. A line that a crash tore off is cut away first; its batch is the one that comes again."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                file.truncate(_end_of_last_line(file.fileno()))
                _write_whole(file.fileno(), batch.lines)
                os.fsync(descriptor)
            _sync_folder(self.path.parent)
        except OSError as problem:
            raise _unavailable(self, problem) from problem


def _end_of_last_line(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - _BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _write_whole(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    """A new file's name is on disk only then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ── syslog ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_LOG_AUDIT = 13  # facility (RFC 5424 6.2.1)
_LEVELS = {
    Severity.INFORMATIONAL: 6,
    Severity.LOW: 5,
    Severity.MEDIUM: 4,
    Severity.HIGH: 3,
    Severity.CRITICAL: 2,
}
_LARGEST_SEQUENCE_ID = 2_147_483_647  # RFC 5424 7.3.1: then it begins again with 1
_BOM = b"\xef\xbb\xbf"
_CLOSED = (6, 7)  # TCP_TIME_WAIT and TCP_CLOSE of linux/tcp_states.h


@dataclass(frozen=True, slots=True)
class Certificates:
    """Whose certificates count: those of a file, else the system's."""

    ca_file: str | None

    def context(self) -> ssl.SSLContext:
        """Verifies the certificate and the host's name."""
        return ssl.create_default_context(cafile=self.ca_file)


@dataclass(frozen=True, slots=True)
class SyslogSink:
    """Sends RFC 5424 messages over TCP or TLS, a connection a batch."""

    host: str
    port: int
    certificates: Certificates | None
    patience: Patience

    @property
    def name(self) -> str:
        """The URL without parameters: another authority's file does not make it another sink."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"syslog+{'tls' if self.certificates else 'tcp'}://{host}:{self.port}"

    def deliver(self, batch: Batch) -> None:
        """Send the batch and wait until the receiver has closed the connection in order."""
        deadline = time.monotonic() + self.patience.seconds
        try:
            with self._connected(deadline) as connection:
                _set_limit(connection, deadline)
                connection.sendall(b"".join(_framed(event) for event in batch.events))
                _wait_for_close(connection, deadline)
        except OSError as problem:  # ssl.SSLError and TimeoutError are among them
            raise _unavailable(self, problem) from problem

    @contextmanager
    def _connected(self, deadline: float) -> Iterator[socket.socket]:
        with socket.create_connection((self.host, self.port), timeout=_left(deadline)) as plain:
            if self.certificates is None:
                yield plain
                return
            _set_limit(plain, deadline)
            with self.certificates.context().wrap_socket(plain, server_hostname=self.host) as secured:
                yield secured


def _framed(event: Event) -> bytes:
    text = syslog_message(event)
    return b"%d %b" % (len(text), text)


def syslog_message(event: Event) -> bytes:
    """`<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`; a byte order mark where MSG is not ASCII."""
    priority = _LOG_AUDIT * 8 + _LEVELS[event.severity]
    sequence_id = (event.seq - 1) % _LARGEST_SEQUENCE_ID + 1
    host, kind = _printable(socket.gethostname(), 255), _printable(event.kind, 32)
    head = f'<{priority}>1 {event.occurred_at} {host} compliance-assets - {kind} [meta sequenceId="{sequence_id}"] '
    text = event.text.encode()
    return head.encode() + (text if text.isascii() else _BOM + text)


def _printable(text: str, length: int) -> str:
    """PRINTUSASCII of RFC 5424: no space, no control character."""
    return "".join(c if "!" <= c <= "~" else "_" for c in text)[:length] or "-"


def _wait_for_close(connection: socket.socket, deadline: float) -> None:
    """Say that nothing follows, then read until the receiver closes. Raises OSError when it does not, or not in order."""
    if isinstance(connection, ssl.SSLSocket):
        _set_limit(connection, deadline)
        connection = connection.unwrap()  # close_notify, and its answer, which RFC 5425 4.4 demands
    connection.shutdown(socket.SHUT_WR)
    _set_limit(connection, deadline)
    while connection.recv(_BLOCK):
        _set_limit(connection, deadline)
    _confirm_all_was_taken(connection, deadline)


def _confirm_all_was_taken(connection: socket.socket, deadline: float) -> None:
    """A receiver that closed before it had our end answers what was under way with a reset: wait for the one or the other."""
    if not hasattr(socket, "TCP_INFO"):  # not Linux: the order in which the ends came is not told
        return
    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] not in _CLOSED:
        if _left(deadline) <= 0:
            raise TimeoutError("the receiver closed before it had everything")
        time.sleep(0.005)
    if error := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))


def _left(deadline: float) -> float:
    return deadline - time.monotonic()


def _set_limit(connection: socket.socket, deadline: float) -> None:
    if _left(deadline) <= 0:
        raise TimeoutError("timed out")
    connection.settimeout(_left(deadline))


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class HttpSink:
    """Posts a batch; tries again, with growing pauses, what may succeed later. Follows no redirection, uses no proxy."""

    parts: SplitResult = field(repr=False)
    patience: Patience
    pause: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        """The URL without user, password and query."""
        return _without_secrets(self.parts)

    def deliver(self, batch: Batch) -> None:
        """Post the batch until it is acknowledged. Every attempt carries the same Idempotency-Key."""
        body, wait = batch.lines, self.patience.first_pause
        for attempt in range(self.patience.attempts):
            last = attempt + 1 == self.patience.attempts
            answer: Answer | None = None
            try:
                answer = post(self.parts, body, self._headers(body, batch.media_type), self.patience.seconds)
            except (OSError, http.client.HTTPException) as problem:
                if last or isinstance(problem, ssl.SSLCertVerificationError):
                    raise _unavailable(self, problem) from problem
            if answer is not None and answer.accepted:
                return
            if answer is not None and (last or not answer.may_be_asked_again):
                raise _unavailable(self, f"HTTP {answer.status}")
            asked_to_wait = answer.retry_after if answer else None
            self.pause(min(asked_to_wait or wait, self.patience.longest_pause))
            wait *= 2

    def _headers(self, body: bytes, media_type: str) -> dict[str, str]:
        key = hashlib.sha256(self.name.encode() + b"\n" + body).hexdigest()
        headers = {"Content-Type": media_type, "Idempotency-Key": key}
        if self.parts.username is not None:
            login = f"{unquote(self.parts.username)}:{unquote(self.parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        return headers

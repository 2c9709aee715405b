"""The HTTP under the SDKs: every wait and every size has a bound, and what goes wrong is named where it is seen.

The SDKs' own time limits begin anew with every byte, and their answers have no limit of size. Here the waits shrink towards the
bounds of `Limits`, bytes are counted before they are kept, no redirection is followed, no proxy used and no compression accepted.
A failure leaves as ProviderFailure, with the moment it was known, before the SDK can read on. The SDKs stand on `httpx2`.
"""

import json
import re
import ssl
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import cache
from threading import Thread
from typing import Any, NoReturn

import httpcore2
import httpx2

from resources.providers.failures import Code, ProviderFailure
from resources.providers.spec import Limits

CONNECTIONS = 128
_ERROR_SECONDS, _ERROR_BYTES = 0.1, 16_384  # what the reason for a refusal may take
#: An error's type or code, as the protocols have them; nothing else of an error may reach a log, since it may quote the prompt.
_CODE = re.compile(r"[a-z][a-z_]{2,47}")
_OF_THE_CONNECTION = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    ssl.SSLError,
)


def bounded_client(limits: Limits) -> httpx2.Client:
    """An HTTP client for an SDK. One for each provider: it keeps connections open."""
    return httpx2.Client(
        transport=BoundedTransport(limits), timeout=limits.total_seconds, follow_redirects=False, trust_env=False
    )


@cache
def _tls() -> ssl.SSLContext:
    """Reading the authorities takes longer than a fallback may."""
    return httpx2.create_ssl_context()


class Budget:
    """The time that one answer may still take. It travels as the `read` time limit, which httpcore hands to the socket unread."""

    def __init__(self, limits: Limits) -> None:
        now = time.monotonic()
        self._limits = limits
        self._until = now + min(limits.first_byte_seconds, limits.total_seconds)
        self._end = now + limits.total_seconds
        self._sent = self._begun = False

    @property
    def remaining(self) -> float:
        """Seconds until the nearest bound, at least 0."""
        return max(0.0, self._until - time.monotonic())

    def connected(self) -> None:
        """The first byte is waited for from the first thing that is sent."""
        if not self._sent:
            self._sent = True
            self._until = min(time.monotonic() + self._limits.first_byte_seconds, self._end)

    def end_within(self, seconds: float) -> None:
        """Whatever was allowed before."""
        self._until = self._end = min(self._until, time.monotonic() + seconds)

    def heard(self) -> None:
        """Bytes of the answer came."""
        self._begun = True
        self._until = min(time.monotonic() + self._limits.between_bytes_seconds, self._end)

    def expired(self) -> ProviderFailure:
        """Which bound was met."""
        limits = self._limits
        if self._until >= self._end:
            return ProviderFailure("total_timeout", f"no whole answer within {limits.total_seconds:g} s")
        if self._begun:
            return ProviderFailure("stalled", f"nothing more within {limits.between_bytes_seconds:g} s")
        return ProviderFailure("first_byte_timeout", f"no byte within {limits.first_byte_seconds:g} s")


class BoundedTransport(httpx2.BaseTransport):
    """Sends requests and hands back successful answers of the media type that was asked for; all else is a ProviderFailure."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_tls(),
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=_Network(),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer's head, its body still to come. Raises ProviderFailure."""
        budget, limits = Budget(self._limits), self._limits
        request.headers["Accept-Encoding"] = "identity"
        extensions = {
            **request.extensions,
            "timeout": {
                "connect": limits.connect_seconds,
                "pool": limits.connect_seconds,
                "read": budget,
                "write": budget,
            },
        }
        url = request.url
        assert isinstance(request.stream, httpx2.SyncByteStream)
        asked = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=extensions,
        )
        try:
            response = self._pool.handle_request(asked)
        except _OF_THE_CONNECTION as problem:
            host = f"{url.host}:{url.port or (443 if url.scheme == 'https' else 80)}"
            failure = _named(problem, budget, host, "before it answered")
        else:
            return self._accepted(request, response, budget)
        raise failure

    def _accepted(self, request: httpx2.Request, response: httpcore2.Response, budget: Budget) -> httpx2.Response:
        limits = self._limits
        body = _Body(response, budget, limits.max_answer_bytes)
        headers = httpx2.Headers(response.headers)
        if not 200 <= response.status < 300:
            _refuse(response.status, headers, body)
        if problem := _not_as_asked(request, headers, limits):
            body.close()
            raise problem
        return httpx2.Response(response.status, headers=headers, stream=body, extensions=response.extensions)

    def close(self) -> None:
        """Ends the connections that are kept."""
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """An answer's bytes, counted and timed."""

    def __init__(self, response: httpcore2.Response, budget: Budget, most: int) -> None:
        self._response, self._budget, self._most = response, budget, most

    def __iter__(self) -> Iterator[bytes]:
        count = 0
        assert isinstance(self._response.stream, Iterable)
        pieces = iter(self._response.stream)
        while True:
            try:
                piece = next(pieces, None)
            except _OF_THE_CONNECTION as problem:
                failure = _named(problem, self._budget, "the connection", "in the middle of its answer")
                break
            if piece is None:
                return
            count += len(piece)
            if count > self._most:
                self.close()
                failure = ProviderFailure("too_large", f"more than {self._most} bytes")
                break
            self._budget.heard()
            yield piece
        raise failure

    def end_within(self, seconds: float) -> None:
        """Read no longer than that."""
        self._budget.end_within(seconds)

    def close(self) -> None:
        """Gives the connection back, or ends it where the answer was not read to its end."""
        self._response.close()


def _not_as_asked(request: httpx2.Request, headers: httpx2.Headers, limits: Limits) -> ProviderFailure | None:
    """What the head already tells of an answer that nobody should read."""
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    length = headers.get("Content-Length", "")
    if media_type != request.headers.get("Accept"):
        return ProviderFailure("malformed", f"an answer of another media type than {request.headers.get('Accept')}")
    if headers.get("Content-Encoding", "identity") != "identity":
        return ProviderFailure("malformed", "a compressed answer, which was not asked for")
    if length.isdecimal() and int(length) > limits.max_answer_bytes:
        return ProviderFailure(
            "too_large", f"{length[:15]} bytes announced, at most {limits.max_answer_bytes} are read"
        )
    return None


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def code_of(status: int) -> Code:
    """What an HTTP status that is no success means for the way on."""
    if status == 429:
        return "rate_limited"
    if status in (401, 403):
        return "unauthorized"
    if status in (408, 425) or status >= 500:
        return "unavailable"
    return "redirected" if status < 400 else "bad_request"


def error_code(body: bytes) -> str | None:
    """The type or code that an error states, where it is one plain word; never its message."""
    try:
        error = json.loads(body)["error"]
        words = [error.get("code"), error.get("type")] if isinstance(error, dict) else []
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return next((word for word in words if isinstance(word, str) and _CODE.fullmatch(word)), None)


def _refuse(status: int, headers: httpx2.Headers, body: _Body) -> NoReturn:
    known_at = time.monotonic()
    word = error_code(_beginning_of(body))
    raise ProviderFailure(
        code_of(status),
        f"HTTP {status}{f' {word}' if word else ''}",
        retry_after=_seconds(headers.get("Retry-After")),
        known_at=known_at,
    )


def _beginning_of(body: _Body) -> bytes:
    """What of an error comes at once: the next provider does not wait for the rest."""
    read = b""
    body.end_within(_ERROR_SECONDS)
    with suppress(ProviderFailure):
        for piece in body:
            read += piece
            if len(read) > _ERROR_BYTES:
                break
    body.close()
    return read[:_ERROR_BYTES]


def _seconds(retry_after: str | None) -> float | None:
    """Only the form in seconds; a date would need the provider's clock."""
    return float(retry_after) if retry_after and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", retry_after) else None


# ── the socket ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _named(problem: Exception, budget: Budget, host: str, when: str) -> ProviderFailure:
    """A failure of the connection by its name. Raise it outside the handler: the HTTP layers' messages quote what they read."""
    match problem:
        case httpcore2.ConnectTimeout() | httpcore2.PoolTimeout():
            return ProviderFailure("connect_timeout", f"{host}: no connection in time")
        case httpcore2.TimeoutException():
            return budget.expired()
        case httpcore2.ConnectError() | ssl.SSLError():
            return ProviderFailure("unreachable", f"{host}: {_kind(problem)}")
        case httpcore2.LocalProtocolError() | httpcore2.UnsupportedProtocol():
            return ProviderFailure("bad_request", f"it cannot be sent: {_kind(problem)}")
        case _:
            return ProviderFailure("cut", f"it hung up {when}: {_kind(problem)}")


def _kind(problem: BaseException) -> str:
    """The operating system's word for it; messages of the HTTP layers may quote what was received."""
    cause = problem.__cause__ or problem.__context__ or problem
    return type(cause).__name__


class _Network(httpcore2.NetworkBackend):
    """TCP whose reads and writes end with the budget that they are given."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """As httpcore does, but within the time limit: resolvers know none, and a host of many addresses has it for each."""
        made: Future[httpcore2.NetworkStream] = Future()

        def connect() -> None:
            try:
                stream = httpcore2.SyncBackend().connect_tcp(host, port, timeout, local_address, socket_options)
            except Exception as problem:  # noqa: BLE001 - it belongs to whoever waits
                if made.set_running_or_notify_cancel():
                    made.set_exception(problem)
            else:
                if made.set_running_or_notify_cancel():
                    made.set_result(stream)
                else:  # too late
                    stream.close()

        Thread(target=connect, name=f"connect {host}", daemon=True).start()
        try:
            return _Stream(made.result(timeout))
        except TimeoutError as problem:
            if made.cancel():
                raise httpcore2.ConnectTimeout from problem
            return _Stream(made.result())


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: Any = None) -> bytes:
        """Raises ReadTimeout when the budget is used up."""
        return self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: Any = None) -> None:
        """As the stream beneath does, but that a server which takes a byte now and then does not begin the time limit anew."""
        if isinstance(timeout, Budget):
            timeout.connected()
        sock, rest = self._inner.get_extra_info("socket"), memoryview(buffer)
        try:
            while rest:
                sock.settimeout(_left(timeout, httpcore2.WriteTimeout))
                rest = rest[sock.send(rest) :]
        except TimeoutError as problem:
            raise httpcore2.WriteTimeout from problem
        except OSError as problem:
            raise httpcore2.WriteError from problem

    def close(self) -> None:
        """Ends the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same over TLS."""
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """As the stream beneath has it."""
        return self._inner.get_extra_info(info)


def _left(timeout: "Budget | float | None", expired: type[Exception]) -> float | None:
    if not isinstance(timeout, Budget):
        return timeout
    left = timeout.remaining
    if not left:
        raise expired
    return left

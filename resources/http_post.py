"""One HTTP POST with a time limit on the whole of it. Follows no redirection and uses no proxy."""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlunsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """A receiver's status, and its Retry-After in seconds where it gave one in that form."""

    status: int
    retry_after: float | None

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300

    @property
    def may_be_asked_again(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (408, 425, 429) or self.status >= 500


def post(url: SplitResult, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
    """Send a body. Raises OSError (TimeoutError after `seconds`) or http.client.HTTPException where no answer came."""
    assert url.hostname is not None
    connection = _connection(url, seconds)
    with _time_limit(connection, seconds):
        try:
            connection.request("POST", urlunsplit(("", "", url.path or "/", url.query, "")), body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, _seconds(response.getheader("Retry-After")))
        finally:
            connection.close()


def _connection(url: SplitResult, seconds: float) -> http.client.HTTPConnection:
    assert url.hostname is not None
    if url.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=seconds, context=context)
    return http.client.HTTPConnection(url.hostname, url.port, timeout=seconds)


def _seconds(retry_after: str | None) -> float | None:
    """Only the form in seconds; a date would need the receiver's clock."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


@contextmanager
def _time_limit(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Ends the connection after so long: the socket's own limit begins anew with every byte that drips in."""
    expired = threading.Event()

    def end() -> None:
        expired.set()
        if connection.sock is not None:
            with suppress(OSError):  # it ended by itself at this moment
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as problem:
        if expired.is_set():
            raise TimeoutError(f"no answer within {seconds:g} seconds") from problem
        raise
    finally:
        timer.cancel()

"""A webhook: tells a system of an event, signed, so that the receiver knows who sent it and that nothing was changed.

`X-Compliance-Signature` is `sha256=` and the hex HMAC-SHA-256 of the body's bytes under the shared secret (UTF-8).
`Idempotency-Key` is the hex SHA-256 of `url:body`, the URL without user and password: every attempt at a body carries the
same, so that a receiver may drop what it has. 2xx acknowledges. 408, 425, 429, 5xx and a broken connection are tried again;
any other answer, a redirection among them, is a refusal.
"""

import base64
import hashlib
import hmac
import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.http_post import post

SIGNATURE_HEADER = "X-Compliance-Signature"
KEY_HEADER = "Idempotency-Key"


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds` bounds one attempt; between attempts `first_pause`, doubled each time up to `longest_pause`, in seconds."""

    seconds: float = 5.0
    attempts: int = 4
    first_pause: float = 0.2
    longest_pause: float = 2.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver. `url` may hold a user and a password (RFC 7617); they go into a header."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    patience: Patience = Patience()
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Raises InvalidInput for a URL or a secret that cannot be meant."""
        if problem := _unusable(self.url):
            raise InvalidInput(
                "a webhook's URL is not usable",
                expected="http://host/path or https://host/path",
                found=problem,
                remedy="Correct it in COMPLIANCE_WEBHOOKS; percent-encode what is special in a URL.",
            )
        if not self.secret:
            raise InvalidInput(
                "webhooks need a secret that they are signed with",
                expected="COMPLIANCE_WEBHOOK_SECRET",
                found="nothing",
                remedy="Set it to a random text that only the receivers know.",
            )

    @property
    def name(self) -> str:
        """Host and a digest of the address: a path may be as secret as a password."""
        return f"webhook {self._parts.hostname} {hashlib.sha256(self._address.encode()).hexdigest()[:12]}"

    def send(self, body: bytes) -> None:
        """Post the body until it is acknowledged.

        Raises DependencyUnavailable for what may succeed later, InvalidInput for what the receiver refused.
        """
        wait = self.patience.first_pause
        for attempt in range(1, self.patience.attempts + 1):
            try:
                answer = post(self._parts, body, self._headers(body), self.patience.seconds)
            except (OSError, http.client.HTTPException) as problem:
                found, asked_to_wait = _told(problem), 0.0
                if isinstance(problem, ssl.SSLCertVerificationError):
                    break
            else:
                if answer.accepted:
                    return
                found, asked_to_wait = f"HTTP {answer.status}", answer.retry_after or 0.0
                if not answer.may_be_asked_again:
                    raise _refused(self.name, found)
            if attempt < self.patience.attempts:
                self.pause(min(max(wait, asked_to_wait), self.patience.longest_pause))
                wait *= 2
        raise DependencyUnavailable(
            "a webhook did not take an event",
            expected=f"{self.name} to acknowledge it",
            found=found,
            remedy="Make the receiver reachable; the event is sent again.",
        )

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def _address(self) -> str:
        """The URL without user and password."""
        return self._parts._replace(netloc=self._parts.netloc.rpartition("@")[2]).geturl()

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature_of(body, self.secret),
            KEY_HEADER: hashlib.sha256(self._address.encode() + b":" + body).hexdigest(),
        }
        if self._parts.username is not None:
            login = f"{unquote(self._parts.username)}:{unquote(self._parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        return headers


def signature_of(body: bytes, secret: str) -> str:
    """What `X-Compliance-Signature` holds."""
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}"


def _unusable(url: str) -> str | None:
    """What is wrong with a URL, without the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as problem:
        return type(problem).__name__
    if parts.scheme not in ("http", "https"):
        return f"the scheme {parts.scheme!r}"
    if parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        return "a fragment, a space or a character that is to be percent-encoded"
    return None if parts.hostname else "no host"


def _told(problem: Exception) -> str:
    """The kind of failure; a message could repeat the address."""
    return str(problem) if isinstance(problem, TimeoutError) else type(problem).__name__


def _refused(name: str, found: str) -> InvalidInput:
    return InvalidInput(
        "a webhook refused an event",
        expected=f"{name} to acknowledge it",
        found=found,
        remedy="Correct the address, the secret or the receiver; `compliance notifications --redrive` sends it again.",
    )

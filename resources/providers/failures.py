"""Why no answer came: a code that programs read and a detail that people read. Neither quotes a prompt or an answer. Pure."""

import time
from collections.abc import Sequence
from typing import Literal

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.providers.completion import Attempt

Code = Literal[
    "unreachable",  # refused, no such host, no TLS
    "connect_timeout",
    "first_byte_timeout",  # connected, and then nothing
    "stalled",  # an answer that began and went quiet
    "total_timeout",  # an answer that drips for ever
    "cut",  # hung up before the answer's end
    "rate_limited",  # 429
    "unavailable",  # 408, 425 and 5xx
    "bad_request",  # any other 4xx, and what cannot be sent at all
    "unauthorized",  # 401, 403, or no key to send
    "redirected",  # 3xx: a prompt follows no redirection, which could lead out of its region
    "malformed",  # not what the protocol says
    "empty",  # the protocol holds, and there is no text in it
    "too_large",
    "failed",  # a model in this process raised
    "circuit_open",  # not asked: it kept failing
]

#: Worth another try at the same provider, where no other is left.
PASSING: frozenset[Code] = frozenset({"unreachable", "cut", "rate_limited", "unavailable"})
#: The request's fault: the provider is well.
OF_THE_REQUEST: frozenset[Code] = frozenset({"bad_request"})


class ProviderFailure(DependencyUnavailable):
    """One provider gave no usable answer. `known_at` is when that was known, in seconds of `time.monotonic`."""

    def __init__(
        self, code: Code, detail: str, *, retry_after: float | None = None, known_at: float | None = None
    ) -> None:
        self.code, self.detail, self.retry_after = code, detail, retry_after
        self.known_at = time.monotonic() if known_at is None else known_at
        super().__init__(
            "the provider gave no usable answer",
            expected="an answer",
            found=f"{code} ({detail})",
            remedy="Another provider of the route is asked; see the attempts.",
        )


class NoProviderLeft(DependencyUnavailable):
    """No provider answered. `attempts` has what each of them did."""

    def __init__(self, models: Sequence[str], attempts: Sequence[Attempt], dropped: Sequence[str] = ()) -> None:
        self.attempts = tuple(attempts)
        tried = [f"{a.provider}/{a.model.partition('/')[2]}: {a.outcome} ({a.detail})" for a in attempts]
        super().__init__(
            "no model answered",
            expected=f"an answer of {' or '.join(models) or 'a model'}",
            found="; ".join([*tried, *dropped]) or "no provider for it",
            remedy="The work waits and resumes when one answers; check COMPLIANCE_PROVIDERS, the keys and the network.",
        )

"""A circuit breaker: a provider that keeps failing is left alone for a while, then tried once. Pure but for its clock.

closed -> (failures in a row, or their share among the latest calls) -> open -> (cooldown) -> half open, one probe
half open -> (the probe succeeds) -> closed; (it fails) -> open again
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half_open"]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """It opens after `failures_in_a_row`, or when `share` of the latest `window` calls failed. Seconds until a probe."""

    failures_in_a_row: int = 5
    share: float = 0.5
    window: int = 20
    cooldown_seconds: float = 30.0


class CircuitBreaker:
    """Thread-safe. Every call is admitted with a permit, which says how the call went; only the first word counts."""

    def __init__(self, policy: BreakerPolicy | None = None, clock: Clock = time.monotonic) -> None:
        self._policy = policy or BreakerPolicy()
        self._clock = clock
        self._lock = threading.Lock()
        self._era = 0  # counts the changes of state: what was admitted before one says nothing about what came after
        self._state: State = "closed"
        self._latest: deque[bool] = deque(maxlen=self._policy.window)
        self._in_a_row = 0
        self._since = 0.0  # when it opened, or when the probe began

    @property
    def state(self) -> State:
        """As of now; `open` also where a probe would be admitted."""
        with self._lock:
            return self._state

    @property
    def would_admit(self) -> bool:
        """Whether a call would be admitted, admitting none."""
        with self._lock:
            return self._state == "closed" or self._cooled()

    def admit(self) -> "Permit | None":
        """A permit for one call, None where the provider is to be left alone."""
        with self._lock:
            if self._state != "closed":
                if not self._cooled():
                    return None
                self._turn("half_open")  # a probe that never said how it went is replaced after another cooldown
            return Permit(self, self._era)

    def report(self, era: int, succeeded: bool | None) -> None:
        """What became of a call; None where it says nothing about the provider. Use the permit."""
        with self._lock:
            if era != self._era:
                return
            if self._state == "half_open":
                self._end_probe(succeeded)
            elif succeeded is not None:
                self._count(succeeded)

    def _cooled(self) -> bool:
        return self._clock() - self._since >= self._policy.cooldown_seconds

    def _end_probe(self, succeeded: bool | None) -> None:
        if succeeded is None:
            self._turn("open")
            self._since -= self._policy.cooldown_seconds  # the next call probes
        else:
            self._turn("closed" if succeeded else "open")

    def _count(self, succeeded: bool) -> None:
        policy = self._policy
        self._latest.append(succeeded)
        self._in_a_row = 0 if succeeded else self._in_a_row + 1
        full = len(self._latest) == policy.window
        if self._in_a_row >= policy.failures_in_a_row or (
            full and not succeeded and self._latest.count(False) >= policy.share * policy.window
        ):
            self._turn("open")

    def _turn(self, state: State) -> None:
        self._state, self._since = state, self._clock()
        self._era += 1
        self._latest.clear()
        self._in_a_row = 0


@dataclass(frozen=True, slots=True)
class Permit:
    """Of one call, to say how it went."""

    breaker: CircuitBreaker
    era: int

    def succeeded(self) -> None:
        """The provider is well."""
        self.breaker.report(self.era, True)

    def failed(self) -> None:
        """It is not."""
        self.breaker.report(self.era, False)

    def abandoned(self) -> None:
        """The call says nothing about it."""
        self.breaker.report(self.era, None)

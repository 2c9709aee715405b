"""From one provider to the next: the fallback begins at once, a provider that keeps failing is left alone, every try is kept."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar

from typing_extensions import Unpack

from resources.providers.adapters import Adapter
from resources.providers.breaker import BreakerPolicy, CircuitBreaker, Clock, Permit
from resources.providers.completion import Attempt, Completion, ModelRequest
from resources.providers.failures import OF_THE_REQUEST, PASSING, NoProviderLeft, ProviderFailure
from resources.providers.selection import Chain, Link, Order, eligible_chain
from resources.providers.spec import ProviderSpec, require_distinct

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often the last provider of a chain is tried again, and the seconds between: `first_pause`, doubled each time, or what
    it asks for; one that asks for more than `longest_pause` is not tried again.
    """

    retries: int = 2
    first_pause: float = 0.25
    longest_pause: float = 2.0


class Restrictions(TypedDict, total=False):
    """Who may be asked, beside what a provider can; as in `eligible_chain`."""

    allowed_regions: Collection[str] | None
    provider_constraints: Collection[str] | None
    order: Order


@dataclass(frozen=True, slots=True)
class _Reached(Generic[T]):
    """What a provider gave, and the way to it."""

    value: T
    link: Link
    permit: Permit
    attempts: tuple[Attempt, ...]

    @property
    def calls(self) -> int:
        return sum(attempt.outcome != "circuit_open" for attempt in self.attempts)

    @property
    def fallback_from(self) -> str | None:
        first = self.attempts[0].provider
        return first if first != self.link.spec.name else None


class StreamedCompletion:
    """An answer as it comes, of a provider whose first text has arrived. Iterate once. Raises NoProviderLeft where it breaks off:
    what was already read cannot be taken back, so that no other provider takes over.
    """

    def __init__(self, reached: _Reached[Iterator[str]]) -> None:
        self.model, self.provider = reached.link.model, reached.link.spec.name
        self.attempts, self.fallback_from = reached.attempts, reached.fallback_from
        self._reached = reached

    def __iter__(self) -> Iterator[str]:
        reached, last = self._reached, self.attempts[-1]
        try:
            yield from reached.value
        except ProviderFailure as problem:
            reached.permit.failed()
            broken = Attempt(self.provider, self.model, problem.code, problem.detail, last.latency_seconds)
            failure = NoProviderLeft([self.model], [*self.attempts[:-1], broken])
        except BaseException:
            reached.permit.abandoned()
            raise
        else:
            reached.permit.succeeded()
            return
        raise failure


class Router:
    """Thread-safe. One circuit breaker for each provider. `pause` waits so many seconds; `clock` is the breakers'."""

    def __init__(
        self,
        adapters: Iterable[Adapter],
        *,
        breaker: BreakerPolicy | None = None,
        patience: Patience | None = None,
        clock: Clock = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        listed = list(adapters)
        require_distinct([adapter.spec.name for adapter in listed])
        self._adapters = {adapter.spec.name: adapter for adapter in listed}
        self._breakers = {name: CircuitBreaker(breaker, clock) for name in self._adapters}
        self._patience, self._pause = patience or Patience(), pause

    @property
    def specs(self) -> tuple[ProviderSpec, ...]:
        """Of all providers."""
        return tuple(adapter.spec for adapter in self._adapters.values())

    def breaker(self, provider: str) -> CircuitBreaker:
        """A provider's."""
        return self._breakers[provider]

    def complete(
        self, request: ModelRequest, models: Sequence[str], **restrictions: Unpack[Restrictions]
    ) -> Completion:
        """The answer of the first provider of the models that gives one. Raises NoProviderLeft."""
        started = time.monotonic()
        chain = eligible_chain(self.specs, request, models, **restrictions)
        reached = self._first(chain, models, lambda adapter, model: adapter.complete(model, request))
        reached.permit.succeeded()
        return Completion(
            text=reached.value.text,
            model=reached.link.model,
            provider=reached.link.spec.name,
            attempts=reached.calls,
            latency_seconds=time.monotonic() - started,
            attempt_details=reached.attempts,
            fallback_from=reached.fallback_from,
            input_tokens=reached.value.input_tokens,
            output_tokens=reached.value.output_tokens,
        )

    def route_stream_with_fallback(
        self, request: ModelRequest, models: Sequence[str], **restrictions: Unpack[Restrictions]
    ) -> StreamedCompletion:
        """The stream of the first provider whose first text arrives. Raises NoProviderLeft."""
        chain = eligible_chain(self.specs, request, models, **restrictions)
        return StreamedCompletion(
            self._first(chain, models, lambda adapter, model: _begun(adapter.stream(model, request)))
        )

    def embed(
        self, texts: Sequence[str], models: Sequence[str], **restrictions: Unpack[Restrictions]
    ) -> list[list[float]]:
        """A vector for each text. Raises NoProviderLeft. Vectors of different models are not comparable: name one."""
        request = ModelRequest(max(texts, key=len, default=""), operation="embeddings")
        chain = eligible_chain(self.specs, request, models, **restrictions)
        reached = self._first(chain, models, lambda adapter, model: adapter.embed(model, texts))
        reached.permit.succeeded()
        return reached.value

    def close(self) -> None:
        """Ends the connections that are kept."""
        for adapter in self._adapters.values():
            adapter.close()

    def _first(self, chain: Chain, models: Sequence[str], call: Callable[[Adapter, str], T]) -> _Reached[T]:
        way = _Way()
        for link in chain.links:
            self._adapters[link.spec.name].prepare()
        for link in chain.links:
            retries = self._patience.retries if link is chain.links[-1] else 0
            if reached := self._ask(link, call, way, retries):
                return reached
        raise NoProviderLeft(models, way.attempts, [f"{d.provider}/{d.model}: {d.reason}" for d in chain.dropped])

    def _ask(self, link: Link, call: Callable[[Adapter, str], T], way: "_Way", retries: int) -> _Reached[T] | None:
        """One provider, tried again only where no other is left."""
        name, wait = link.spec.name, self._patience.first_pause
        while True:
            permit = self._breakers[name].admit()
            if permit is None:
                way.passed_over(link)
                return None
            started = time.monotonic()
            try:
                value = call(self._adapters[name], link.model)
            except ProviderFailure as problem:
                permit.succeeded() if problem.code in OF_THE_REQUEST else permit.failed()
                way.failed(link, started, problem)
                asked_to_wait = problem.retry_after or 0.0
                if not retries or problem.code not in PASSING or asked_to_wait > self._patience.longest_pause:
                    return None
            except BaseException:
                permit.abandoned()
                raise
            else:
                way.answered(link, started)
                return _Reached(value, link, permit, tuple(way.attempts))
            self._pause(min(max(wait, asked_to_wait), self._patience.longest_pause))
            retries, wait = retries - 1, wait * 2


class _Way:
    """The attempts of one request."""

    def __init__(self) -> None:
        self.attempts: list[Attempt] = []
        self._known_at: float | None = None

    def passed_over(self, link: Link) -> None:
        self._add(link, "circuit_open", "it kept failing and is left alone for a while", 0.0, None)

    def failed(self, link: Link, started: float, problem: ProviderFailure) -> None:
        self._add(link, problem.code, problem.detail, problem.known_at - started, self._after(started))
        self._known_at = problem.known_at
        _log.warning("%s gave no answer of %s: %s (%s)", link.spec.name, link.model, problem.code, problem.detail)

    def answered(self, link: Link, started: float) -> None:
        self._add(link, "ok", "", time.monotonic() - started, self._after(started))

    def _after(self, started: float) -> float | None:
        return None if self._known_at is None else started - self._known_at

    def _add(self, link: Link, outcome: str, detail: str, latency: float, after: float | None) -> None:
        self.attempts.append(Attempt(link.spec.name, link.model, outcome, detail, max(latency, 0.0), after))


def _begun(pieces: Iterator[str]) -> Iterator[str]:
    """The stream once its first text has come, that first text included. Raises ProviderFailure where none comes."""
    held = ""
    for piece in pieces:
        held += piece
        if held.strip():
            return _rejoined(held, pieces)
    raise ProviderFailure("empty", "the answer has no text")


def _rejoined(head: str, rest: Iterator[str]) -> Iterator[str]:
    yield head
    yield from rest

"""What the adapters over vendors' SDKs share: the client's bounds, failures found inside an SDK's errors, answers held against
their types.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from resources.providers.adapters import Answer
from resources.providers.bounded_http import bounded_client
from resources.providers.failures import ProviderFailure
from resources.providers.spec import ProviderSpec

T = TypeVar("T")
PLAIN, EVENTS = {"Accept": "application/json"}, {"Accept": "text/event-stream"}
#: What an SDK raises over an answer that is not what the protocol says: it holds nothing against its own types.
NOT_THE_PROTOCOL: tuple[type[Exception], ...] = (ValueError, AttributeError, TypeError, LookupError, RecursionError)


class SdkAdapter:
    """One server behind an SDK, whose client `_client` a protocol makes with `_bounded` when it is first needed."""

    def __init__(self, spec: ProviderSpec, key: str | None) -> None:
        self.spec = spec
        self._key = key

    def _bounded(self) -> dict[str, Any]:
        """The key, and our HTTP with our time limits: the SDK retries nothing by itself.

        What needs no key is sent a word instead. Raises ProviderFailure where one is named and not set.
        """
        spec = self.spec
        if spec.api_key_variable and not self._key:
            raise ProviderFailure("unauthorized", f"{spec.api_key_variable} is not set")
        http = bounded_client(spec.limits)
        return {
            "api_key": self._key or "none",
            "http_client": http,
            "max_retries": 0,
            "timeout": spec.limits.total_seconds,
        }

    def close(self) -> None:
        """Ends the connections that are kept."""
        if "_client" in self.__dict__:
            self.__dict__["_client"].close()


def quiet(*loggers: str) -> None:
    """At DEBUG some SDKs log their requests, prompts among them: they start at INFO, whatever the root logger says."""
    for name in loggers:
        logger = logging.getLogger(name)
        if logger.getEffectiveLevel() < logging.INFO:
            logger.setLevel(logging.INFO)


def called(call: Callable[[], T], errors: tuple[type[Exception], ...]) -> T:
    """The call's result. An SDK's error becomes a ProviderFailure that chains nothing, since errors may quote answers."""
    try:
        return call()
    except ProviderFailure:
        raise
    except (*errors, *NOT_THE_PROTOCOL) as problem:
        failure = failure_in(problem)
    raise failure


def written(
    open_stream: Callable[[], Any], delta: Callable[[Any], tuple[str | None, bool]], errors: tuple[type[Exception], ...]
) -> Iterator[str]:
    """The texts of a stream's events, errors as in `called`. `delta` gives an event's text and whether it ends the answer."""
    finished = False
    with called(open_stream, errors) as events:
        for text, ends in _each(map(delta, iter(events)), errors):
            if text:
                yield text
            finished = finished or ends
    if not finished:
        raise ProviderFailure("cut", "the stream ended before the answer did")


def _each(pieces: Iterator[T], errors: tuple[type[Exception], ...]) -> Iterator[T]:
    while True:
        try:
            piece = next(pieces)
        except StopIteration:
            return
        except ProviderFailure:
            raise
        except (*errors, *NOT_THE_PROTOCOL) as problem:
            failure = failure_in(problem)
            break
        yield piece
    raise failure


def failure_in(problem: BaseException) -> ProviderFailure:
    """The failure that the transport named, wherever an SDK has put it; else the answer broke the protocol."""
    if isinstance(problem, UnicodeEncodeError):
        return ProviderFailure("bad_request", "it cannot be sent: not encodable")
    seen: BaseException | None = problem
    while seen is not None:
        if isinstance(seen, ProviderFailure):
            return seen
        seen = seen.__cause__ or seen.__context__
    return ProviderFailure("malformed", f"not the protocol: {type(problem).__name__}")


def answer_of(text: object, input_tokens: object, output_tokens: object) -> Answer:
    """Raises TypeError for a text that is none, ProviderFailure for an empty one."""
    if text is not None and not isinstance(text, str):
        raise TypeError("content of another type")
    if not text or not text.strip():
        raise ProviderFailure("empty", "the answer has no text")
    return Answer(text, count_of(input_tokens), count_of(output_tokens))


def count_of(tokens: object) -> int | None:
    """A number of tokens, None for anything else: a wrong bill spoils no answer."""
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None


def system_and_prompt(guardrail: str | None, prompt: str) -> list[dict[str, Any]]:
    """Messages in the form of the OpenAI protocol."""
    system = [{"role": "system", "content": guardrail}] if guardrail else []
    return [*system, {"role": "user", "content": prompt}]

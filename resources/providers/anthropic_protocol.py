"""Anthropic's Messages protocol through the `anthropic` SDK."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from resources.providers.adapters import Answer
from resources.providers.completion import ModelRequest
from resources.providers.failures import ProviderFailure
from resources.providers.sdk_calls import EVENTS, PLAIN, SdkAdapter, answer_of, called, quiet, written

if TYPE_CHECKING:
    from anthropic import Anthropic

#: The protocol demands a bound; this one holds where the request has none.
USUAL_MAX_TOKENS = 8_192


class AnthropicAdapter(SdkAdapter):
    """One server. The system's text is a field beside the messages."""

    @cached_property
    def _client(self) -> "Anthropic":
        from anthropic import Anthropic

        quiet("anthropic")
        return Anthropic(base_url=self.spec.base_url, open_telemetry=False, **self._bounded())

    def prepare(self) -> None:
        """The SDK takes a second to load, its parts when they are first named."""
        with suppress(ProviderFailure):  # no key: the call says so
            _ = self._client.messages

    def complete(self, model: str, request: ModelRequest) -> Answer:
        """One message. Its text is that of its text blocks, in order."""
        from anthropic import AnthropicError

        def call() -> Answer:
            reply: Any = self._client.messages.create(**self._asked(model, request), extra_headers=PLAIN)
            text = "".join(block.text for block in reply.content if block.type == "text")
            usage = reply.usage
            return answer_of(text, getattr(usage, "input_tokens", None), getattr(usage, "output_tokens", None))

        return called(call, (AnthropicError,))

    def stream(self, model: str, request: ModelRequest) -> Iterator[str]:
        """One message as it is written. It is whole once the event `message_stop` came."""
        from anthropic import AnthropicError

        def open_stream() -> Any:
            return self._client.messages.create(**self._asked(model, request), stream=True, extra_headers=EVENTS)

        return written(open_stream, _delta, (AnthropicError,))

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """The protocol has none."""
        raise ProviderFailure("bad_request", "the protocol has no embeddings")

    def _asked(self, model: str, request: ModelRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self.spec.known_as(model),
            "messages": [{"role": "user", "content": request.prompt}],
            "max_tokens": request.max_tokens or USUAL_MAX_TOKENS,
        }
        if request.guardrail:
            asked["system"] = request.guardrail
        if self.spec.takes_temperature(model):  # the SDK no longer names it; older models still take it
            asked["extra_body"] = {"temperature": request.temperature}
        return asked


def _delta(event: Any) -> tuple[str | None, bool]:
    """The text that an event adds, and whether it ends the message. Thinking and tools add none."""
    if event.type != "content_block_delta" or event.delta.type != "text_delta":
        return None, event.type == "message_stop"
    if not isinstance(event.delta.text, str):
        raise TypeError("text of another type")
    return event.delta.text, False

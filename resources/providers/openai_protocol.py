"""The OpenAI chat protocol through the `openai` SDK: OpenAI, Azure OpenAI, Gemini, Mistral, Ollama and whatever else speaks it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from resources.providers.adapters import Answer
from resources.providers.completion import ModelRequest
from resources.providers.failures import ProviderFailure
from resources.providers.sdk_calls import (
    EVENTS,
    PLAIN,
    SdkAdapter,
    answer_of,
    called,
    quiet,
    system_and_prompt,
    written,
)

if TYPE_CHECKING:
    from openai import OpenAI


class OpenAIAdapter(SdkAdapter):
    """One server. With the protocol `azure` a model is a deployment: its name stands in the path."""

    @cached_property
    def _client(self) -> "OpenAI":
        from openai import AzureOpenAI, OpenAI

        quiet("openai")
        spec = self.spec
        if spec.protocol == "azure":
            return AzureOpenAI(azure_endpoint=str(spec.base_url), api_version=spec.api_version, **self._bounded())
        return OpenAI(base_url=spec.base_url, **self._bounded())

    def prepare(self) -> None:
        """The SDK takes a second to load, its parts when they are first named."""
        with suppress(ProviderFailure):  # no key: the call says so
            _ = self._client.chat.completions

    def complete(self, model: str, request: ModelRequest) -> Answer:
        """One chat turn."""
        from openai import OpenAIError

        def call() -> Answer:
            reply: Any = self._client.chat.completions.create(**self._asked(model, request), extra_headers=PLAIN)
            text = reply.choices[0].message.content if reply.choices else None
            usage = reply.usage
            return answer_of(text, getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))

        return called(call, (OpenAIError,))

    def stream(self, model: str, request: ModelRequest) -> Iterator[str]:
        """One chat turn as it is written. It is whole once a choice has a finish reason."""
        from openai import OpenAIError

        def open_stream() -> Any:
            return self._client.chat.completions.create(
                **self._asked(model, request), stream=True, extra_headers=EVENTS
            )

        return written(open_stream, _delta, (OpenAIError,))

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Vectors of any dimension, all of the same."""
        from openai import OpenAIError

        def call() -> list[list[float]]:
            reply: Any = self._client.embeddings.create(
                model=self.spec.known_as(model), input=list(texts), encoding_format="float", extra_headers=PLAIN
            )
            rows = sorted(reply.data, key=lambda row: row.index)
            vectors = [[float(number) for number in row.embedding] for row in rows]
            if [row.index for row in rows] != list(range(len(texts))) or len({len(v) for v in vectors}) > 1:
                raise ValueError("not one vector for each text")
            return vectors

        return called(call, (OpenAIError,))

    def _asked(self, model: str, request: ModelRequest) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self.spec.known_as(model),
            "messages": system_and_prompt(request.guardrail, request.prompt),
        }
        if self.spec.takes_temperature(model):
            asked["temperature"] = request.temperature
        if request.max_tokens is not None:
            asked[self.spec.answer_limit_field] = request.max_tokens
        return asked


def _delta(event: Any) -> tuple[str | None, bool]:
    """The text that an event adds, and whether it ends the answer. An event without choices states usage or filters."""
    if not event.choices:
        return None, False
    choice = event.choices[0]
    text = choice.delta.content
    if text is not None and not isinstance(text, str):
        raise TypeError("content of another type")
    return text, choice.finish_reason is not None

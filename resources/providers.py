"""Clients of model servers. A provider takes a rendered prompt and returns the model's raw text; it decides nothing."""

import os
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from compliance_assets.contracts.errors import DependencyUnavailable

if TYPE_CHECKING:
    from openai import OpenAI

TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's raw answer, and how it was reached."""

    text: str
    model: str
    provider: str
    attempts: int
    latency_seconds: float


class Provider(Protocol):
    """Anything that completes a prompt."""

    @property
    def model(self) -> str:
        """The model's name as recorded in a decision."""

    def complete(self, prompt: str) -> Completion:
        """The model's answer to a rendered prompt. Raises DependencyUnavailable when none came."""


class OpenAICompatibleProvider:
    """Any endpoint that speaks the OpenAI chat protocol (OPENAI_BASE_URL, OPENAI_API_KEY)."""

    def __init__(self, model: str) -> None:
        self._name = model

    @property
    def model(self) -> str:
        """As recorded in the decision."""
        return f"openai/{self._name}"

    @cached_property
    def _client(self) -> "OpenAI":
        return openai_client()

    def complete(self, prompt: str) -> Completion:
        """One chat turn at temperature 0. Raises DependencyUnavailable when no answer came."""
        from openai import OpenAIError

        started = time.monotonic()
        try:
            answer = self._client.chat.completions.create(
                model=self._name, messages=[{"role": "user", "content": prompt}], temperature=0.0
            )
            # The SDK does not hold the server's reply against its own types: anything may stand here.
            text = (answer.choices[0].message.content or "") if answer.choices else ""
            if not isinstance(text, str):
                raise TypeError(f"content of type {type(text).__name__}")
        except (OpenAIError, ValueError, AttributeError, TypeError, LookupError) as problem:
            raise DependencyUnavailable(
                "the model server did not answer",
                expected=f"a completion of {self._name} from {self._client.base_url}",
                found=f"{type(problem).__name__}: {problem}",
                remedy="Check OPENAI_BASE_URL and OPENAI_API_KEY, or use COMPLIANCE_MODEL=local/extractive-v1.",
            ) from problem
        return Completion(text, self.model, "openai", 1, time.monotonic() - started)


def openai_client() -> "OpenAI":
    """The SDK's client with our time limit and without its silent retries. Local servers need no key."""
    from openai import OpenAI

    return OpenAI(api_key=os.environ.get("OPENAI_API_KEY", "none"), timeout=TIMEOUT_SECONDS, max_retries=0)

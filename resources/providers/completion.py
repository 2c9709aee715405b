"""What a model is asked and what comes back, whoever answers. Pure."""

from dataclasses import dataclass, field
from typing import Literal, Protocol

Operation = Literal["chat", "stream", "embeddings"]
#: Of a text in a language with the Latin alphabet; only for choosing a provider whose context holds it.
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A question to whichever model answers. `guardrail` goes before the prompt as the system's text. `max_tokens` bounds the
    answer, None for the model's own limit; `prompt_tokens` is an estimate, made of the prompt's length where none is given.
    """

    prompt: str = field(repr=False)
    temperature: float = 0.0
    max_tokens: int | None = None
    guardrail: str | None = field(default=None, repr=False)
    operation: Operation = "chat"
    prompt_tokens: int | None = None

    @property
    def estimated_tokens(self) -> int:
        """Tokens of prompt and guardrail."""
        if self.prompt_tokens is not None:
            return self.prompt_tokens
        return -(-(len(self.prompt) + len(self.guardrail or "")) // CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an answer. `outcome` is `ok` or a code of `failures.Code`; `detail` never quotes prompt or answer.
    `seconds_after_failure`: from the moment the failure before it was known until it began, None for the first.
    """

    provider: str
    model: str
    outcome: str
    detail: str
    latency_seconds: float
    seconds_after_failure: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's raw answer, and how it was reached.

    `attempts` counts the calls that were made; `attempt_details` has each of them in order, the one that answered last, and
    the providers that were passed over because they keep failing. `fallback_from` is the provider that should have answered,
    None where it did. Tokens are those that the provider states.
    """

    text: str = field(repr=False)
    model: str
    provider: str
    attempts: int
    latency_seconds: float
    attempt_details: tuple[Attempt, ...] = ()
    fallback_from: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class Provider(Protocol):
    """Anything that completes a prompt."""

    @property
    def model(self) -> str:
        """The model's name as recorded in a decision."""

    def complete(self, prompt: str) -> Completion:
        """The model's answer to a rendered prompt. Raises DependencyUnavailable when none came."""

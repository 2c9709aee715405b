"""What a provider is to the router, whichever protocol it speaks, and how an adapter is found for one.

A protocol that is not among those here comes from a package of its own: an entry point in the group `compliance.providers`,
named as the protocol, which is called with the spec and its key and returns an Adapter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from compliance_assets.contracts.errors import InvalidInput
from resources.providers.completion import ModelRequest
from resources.providers.spec import ProviderSpec

PLUGINS = "compliance.providers"


@dataclass(frozen=True, slots=True)
class Answer:
    """A text, and the tokens that the provider counted."""

    text: str = field(repr=False)
    input_tokens: int | None = None
    output_tokens: int | None = None


class Adapter(Protocol):
    """One provider. Models are `maker/model`; every failure is a ProviderFailure."""

    @property
    def spec(self) -> ProviderSpec:
        """The provider's name, data region, capabilities."""

    def prepare(self) -> None:
        """Load what the first call needs, so that a fallback begins at once. Never raises; nothing is connected."""

    def complete(self, model: str, request: ModelRequest) -> Answer:
        """The whole answer, never empty."""

    def stream(self, model: str, request: ModelRequest) -> Iterator[str]:
        """The answer as it comes, no piece of it empty. What ends without the protocol's own end is a failure."""

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """One vector for each text, in their order."""

    def close(self) -> None:
        """Ends the connections that are kept."""


def adapter_for(spec: ProviderSpec, environment: Mapping[str, str]) -> Adapter:
    """The adapter of a provider; no connection is made yet. Raises InvalidInput for a protocol that nothing speaks."""
    key = environment.get(spec.api_key_variable) if spec.api_key_variable else None
    match spec.protocol:
        case "openai" | "azure":
            from resources.providers.openai_protocol import OpenAIAdapter

            return OpenAIAdapter(spec, key)
        case "anthropic":
            from resources.providers.anthropic_protocol import AnthropicAdapter

            return AnthropicAdapter(spec, key)
        case "stub":
            from resources.providers.in_process import StubAdapter

            return StubAdapter(spec)
        case _:
            return _plugged_in(spec, key)


def _plugged_in(spec: ProviderSpec, key: str | None) -> Adapter:
    from importlib.metadata import entry_points

    for point in entry_points(group=PLUGINS, name=spec.protocol):
        adapter: Adapter = point.load()(spec, key)
        return adapter
    raise InvalidInput(
        "a provider's protocol is not known",
        expected=f"openai, azure, anthropic, stub, or an entry point of the group {PLUGINS}",
        found=f"{spec.name}: {spec.protocol!r}",
        remedy="Correct it in the file that COMPLIANCE_PROVIDERS names, or install the package that speaks it.",
    )

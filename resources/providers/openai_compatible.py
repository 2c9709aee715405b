"""One endpoint that speaks the OpenAI protocol, named by the variables that the `openai` SDK itself reads."""

import os
from functools import cached_property
from typing import TYPE_CHECKING

from resources.providers.completion import Completion, ModelRequest
from resources.providers.spec import Limits, ProviderSpec

if TYPE_CHECKING:
    from openai import OpenAI

    from resources.providers.router import Router

TIMEOUT_SECONDS = 60.0
PUBLIC = "https://api.openai.com/v1"


class OpenAICompatibleProvider:
    """Any endpoint that speaks the OpenAI chat protocol (OPENAI_BASE_URL, OPENAI_API_KEY)."""

    def __init__(self, model: str, limits: Limits | None = None) -> None:
        self._name = model
        self._limits = limits or Limits(first_byte_seconds=TIMEOUT_SECONDS, total_seconds=TIMEOUT_SECONDS)

    @property
    def model(self) -> str:
        """As recorded in the decision."""
        return f"openai/{self._name}"

    @cached_property
    def _router(self) -> "Router":
        from resources.providers.openai_protocol import OpenAIAdapter
        from resources.providers.router import Patience, Router

        spec = ProviderSpec(
            name="openai", protocol="openai", base_url=os.environ.get("OPENAI_BASE_URL", PUBLIC), limits=self._limits
        )
        return Router([OpenAIAdapter(spec, os.environ.get("OPENAI_API_KEY"))], patience=Patience(retries=0))

    def complete(self, prompt: str) -> Completion:
        """One chat turn at temperature 0. Raises NoProviderLeft, a DependencyUnavailable, when no answer came."""
        return self._router.complete(ModelRequest(prompt), [self.model])

    def close(self) -> None:
        """Ends the connections that are kept."""
        if "_router" in self.__dict__:
            self._router.close()


def openai_client() -> "OpenAI":
    """The SDK's client with our time limit and without its silent retries. Local servers need no key."""
    from openai import OpenAI

    return OpenAI(api_key=os.environ.get("OPENAI_API_KEY", "none"), timeout=TIMEOUT_SECONDS, max_retries=0)

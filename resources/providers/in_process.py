"""Providers without a network: the models of this process, and the stub that ends a chain."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from compliance_assets.contracts.errors import ComplianceError
from resources.providers.adapters import Answer
from resources.providers.completion import ModelRequest, Provider
from resources.providers.failures import ProviderFailure
from resources.providers.selection import TENANCY
from resources.providers.spec import Capabilities, ProviderSpec

LOCAL = "local"


class LocalAdapter:
    """Models of this process, by their own names. They see the rendered prompt, as any provider would; a guardrail, which is an
    instruction to who follows instructions, is not for them.
    """

    def __init__(self, models: Sequence[Provider]) -> None:
        self._models = {model.model: model for model in models}
        self.spec = ProviderSpec(
            name=LOCAL, protocol=LOCAL, data_region=TENANCY, capabilities=Capabilities(models=tuple(self._models))
        )

    def prepare(self) -> None:
        """Nothing to load."""

    def complete(self, model: str, request: ModelRequest) -> Answer:
        """What it says; an error of the house is its failure, any other is a fault of ours and stays one."""
        try:
            made = self._models[model].complete(request.prompt)
        except ComplianceError as problem:
            failure = ProviderFailure("failed", type(problem).__name__)
        else:
            if not made.text.strip():
                raise ProviderFailure("empty", "the answer has no text")
            return Answer(made.text, made.input_tokens, made.output_tokens)
        raise failure

    def stream(self, model: str, request: ModelRequest) -> Iterator[str]:
        """In one piece."""
        yield self.complete(model, request).text

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """The embedder is a resource of its own."""
        raise ProviderFailure("bad_request", "models of this process do not embed")

    def close(self) -> None:
        """Nothing to end."""


class StubAdapter:
    """Says that the evidence does not suffice, to everything: the last of a chain where work is to reach a person at once
    instead of waiting for a provider, and a stand-in for trials. Vectors are of the texts' digests.
    """

    ANSWER = json.dumps({"decision": "insufficient_evidence", "confidence": 0.0, "segments": [], "citations": []})

    def __init__(self, spec: ProviderSpec) -> None:
        self.spec = spec

    def prepare(self) -> None:
        """Nothing to load."""

    def complete(self, model: str, request: ModelRequest) -> Answer:
        """Always the same."""
        return Answer(self.ANSWER)

    def stream(self, model: str, request: ModelRequest) -> Iterator[str]:
        """Word by word."""
        head, *rest = self.ANSWER.split(" ")
        yield head
        yield from (f" {word}" for word in rest)

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        """Of dimension 32."""
        return [[byte / 255 for byte in hashlib.sha256(text.encode()).digest()] for text in texts]

    def close(self) -> None:
        """Nothing to end."""

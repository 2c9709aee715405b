"""Providers for tests: specs over the local model server, and adapters that do as told."""

from collections.abc import Iterator, Sequence
from typing import Any

from resources.providers import ModelRequest, ProviderFailure, ProviderSpec
from resources.providers.adapters import Adapter, Answer, adapter_for
from tests.model_servers import ModelServer

LIMITS = {"connect_seconds": 2, "first_byte_seconds": 0.25, "between_bytes_seconds": 0.2, "total_seconds": 0.6}
#: Where nothing is about time: a busy machine may take it.
PATIENT = {"connect_seconds": 10, "first_byte_seconds": 30, "between_bytes_seconds": 30, "total_seconds": 60}
KEYS = {
    "OPENAI_API_KEY": "sk-open",
    "ANTHROPIC_API_KEY": "sk-ant",
    "AZURE_OPENAI_API_KEY": "sk-az",
    "OURS_KEY": "sk-ours",
}


def spec_at(server: ModelServer, name: str, limits: dict[str, float] = LIMITS, **fields: Any) -> ProviderSpec:
    return ProviderSpec.from_dict({"name": name, "base_url": server.base_url(name), "limits": limits, **fields})


def adapter_at(server: ModelServer, name: str, limits: dict[str, float] = LIMITS, **fields: Any) -> Adapter:
    return adapter_for(spec_at(server, name, limits, **fields), KEYS)


class Told:
    """Does the next of `plan` for each call, then the last of it for ever: a text to answer, or a failure to raise."""

    def __init__(self, name: str, *plan: str | ProviderFailure | BaseException, **fields: Any) -> None:
        self.spec = ProviderSpec(name=name, protocol="told", **{"capabilities": {"models": ["m/*"]}, **fields})
        self.plan = list(plan)
        self.calls = 0

    def prepare(self) -> None: ...

    def _next(self) -> str:
        self.calls += 1
        step = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        if isinstance(step, BaseException):
            raise step
        return step

    def complete(self, model: str, request: ModelRequest) -> Answer:
        return Answer(self._next())

    def stream(self, model: str, request: ModelRequest) -> Iterator[str]:
        for letter in self._next():
            if letter == "!":
                raise ProviderFailure("cut", "it hung up")
            yield letter

    def embed(self, model: str, texts: Sequence[str]) -> list[list[float]]:
        self._next()
        return [[1.0] for _ in texts]

    def close(self) -> None: ...


def failing(code: Any, retry_after: float | None = None) -> ProviderFailure:
    return ProviderFailure(code, "as told", retry_after=retry_after)

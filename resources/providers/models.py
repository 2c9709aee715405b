"""The models that a deployment can ask, by name: those of its providers and those of this process."""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from typing_extensions import Unpack

from resources.providers.adapters import adapter_for
from resources.providers.completion import Completion, ModelRequest, Provider
from resources.providers.in_process import LocalAdapter
from resources.providers.router import Restrictions, Router, StreamedCompletion
from resources.providers.spec import ProviderSpec


class Models:
    """Thread-safe. Providers' keys are read from the environment once, when it is made; nothing is connected before it is used."""

    def __init__(
        self,
        specs: Sequence[ProviderSpec] = (),
        local: Sequence[Provider] = (),
        *,
        router: Router | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`router` instead of specs where its breakers or its patience are special. Raises InvalidInput for a provider that
        cannot be meant.
        """
        env = os.environ if environment is None else environment
        own = [LocalAdapter(local)] if local else []
        self.router = router or Router([*own, *(adapter_for(spec, env) for spec in specs)])

    @property
    def regions(self) -> dict[str, str | None]:
        """Every model that is declared by its full name -> where it is asked."""
        return self.regions_of(
            model for spec in self.router.specs for model in spec.capabilities.models if not _is_pattern(model)
        )

    def regions_of(self, models: Iterable[str]) -> dict[str, str | None]:
        """Where each of the models is asked, also of those that are declared by a pattern."""
        return {model: self.region_of(model) for model in models}

    def region_of(self, model: str) -> str | None:
        """Where a model is asked; None where nobody declared it, nobody serves it, or its providers lie in different regions."""
        found = {spec.data_region for spec in self._serving(model)}
        return found.pop() if len(found) == 1 else None

    def providers_of(self, model: str) -> tuple[str, ...]:
        """Who serves a model, in the order in which they are asked."""
        return tuple(spec.name for spec in sorted(self._serving(model), key=lambda s: (s.priority, s.name)))

    def any_reachable(self, models: Iterable[str]) -> bool:
        """Whether one of the models could be asked: in this process, or at a server that accepts connections. Nothing is sent."""
        return any(self._answers(spec) for model in models for spec in self._serving(model))

    def ask(self, request: ModelRequest, models: Sequence[str], **restrictions: Unpack[Restrictions]) -> Completion:
        """The answer of the first that gives one. Raises NoProviderLeft, a DependencyUnavailable with every attempt."""
        return self.router.complete(request, models, **restrictions)

    def route_stream_with_fallback(
        self, request: ModelRequest, models: Sequence[str], **restrictions: Unpack[Restrictions]
    ) -> StreamedCompletion:
        """The stream of the first whose first text arrives. Raises NoProviderLeft."""
        return self.router.route_stream_with_fallback(request, models, **restrictions)

    def close(self) -> None:
        """Ends the connections that are kept."""
        self.router.close()

    def _serving(self, model: str) -> list[ProviderSpec]:
        return [spec for spec in self.router.specs if spec.serves(model)]

    def _answers(self, spec: ProviderSpec) -> bool:
        if not self.router.breaker(spec.name).would_admit:
            return False
        return spec.address is None or _accepts(*spec.address, spec.limits.connect_seconds)


@dataclass(frozen=True, slots=True)
class RoutedModel:
    """A route in the shape of one Provider."""

    models: Models
    names: tuple[str, ...]

    @property
    def model(self) -> str:
        """The first of the route."""
        return self.names[0]

    def complete(self, prompt: str | ModelRequest) -> Completion:
        """The answer of the first that gives one. Raises NoProviderLeft."""
        return self.models.ask(ModelRequest(prompt) if isinstance(prompt, str) else prompt, self.names)


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _accepts(host: str, port: int, seconds: float) -> bool:
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError:
        return False
    return True

"""Which providers may answer, and in what order. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from resources.providers.completion import ModelRequest
from resources.providers.spec import ProviderSpec

Order = Literal["priority", "cost"]
TENANCY = "tenancy"
ANYWHERE = "*"
#: What an answer is taken to cost where the request does not bound it.
_USUAL_ANSWER_TOKENS = 1_000


@dataclass(frozen=True, slots=True)
class Link:
    """One model at one provider."""

    spec: ProviderSpec
    model: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """A provider that serves the model and may not be asked, or cannot answer this request."""

    provider: str
    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Whom to ask, in order, and who was left out."""

    links: tuple[Link, ...]
    dropped: tuple[Dropped, ...] = ()


def eligible_chain(
    specs: Sequence[ProviderSpec],
    request: ModelRequest,
    models: Sequence[str],
    *,
    allowed_regions: Collection[str] | None = None,
    provider_constraints: Collection[str] | None = None,
    order: Order = "priority",
) -> Chain:
    """The providers of the models, in the models' order; those of one model by priority, or the cheapest first.

    `allowed_regions` and `provider_constraints` are those of the egress profile and of the policy, None where they do not
    restrict. A provider passes a constraint by its own name, whoever made the model.
    """
    links: list[Link] = []
    dropped: list[Dropped] = []
    for model in models:
        serving = [spec for spec in specs if spec.serves(model)]
        for spec in _ordered(serving, request, order):
            reason = _unfit(spec, request, allowed_regions, provider_constraints)
            if reason:
                dropped.append(Dropped(spec.name, model, reason))
            else:
                links.append(Link(spec, model))
        if not serving:
            dropped.append(Dropped("none", model, "no provider serves it"))
    return Chain(tuple(links), tuple(dropped))


def cheapest_for_tokens(specs: Iterable[ProviderSpec], prompt_tokens: int, answer_tokens: int) -> ProviderSpec | None:
    """The provider whose price for so many tokens is the lowest, by priority where two are equal; None where none has one."""
    priced = [(spec.price(prompt_tokens, answer_tokens), spec.priority, spec.name, spec) for spec in specs]
    return min((entry for entry in priced if entry[0] is not None), key=lambda e: e[:3], default=(None, 0, "", None))[3]


def lies_in(region: str | None, areas: Collection[str]) -> bool:
    """Whether a data region is one of the areas, or a zone in one: `eu-central-1` lies in `eu`. The tenancy always does."""
    place = region.lower() if region else None
    if place == TENANCY or ANYWHERE in areas:
        return True
    return place is not None and any(place == area or place.startswith(f"{area}-") for area in areas)


def _ordered(specs: Sequence[ProviderSpec], request: ModelRequest, order: Order) -> list[ProviderSpec]:
    by_priority = sorted(specs, key=lambda spec: (spec.priority, spec.name))
    if order == "priority":
        return by_priority
    tokens = request.estimated_tokens, request.max_tokens or _USUAL_ANSWER_TOKENS
    prices = {spec.name: spec.price(*tokens) for spec in specs}
    return sorted(by_priority, key=lambda spec: (prices[spec.name] is None, prices[spec.name] or 0.0))


def _unfit(
    spec: ProviderSpec,
    request: ModelRequest,
    allowed_regions: Collection[str] | None,
    provider_constraints: Collection[str] | None,
) -> str | None:
    can = spec.capabilities
    if request.operation not in can.operations:
        return f"it has no {request.operation}"
    needed = request.estimated_tokens + (request.max_tokens or 0)
    if can.max_context is not None and needed > can.max_context:
        return f"about {needed} tokens do not fit its context of {can.max_context}"
    if allowed_regions is not None and not lies_in(spec.data_region, allowed_regions):
        return f"data may not go to {spec.data_region or 'an undeclared region'}"
    if provider_constraints is not None and spec.name not in provider_constraints:
        return "it is not among the providers that the policy permits"
    return None

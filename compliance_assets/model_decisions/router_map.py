"""Which models a workload is asked of: configuration, not code. A map has a digest, and a named person approves that. Pure.

A firm overrides the shipped map with a file of its own, for all its organisations or for one, route by route.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from compliance_assets.contracts.base import Contract
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.workloads import Workload, workload_named, workload_names

CODE_VERSION = "1"
#: Everything inside the tenancy: no key, no account.
SHIPPED = Path(__file__).parent / "router_map.json"
#: Contracted providers with their fallbacks.
CONTRACTED = Path(__file__).parent / "router_map.contracted.json"
#: Who stands for the map that came with the product. It counts for no other map.
SHIPPED_DEFAULT = "shipped-default"
#: Of the map that came with the product. Written out, so that an edit of the file does not approve itself.
SHIPPED_DIGEST = "69aef56e12af920778b3bb08b824c5af5b4a6c1ef41085ce9316aa5242ed6932"

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+/[A-Za-z0-9._:-]+$")]


class Flags(Contract):
    """What a route asks of the answer beyond its workload; an answer without it is sent back, then a person gets it.

    `require_citations`: an answer that decides quotes something. `require_template_adherence`: it has the fields of the
    workload's template, in order. `enable_chunk_provenance`: every segment names passages of the prompt and quotes them, every
    field and anomaly has its quote; answer.py and citations.py hold every answer to that, a route that asks for it states it.
    """

    require_citations: bool = False
    require_template_adherence: bool = False
    enable_chunk_provenance: bool = False


class Route(Contract):
    """The models of a workload, `maker/model`, in the order in which they are tried. `max_context` (of what is sent, as
    `prompt.tokens_at_most` counts) and `max_tokens` (of the answer) are in tokens, null for the model's own limit.
    """

    primary: ModelName
    fallbacks: tuple[ModelName, ...] = ()
    max_context: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float = Field(ge=0, le=2)
    flags: Flags = Flags()

    @property
    def models(self) -> tuple[str, ...]:
        """In the order in which they are tried."""
        return (self.primary, *self.fallbacks)

    @property
    def call(self) -> CallParameters:
        """How its models are asked, before a policy changes anything."""
        return CallParameters(
            self.models, self.max_tokens, self.temperature, max_context=self.max_context, **dict(self.flags)
        )


class RouterMap(Contract):
    """workload -> route."""

    schema_version: Literal["1"] = "1"
    routes: Mapping[str, Route]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, every default written out."""
        return digest_of(self.model_dump(mode="json"))

    def route(self, workload: str) -> Route:
        """Raises InvalidInput for a workload without one."""
        if workload not in self.routes:
            raise InvalidInput(
                "the router map has no route",
                expected=f"a route for {workload}",
                found=", ".join(sorted(self.routes)) or "none",
                remedy="Add the route to the map that COMPLIANCE_ROUTER_MAP names, and have it approved.",
            )
        return self.routes[workload]


class _Routes(Contract):
    routes: Mapping[str, Route] = {}


class _Overrides(_Routes):
    """A file of routes; `organizations` has those of one organisation by its id."""

    schema_version: Literal["1"]
    organizations: Mapping[str, _Routes] = {}


def router_map_of(organization_id: str, overrides: Path | None = None) -> RouterMap:
    """The map that serves an organisation: its own routes, then the firm's, then the shipped ones.

    Raises InvalidInput for a file that is none, naming file and field, and for a route that asks for a template where there is
    none.
    """
    shipped = _read(SHIPPED).routes
    if overrides is None:
        return RouterMap(routes=dict(shipped))
    firm = _read(overrides)
    own = firm.organizations.get(organization_id, _Routes()).routes
    merged = RouterMap(routes={**shipped, **firm.routes, **own})
    if without := untemplated(merged, map(workload_named, workload_names())):
        raise _unusable(
            overrides.name, f"routes.{without[0]}.flags.require_template_adherence", "its workload has no template"
        )
    return merged


def unrouted(router_map: RouterMap, workloads: Collection[str]) -> list[str]:
    """Workloads without a route, and routes without a workload."""
    return sorted(set(workloads) ^ set(router_map.routes))


def untemplated(router_map: RouterMap, workloads: Iterable[Workload]) -> list[str]:
    """Workloads whose route asks for a template that they do not have: no field is required of their answers."""
    asked = {name for name, route in router_map.routes.items() if route.flags.require_template_adherence}
    return sorted(w.name for w in workloads if w.name in asked and not w.output.required_fields)


# ── approval ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Approval:
    """That a person answers for a map."""

    digest: str
    approver: str
    approved_at: datetime


def approval_of(router_map: RouterMap, approvals: Iterable[Approval]) -> Approval | None:
    """The first approval that counts for a map: a named person's, or the product's for the map that came with it."""
    digest = router_map.digest
    return next(
        (
            approval
            for approval in sorted(approvals, key=lambda a: (a.approved_at, a.approver))
            if approval.digest == digest and (approval.approver != SHIPPED_DEFAULT or digest == SHIPPED_DIGEST)
        ),
        None,
    )


def require_approved(router_map: RouterMap, approvals: Iterable[Approval]) -> Approval:
    """The approval under which a map serves. Raises InvalidInput where nobody approved it."""
    approval = approval_of(router_map, approvals)
    if approval is None:
        raise InvalidInput(
            "the router map is not approved",
            expected=f"a named person's approval of {router_map.digest}",
            found="none that counts for this map",
            remedy="Review the routes and approve them: compliance router approve --approver NAME",
        )
    return approval


def _read(path: Path) -> _Overrides:
    try:
        return _Overrides.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise _unusable(path.name, None, problem.strerror or "it cannot be read") from None
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise _unusable(path.name, ".".join(map(str, first["loc"])) or "the file", first["msg"]) from None


def _unusable(file: str, field: str | None, why: str) -> InvalidInput:
    return InvalidInput(
        "the router map is not usable",
        expected='{"schema_version": "1", "routes": {workload: {primary, fallbacks, max_context, temperature, flags}}}',
        found=": ".join(part for part in (file, field, why) if part),
        remedy="Correct the file that COMPLIANCE_ROUTER_MAP names.",
    )

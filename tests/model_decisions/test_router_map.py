import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.router_checks import every_workload_routed
from compliance_assets.model_decisions.router_map import (
    CONTRACTED,
    SHIPPED_DEFAULT,
    SHIPPED_DIGEST,
    Approval,
    Flags,
    Route,
    RouterMap,
    require_approved,
    router_map_of,
    unrouted,
)
from compliance_assets.model_decisions.workloads import workload_names

ORGANIZATION, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
MINE: dict[str, Any] = {"primary": "azure/gpt-5", "temperature": 0.3}


def overrides(folder: Path, **content: Any) -> Path:
    path = folder / "firm.json"
    path.write_text(json.dumps({"schema_version": "1", **content}))
    return path


def test_the_shipped_map_asks_nobody_outside() -> None:
    shipped = router_map_of(ORGANIZATION)
    assert unrouted(shipped, workload_names()) == []
    assert {model.partition("/")[0] for route in shipped.routes.values() for model in route.models} == {"local"}
    assert shipped.digest == SHIPPED_DIGEST, "a changed map needs another digest here, and so a person who looked at it"


def test_the_contracted_map_is_that_of_the_contract() -> None:
    contracted = router_map_of(ORGANIZATION, CONTRACTED)
    assert unrouted(contracted, workload_names()) == []
    assert contracted.route("ddq.draft_response") == Route(
        primary="anthropic/claude-opus-4-7",
        fallbacks=("openai/gpt-5",),
        max_context=200_000,
        temperature=0.2,
        flags=Flags(require_citations=True),
    )
    assert contracted.route("soa.draft") == Route(
        primary="backpro/soa-tuned-v3",
        fallbacks=("anthropic/claude-opus-4-7",),
        max_context=80_000,
        temperature=0.15,
        flags=Flags(require_template_adherence=True),
    )
    assert contracted.route("audit.evidence_extract") == Route(
        primary="backpro/extract-v2",
        fallbacks=("openai/gpt-5",),
        temperature=0.0,
        flags=Flags(enable_chunk_provenance=True),
    )


def test_a_firm_overrides_a_route_and_an_organisation_overrides_the_firm(tmp_path: Path) -> None:
    own = {"primary": "mistral/large", "temperature": 0.0, "fallbacks": ["local/extractive-v1"]}
    path = overrides(
        tmp_path,
        routes={"ddq.draft_response": MINE, "soa.draft": MINE},
        organizations={ORGANIZATION: {"routes": {"soa.draft": own}}},
    )
    ours, theirs = router_map_of(ORGANIZATION, path), router_map_of(OTHER, path)
    assert ours.route("ddq.draft_response") == theirs.route("ddq.draft_response") == Route(**MINE)
    assert ours.route("soa.draft").models == ("mistral/large", "local/extractive-v1")
    assert theirs.route("soa.draft").models == ("azure/gpt-5",)
    assert ours.route("irpf.triage") == router_map_of(ORGANIZATION).route("irpf.triage")
    assert len({ours.digest, theirs.digest, SHIPPED_DIGEST}) == 3


def test_a_default_written_out_is_the_same_map(tmp_path: Path) -> None:
    full = {**MINE, "fallbacks": [], "max_context": None, "flags": {"require_citations": False}}
    first = router_map_of(ORGANIZATION, overrides(tmp_path, routes={"soa.draft": MINE})).digest
    assert router_map_of(ORGANIZATION, overrides(tmp_path, routes={"soa.draft": full})).digest == first


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ({"soa.draft": {**MINE, "primary": "gpt-5"}}, "routes.soa.draft.primary"),
        ({"soa.draft": {**MINE, "fallbacks": ["gpt 5"]}}, "routes.soa.draft.fallbacks.0"),
        ({"soa.draft": {"primary": "azure/gpt-5"}}, "routes.soa.draft.temperature"),
        ({"soa.draft": {**MINE, "temperature": 3}}, "routes.soa.draft.temperature"),
        ({"soa.draft": {**MINE, "max_context": 0}}, "routes.soa.draft.max_context"),
        ({"soa.draft": {**MINE, "flags": {"require_luck": True}}}, "routes.soa.draft.flags.require_luck"),
    ],
)
def test_a_map_that_is_not_usable_is_named_with_its_field(tmp_path: Path, routes: Any, found: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        router_map_of(ORGANIZATION, overrides(tmp_path, routes=routes))
    assert refused.value.found.startswith(f"firm.json: {found}: ")


def test_a_route_that_asks_for_a_template_where_there_is_none_is_refused(tmp_path: Path) -> None:
    asking = {**MINE, "flags": {"require_template_adherence": True}}
    assert router_map_of(ORGANIZATION, overrides(tmp_path, routes={"soa.draft": asking})).route("soa.draft").flags
    with pytest.raises(InvalidInput) as refused:
        router_map_of(ORGANIZATION, overrides(tmp_path, routes={"ddq.draft_response": asking}))
    field = "routes.ddq.draft_response.flags.require_template_adherence"
    assert refused.value.found == f"firm.json: {field}: its workload has no template"


def test_the_check_of_the_routes_names_a_template_that_is_not_there() -> None:
    shipped = router_map_of(ORGANIZATION)
    asking = Route(**MINE, flags=Flags(require_template_adherence=True))
    routes = RouterMap(routes={**shipped.routes, "ddq.draft_response": asking})

    assert every_workload_routed(shipped).passed
    found = every_workload_routed(routes)
    assert not found.passed
    assert found.metadata["without_the_template_they_ask_for"].value == "ddq.draft_response"


def test_a_route_says_how_its_models_are_asked() -> None:
    route = router_map_of(ORGANIZATION, CONTRACTED).route("audit.evidence_extract")
    call = CallParameters(("backpro/extract-v2", "openai/gpt-5"), enable_chunk_provenance=True)
    assert route.call == call
    soa = router_map_of(ORGANIZATION, CONTRACTED).route("soa.draft").call
    assert (soa.max_context, soa.temperature, soa.require_template_adherence) == (80_000, 0.15, True)


def test_a_map_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none.json: No such file"):
        router_map_of(ORGANIZATION, tmp_path / "none.json")


def test_a_workload_without_a_route_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the router map has no route"):
        router_map_of(ORGANIZATION).route("payroll.guess")


def test_a_map_that_nobody_approved_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the router map is not approved"):
        require_approved(router_map_of(ORGANIZATION), [])


def test_the_product_answers_for_the_map_that_came_with_it_and_for_no_other(tmp_path: Path) -> None:
    shipped, changed = router_map_of(ORGANIZATION), router_map_of(ORGANIZATION, CONTRACTED)
    approvals = [Approval(m.digest, SHIPPED_DEFAULT, NOW) for m in (shipped, changed)]
    assert require_approved(shipped, approvals).approver == SHIPPED_DEFAULT
    with pytest.raises(InvalidInput, match="not approved"):
        require_approved(changed, approvals)


def test_a_person_s_approval_holds_for_exactly_the_map_that_was_seen(tmp_path: Path) -> None:
    seen = router_map_of(ORGANIZATION, CONTRACTED)
    approval = Approval(seen.digest, "Head of Compliance", NOW)
    assert require_approved(seen, [approval]) == approval
    later = router_map_of(ORGANIZATION, overrides(tmp_path, routes={"soa.draft": MINE}))
    with pytest.raises(InvalidInput, match="not approved"):
        require_approved(later, [approval])

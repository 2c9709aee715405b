"""What fails at the model's servers, through the whole path: one fails and the other answers, both fail and the work waits."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.drain import Desk, drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.router_map import Route, RouterMap
from compliance_assets.model_decisions.router_store import approve
from resources.clock import system_clock
from resources.providers import Models, provider_specs
from tests.model_decisions.conftest import Office
from tests.model_servers import ModelServer, model_server

CUSTODY, RESERVE = "Where are the assets of Northwind held?", "What reserve does the fund keep?"
ROUTE = ("first/big", "second/big")
LIMITS = {
    "connect_seconds": 0.5, "first_byte_seconds": 0.5, "between_bytes_seconds": 0.5, "total_seconds": 2.0,
    "max_answer_bytes": 1_000_000,
}  # fmt: skip
#: How a server fails -> what the ledger calls it.
FAULTS = {
    "silent": "first_byte_timeout",
    "slow first byte": "first_byte_timeout",
    "cut": "cut",
    "HTTP 429": "rate_limited",
    "HTTP 503": "unavailable",
    "malformed": "malformed",
    "empty": "empty",
    "huge": "too_large",
    "refuses": "cut",
}


@pytest.fixture
def office(deployment: Deployment) -> Office:
    made = Office(deployment)
    made.corpus.add(2021, "The assets of Northwind are held by Harbour Bank.\nThe fund keeps a reserve of ten percent.")
    made.corpus.build(2021)
    return made


@pytest.fixture
def servers() -> Iterator[tuple[ModelServer, ModelServer]]:
    def say(prompt: str) -> str:
        return ExtractiveModel().complete(prompt).text

    with model_server(say) as first, model_server(say) as second:
        for server in (first, second):
            server.delay = 5.0
        yield first, second


@pytest.fixture
def desk(office: Office, servers: tuple[ModelServer, ModelServer], tmp_path: Path) -> Iterator[Desk]:
    """A route of two providers in the tenancy, approved by a person: one of each protocol."""
    file = tmp_path / "providers.json"
    rows = [
        {
            "name": name, "protocol": protocol, "base_url": server.base_url(protocol), "data_region": "tenancy",
            "api_key_variable": "KEY_OF_A_TEST", "limits": LIMITS,
        }
        for name, protocol, server in zip(("first", "second"), ("openai", "anthropic"), servers, strict=True)
    ]  # fmt: skip
    file.write_text(json.dumps({"schema_version": "1", "providers": rows}))
    models = Models(provider_specs(file), environment={"KEY_OF_A_TEST": "none"})
    route = Route(primary=ROUTE[0], fallbacks=ROUTE[1:], temperature=0.0)
    plain = office.deployment.desk
    routes = RouterMap(routes={**plain.router_map.routes, "ddq.draft_response": route})
    with office.deployment.postgres.connect() as conn:
        approve(conn, office.deployment.keyring, routes, "Rita Revisora", system_clock)
    yield dataclasses.replace(plain, models=models, router_map=routes)
    models.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_when_one_provider_fails_the_other_answers_and_the_ledger_has_the_way(
    office: Office, desk: Desk, servers: tuple[ModelServer, ModelServer], fault: str
) -> None:
    servers[0].behaviour = fault
    office.ask(CUSTODY)
    report = drain_year(desk, 2021)
    failed, answered = office.bodies()[-1]["provider_route"]  # type: ignore[misc]

    assert report.decided == 1
    assert office.work()[CUSTODY] == ("done", None)
    assert (failed["provider"], failed["outcome"]) == ("first", FAULTS[fault])
    assert (answered["provider"], answered["fallback_from"]) == ("second", "first")
    assert office.recorded() == [CUSTODY]


def test_when_both_fail_the_work_waits_with_the_reason_and_goes_on_in_order_when_one_is_back(
    office: Office, desk: Desk, servers: tuple[ModelServer, ModelServer]
) -> None:
    for server in servers:
        server.behaviour = "HTTP 503"
    questions = [f"{CUSTODY} ({number})" for number in range(6)]
    office.ask(*questions)
    report = drain_year(desk, 2021)

    assert (report.decided, office.recorded()) == (0, [])
    assert {state for state, _ in office.work().values()} == {"queued"}
    assert all("unavailable" in str(reason) for _, reason in office.work().values())
    assert office.waits()[-1]["waiting"] == 6

    servers[1].behaviour = "good"
    back = dataclasses.replace(desk, models=Models(desk.models.router.specs, environment={"KEY_OF_A_TEST": "none"}))
    assert drain_year(back, 2021).decided == 6
    assert office.recorded() == questions
    back.models.close()


def test_a_provider_outside_the_egress_profile_is_denied_before_a_byte_leaves(
    office: Office, desk: Desk, servers: tuple[ModelServer, ModelServer]
) -> None:
    rows = [spec.model_copy(update={"data_region": "us"}) for spec in desk.models.router.specs]
    abroad = Models(rows, environment={"KEY_OF_A_TEST": "none"})
    office.ask(CUSTODY)
    drain_year(dataclasses.replace(desk, models=abroad), 2021)
    abroad.close()

    assert [server.requests for server in servers] == [[], []]
    assert office.bodies()[-1]["outcome"] == "denied"

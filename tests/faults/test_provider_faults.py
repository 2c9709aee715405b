"""What fails at the model's servers, through the whole path: one fails and the other answers, both fail and the work waits."""

import dataclasses
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.router_map import Route, RouterMap
from compliance_assets.model_decisions.router_store import approve
from resources.clock import system_clock
from resources.providers import Models, provider_specs
from tests.model_decisions.conftest import Office
from tests.model_servers import ModelServer, model_server

CUSTODY, RESERVE = "Where are the assets of Northwind held?", "What reserve does the fund keep?"
ROUTE = ("first/big", "second/big")
PROTOCOLS = ("openai", "anthropic")
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
def desk_asking(office: Office, tmp_path: Path) -> Iterator[Callable[[str, str], Desk]]:
    """A route of two providers in the tenancy, approved by a person: one of each protocol, at the addresses that are given."""
    opened: list[Models] = []

    def make(first: str, second: str) -> Desk:
        file = tmp_path / "providers.json"
        rows = [
            {
                "name": name, "protocol": protocol, "base_url": address, "data_region": "tenancy",
                "api_key_variable": "KEY_OF_A_TEST", "limits": LIMITS,
            }
            for name, protocol, address in (("first", PROTOCOLS[0], first), ("second", PROTOCOLS[1], second))
        ]  # fmt: skip
        file.write_text(json.dumps({"schema_version": "1", "providers": rows}))
        opened.append(Models(provider_specs(file), environment={"KEY_OF_A_TEST": "none"}))
        route = Route(primary=ROUTE[0], fallbacks=ROUTE[1:], temperature=0.0)
        plain = office.deployment.desk
        routes = RouterMap(routes={**plain.router_map.routes, "ddq.draft_response": route})
        with office.deployment.postgres.connect() as conn:
            approve(conn, office.deployment.keyring, routes, "Rita Revisora", system_clock)
        office.promote(plain.bundle.with_router_map(routes))
        return dataclasses.replace(plain, models=opened[-1])

    yield make
    for models in opened:
        models.close()


@pytest.fixture
def desk(desk_asking: Callable[[str, str], Desk], servers: tuple[ModelServer, ModelServer]) -> Desk:
    first, second = (server.base_url(protocol) for server, protocol in zip(servers, PROTOCOLS, strict=True))
    return desk_asking(first, second)


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


# ── nobody there ─────────────────────────────────────────────────────────────────────────────────────────────────────

#: Why nobody is reached -> what the ledger calls it.
NOBODY = {"closed port": "unreachable", "unknown name": "unreachable", "silent resolver": "connect_timeout"}


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """An address at which nobody is reached. What the system's resolver says of names is ours: a test asks no name server."""
    asked = socket.getaddrinfo

    def resolve(host: object, *rest: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name == "silent.invalid":
            time.sleep(2 * LIMITS["connect_seconds"])
        if name in ("unknown.invalid", "silent.invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return asked(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    addresses = {
        "closed port": closed,
        "unknown name": "http://unknown.invalid",
        "silent resolver": "http://silent.invalid",
    }
    return addresses.__getitem__


@pytest.mark.parametrize("why", NOBODY)
def test_where_nobody_is_reached_the_next_answers_in_time(
    office: Office,
    desk_asking: Callable[[str, str], Desk],
    servers: tuple[ModelServer, ModelServer],
    nowhere: Callable[[str], str],
    why: str,
) -> None:
    office.ask(CUSTODY)
    report = drain_year(desk_asking(nowhere(why), servers[1].base_url(PROTOCOLS[1])), 2021)
    failed, answered = office.bodies()[-1]["provider_route"]  # type: ignore[misc]

    assert (report.decided, office.recorded()) == (1, [CUSTODY])
    assert (failed["provider"], failed["outcome"]) == ("first", NOBODY[why])
    assert failed["latency_seconds"] < 1.5 * LIMITS["connect_seconds"]
    assert (answered["provider"], answered["fallback_from"]) == ("second", "first")


@pytest.mark.parametrize("why", NOBODY)
def test_where_none_is_reached_the_work_waits_with_the_reason_and_is_done_when_one_is(
    office: Office,
    desk_asking: Callable[[str, str], Desk],
    servers: tuple[ModelServer, ModelServer],
    nowhere: Callable[[str], str],
    why: str,
) -> None:
    questions = [f"{CUSTODY} ({number})" for number in range(3)]
    office.ask(*questions)
    report = drain_year(desk_asking(nowhere(why), nowhere("closed port")), 2021)

    assert (report.decided, office.recorded()) == (0, [])
    assert all(state == "queued" and NOBODY[why] in str(reason) for state, reason in office.work().values())

    assert drain_year(desk_asking(nowhere(why), servers[1].base_url(PROTOCOLS[1])), 2021).decided == 3
    assert office.recorded() == questions


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

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.migrations.runner import migrate
from compliance_assets.model_decisions import router_assets, router_checks
from compliance_assets.model_decisions.router_map import (
    CONTRACTED,
    SHIPPED_DEFAULT,
    RouterMap,
    require_approved,
    router_map_of,
)
from compliance_assets.model_decisions.router_store import approvals, approve, approve_shipped
from resources.keyring import Keyring
from resources.postgres import Postgres
from resources.settings import Settings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OFFICER = "Head of Compliance"


def clock() -> datetime:
    return NOW


@pytest.fixture
def postgres(settings: Settings) -> Postgres:
    made = Postgres(settings, prepare=lambda connect: migrate(connect, settings.years))
    made.start()
    return made


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    made = Keyring(settings.data_dir / "keys" / "master.key")
    made.create_if_missing()
    return made


@pytest.fixture
def shipped(settings: Settings) -> RouterMap:
    return router_map_of(settings.organization_id)


@pytest.fixture
def contracted(settings: Settings) -> RouterMap:
    return router_map_of(settings.organization_id, CONTRACTED)


def test_an_approval_is_a_row_and_an_entry_that_holds_the_whole_map(
    postgres: Postgres, keyring: Keyring, contracted: RouterMap
) -> None:
    with postgres.connect() as conn:
        given = approve(conn, keyring, contracted, OFFICER, clock)
    with postgres.connect() as conn:
        assert approvals(conn) == [given]
        assert require_approved(contracted, approvals(conn)) == given
        (entry,) = ledger.entries_of_kind(conn, "router_map_approval")
        assert verify_ledger(conn, keyring, postgres.organization_id).verified
    assert (entry.year, entry.actor, entry.subject_id) == (0, OFFICER, f"router_map:{contracted.digest}")
    body = json.loads(entry.body)
    assert (body["digest"], body["approver"]) == (contracted.digest, OFFICER)
    assert RouterMap.model_validate(body["router_map"]).digest == contracted.digest


def test_approving_again_writes_nothing(postgres: Postgres, keyring: Keyring, contracted: RouterMap) -> None:
    with postgres.connect() as conn:
        first = approve(conn, keyring, contracted, OFFICER, clock)
        again = approve(conn, keyring, contracted, f" {OFFICER} ", lambda: NOW + timedelta(days=1))
        other = approve(conn, keyring, contracted, "Second Officer", lambda: NOW + timedelta(days=1))
        assert again == first
        assert approvals(conn) == [first, other]
        assert len(ledger.entries_of_kind(conn, "router_map_approval")) == 2


def test_what_is_rolled_back_was_never_approved(postgres: Postgres, keyring: Keyring, contracted: RouterMap) -> None:
    with postgres.connect() as conn:
        approve(conn, keyring, contracted, OFFICER, clock)
        conn.rollback()
    with postgres.connect() as conn:
        assert (approvals(conn), ledger.entries_of_kind(conn, "router_map_approval")) == ([], [])


def test_the_product_answers_for_the_shipped_map_on_the_record_and_for_no_other(
    postgres: Postgres, keyring: Keyring, shipped: RouterMap, contracted: RouterMap
) -> None:
    with postgres.connect() as conn:
        assert approve_shipped(conn, keyring, contracted, clock) is None
        given = approve_shipped(conn, keyring, shipped, clock)
        assert approve_shipped(conn, keyring, shipped, clock) == given
        assert [a.approver for a in approvals(conn)] == [SHIPPED_DEFAULT]
        with pytest.raises(InvalidInput, match="stands for the map that came with the product alone"):
            approve(conn, keyring, contracted, SHIPPED_DEFAULT, clock)
        with pytest.raises(InvalidInput, match="not approved"):
            require_approved(contracted, approvals(conn))


@pytest.mark.parametrize("approver", ["", "  ", "CPF 123.456.789-09"])
def test_an_approver_has_a_name_that_may_stand_in_the_clear(
    postgres: Postgres, keyring: Keyring, contracted: RouterMap, approver: str
) -> None:
    with postgres.connect() as conn, pytest.raises(InvalidInput, match="the approver is not usable"):
        approve(conn, keyring, contracted, approver, clock)


def materialised(postgres: Postgres, routes: RouterMap) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [router_assets.router_map, router_checks.router_map_approved, router_checks.every_workload_routed],
        resources={"postgres": postgres, "routes": routes},
        raise_on_error=False,
    )


def passed(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def test_the_asset_shows_the_routes_and_who_answers_for_them(
    postgres: Postgres, keyring: Keyring, contracted: RouterMap
) -> None:
    before = materialised(postgres, contracted)
    assert passed(before) == {"router_map_approved": False, "every_workload_routed": True}
    with postgres.connect() as conn:
        approve(conn, keyring, contracted, OFFICER, clock)
    after = materialised(postgres, contracted)
    assert passed(after) == {"router_map_approved": True, "every_workload_routed": True}
    (shown,) = after.asset_materializations_for_node("router_map")
    assert shown.metadata["approver"].value == OFFICER
    assert shown.metadata["digest"].value == contracted.digest
    assert shown.metadata["dagster/row_count"].value == 4


def test_a_route_for_no_workload_is_found(postgres: Postgres, shipped: RouterMap) -> None:
    astray = RouterMap(routes={**shipped.routes, "payroll.guess": shipped.route("soa.draft")})
    assert passed(materialised(postgres, astray))["every_workload_routed"] is False

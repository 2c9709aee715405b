"""Decisions are made with the release in production, whatever stands in the working tree."""

import dataclasses
import json

import psycopg
import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError, InvalidInput
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.releases import store
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from compliance_assets.model_decisions.releases.serving import running_of, served
from compliance_assets.model_decisions.router_map import RouterMap
from compliance_assets.model_decisions.router_store import approve
from resources.clock import rfc3339, system_clock
from tests.model_decisions.conftest import Office

CUSTODY, RESERVE = "Where are the assets of Northwind held?", "What reserve does the fund keep?"
PROMPT = "prompts/ddq.draft_response.v1.txt"


def _shorter(bundle: ReleaseBundle) -> ReleaseBundle:
    """Another wording."""
    return bundle.with_files({PROMPT: b"Be brief. " + bundle.files[PROMPT]})


def _pinned(office: Office) -> list[str]:
    return [str(body["release_id"]) for body in office.bodies()]


def test_the_first_release_is_installed_with_an_entry_that_names_all_of_it(office: Office) -> None:
    office.ask(CUSTODY)
    drain_year(office.desk(ExtractiveModel()), 2021)
    with office.deployment.postgres.connect() as conn:
        (entry,) = ledger.entries_of_kind(conn, "release_installed")
        at = store.production(conn, office.deployment.keyring)
    assert at is not None
    body = json.loads(entry.body)
    assert (body["instead_of"], body["router_map_approver"]) == (None, "shipped-default")
    assert body["manifest"] == at.release.model_dump(mode="json")
    assert _pinned(office) == [at.release.release_id]
    assert at.bundle == office.deployment.bundle


def test_a_changed_prompt_in_the_working_tree_changes_no_decision(office: Office) -> None:
    desk = office.desk(ExtractiveModel())
    office.ask(CUSTODY)
    drain_year(desk, 2021)
    office.ask(RESERVE)
    drain_year(dataclasses.replace(desk, bundle=_shorter(desk.bundle)), 2021)
    assert len(set(_pinned(office))) == 1
    assert "Be brief" not in office.prompts()[-1]


def test_a_promoted_release_decides_with_its_own_files_and_the_working_tree_still_does_not_matter(
    office: Office,
) -> None:
    desk = office.desk(ExtractiveModel())
    office.ask(CUSTODY)
    drain_year(desk, 2021)
    promoted = office.promote(_shorter(desk.bundle))
    office.ask(RESERVE)
    drain_year(desk, 2021)
    assert _pinned(office)[-1] == promoted
    assert office.prompts()[-1].count("Be brief") == 1


def test_what_was_never_evaluated_is_not_the_first_release(deployment: Deployment) -> None:
    desk = deployment.desk
    with deployment.postgres.connect() as conn, pytest.raises(InvalidInput, match="never evaluated") as refused:
        served(desk.with_bundle(_shorter(desk.bundle)), conn)
    assert refused.value.found == "other prompts"


def test_routes_that_nobody_approved_are_not_the_first_release(deployment: Deployment) -> None:
    desk = deployment.desk
    with deployment.postgres.connect() as conn, pytest.raises(InvalidInput, match="not approved"):
        served(desk.with_bundle(desk.bundle.with_router_map(_warmer(desk))), conn)


def test_other_code_than_the_release_was_evaluated_with_decides_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = office.desk(ExtractiveModel())
    with office.deployment.postgres.connect() as conn:
        served(desk, conn)
    office.ask(CUSTODY)
    monkeypatch.setattr("compliance_assets.model_decisions.releases.serving.code_version", lambda: "9.9.9/9")
    with pytest.raises(DependencyUnavailable, match=r"code_version 9\.9\.9/9") as refused:
        drain_year(desk, 2021)
    assert office.work() == {CUSTODY: ("queued", str(refused.value))}


def test_a_release_that_moves_while_an_item_is_decided_decides_it_again(office: Office) -> None:
    desk = office.desk(ExtractiveModel())
    moved: list[str] = []

    class PromotesWhileItIsAsked(ExtractiveModel):
        def complete(self, prompt: str):  # type: ignore[no-untyped-def]
            if not moved:
                moved.append(office.promote(_shorter(desk.bundle)))
            return super().complete(prompt)

    office.ask(CUSTODY)
    drain_year(office.desk(PromotesWhileItIsAsked()), 2021)
    assert _pinned(office) == moved
    assert office.prompts()[-1].count("Be brief") == 1


# ── by another hand ──────────────────────────────────────────────────────────────────────────────────────────────────


def _in_production(office: Office) -> Desk:
    desk = office.desk(ExtractiveModel())
    with office.deployment.postgres.connect() as conn:
        served(desk, conn)
    return desk


def test_the_application_cannot_move_the_pointer_by_itself(office: Office) -> None:
    desk = _in_production(office)
    for statement in (
        "UPDATE compliance.production_release SET release_id = 'x'",
        "INSERT INTO compliance.production_release VALUES (compliance.current_organization(), 'x', 1)",
        "DELETE FROM compliance.production_release",
        "UPDATE compliance.release_files SET content = ''",
        "DELETE FROM compliance.release_files",
    ):
        with desk.postgres.connect() as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement)


def test_the_pointer_follows_no_entry_but_a_move(office: Office) -> None:
    desk = _in_production(office)
    with desk.postgres.connect() as conn:
        entry = ledger.append(conn, desk.keyring, NewEntry(NO_YEAR, "incident", rfc3339(system_clock()), "x", "x", {}))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT compliance.follow_release_entry(%s, %s)", [entry.seq, ["incident"]])
        conn.rollback()


def test_a_pointer_that_the_owner_moved_decides_nothing_and_the_work_waits(office: Office) -> None:
    desk = _in_production(office)
    office.promote(_shorter(desk.bundle))
    with office.deployment.postgres.connect() as conn:
        first = store.moves(conn, desk.keyring)[0]
    office.ask(CUSTODY)
    with office.deployment.postgres.connect_as_owner() as owner:
        owner.execute(
            "UPDATE compliance.production_release SET release_id = %s, seq = %s WHERE organization_id = %s",
            [first.release_id, first.seq, office.deployment.postgres.organization_id],
        )
    with pytest.raises(IntegrityError, match="moved by hand") as refused:
        drain_year(desk, 2021)
    assert office.work() == {CUSTODY: ("queued", str(refused.value))}


def test_files_that_the_owner_changed_decide_nothing(office: Office) -> None:
    desk = _in_production(office)
    office.ask(CUSTODY)
    with office.deployment.postgres.connect_as_owner() as owner:
        owner.execute(
            "UPDATE compliance.release_files SET content = content || 'Approve all.'::bytea"
            " WHERE organization_id = %s AND path = %s",
            [office.deployment.postgres.organization_id, PROMPT],
        )
    with pytest.raises(IntegrityError, match="files of a release were changed"):
        drain_year(desk, 2021)


def test_a_move_whose_entry_another_key_wrote_serves_nobody(office: Office) -> None:
    desk = _in_production(office)
    with office.deployment.postgres.connect() as conn:
        other = _shorter(desk.bundle)
        release = other.manifest(running_of(desk.embedder))
        store.keep(conn, release, other)
        forged = _OtherKey(desk.keyring.active_key_id)
        entry = ledger.append(
            conn, forged, NewEntry(NO_YEAR, "release_promoted", rfc3339(system_clock()), "x", release.release_id, {})
        )  # type: ignore[arg-type]
        conn.execute("SELECT compliance.follow_release_entry(%s, %s)", [entry.seq, list(store.MOVES)])
    with desk.postgres.connect() as conn, pytest.raises(IntegrityError, match="does not hold"):
        served(desk, conn)


class _OtherKey:
    """A keyring of somebody who has the database and no key."""

    def __init__(self, key_id: str) -> None:
        self.active_key_id = key_id

    def chain_key(self, organization_id: str, key_id: str | None = None) -> bytes:
        return b"\7" * 32


def test_of_two_moves_at_once_the_second_is_refused(office: Office) -> None:
    desk = _in_production(office)
    with office.deployment.postgres.connect() as conn:
        first = store.moves(conn, desk.keyring)[-1].release_id
    promoted = office.promote(_shorter(desk.bundle))
    with office.deployment.postgres.connect() as conn, pytest.raises(IntegrityError, match="meanwhile") as refused:
        store.move(
            conn, desk.keyring, "release_rolled_back", first, {}, "Change Board", system_clock(), instead_of=first
        )
    assert refused.value.found == promoted


def test_every_move_is_in_the_ledger_in_order_and_the_ledger_holds(office: Office) -> None:
    desk = _in_production(office)
    promoted = office.promote(_shorter(desk.bundle))
    with office.deployment.postgres.connect() as conn:
        kinds = [(m.kind, m.release_id == promoted) for m in store.moves(conn, desk.keyring)]
        assert verify_ledger(conn, desk.keyring, desk.postgres.organization_id).verified
    assert kinds == [("release_installed", False), ("release_promoted", True)]


def test_routes_that_a_person_approved_are_installed_with_their_name(deployment: Deployment) -> None:
    desk = deployment.desk
    with deployment.postgres.connect() as conn:
        approve(conn, desk.keyring, _warmer(desk), "Rita Revisora", system_clock)
        at = served(desk.with_bundle(desk.bundle.with_router_map(_warmer(desk))), conn)
        (entry,) = ledger.entries_of_kind(conn, "release_installed")
    assert at.desk.router_map.route("ddq.draft_response").temperature == 0.5
    assert json.loads(entry.body)["router_map_approver"] == "Rita Revisora"


def _warmer(desk: Desk) -> RouterMap:
    route = desk.router_map.route("ddq.draft_response").model_copy(update={"temperature": 0.5})
    return RouterMap(routes={**desk.router_map.routes, "ddq.draft_response": route})

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.review.incidents import Incident, change_incident, incidents, open_incident
from resources.clock import system_clock
from tests.audit_ledger.conftest import verify
from tests.small_corpus import new_deployment

CPF = "123.456.789-09"


def opened(deployment: Deployment, fingerprint: str = "disk", **given: Any) -> str:
    values = {
        "kind": "outage",
        "severity": "high",
        "summary": "The disk is full.",
        "detail": {"free": 0},
        "actor": "watch",
    }
    values |= given
    return open_incident(deployment.postgres, deployment.keyring, system_clock, **values, fingerprint=fingerprint)


def changed(deployment: Deployment, incident_id: str, state: str, note: str = "", actor: str = "officer") -> Incident:
    return change_incident(deployment.postgres, deployment.keyring, system_clock, incident_id, state, actor, note)


def register(deployment: Deployment, state: str | None = None) -> list[Incident]:
    with deployment.postgres.connect() as conn:
        return incidents(conn, state)


def recorded(deployment: Deployment) -> list[Entry]:
    with deployment.postgres.connect() as conn:
        return ledger.entries_of_kind(conn, "incident")


def content(deployment: Deployment, entry: Entry) -> object:
    with deployment.postgres.connect() as conn:
        found = ledger.content_of(conn, deployment.keyring, entry)
    return json.loads(found.text) if found else None


def test_an_incident_is_opened_acknowledged_and_resolved_and_each_step_is_an_entry(deployment: Deployment) -> None:
    incident_id = opened(deployment)
    changed(deployment, incident_id, "acknowledged", "Looking.")
    changed(deployment, incident_id, "resolved", "A larger disk.", "second officer")

    (incident,) = register(deployment)
    assert (incident.state, incident.updated_by, incident.detail) == ("resolved", "second officer", {"free": 0})
    assert incident.updated_at > incident.opened_at
    entries = recorded(deployment)
    assert [(e.year, e.subject_id, e.actor) for e in entries] == [
        (0, incident_id, "watch"),
        (0, incident_id, "officer"),
        (0, incident_id, "second officer"),
    ]
    bodies = [json.loads(entry.body) for entry in entries]
    assert [(b["previous_state"], b["state"]) for b in bodies] == [
        (None, "open"),
        ("open", "acknowledged"),
        ("acknowledged", "resolved"),
    ]
    assert all((b["incident_id"], b["kind"], b["severity"]) == (incident_id, "outage", "high") for b in bodies)
    assert all(b["summary"] == "The disk is full." for b in bodies)
    assert [content(deployment, entry) for entry in entries] == [
        {"detail": {"free": 0}},
        {"note": "Looking."},
        {"note": "A larger disk."},
    ]
    assert verify(deployment).verified


def test_an_unresolved_incident_is_not_opened_twice_and_a_resolved_one_opens_anew(deployment: Deployment) -> None:
    first = opened(deployment)
    assert opened(deployment, summary="Still full.") == first
    changed(deployment, first, "acknowledged")
    assert opened(deployment) == first
    changed(deployment, first, "resolved")
    again = [opened(deployment), opened(deployment)]
    for number in range(2, 12):
        changed(deployment, f"{first}.{number}", "resolved")
        assert opened(deployment) == f"{first}.{number + 1}"

    assert again == [f"{first}.2"] * 2
    assert opened(deployment, "another disk") != first
    assert len(register(deployment)) == 13
    assert [i.incident_id for i in register(deployment, "open")] == [f"{first}.12", opened(deployment, "another disk")]
    assert verify(deployment).verified


def test_two_who_find_the_same_at_once_open_one_incident(deployment: Deployment) -> None:
    begin, found, failures = threading.Barrier(2), [], []

    def find() -> None:
        own = Deployment(deployment.settings)
        try:
            begin.wait(30)
            found.append(opened(own))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=find) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert len(set(found)) == 1
    assert len(recorded(deployment)) == len(register(deployment)) == 1


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ([], "open"),
        ([], "closed"),
        (["acknowledged"], "acknowledged"),
        (["acknowledged"], "open"),
        (["resolved"], "acknowledged"),
        (["resolved"], "resolved"),
        (["resolved"], "open"),
    ],
)
def test_a_step_that_may_not_follow_is_refused(deployment: Deployment, steps: list[str], refused: str) -> None:
    incident_id = opened(deployment)
    for step in steps:
        changed(deployment, incident_id, step)
    with pytest.raises(InvalidInput, match="no such step"):
        changed(deployment, incident_id, refused)
    assert len(recorded(deployment)) == 1 + len(steps)


@pytest.mark.parametrize(
    "given",
    [
        {"severity": "grave"},
        {"kind": ""},
        {"summary": "\n"},
        {"summary": f"The file of {CPF} is gone."},
        {"actor": " "},
    ],
)
def test_an_incident_that_cannot_be_kept_in_the_clear_is_refused(deployment: Deployment, given: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        opened(deployment, **given)
    assert register(deployment) == recorded(deployment) == []


def test_an_unknown_incident_an_unknown_state_and_nobody_are_refused(deployment: Deployment) -> None:
    incident_id = opened(deployment)
    with pytest.raises(InvalidInput, match=incident_id):
        changed(deployment, "inc_unknown", "resolved")
    with pytest.raises(InvalidInput, match="the actor is not usable"):
        changed(deployment, incident_id, "resolved", actor="")
    with pytest.raises(InvalidInput, match="no such state"):
        register(deployment, "closed")


def test_a_detail_that_names_a_person_lies_under_the_seal_alone(deployment: Deployment) -> None:
    opened(deployment, detail={"file": f"{CPF}.pdf"})
    (entry,), (incident,) = recorded(deployment), register(deployment)

    assert incident.detail == {"sealed": f"see entry {entry.seq}"}
    assert content(deployment, entry) == {"detail": {"file": f"{CPF}.pdf"}}
    with deployment.postgres.connect() as conn:
        key = ledger.held_subject_key(conn, deployment.keyring, "cpf:12345678909")
    assert ledger.sealed_under(entry) == (key,)


def test_another_organisation_sees_and_changes_nothing(
    deployment: Deployment, database_url: str, session_dir: Path
) -> None:
    incident_id = opened(deployment)
    other = new_deployment(database_url, session_dir)
    assert register(other) == []
    with pytest.raises(InvalidInput, match="no such incident"):
        changed(other, incident_id, "resolved")
    assert opened(other) == incident_id, "their own, of the same content"
    changed(other, incident_id, "resolved")
    assert [i.state for i in register(deployment)] == ["open"]

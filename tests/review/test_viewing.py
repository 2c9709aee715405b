"""Looking at a case leaves a trace: who, which decision, when."""

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.audit_ledger.verify import verify_ledger
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.review.cases import CaseFile, approve, viewed
from resources.clock import rfc3339
from tests.review.decided import NOW, QUOTE, add_decision, clock


def view(deployment: Deployment, response_id: str, reviewer: str | None = None) -> CaseFile:
    return viewed(deployment.postgres, deployment.keyring, clock, response_id, reviewer, "login-7")


def views(deployment: Deployment) -> list[Entry]:
    with deployment.postgres.connect() as conn:
        return [entry for entry in ledger.entries(conn) if entry.kind == "case_viewed"]


def test_who_looks_at_a_case_is_on_record_each_time(deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    shown = view(deployment, response_id)
    view(deployment, response_id, "officer")

    assert shown.envelope is not None
    assert shown.envelope["citations"][0]["quote"] == QUOTE
    first, second = views(deployment)
    assert (first.actor, second.actor) == ("login-7", "officer")
    assert (first.subject_id, first.occurred_at, first.year) == (response_id, rfc3339(NOW), 2021)
    body = ledger.body_of(second)
    assert (body["reviewer"], body["queue"], body["state"]) == ("officer", "review", "open")
    with deployment.postgres.connect() as conn:
        decision = ledger.entry_of(conn, response_id)
        assert verify_ledger(conn, deployment.keyring, deployment.postgres.organization_id).verified
    assert decision is not None
    assert (body["decision_seq"], body["decision_entry_hash"]) == (decision.seq, decision.entry_hash)


def test_a_quarantined_answer_is_shown_to_a_named_person_alone(deployment: Deployment) -> None:
    held = add_decision(deployment, outcome="quarantined", reason="ungrounded: 0.1 of it")
    with pytest.raises(InvalidInput, match="held in quarantine"):
        view(deployment, held)
    assert views(deployment) == []

    assert view(deployment, held, "officer").envelope is not None
    assert [entry.actor for entry in views(deployment)] == ["officer"]


def test_looking_changes_nothing_of_the_case(deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    view(deployment, response_id, "officer")
    case = approve(deployment.postgres, deployment.keyring, clock, response_id, "officer")
    assert (case.state, len(case.signatures)) == ("approved", 1)

    view(deployment, response_id, "auditor")
    assert [ledger.body_of(entry)["state"] for entry in views(deployment)] == ["open", "approved"]


@pytest.mark.parametrize("name", ["", " ", "529.982.247-25"])
def test_a_name_that_is_none_or_a_cpf_is_refused(deployment: Deployment, name: str) -> None:
    response_id = add_decision(deployment)
    with pytest.raises(InvalidInput, match="reviewer is not usable"):
        view(deployment, response_id, name)
    assert views(deployment) == []


def test_an_unknown_case_is_refused_and_leaves_nothing(deployment: Deployment) -> None:
    with pytest.raises(InvalidInput, match="no such case"):
        view(deployment, "rsp_01J0000000000000000000000A", "officer")
    assert views(deployment) == []

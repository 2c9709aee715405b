import threading
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.canonical import digest_of
from compliance_assets.contracts.errors import ComplianceError, IntegrityError, InvalidInput
from compliance_assets.contracts.response_envelope import ResponseEnvelope
from compliance_assets.deployment import Deployment
from compliance_assets.review import case_store
from compliance_assets.review import cases as review
from compliance_assets.review.cases import Case, case_file, cases, same_person, signed_envelope
from resources.clock import rfc3339
from tests.model_decisions.builders import RELEASE, passages
from tests.review.decided import MODEL, NO_ANSWER, NOW, QUOTE, add_decision, clock

CPF = "123.456.789-09"


def approve(deployment: Deployment, response_id: str, by: str = "officer", rationale: str = "") -> Case:
    return review.approve(deployment.postgres, deployment.keyring, clock, response_id, by, rationale)


def reject(deployment: Deployment, response_id: str, by: str = "officer", rationale: str = "Unreadable.") -> Case:
    return review.reject(deployment.postgres, deployment.keyring, clock, response_id, by, rationale)


def override(
    deployment: Deployment,
    response_id: str,
    by: str = "officer",
    decision: str = "retificadora",
    why: str = "It corrects.",
) -> Case:
    return review.override(deployment.postgres, deployment.keyring, clock, response_id, by, decision, why)


def review_entries(deployment: Deployment) -> list[Entry]:
    with deployment.postgres.connect() as conn:
        return ledger.entries_of_kind(conn, "review")


def sealed(deployment: Deployment, entry: Entry) -> dict[str, Any] | None:
    with deployment.postgres.connect() as conn:
        content = ledger.content_of(conn, deployment.keyring, entry)
    return content.as_json() if content else None


def signed(deployment: Deployment, response_id: str) -> ResponseEnvelope:
    with deployment.postgres.connect() as conn:
        return signed_envelope(conn, deployment.keyring, response_id)


def outcomes(deployment: Deployment) -> list[tuple[Any, ...]]:
    with deployment.postgres.connect() as conn:
        return list(case_store.training_rows(conn))


def erase_key(deployment: Deployment, entry_of: str) -> None:
    """What an erasure does to the sealed content of a decision."""
    with deployment.postgres.connect() as conn:
        entry = ledger.entry_of(conn, entry_of)
        assert entry is not None
        ledger.destroy_keys(conn, ledger.sealed_under(entry))


# ── a verdict ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_approval_closes_the_case_and_signs_the_envelope(deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    assert signed(deployment, response_id).approver is None

    case = approve(deployment, response_id, "officer of the house")

    assert (case.state, case.closed_at) == ("approved", NOW)
    envelope_now = signed(deployment, response_id)
    assert (envelope_now.approver, envelope_now.approved_at) == ("officer of the house", NOW)
    assert [citation.quote for citation in envelope_now.citations] == [QUOTE]


def test_the_entry_says_who_signed_what_in_the_clear_and_why_under_seal(deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    approve(deployment, response_id, rationale="I read the page.")

    (entry,) = review_entries(deployment)
    body = ledger.body_of(entry)
    assert (entry.year, entry.subject_id, entry.actor) == (2021, response_id, "officer")
    assert body.pop("sealed_under")
    with deployment.postgres.connect() as conn:
        decided = ledger.entry_of(conn, response_id)
    assert decided is not None
    assert body == {
        "response_id": response_id,
        "queue": "review",
        "verdict": "approve",
        "reviewer": "officer",
        "previous_state": "open",
        "state": "approved",
        "signature": 1,
        "signatures_needed": 1,
        "decision_seq": decided.seq,
        "decision_entry_hash": decided.entry_hash,
    }
    content = sealed(deployment, decided)
    assert content is not None
    recorded = content["response_envelope"]
    assert sealed(deployment, entry) == {
        "rationale": "I read the page.",
        "envelope_sha256": digest_of(recorded),
        "signed_envelope_sha256": digest_of({**recorded, "approver": "officer", "approved_at": rfc3339(NOW)}),
    }


def test_each_verdict_leaves_one_training_row(deployment: Deployment) -> None:
    approved, rejected, overridden = (add_decision(deployment) for _ in range(3))
    approve(deployment, approved)
    reject(deployment, rejected)
    override(deployment, overridden)

    rows = {row[0]: row[1:] for row in outcomes(deployment)}
    common = (2021, "irpf.triage", RELEASE.release_id)
    assert rows == {
        approved: (*common, "approved", "original", "original", 0.42, "low_confidence", NOW),
        rejected: (*common, "rejected", "original", None, 0.42, "low_confidence", NOW),
        overridden: (*common, "overridden", "original", "retificadora", 0.42, "low_confidence", NOW),
    }


def test_only_an_approval_signs_the_envelope(deployment: Deployment) -> None:
    rejected, overridden = add_decision(deployment), add_decision(deployment)
    reject(deployment, rejected)
    override(deployment, overridden)

    assert signed(deployment, rejected).approver is None
    assert signed(deployment, overridden).approver is None


@pytest.mark.parametrize("verdict", [approve, reject, override])
def test_saying_the_same_twice_changes_nothing(deployment: Deployment, verdict: Callable[..., Case]) -> None:
    response_id = add_decision(deployment)
    first = verdict(deployment, response_id)

    assert verdict(deployment, response_id, " OFFICER ") == first
    assert len(review_entries(deployment)) == 1
    assert len(outcomes(deployment)) == 1


@pytest.mark.parametrize("by", ["officer", "second officer"])
def test_a_closed_case_refuses_another_verdict(deployment: Deployment, by: str) -> None:
    response_id = add_decision(deployment)
    approve(deployment, response_id)

    with pytest.raises(InvalidInput, match=r"the case is closed: approved.*by officer"):
        reject(deployment, response_id, by)
    assert len(review_entries(deployment)) == 1


# ── who may sign ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", [MODEL, MODEL.upper(), "compliance-assets", "analyst  one", "Analyst One"])
def test_neither_the_model_nor_who_asked_may_sign(deployment: Deployment, by: str) -> None:
    response_id = add_decision(deployment, user="analyst  one")

    with pytest.raises(InvalidInput, match="may not sign"):
        approve(deployment, response_id, by)
    assert review_entries(deployment) == []


@pytest.mark.parametrize("by", ["", "  ", CPF])
def test_a_reviewer_has_a_name_that_may_be_kept(deployment: Deployment, by: str) -> None:
    with pytest.raises(InvalidInput, match="reviewer is not usable"):
        approve(deployment, add_decision(deployment), by)


def test_four_eyes_two_persons_sign_before_it_closes(deployment: Deployment) -> None:
    response_id = add_decision(deployment, four_eyes=True)

    assert approve(deployment, response_id, "officer").state == "open"
    assert signed(deployment, response_id).approver is None
    assert outcomes(deployment) == []

    case = approve(deployment, response_id, "second officer")
    assert case.state == "approved"
    assert [signature.reviewer for signature in case.signatures] == ["officer", "second officer"]
    assert signed(deployment, response_id).approver == "officer; second officer"
    states = [(b["previous_state"], b["state"]) for b in map(ledger.body_of, review_entries(deployment))]
    assert states == [("open", "open"), ("open", "approved")]


@pytest.mark.parametrize("again", ["officer", "OFFICER", " officer", "Ｏfficer"])
def test_four_eyes_one_person_does_not_sign_twice(deployment: Deployment, again: str) -> None:
    response_id = add_decision(deployment, four_eyes=True)
    approve(deployment, response_id, "officer")

    with pytest.raises(InvalidInput, match="signed already"):
        approve(deployment, response_id, again, "For the second time.")
    with pytest.raises(InvalidInput, match="signed already"):
        reject(deployment, response_id, again)
    assert len(review_entries(deployment)) == 1


def test_four_eyes_one_rejection_closes_it(deployment: Deployment) -> None:
    response_id = add_decision(deployment, four_eyes=True)
    approve(deployment, response_id, "officer")

    assert reject(deployment, response_id, "second officer").state == "rejected"
    assert signed(deployment, response_id).approver is None


def test_four_eyes_both_have_to_say_the_same(deployment: Deployment) -> None:
    response_id = add_decision(deployment, four_eyes=True)
    override(deployment, response_id, "officer", "retificadora")

    with pytest.raises(InvalidInput, match=r"do not say the same.*override --decision retificadora"):
        approve(deployment, response_id, "second officer")
    with pytest.raises(InvalidInput, match="do not say the same"):
        override(deployment, response_id, "second officer", "insufficient_evidence")
    assert override(deployment, response_id, "second officer", "retificadora").state == "overridden"


def test_of_two_reviewers_at_once_one_wins_and_the_other_is_told(deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    told: list[Case | ComplianceError] = []
    start = threading.Barrier(2)

    def say(verdict: Callable[..., Case], by: str) -> None:
        start.wait()
        try:
            told.append(verdict(deployment, response_id, by))
        except ComplianceError as problem:
            told.append(problem)

    threads = [threading.Thread(target=say, args=said) for said in ((approve, "officer"), (reject, "second officer"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (won,) = [case for case in told if isinstance(case, Case)]
    (lost,) = [problem for problem in told if isinstance(problem, ComplianceError)]
    assert lost.problem == f"the case is closed: {won.state}"
    assert len(review_entries(deployment)) == len(outcomes(deployment)) == 1


@given(st.text(min_size=1, max_size=20))
def test_a_person_is_the_same_however_the_name_is_written(name: str) -> None:
    assert same_person(name, f"  {name} ")
    assert same_person(name, "  ".join(name.split()) if name.split() else name)


# ── what may be said ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_answer_cannot_be_approved(deployment: Deployment) -> None:
    response_id = add_decision(deployment, decision="not_decided", reason="answer_malformed: no JSON")

    with pytest.raises(InvalidInput, match="no answer to approve"):
        approve(deployment, response_id)
    override(deployment, response_id, decision="original")
    assert outcomes(deployment)[0][5:7] == (None, "original")


@pytest.mark.parametrize(
    ("decision", "problem"), [("maybe", "knows no such decision"), ("original", "the model decided")]
)
def test_an_override_is_another_decision_of_the_workload(deployment: Deployment, decision: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        override(deployment, add_decision(deployment), decision=decision)


@pytest.mark.parametrize("rationale", ["", "   "])
def test_a_rejection_says_why(deployment: Deployment, rationale: str) -> None:
    with pytest.raises(InvalidInput, match="rationale is missing"):
        reject(deployment, add_decision(deployment), rationale=rationale)


def test_an_unknown_case_is_refused(deployment: Deployment) -> None:
    waiting = add_decision(deployment)
    with pytest.raises(InvalidInput, match=f"no such case: expected {waiting}"):
        approve(deployment, "rsp_01J0000000000000000000000A")


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_quarantined_answer_is_shown_to_the_reviewer_alone_until_it_is_approved(deployment: Deployment) -> None:
    response_id = add_decision(deployment, outcome="quarantined", reason="ungrounded: 0.10 of what a segment says")

    with pytest.raises(InvalidInput, match="held back"):
        signed(deployment, response_id)
    with deployment.postgres.connect() as conn:
        shown = case_file(conn, deployment.keyring, response_id)
        assert case_store.held_back(conn, [response_id]) == {response_id}
    assert shown.envelope is not None
    assert shown.envelope["citations"][0]["quote"] == QUOTE
    assert shown.why == "ungrounded: 0.10 of what a segment says"
    assert shown.asked is not None
    assert shown.prompt_template["version"] == "1"
    assert [hit["chunk_id"] for hit in shown.hits] == [passages(QUOTE)[0].hit.chunk_id]
    assert shown.model_response is None

    approve(deployment, response_id)
    assert signed(deployment, response_id).approver == "officer"
    with deployment.postgres.connect() as conn:
        assert case_store.held_back(conn, [response_id]) == set()


@pytest.mark.parametrize("verdict", [reject, override])
def test_a_quarantined_answer_that_was_not_approved_stays_held_back(
    deployment: Deployment, verdict: Callable[..., Case]
) -> None:
    response_id = add_decision(deployment, outcome="quarantined")
    verdict(deployment, response_id)
    with pytest.raises(InvalidInput, match="held back"):
        signed(deployment, response_id)


def test_where_no_answer_held_the_reviewer_sees_the_models_own_words(deployment: Deployment) -> None:
    response_id = add_decision(deployment, decision="not_decided")
    with deployment.postgres.connect() as conn:
        assert case_file(conn, deployment.keyring, response_id).model_response == NO_ANSWER


def test_the_queue_lists_the_quarantined_first_then_the_oldest(deployment: Deployment) -> None:
    young = add_decision(deployment)
    old = add_decision(deployment, decided_at=NOW - timedelta(days=3))
    held = add_decision(deployment, outcome="quarantined")
    done = add_decision(deployment, workload="ddq.draft_response", decision="answered")
    approve(deployment, done)

    with deployment.postgres.connect() as conn:
        assert [case.response_id for case in cases(conn)] == [held, old, young]
        assert [case.response_id for case in cases(conn, queue="quarantine")] == [held]
        assert [case.response_id for case in cases(conn, state=None, workload="ddq.draft_response")] == [done]
        assert cases(conn, year=2020) == []


# ── erasure and tampering ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rationale_goes_with_the_persons_of_the_decision(deployment: Deployment) -> None:
    response_id = add_decision(deployment, question=f"What did {CPF} deduct?")
    override(deployment, response_id, why="Nothing was deducted.")
    (entry,) = review_entries(deployment)
    assert "deducted" not in entry.body

    erase_key(deployment, response_id)

    assert sealed(deployment, entry) is None
    with deployment.postgres.connect() as conn:
        (signature,) = case_file(conn, deployment.keyring, response_id).case.signatures
    assert (signature.verdict, signature.rationale, signature.decision) == ("override", None, None)


def test_the_case_of_an_erased_decision_is_closed_by_a_rejection_alone(deployment: Deployment) -> None:
    response_id = add_decision(deployment, question=f"What did {CPF} deduct?")
    erase_key(deployment, response_id)

    with deployment.postgres.connect() as conn:
        shown = case_file(conn, deployment.keyring, response_id)
    assert (shown.erased, shown.envelope, shown.asked, shown.why) == (True, None, None, None)
    for verdict in (approve, override):
        with pytest.raises(InvalidInput, match="was erased"):
            verdict(deployment, response_id)
    assert reject(deployment, response_id).state == "rejected"
    assert outcomes(deployment) == [], "from an erased decision nothing is learned"
    with pytest.raises(InvalidInput, match="was erased"):
        signed(deployment, response_id)


def test_an_erasure_that_comes_in_between_leaves_nothing_of_the_decision_behind(deployment: Deployment) -> None:
    response_id = add_decision(deployment, question=f"What did {CPF} deduct?")
    told: list[ComplianceError] = []

    def sign() -> None:
        try:
            approve(deployment, response_id)
        except ComplianceError as problem:
            told.append(problem)

    with deployment.postgres.connect() as erasing:
        assert ledger.held_subject_key(erasing, deployment.keyring, "cpf:12345678909")
        reviewer = threading.Thread(target=sign)
        reviewer.start()
        reviewer.join(0.5)
        assert reviewer.is_alive(), "the review waits for the erasure"
        entry = ledger.entry_of(erasing, response_id)
        assert entry is not None
        ledger.destroy_keys(erasing, ledger.sealed_under(entry))
    reviewer.join()

    assert [problem.problem for problem in told] == ["the content of this decision was erased"]
    assert review_entries(deployment) == outcomes(deployment) == []


def test_a_signature_that_does_not_fit_the_recorded_envelope_is_found(deployment: Deployment) -> None:
    response_id = add_decision(deployment)
    approve(deployment, response_id)
    (entry,) = review_entries(deployment)
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("ALTER TABLE compliance.ledger_entries DISABLE TRIGGER append_only")
        owner.execute(
            "UPDATE compliance.ledger_entries SET body = replace(body, '\"officer\"', '\"forger\"')"
            " WHERE organization_id = %s AND seq = %s",
            [deployment.postgres.organization_id, entry.seq],
        )
        owner.execute("ALTER TABLE compliance.ledger_entries ENABLE TRIGGER append_only")

    with pytest.raises(IntegrityError, match="not the one that was signed"):
        signed(deployment, response_id)


def test_times_are_utc(deployment: Deployment) -> None:
    case = approve(deployment, add_decision(deployment))
    assert case.closed_at is not None
    assert case.closed_at.astimezone(UTC) == NOW

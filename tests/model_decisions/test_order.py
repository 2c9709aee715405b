"""The order of the path: policy, transforms, redaction, retrieval, egress, model, citations, ledger; and what ends it early."""

import dataclasses
import json

import pytest

from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.policy import PolicyDecision, Transform
from compliance_assets.governance.egress import EgressProfile
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.decide import Decision, SourceDocument, decide
from compliance_assets.model_decisions.record import ledger_body, ledger_content
from compliance_assets.model_decisions.workloads import workload_named
from tests.model_decisions.builders import ALLOWED, FakeWorld, Saying, circumstances, item, passages

CPF = "529.982.247-25"
PERSON = SourceDocument("doc_1", 2021, "One", "c" * 64, "a" * 64, ("cpf:52998224725",))


def answer(chunk_id: str, quote: str, text: str = "Harbour Bank holds them.") -> str:
    segments = [{"text": text, "cited_chunk_ids": [chunk_id]}]
    citations = [{"chunk_id": chunk_id, "quote": quote}]
    return json.dumps({"decision": "answered", "confidence": 1, "segments": segments, "citations": citations})


def world_of(text: str = "The assets of Northwind are held by Harbour Bank.", said: str | None = None) -> FakeWorld:
    retrieved = passages(text)
    return FakeWorld(Saying(said or answer(retrieved[0].hit.chunk_id, "held by Harbour Bank")), retrieved)


def denied(reason: str = "no_such_workload", **fields: object) -> PolicyDecision:
    return ALLOWED.model_copy(update={"allow": False, "reason": reason, **fields})


def test_the_steps_follow_each_other_and_no_other_way() -> None:
    world = world_of()
    made = decide(item(), circumstances(), world)

    assert made.outcome == "decided"
    assert list(dict.fromkeys(world.steps)) == ["policy", "retrieval", "model", "source"]


def test_what_the_policy_denies_is_neither_retrieved_nor_asked_and_stands_in_the_ledger() -> None:
    world = dataclasses.replace(world_of(), decision=denied())
    made = decide(item(), circumstances(), world)

    assert world.steps == ["policy"]
    assert (made.outcome, made.reason) == ("denied", "policy_denied: no_such_workload")
    body = ledger_body(made)
    assert (body["outcome"], body["policy_decision"], body["policy_hash"]) == ("denied", "deny", ALLOWED.policy_hash)


def test_an_outage_of_the_policy_denies_where_it_binds_and_is_on_record_where_it_only_observes() -> None:
    outage = denied("policy_unavailable", outage="no answer within 150 ms")
    enforced = decide(item(), circumstances(), dataclasses.replace(world_of(), decision=outage))
    observing = outage.model_copy(update={"mode": "observe"})
    observed = decide(item(), circumstances(), dataclasses.replace(world_of(), decision=observing))

    assert (enforced.outcome, observed.outcome) == ("denied", "decided")
    assert ledger_body(enforced)["policy_outage"] is ledger_body(observed)["policy_outage"] is True


def test_transforms_change_the_call_before_a_model_is_asked() -> None:
    policy = ALLOWED.model_copy(
        update={
            "transforms": (
                Transform(kind="set_max_tokens", value=7),
                Transform(kind="override_model", value="local/other"),
                Transform(kind="prepend_system_guardrail", value="Quote, never guess."),
            )
        }
    )
    world = dataclasses.replace(world_of(), decision=policy)
    made = decide(item(), circumstances(regions={"local/fake": None, "local/other": None}), world)

    ((request, models),) = world.asked
    assert (request.max_tokens, request.guardrail, models) == (7, "Quote, never guess.", ("local/other",))
    assert [t["kind"] for t in ledger_body(made)["transforms"]] == [  # type: ignore[attr-defined, union-attr]
        "set_max_tokens", "override_model", "prepend_system_guardrail",
    ]  # fmt: skip


def test_no_model_sees_a_persons_number_and_the_citation_still_points_at_it() -> None:
    text = f"The assets of the holder {CPF} are held by Harbour Bank."
    world = world_of(text)
    hidden = f"of the holder {'?' * len(CPF)}"
    saying = world.provider
    assert isinstance(saying, Saying)

    class Echo(Saying):
        def complete(self, prompt: str):  # type: ignore[no-untyped-def]
            line = json.loads(prompt.strip().rsplit("\n", 1)[-1])
            self.text = answer(line["chunk_id"], line["text"][: len("The assets of ") + len(hidden)])
            return super().complete(prompt)

    echo = Echo("")
    world = dataclasses.replace(world, provider=echo, documents=[PERSON])
    made = decide(item(f"What is held for {CPF}?"), circumstances(), world)

    assert CPF not in echo.prompts[0]
    assert "52998224725" not in echo.prompts[0]
    assert made.outcome == "decided", made.reason
    assert CPF in made.envelope.citations[0].quote
    assert ledger_body(made)["redaction_counts"]


def test_a_model_outside_the_egress_profile_is_not_asked() -> None:
    at = circumstances(
        egress_profile=EgressProfile("eu", frozenset({"eu"})),
        call=CallParameters(("openai/gpt-5", "mistral/large")),
        regions={"openai/gpt-5": "us", "mistral/large": "eu"},
    )
    world = world_of()
    decide(item(), at, world)
    assert [models for _, models in world.asked] == [("mistral/large",)]

    nobody = dataclasses.replace(at, call=CallParameters(("openai/gpt-5",)))
    world = world_of()
    made = decide(item(), nobody, world)
    assert world.asked == []
    assert (made.outcome, str(made.reason).partition(":")[0]) == ("denied", "egress_denied")


def test_a_year_that_the_policy_does_not_open_is_not_searched() -> None:
    closed = ALLOWED.model_copy(update={"partition_constraints": (2020,)})
    world = dataclasses.replace(world_of(), decision=closed)
    made = decide(item(), circumstances(), world)

    assert world.steps == ["policy"]
    assert (made.outcome, made.reason) == ("denied", "scope_denied: the policy does not open 2021")


def test_an_answer_that_does_not_hold_is_sent_back_twice_and_then_a_person_gets_it() -> None:
    world = world_of(said=answer("ck_unknown", "held by Harbour Bank"))
    made = decide(item(), circumstances(), world)

    assert len(world.asked) == len(made.exchanges) == 3
    assert (made.outcome, str(made.reason).partition(":")[0]) == ("review", "citations_invalid")
    assert ledger_body(made)["answers_sent_back"] == 2


def test_an_answer_that_holds_the_second_time_is_decided_with_less_confidence() -> None:
    world = world_of()
    good = world.provider.complete("").text

    class Learning(Saying):
        def complete(self, prompt: str):  # type: ignore[no-untyped-def]
            self.text = good if self.prompts else "no JSON"
            return super().complete(prompt)

    made = decide(item(), circumstances(), dataclasses.replace(world, provider=Learning("")))

    assert (len(made.exchanges), made.confidence.stability) == (2, 0.5)
    assert made.envelope.response_segments[0].text == "Harbour Bank holds them."


def test_an_answer_that_says_what_nothing_supports_is_held_in_quarantine() -> None:
    retrieved = passages("The assets of Northwind are held by Harbour Bank.")
    invented = answer(retrieved[0].hit.chunk_id, "held by Harbour Bank", "Harbour Bank charges 2,75% every month.")
    made = decide(item(), circumstances(), FakeWorld(Saying(invented), retrieved))

    assert (made.outcome, str(made.reason).partition(":")[0]) == ("quarantined", "ungrounded")


@pytest.mark.parametrize("said", [None, answer("ck_unknown", "held")])
def test_everything_on_the_way_is_in_the_sealed_content(said: str | None) -> None:
    made: Decision = decide(item(), circumstances(), world_of(said=said))
    content = json.loads(canonical_json(ledger_content(made)))

    assert set(content["governance"]) == {
        "policy_input", "policy", "transforms", "redaction", "injection", "refused_models",
    }  # fmt: skip
    assert content["workload"]["name"] == "ddq.draft_response"
    assert len(content["sent_back"]) == len(made.exchanges) - 1
    assert content["model_response"] == made.exchanges[-1].completion.text


def test_a_value_that_was_not_hidden_stays_what_the_model_read_although_a_pseudonym_holds_its_characters() -> None:
    """A count is quoted by the lines that it counts, and the codes in those lines have digits too."""
    text = "\n".join(f"PESSOA {letter} {number}" for letter, number in zip("AB", (CPF, "111.444.777-35"), strict=True))
    retrieved = passages(text)

    class Counting(Saying):
        def complete(self, prompt: str):  # type: ignore[no-untyped-def]
            line = json.loads(prompt.strip().rsplit("\n", 1)[-1])
            fields = [{"name": "dependants", "value": "2", "citation": 0}]
            answer = {
                "decision": "original", "confidence": 1, "fields": fields, "anomalies": [],
                "segments": [{"text": "Declaração original.", "cited_chunk_ids": [line["chunk_id"]]}],
                "citations": [{"chunk_id": line["chunk_id"], "quote": line["text"]}],
            }  # fmt: skip
            self.text = json.dumps(answer)
            return super().complete(prompt)

    for salt in range(12):  # other keys, other codes
        at = circumstances(workload=workload_named("irpf.triage"), pseudonym_key=bytes([salt]) * 32)
        asked = dataclasses.replace(item("Quantos?"), workload="irpf.triage", document_id="doc_1")
        made = decide(asked, at, FakeWorld(Counting(""), retrieved))

        assert [f.value for f in made.envelope.fields] == ["2"], made.reason

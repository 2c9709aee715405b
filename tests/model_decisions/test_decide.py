import dataclasses
import json

import pytest

from compliance_assets.contracts.canonical import canonical_json, digest_of, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.model_decisions.decide import Decision, decide, idempotency_key, ledger_body, response_id_of
from compliance_assets.model_decisions.extractive import ExtractiveModel
from resources.providers import Provider
from tests.model_decisions.builders import NOW, RELEASE, Saying, Scripted, item, passages, source_of

CUSTODY = "The assets of Northwind are held by Harbour Bank."
RETRIEVED = passages(CUSTODY, "Nothing else is known.")
FIRST = RETRIEVED[0].hit.chunk_id


def decided(provider: Provider, *, nothing: bool = False) -> Decision:
    retrieved = [] if nothing else RETRIEVED
    return decide(item(), retrieved, provider, source_of(RETRIEVED), RELEASE, "ix_1", NOW)


def saying(**fields: object) -> Saying:
    answer = {
        "decision": "answered",
        "confidence": 0.99,
        "segments": [{"text": "Harbour Bank holds them.", "cited_chunk_ids": [FIRST]}],
        "citations": [{"chunk_id": FIRST, "quote": "held by Harbour Bank"}],
    }
    return Saying(json.dumps({**answer, **fields}))


def test_a_sound_answer_is_decided_with_its_spans_and_its_confidence() -> None:
    made = decided(saying())
    envelope = made.envelope

    assert (made.outcome, made.reason) == ("decided", None)
    assert envelope.decision == "answered"
    assert [s.text for s in envelope.response_segments] == ["Harbour Bank holds them."]
    (citation,) = envelope.citations
    assert source_of(RETRIEVED)(citation.doc_id, *citation.char_range) == citation.quote == "held by Harbour Bank"
    assert [chunk.chunk_id for chunk in envelope.retrieved_chunks] == [r.hit.chunk_id for r in RETRIEVED]
    assert (envelope.approver, envelope.approved_at) == (None, None)


def test_the_models_own_confidence_is_recorded_and_not_used() -> None:
    made = decided(saying(confidence=0.01))

    assert made.envelope.confidence == pytest.approx(0.8)
    assert made.confidence.as_json() == {
        "value": made.envelope.confidence,
        "retrieval": made.envelope.confidence,
        "citations_valid": 1.0,
        "model_reported": 0.01,
    }


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        (Saying("I do not know."), "answer_malformed: "),
        (Saying(""), "answer_malformed: "),
        (Saying("\x00\ud800"), "answer_malformed: "),
        (saying(approver="me"), "answer_malformed: approver: "),
        (saying(citations=[{"chunk_id": FIRST, "quote": "held by Evil Bank"}]), "citations_invalid: citation 1: "),
        (saying(citations=[{"chunk_id": "ck_\x00", "quote": "held"}]), "citations_invalid: citation 1: "),
        (saying(citations=[]), "citations_invalid: segment 1: "),
        (saying(segments=[], citations=[]), "citations_invalid: answered without a segment"),
        (saying(decision="insufficient_evidence", segments=[], citations=[]), "insufficient_evidence"),
        (saying(decision="insufficient_evidence"), "insufficient_evidence"),
    ],
)
def test_what_cannot_be_decided_goes_to_review_with_its_reason(provider: Saying, reason: str) -> None:
    made = decided(provider)

    assert made.outcome == "review"
    assert made.reason is not None
    assert made.reason.startswith(reason)
    assert "\x00" not in made.reason
    assert made.envelope.decision in ("not_decided", "insufficient_evidence")
    assert (made.envelope.response_segments, made.envelope.citations) == ((), ())
    assert made.envelope.confidence == 0.0
    assert len(made.envelope.retrieved_chunks) == 2


def test_the_model_is_not_asked_when_nothing_was_retrieved() -> None:
    provider = saying()
    made = decided(provider, nothing=True)

    assert provider.prompts == []
    assert (made.outcome, made.reason) == ("review", "no_documents_in_scope")
    assert made.completion is None


def test_the_model_sees_the_prompt_that_is_recorded_once() -> None:
    provider = saying()
    made = decided(provider)

    assert provider.prompts == [made.prompt.text]


def test_nothing_is_decided_when_the_provider_does_not_answer() -> None:
    with pytest.raises(DependencyUnavailable):
        decided(Scripted({"Northwind": None}))


def test_the_ledger_body_holds_all_that_a_replay_and_an_auditor_need() -> None:
    made = decided(ExtractiveModel())
    body = ledger_body(made, {"doc_1": "a" * 64, "doc_2": "b" * 64})

    assert json.loads(canonical_json(body)) == json.loads(json.dumps(body))
    assert body["input"] == made.item.as_json()
    assert body["input_sha256"] == digest_of(body["input"])
    assert body["hit_set_sha256"] == digest_of(body["hits"])
    assert body["prompt_hash"] == f"sha256:{sha256_hex(str(body['prompt']))}"
    assert body["prompt_template"] == {
        "name": "ddq.draft_response",
        "version": "1",
        "sha256": made.prompt.template_sha256,
    }
    assert made.completion is not None
    assert body["model_response"] == made.completion.text
    (route,) = body["provider_route"]  # type: ignore[misc]
    assert set(route) == {"provider", "model", "attempts", "latency_seconds"}
    assert {"policy_decision", "policy_hash", "transforms", "redaction_counts"} <= set(body)
    assert set(body["confidence"]) == {"value", "retrieval", "citations_valid", "model_reported"}  # type: ignore[call-overload]
    assert (body["outcome"], body["reason"], body["release_id"]) == ("decided", None, RELEASE.release_id)
    assert body["response_envelope_sha256"] == sha256_hex(made.envelope_json)
    assert body["lineage"] == {
        "index_version": "ix_1",
        "chunks": [r.hit.chunk_id for r in RETRIEVED],
        "cited_chunks": [FIRST],
        "documents": ["doc_1", "doc_2"],
        "raw_objects": ["a" * 64, "b" * 64],
    }


def test_the_ledger_body_of_a_question_without_documents_says_that_no_model_answered() -> None:
    body = ledger_body(decided(saying(), nothing=True), {})

    assert (body["model_response"], body["provider_route"], body["hits"]) == (None, [], [])
    assert canonical_json(body)


def test_a_response_id_tells_the_time_and_the_key() -> None:
    key = idempotency_key(item(), RELEASE, "ix_1")

    assert response_id_of(key, NOW) == response_id_of(key, NOW)
    assert response_id_of(key, NOW) != response_id_of(idempotency_key(item(), RELEASE, "ix_2"), NOW)
    assert response_id_of(key, NOW) < response_id_of(key, NOW.replace(year=2022))


def test_any_other_input_release_or_index_is_another_decision() -> None:
    keys = {
        idempotency_key(item(), RELEASE, "ix_1"),
        idempotency_key(item(item_id="b"), RELEASE, "ix_1"),
        idempotency_key(item(), RELEASE.model_copy(update={"prompt_version": "p@2"}), "ix_1"),
        idempotency_key(item(), RELEASE, "ix_1+ix_2"),
    }

    assert len(keys) == 4
    assert idempotency_key(dataclasses.replace(item()), RELEASE, "ix_1") in keys

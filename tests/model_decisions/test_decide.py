import dataclasses
import json
from collections.abc import Sequence

import pytest

from compliance_assets.contracts.canonical import canonical_json, digest_of, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.model_decisions.decide import (
    Decision,
    SourceDocument,
    decide,
    idempotency_key,
    response_id_of,
)
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.record import data_subjects_of, ledger_body, ledger_content
from tests.model_decisions.builders import (
    NOW,
    RELEASE,
    FakeWorld,
    OneModel,
    Saying,
    Scripted,
    circumstances,
    item,
    passages,
    source_of,
)

SALT = b"salt" * 4
CUSTODY = "The assets of Northwind are held by Harbour Bank."
RETRIEVED = passages(CUSTODY, "Nothing else is known.")
FIRST = RETRIEVED[0].hit.chunk_id
DOCUMENTS = [
    SourceDocument("doc_1", 2021, "One", "c" * 64, "a" * 64),
    SourceDocument("doc_2", 2021, "Two", "d" * 64, "b" * 64),
]


def decided(provider: OneModel, *, nothing: bool = False, documents: Sequence[SourceDocument] = DOCUMENTS) -> Decision:
    world = FakeWorld(provider, [] if nothing else RETRIEVED, () if nothing else documents)
    return decide(item(), circumstances(), world)


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
        "field_agreement": None,
        "rule_agreement": None,
        "stability": 1.0,
        "ocr_certainty": None,
        "injection_free": 1.0,
        "grounding": 0.5,
        "model_reported": 0.01,
    }


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        (Saying("I do not know."), "answer_malformed: "),
        (Saying(""), "answer_malformed: "),
        (Saying("\x00\ud800"), "answer_malformed: "),
        (saying(approver="me"), "answer_malformed: approver: "),
        (
            saying(citations=[{"chunk_id": FIRST, "quote": "held by Evil Bank"}]),
            "citations_invalid: quote_not_verbatim: ",
        ),
        (saying(citations=[{"chunk_id": "ck_\x00", "quote": "held"}]), "citations_invalid: chunk_not_retrieved: "),
        (saying(citations=[]), "citations_invalid: chunk_not_quoted: "),
        (saying(segments=[], citations=[]), "citations_invalid: says_nothing: "),
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


def test_the_sealed_content_holds_all_that_a_replay_and_an_auditor_need() -> None:
    made = decided(ExtractiveModel())
    content = json.loads(canonical_json(ledger_content(made)))

    assert canonical_json(content) == canonical_json(ledger_content(made))
    assert content["input"] == made.item.as_json()
    assert content["input_sha256"] == digest_of(content["input"])
    assert content["hit_set_sha256"] == digest_of(content["hits"])
    assert content["prompt_hash"] == f"sha256:{sha256_hex(str(content['prompt']))}"
    assert made.completion is not None
    assert content["model_response"] == made.completion.text
    assert content["confidence"] == made.confidence.as_json()
    assert (content["outcome"], content["reason"], content["release_id"]) == ("decided", None, RELEASE.release_id)
    assert content["release_id"] == digest_of(content["release"])
    assert content["response_envelope_sha256"] == digest_of(made.envelope.model_dump(mode="json"))
    assert content["lineage"] == {
        "index_version": "ix_1",
        "chunks": [
            {"chunk_id": r.hit.chunk_id, "doc_id": r.hit.doc_id, "text_sha256": sha256_hex(r.text)} for r in RETRIEVED
        ],
        "cited_chunks": [FIRST],
        "documents": [
            {
                "doc_id": d.doc_id,
                "year": 2021,
                "title": d.title,
                "text_sha256": d.text_sha256,
                "object_sha256": d.object_sha256,
            }
            for d in DOCUMENTS
        ],
    }


def test_the_clear_body_says_what_was_decided_with_what_and_nothing_of_what_was_asked_or_read() -> None:
    made = decided(ExtractiveModel())
    body = ledger_body(made)

    assert (body["outcome"], body["reason"], body["release_id"]) == ("decided", None, RELEASE.release_id)
    assert body["confidence"] == made.envelope.confidence
    assert body["prompt_template"] == {
        "name": "ddq.draft_response",
        "version": "1",
        "sha256": made.prompt.template_sha256,
    }
    (route,) = body["provider_route"]  # type: ignore[misc]
    assert set(route) == {"provider", "model", "attempts", "fallback_from", "latency_seconds"}
    assert {"policy_decision", "policy_hash", "transforms", "redaction_counts"} <= set(body)
    text = canonical_json(body).decode()
    for secret in (made.item.question, CUSTODY, made.item.input_sha256, sha256_hex(CUSTODY), made.idempotency_key):
        assert secret not in text


def test_a_question_without_documents_is_recorded_as_one_that_no_model_answered() -> None:
    made = decided(saying(), nothing=True)
    content = json.loads(canonical_json(ledger_content(made)))

    assert (content["model_response"], content["provider_route"], content["hits"]) == (None, [], [])
    assert ledger_body(made)["hits"] == 0


def test_a_decision_is_of_the_persons_in_its_documents_and_in_its_question() -> None:
    made = decided(saying())
    theirs = decided(saying(), documents=[dataclasses.replace(DOCUMENTS[0], data_subjects=("cpf:11144477735",))])
    asked = dataclasses.replace(theirs, item=dataclasses.replace(made.item, question="Quem é 529.982.247-25?"))

    assert data_subjects_of(made) == ()
    assert data_subjects_of(theirs) == ("cpf:11144477735",)
    assert data_subjects_of(asked) == ("cpf:11144477735", "cpf:52998224725")


def test_a_response_id_tells_the_time_and_nothing_of_the_question_without_the_sealed_salt() -> None:
    key = idempotency_key(item(), RELEASE, "ix_1")

    assert response_id_of(key, NOW, SALT) == response_id_of(key, NOW, SALT)
    assert response_id_of(key, NOW, SALT) != response_id_of(key, NOW, b"another")
    assert response_id_of(key, NOW, SALT) != response_id_of(idempotency_key(item(), RELEASE, "ix_2"), NOW, SALT)
    assert response_id_of(key, NOW, SALT) < response_id_of(key, NOW.replace(year=2022), SALT)


def test_any_other_input_release_or_index_is_another_decision() -> None:
    keys = {
        idempotency_key(item(), RELEASE, "ix_1"),
        idempotency_key(item(item_id="b"), RELEASE, "ix_1"),
        idempotency_key(item(), RELEASE.model_copy(update={"prompt_version": "p@2"}), "ix_1"),
        idempotency_key(item(), RELEASE, "ix_1+ix_2"),
    }

    assert len(keys) == 4
    assert idempotency_key(dataclasses.replace(item()), RELEASE, "ix_1") in keys

"""One decision: prompt, answer, checked citations, confidence, outcome. Pure but for the provider's call."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ulid import ULID

from compliance_assets.contracts.canonical import Canonical, content_id, sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.release import Release
from compliance_assets.contracts.response_envelope import Citation, ResponseEnvelope, ResponseSegment, RetrievedChunk
from compliance_assets.contracts.text import storable
from compliance_assets.model_decisions import confidence as confidence_module
from compliance_assets.model_decisions.answer import ModelAnswer, read_answer
from compliance_assets.model_decisions.citations import Source, resolve
from compliance_assets.model_decisions.confidence import Confidence, confidence_of
from compliance_assets.model_decisions.prompt import Prompt, render
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.year_index.retrieved import Retrieved
from resources.clock import rfc3339
from resources.providers import Completion, Provider

CODE_VERSION = "2"
Outcome = Literal["decided", "review"]


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything that is stored of a decision, in its tables and in the ledger."""

    item: WorkItem
    idempotency_key: str
    outcome: Outcome
    reason: str | None
    envelope: ResponseEnvelope
    confidence: Confidence
    prompt: Prompt
    completion: Completion | None
    retrieved: tuple[Retrieved, ...]
    cited_chunk_ids: tuple[str, ...]
    release: Release
    index_version: str
    decided_at: datetime
    salt: bytes
    query_vector: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    outcome: Outcome
    reason: str | None
    decision: str
    segments: tuple[ResponseSegment, ...] = ()
    citations: tuple[Citation, ...] = ()
    cited_chunk_ids: tuple[str, ...] = ()
    confidence: Confidence = confidence_module.NONE


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document that a decision rests on, as the ledger pins it. `data_subjects` are the persons it states."""

    doc_id: str
    year: int | None
    title: str
    text_sha256: str
    object_sha256: str
    data_subjects: tuple[str, ...] = ()


def idempotency_key(item: WorkItem, release: Release, index_version: str) -> str:
    """The same input, release and index give the same decision: it is made once."""
    return content_id("idem", item.input_sha256, release.release_id, index_version)


def decide(
    item: WorkItem,
    retrieved: Sequence[Retrieved],
    provider: Provider,
    source: Source,
    release: Release,
    index_version: str,
    now: datetime,
    salt: bytes,
    query_vector: str,
) -> Decision:
    """Decide one item over what was retrieved for it. What cannot be decided goes to review with its reason.

    `salt` is random and kept with the sealed content: the response id is derived from it, so that nothing outside the seal
    can be guessed back to the question. `query_vector` is what was searched with, for a replay.

    Raises DependencyUnavailable when the provider does not answer; nothing is decided then.
    """
    prompt = render(workload_named(item.workload), item, retrieved)
    completion = provider.complete(prompt.text) if retrieved else None  # nothing to rest on: the model is not asked
    verdict = _judge(completion, retrieved, source)
    key = idempotency_key(item, release, index_version)
    envelope = ResponseEnvelope(
        response_id=response_id_of(key, now, salt),
        workload=item.workload,
        model=provider.model,
        prompt_hash=prompt.prompt_hash,
        retrieved_chunks=tuple(_retrieved_chunk(r) for r in retrieved),
        response_segments=verdict.segments,
        decision=verdict.decision,
        confidence=verdict.confidence.value,
        citations=verdict.citations,
    )
    return Decision(
        item=item,
        idempotency_key=key,
        outcome=verdict.outcome,
        reason=verdict.reason,
        envelope=envelope,
        confidence=verdict.confidence,
        prompt=prompt,
        completion=completion,
        retrieved=tuple(retrieved),
        cited_chunk_ids=verdict.cited_chunk_ids,
        release=release,
        index_version=index_version,
        decided_at=now,
        salt=salt,
        query_vector=query_vector,
    )


def response_id_of(key: str, now: datetime, salt: bytes) -> str:
    """`rsp_` and a ULID: the time of the decision, then 80 bits of its salted idempotency key."""
    milliseconds = int(now.timestamp() * 1000).to_bytes(6, "big")
    return f"rsp_{ULID.from_bytes(milliseconds + bytes.fromhex(sha256_hex(salt + key.encode()))[:10])}"


def ledger_body(decision: Decision) -> dict[str, object]:
    """The clear part of the ledger entry: what was decided with what, nothing of what was asked or read."""
    return {
        "workload": decision.item.workload,
        "model": decision.envelope.model,
        "outcome": decision.outcome,
        "reason": reason_code(decision.reason),
        "confidence": decision.envelope.confidence,
        "release_id": decision.release.release_id,
        "index_version": decision.index_version,
        "prompt_template": _template(decision.prompt),
        "provider_route": _route(decision.completion),
        "policy_decision": None,
        "policy_hash": None,
        "transforms": [],
        "redaction_counts": {},
        "row_sha256": row_digest(decision),
        "hits": len(decision.retrieved),
        "citations": len(decision.envelope.citations),
    }


def row_digest(decision: Decision) -> str:
    """The digest of what the decision's row says, so that a row and its entry are compared by one value."""
    texts = (
        decision.item.workload,
        decision.outcome,
        reason_code(decision.reason) or "",
        decision.release.release_id,
        decision.index_version,
    )
    return hashlib.sha256("\n".join(texts).encode() + struct.pack(">d", decision.envelope.confidence)).hexdigest()


def ledger_content(decision: Decision, documents: Sequence[SourceDocument]) -> dict[str, object]:
    """The sealed part of the ledger entry: everything that a replay needs and that may speak of a person."""
    asked = Canonical.of(decision.item.as_json())
    hits = Canonical.of_contract([r.hit.model_dump(mode="json") for r in decision.retrieved])
    envelope = Canonical.of_contract(decision.envelope.model_dump(mode="json"))
    return {
        "input": asked,
        "input_sha256": asked.sha256,
        "salt": decision.salt.hex(),
        "query_vector": decision.query_vector,
        "hits": hits,
        "hit_set_sha256": hits.sha256,
        "prompt": decision.prompt.text,
        "prompt_hash": decision.prompt.prompt_hash,
        "prompt_template": _template(decision.prompt),
        "model_response": storable(decision.completion.text) if decision.completion else None,
        "provider_route": _route(decision.completion),
        "confidence": decision.confidence.as_json(),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "release_id": decision.release.release_id,
        "release": decision.release.canonical,
        "response_envelope": envelope,
        "response_envelope_sha256": envelope.sha256,
        "idempotency_key": decision.idempotency_key,
        "decided_at": rfc3339(decision.decided_at),
        "lineage": {
            "index_version": decision.index_version,
            "chunks": [
                {"chunk_id": r.hit.chunk_id, "doc_id": r.hit.doc_id, "text_sha256": sha256_hex(r.text)}
                for r in decision.retrieved
            ],
            "cited_chunks": list(decision.cited_chunk_ids),
            "documents": [
                {
                    "doc_id": d.doc_id,
                    "year": d.year,
                    "title": d.title,
                    "text_sha256": d.text_sha256,
                    "object_sha256": d.object_sha256,
                }
                for d in sorted(documents, key=lambda d: d.doc_id)
            ],
        },
    }


def data_subjects_of(decision: Decision, documents: Sequence[SourceDocument]) -> tuple[str, ...]:
    """The persons of a decision: those that its documents state and those that the request names, wherever in it."""
    asked = data_subjects_in(str(Canonical.of(decision.item.as_json())))
    return tuple(sorted({*asked, *(subject for d in documents for subject in d.data_subjects)}))


def reason_code(reason: str | None) -> str | None:
    """A reason without its particulars, which may quote a document."""
    return reason.split(":")[0] if reason else None


def _template(prompt: Prompt) -> dict[str, str]:
    return {"name": prompt.template, "version": prompt.template_version, "sha256": prompt.template_sha256}


def _route(completion: Completion | None) -> list[dict[str, object]]:
    if completion is None:
        return []
    return [
        {
            "provider": completion.provider,
            "model": completion.model,
            "attempts": completion.attempts,
            "latency_seconds": round(completion.latency_seconds, 6),
        }
    ]


def _judge(completion: Completion | None, retrieved: Sequence[Retrieved], source: Source) -> _Verdict:
    if completion is None:
        return _Verdict("review", "no_documents_in_scope", "not_decided")
    answer = read_answer(storable(completion.text))
    if isinstance(answer, str):
        return _Verdict("review", f"answer_malformed: {answer}", "not_decided")
    resolved = resolve(answer, retrieved, source)
    if resolved.problems:
        return _Verdict("review", f"citations_invalid: {'; '.join(resolved.problems)}", "not_decided")
    if answer.decision == "insufficient_evidence":
        return _Verdict("review", "insufficient_evidence", "insufficient_evidence")
    return _decided(answer, retrieved, resolved.citations, resolved.chunk_ids)


def _decided(
    answer: ModelAnswer, retrieved: Sequence[Retrieved], citations: tuple[Citation, ...], chunk_ids: tuple[str, ...]
) -> _Verdict:
    scores = {r.hit.chunk_id: r.hit.embedding_score for r in retrieved}
    segments = tuple(ResponseSegment(text=s.text, cited_chunk_ids=s.cited_chunk_ids) for s in answer.segments)
    computed = confidence_of([scores[chunk_id] for chunk_id in chunk_ids], citations, answer.confidence)
    return _Verdict("decided", None, answer.decision, segments, citations, chunk_ids, computed)


def _retrieved_chunk(retrieved: Retrieved) -> RetrievedChunk:
    hit = retrieved.hit
    return RetrievedChunk(
        chunk_id=hit.chunk_id,
        doc_id=hit.doc_id,
        doc_title=hit.doc_title,
        page=hit.page,
        char_range=hit.char_range,
        embedding_score=hit.embedding_score,
    )

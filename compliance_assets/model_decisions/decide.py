"""One decision: prompt, answer, checked citations, confidence, outcome. Pure but for the provider's call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ulid import ULID

from compliance_assets.contracts.canonical import canonical_json, content_id, digest_of, sha256_hex
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
from resources.providers import Completion, Provider

CODE_VERSION = "1"
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

    @property
    def envelope_json(self) -> str:
        """Canonical JSON of the envelope, the bytes whose digest the ledger holds."""
        return canonical_json(self.envelope.model_dump(mode="json")).decode()


@dataclass(frozen=True, slots=True)
class _Verdict:
    outcome: Outcome
    reason: str | None
    decision: str
    segments: tuple[ResponseSegment, ...] = ()
    citations: tuple[Citation, ...] = ()
    cited_chunk_ids: tuple[str, ...] = ()
    confidence: Confidence = confidence_module.NONE


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
) -> Decision:
    """Decide one item over what was retrieved for it. What cannot be decided goes to review with its reason.

    Raises DependencyUnavailable when the provider does not answer; nothing is decided then.
    """
    prompt = render(workload_named(item.workload), item, retrieved)
    completion = provider.complete(prompt.text) if retrieved else None  # nothing to rest on: the model is not asked
    verdict = _judge(completion, retrieved, source)
    key = idempotency_key(item, release, index_version)
    envelope = ResponseEnvelope(
        response_id=response_id_of(key, now),
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
    )


def response_id_of(key: str, now: datetime) -> str:
    """`rsp_` and a ULID: the time of the decision, then 80 bits of its idempotency key."""
    milliseconds = int(now.timestamp() * 1000).to_bytes(6, "big")
    return f"rsp_{ULID.from_bytes(milliseconds + bytes.fromhex(sha256_hex(key))[:10])}"


def ledger_body(decision: Decision, object_digests: dict[str, str]) -> dict[str, object]:
    """The ledger entry's body. `object_digests` gives the raw object of each document."""
    hits = [r.hit.model_dump(mode="json") for r in decision.retrieved]
    completion = decision.completion
    return {
        "input": decision.item.as_json(),
        "input_sha256": decision.item.input_sha256,
        "hits": hits,
        "hit_set_sha256": digest_of(hits),
        "prompt": decision.prompt.text,
        "prompt_hash": decision.prompt.prompt_hash,
        "prompt_template": {
            "name": decision.prompt.template,
            "version": decision.prompt.template_version,
            "sha256": decision.prompt.template_sha256,
        },
        "model_response": storable(completion.text) if completion else None,
        "provider_route": [
            {
                "provider": completion.provider,
                "model": completion.model,
                "attempts": completion.attempts,
                "latency_seconds": round(completion.latency_seconds, 6),
            }
        ]
        if completion
        else [],
        "policy_decision": None,
        "policy_hash": None,
        "transforms": [],
        "redaction_counts": {},
        "confidence": decision.confidence.as_json(),
        "outcome": decision.outcome,
        "reason": decision.reason,
        "release_id": decision.release.release_id,
        "response_envelope": decision.envelope.model_dump(mode="json"),
        "response_envelope_sha256": sha256_hex(decision.envelope_json),
        "idempotency_key": decision.idempotency_key,
        "lineage": {
            "index_version": decision.index_version,
            "chunks": [r.hit.chunk_id for r in decision.retrieved],
            "cited_chunks": list(decision.cited_chunk_ids),
            "documents": sorted({r.hit.doc_id for r in decision.retrieved}),
            "raw_objects": sorted({object_digests[r.hit.doc_id] for r in decision.retrieved}),
        },
    }


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

"""What the ledger keeps of a decision: a clear body without a person in it, and sealed content that replays it. Pure."""

import hashlib
import struct
from functools import lru_cache

from compliance_assets.contracts.canonical import Canonical, sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.text import storable
from compliance_assets.governance.injection import detector as injection
from compliance_assets.governance.redaction import redactor as redaction
from compliance_assets.model_decisions.decide import Circumstances, Decision, Exchange, reason_code
from compliance_assets.model_decisions.prompt import Prompt
from compliance_assets.model_decisions.workloads import Workload
from resources.clock import rfc3339
from resources.providers import Completion


def ledger_body(decision: Decision) -> dict[str, object]:
    """The clear part of the ledger entry: what was decided with what, nothing of what was asked or read."""
    governance = decision.governance
    return {
        "workload": decision.item.workload,
        "model": decision.envelope.model,
        "outcome": decision.outcome,
        "reason": reason_code(decision.reason),
        "confidence": decision.envelope.confidence,
        "release_id": decision.release.release_id,
        "index_version": decision.index_version,
        "prompt_template": _template(decision.prompt),
        "provider_route": route_of(decision.completion),
        "policy_decision": "allow" if governance.policy.allow else "deny",
        "policy_mode": governance.policy.mode,
        "policy_hash": governance.policy.policy_hash,
        "policy_outage": governance.policy.outage is not None,
        "transforms": [t.model_dump(mode="json") for t in governance.transforms],
        "redaction_counts": dict(sorted((governance.redactions or {}).items())),
        "suspicious_texts": len(governance.injections),
        "answers_sent_back": max(len(decision.exchanges) - 1, 0),
        "row_sha256": row_digest(decision),
        "hits": len(decision.retrieved),
        "citations": len(decision.envelope.citations),
        **({"passages_left_out": len(decision.left_out)} if decision.left_out else {}),
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


def ledger_content(decision: Decision) -> dict[str, object]:
    """The sealed part of the ledger entry: everything that a replay needs and that may speak of a person."""
    asked = Canonical.of(decision.item.as_json())
    hits = Canonical.of_contract([r.hit.model_dump(mode="json") for r in decision.retrieved])
    envelope = Canonical.of_contract(decision.envelope.model_dump(mode="json"))
    last = decision.completion
    return {
        "input": asked,
        "input_sha256": asked.sha256,
        "salt": decision.at.salt.hex(),
        "query_vector": decision.evidence.query_vector,
        "hits": hits,
        "hit_set_sha256": hits.sha256,
        **({"left_out": list(decision.left_out)} if decision.left_out else {}),
        "workload": _workload(decision.at.workload),
        "call": _call(decision.at),
        "governance": _governance(decision),
        "prompt": decision.prompt.text,
        "prompt_hash": decision.prompt.prompt_hash,
        "prompt_template": _template(decision.prompt),
        "sent_back": [_exchange(exchange) for exchange in decision.exchanges[:-1]],
        "model_response": storable(last.text) if last else None,
        "provider_route": route_of(last),
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
                for d in sorted(decision.evidence.documents, key=lambda d: d.doc_id)
            ],
        },
    }


def data_subjects_of(decision: Decision) -> tuple[str, ...]:
    """The persons of a decision: those that its documents state and those that the request names, wherever in it."""
    asked = data_subjects_in(str(Canonical.of(decision.item.as_json())))
    return tuple(sorted({*asked, *(subject for d in decision.evidence.documents for subject in d.data_subjects)}))


def route_of(completion: Completion | None) -> list[dict[str, object]]:
    """Every attempt at an answer, in order, the one that answered last."""
    if completion is None:
        return []
    failed: list[dict[str, object]] = [
        {
            "provider": a.provider,
            "model": a.model,
            "outcome": a.outcome,
            "latency_seconds": round(a.latency_seconds, 6),
            "seconds_after_failure": None if a.seconds_after_failure is None else round(a.seconds_after_failure, 6),
        }
        for a in completion.attempt_details
        if a.outcome != "ok"
    ]
    answered: dict[str, object] = {
        "provider": completion.provider,
        "model": completion.model,
        "attempts": completion.attempts,
        "fallback_from": completion.fallback_from,
        "latency_seconds": round(completion.latency_seconds, 6),
    }
    return [*failed, answered]


@lru_cache(maxsize=64)  # the same for every decision under it
def _workload(workload: Workload) -> Canonical:
    return Canonical.of(workload.model_dump(mode="json"))


def _call(at: Circumstances) -> dict[str, object]:
    """How a model was to be asked, and where each of them may be asked, before the policy changed anything. What a route does
    not ask for is not said.
    """
    asked_for = {
        "max_context": at.call.max_context,
        "require_citations": at.call.require_citations,
        "require_template_adherence": at.call.require_template_adherence,
        "enable_chunk_provenance": at.call.enable_chunk_provenance,
    }
    return {
        "models": list(at.call.model_chain),
        "max_tokens": at.call.max_tokens,
        "temperature": at.call.temperature,
        "guardrails": list(at.call.guardrails),
        **{name: value for name, value in asked_for.items() if value},
        "regions": {model: at.regions.get(model) for model in sorted(at.regions)},
        "egress": {
            "profile": at.egress_profile.name,
            "data_regions": sorted(at.egress_profile.data_regions),
            "bound_to_tenancy": sorted(at.egress_profile.bound_to_tenancy),
        },
    }


def _governance(decision: Decision) -> dict[str, object]:
    kept = decision.governance
    return {
        "policy_input": kept.policy_input.model_dump(mode="json"),
        "policy": kept.policy.model_dump(mode="json"),
        "transforms": [t.model_dump(mode="json") for t in kept.transforms],
        "redaction": {
            "code_version": redaction.CODE_VERSION,
            "key_id": decision.at.pseudonym_key_id,
            "counts": dict(sorted((kept.redactions or {}).items())),
        },
        "injection": {
            "code_version": injection.version(),
            "suspicions": [
                {
                    "where": found.where,
                    "score": found.score,
                    "flags": [{"kind": f.kind, "start": f.start, "end": f.end, "score": f.score} for f in found.flags],
                }
                for found in kept.injections
            ],
        },
        "refused_models": dict(sorted((kept.refused_models or {}).items())),
    }


def _exchange(exchange: Exchange) -> dict[str, object]:
    """An answer that was sent back. The prompt that followed is made of the first one, of this answer and its problems."""
    return {
        "response": storable(exchange.completion.text),
        "route": route_of(exchange.completion),
        "problems": list(exchange.problems),
    }


def _template(prompt: Prompt) -> dict[str, str]:
    return {"name": prompt.template, "version": prompt.template_version, "sha256": prompt.template_sha256}

"""Decisions put straight into the ledger, with a case each, as the record step of model_decisions leaves them."""

from datetime import UTC, datetime
from typing import Any

from ulid import ULID

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.deployment import Deployment
from compliance_assets.review import case_store
from resources.clock import rfc3339

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MODEL = "local/irpf-v1"
QUOTE = "Exercise of the calendar year: 2021."


def clock() -> datetime:
    """A clock that stands still."""
    return NOW


def envelope(response_id: str, decision: str = "original", workload: str = "irpf.triage") -> dict[str, Any]:
    """A recorded envelope, with a citation."""
    chunk = {
        "chunk_id": "ck_1", "doc_id": "doc_1", "doc_title": "A filing", "page": 1, "char_range": [0, len(QUOTE)],
        "embedding_score": 0.5,
    }  # fmt: skip
    citation = {"doc_id": "doc_1", "page": 1, "char_range": [0, len(QUOTE)], "quote": QUOTE}
    return {
        "response_id": response_id,
        "workload": workload,
        "model": MODEL,
        "prompt_hash": f"sha256:{'a' * 64}",
        "retrieved_chunks": [chunk],
        "response_segments": [{"text": "An original return.", "cited_chunk_ids": ["ck_1"]}],
        "decision": decision,
        "confidence": 0.42,
        "citations": [citation],
        "approver": None,
        "approved_at": None,
    }


def add_decision(
    deployment: Deployment,
    *,
    decision: str = "original",
    outcome: str = "review",
    reason: str = "low_confidence: 0.420 is below 0.9",
    question: str = "Which return is this?",
    user: str | None = None,
    four_eyes: bool = False,
    workload: str = "irpf.triage",
    opened_at: datetime = NOW,
    confidence: float = 0.42,
) -> str:
    """Returns the response id."""
    response_id = f"rsp_{ULID()}"
    body: dict[str, object] = {
        "workload": workload, "model": MODEL, "outcome": outcome, "reason": reason.split(":")[0],
        "confidence": confidence, "release_id": "rel_1", "index_version": "ix_1",
        "prompt_template": {"name": workload, "version": "1", "sha256": "b" * 64},
    }  # fmt: skip
    asked: dict[str, object] = {"workload": workload, "year": 2021, "question": question}
    if user:
        asked["user"] = user
    content: dict[str, object] = {
        "input": asked, "outcome": outcome, "reason": reason, "release_id": "rel_1", "prompt_hash": f"sha256:{'a' * 64}",
        "model_response": '{"decision": "?"}', "confidence": {"value": confidence},
        "hits": [{"rank": 1, "chunk_id": "ck_1", "doc_title": "A filing", "page": 1, "char_range": [0, 9], "score": 0.5}],
        "response_envelope": {**envelope(response_id, decision, workload), "confidence": confidence},
    }  # fmt: skip
    persons = data_subjects_in(canonical_json(content).decode())
    entry = NewEntry(2021, "decision", rfc3339(NOW), "compliance-assets", response_id, body, content, persons)
    with deployment.postgres.connect() as conn:
        ledger.append(conn, deployment.keyring, entry)
        queue = "quarantine" if outcome == "quarantined" else "review"
        case_store.open_case(conn, response_id, 2021, workload, queue, str(body["reason"]), four_eyes, opened_at)
    return response_id

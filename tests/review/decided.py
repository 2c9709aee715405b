"""Decisions with a case each, made and stored by the house; what came of them is chosen by the test."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from ulid import ULID

from compliance_assets.deployment import Deployment
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.confidence import Confidence
from compliance_assets.model_decisions.decide import Outcome, decide
from compliance_assets.model_decisions.store import record
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from tests.model_decisions.builders import FakeWorld, Saying, circumstances, passages

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
MODEL = "local/irpf-v1"
QUOTE = "Exercise of the calendar year: 2021."
NO_ANSWER = '{"decision": "?"}'


def clock() -> datetime:
    """A clock that stands still."""
    return NOW


class Says(Saying):
    """The model of the triage, saying the same for ever."""

    model = MODEL


def answer(decision: str) -> str:
    """What a model says that quotes the filing."""
    chunk_id = passages(QUOTE)[0].hit.chunk_id
    return json.dumps(
        {
            "decision": decision,
            "confidence": 1.0,
            "segments": [{"text": "An original return.", "cited_chunk_ids": [chunk_id]}],
            "citations": [{"chunk_id": chunk_id, "quote": QUOTE}],
            "fields": [],
            "anomalies": [],
        }
    )


def add_decision(
    deployment: Deployment,
    *,
    decision: str = "original",
    outcome: Outcome = "review",
    reason: str = "low_confidence: 0.420 is below 0.9",
    question: str = "Which return is this?",
    user: str | None = None,
    four_eyes: bool = False,
    workload: str = "irpf.triage",
    decided_at: datetime = NOW,
) -> str:
    """Returns the response id. With the decision `not_decided` the model gave no answer that holds."""
    item = WorkItem(workload, 2021, question, item_id=str(ULID()), user=user)
    at = circumstances(
        workload=workload_named(workload).model_copy(update={"four_eyes": four_eyes}),
        call=CallParameters((MODEL,)),
        regions={MODEL: None},
        now=decided_at,
    )
    model = Says(NO_ANSWER if decision == "not_decided" else answer(decision))
    made = decide(item, at, FakeWorld(model, passages(QUOTE)))
    assert made.envelope.decision == decision, made.reason
    confidence = Confidence(retrieval=0.42)
    envelope = made.envelope.model_copy(update={"confidence": confidence.value})
    made = replace(made, outcome=outcome, reason=reason, confidence=confidence, envelope=envelope)
    with deployment.postgres.connect() as conn:
        record(conn, deployment.keyring, made, 0.01)
    return made.envelope.response_id

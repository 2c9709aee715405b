"""What of a decision has to be told to somebody. Pure."""

from collections.abc import Iterator

from compliance_assets.contracts.notification import EventKind, Notification, event_id_of
from compliance_assets.model_decisions.decide import Decision, reason_code

#: A reviewer is paged whatever was configured.
ALWAYS_TOLD: frozenset[str] = frozenset({"quarantine_opened"})


def notifications_of(decision: Decision, told: frozenset[str]) -> list[Notification]:
    """One for each event of the decision that anybody is told of: ids, codes and counts alone."""
    subject_id = decision.envelope.response_id
    return [
        Notification(
            event=kind,
            event_id=event_id_of(kind, subject_id),
            organization_id=decision.at.organization_id,
            subject_id=subject_id,
            created_at=decision.decided_at,
            data={"workload": decision.item.workload, "year": decision.item.year, **data},
        )
        for kind, data in _events(decision)
        if kind in told or kind in ALWAYS_TOLD
    ]


def _events(decision: Decision) -> Iterator[tuple[EventKind, dict[str, str | int]]]:
    reason = reason_code(decision.reason) or "none"
    if decision.outcome == "quarantined":
        yield "quarantine_opened", {"reason": reason}
    if decision.outcome == "denied":
        yield "policy_denied", {"reason": reason}
    completion = decision.completion
    if completion is not None and completion.attempts > 1:
        yield "provider_fallback", {"model": completion.model, "attempts": completion.attempts}
    hidden = sum((decision.governance.redactions or {}).values())
    if hidden:
        yield "redaction_hit", {"redactions": hidden}

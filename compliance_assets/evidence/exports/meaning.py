"""What an entry means to whoever watches: one severity and one title for every format. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.errors import IntegrityError

VENDOR, PRODUCT = "compliance-assets", "compliance-assets ledger"
#: The version of what is told and how, which a receiver's rules depend on: not the version of this software.
MAPPING_VERSION = "1"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Severity(IntEnum):
    """The scale of OCSF `severity_id`; the other formats are derived from it."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


@dataclass(frozen=True, slots=True)
class Event:
    """A told entry. `seq` is what a receiver drops repeats by; it stands in `text` too, which has no newline."""

    seq: int
    organization_id: str
    kind: str
    occurred_at: str
    severity: Severity
    text: str


_TITLES = {
    "decision": "Decision recorded",
    "amendment": "Ledger entry amended",
    "oversight": "Decision reviewed",
    "incident": "Incident",
    "erasure": "Personal content erased",
    "hold": "Legal hold placed",
    "hold_released": "Legal hold released",
    "checkpoint_key": "Checkpoint key published",
    "master_key": "Master key rotated",
    "pointer": "Pointer moved",
    "dossier": "Dossier issued",
    "review": "Decision signed",
    "case_viewed": "Case viewed",
    "router_map_approval": "Router map approved",
    "candidate_evaluated": "Candidate passed the gate",
    "candidate_staged": "Candidate staged",
    "candidate_approved": "Candidate approved",
    "soak_observed": "Soak observed",
    "promotion_refused": "Step of a release refused",
    "nightly_evaluation": "Production evaluated",
    "release_installed": "Release installed",
    "release_promoted": "Release promoted",
    "release_rolled_back": "Release rolled back",
    "release_restored": "Pointer to the release put back",
    "work_postponed": "Work waits for a model",
}
_SEVERITIES = {
    "amendment": Severity.HIGH,  # somebody with a superuser's rights rewrote history, on the record
    "release_restored": Severity.HIGH,  # somebody moved it by hand
    "promotion_refused": Severity.MEDIUM,
    "erasure": Severity.LOW,
    "hold": Severity.LOW,
    "hold_released": Severity.LOW,
    "checkpoint_key": Severity.LOW,
    "master_key": Severity.LOW,
}
_OF_INCIDENTS = {
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
_OF_OVERSIGHT = {"flagged": Severity.LOW, "contested": Severity.MEDIUM}


def title_of(entry: Entry) -> str:
    """A few words; a kind that is not known is its own title."""
    return _TITLES.get(entry.kind, entry.kind)


def severity_of(entry: Entry, body: dict[str, object]) -> Severity:
    """How much it matters."""
    if entry.kind == "incident":
        return _OF_INCIDENTS.get(str(body.get("severity")), Severity.MEDIUM)
    if entry.kind == "oversight":
        return _OF_OVERSIGHT.get(str(body.get("state")), Severity.INFORMATIONAL)
    return _SEVERITIES.get(entry.kind, Severity.INFORMATIONAL)


def milliseconds_of(entry: Entry) -> int:
    """`occurred_at` as milliseconds since 1970. Raises IntegrityError for a moment that no writer can have written."""
    try:
        return (datetime.fromisoformat(entry.occurred_at) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, TypeError):
        raise IntegrityError(
            f"entry {entry.seq} cannot be told: its moment was changed",
            expected="RFC 3339 in UTC",
            found=repr(entry.occurred_at),
            remedy="`compliance verify` names every entry that was changed.",
        ) from None


def text_of(value: object) -> str | None:
    """A text or a number of a clear body as text; None for what is absent or has an inner structure."""
    return str(value) if isinstance(value, str | int | float) and value != "" else None

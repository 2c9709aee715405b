"""The register of incidents: opened once, acknowledged, resolved, and each step an entry of the ledger."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.wording import clear_text
from compliance_assets.contracts.canonical import canonical_json, content_id
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.contracts.text import storable
from compliance_assets.review import store
from resources.clock import Clock, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres

INCIDENT = "incident"
SEVERITIES = ("low", "medium", "high", "critical")
#: state -> the states that may follow it.
FOLLOWING = {"open": ("acknowledged", "resolved"), "acknowledged": ("resolved",), "resolved": ()}


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as it stands."""

    incident_id: str
    kind: str
    severity: str
    state: str
    summary: str
    detail: dict[str, Any]
    opened_at: datetime
    updated_at: datetime
    updated_by: str

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def open_incident(
    postgres: Postgres,
    keyring: Keyring,
    clock: Clock,
    kind: str,
    severity: str,
    summary: str,
    detail: dict[str, Any],
    actor: str,
    *,
    fingerprint: str,
) -> str:
    """Open an incident and return its id; while one of the same kind and fingerprint is not resolved, that one's id.

    The same incident after its resolution is a new one: its id ends in `.2`, `.3` and so on. `detail` is kept in the row, and
    sealed in the entry; one that names a CPF is only sealed.
    """
    what, told = clear_text(kind, "kind"), " ".join(clear_text(summary, "summary").split())
    by = clear_text(actor, "actor")
    _refuse_unknown("severity", severity, SEVERITIES)
    first_id = content_id("inc", what, fingerprint)
    with postgres.connect() as conn:
        store.lock(conn, first_id)
        occurred, latest = store.latest_occurrence(conn, first_id) or (0, None)
        if latest is not None and Incident(*latest).state != "resolved":
            return Incident(*latest).incident_id
        moment = clock()
        incident_id = f"{first_id}.{occurred + 1}" if occurred else first_id
        incident = Incident(incident_id, what, severity, "open", told, detail, moment, moment, by)
        persons = data_subjects_in(canonical_json(detail).decode())
        content: dict[str, object] | None = {"detail": detail} if detail else None
        seq = _record(conn, keyring, incident, None, content, persons)
        kept = {"sealed": f"see entry {seq}"} if persons else detail
        store.add_incident(conn, incident_id, what, severity, told, kept, moment, by)
    return incident_id


def change_incident(
    postgres: Postgres, keyring: Keyring, clock: Clock, incident_id: str, state: str, actor: str, note: str = ""
) -> Incident:
    """Acknowledge or resolve an incident. The note is sealed. Raises InvalidInput for a step that may not follow."""
    by, words = clear_text(actor, "actor"), storable(note).strip()
    with postgres.connect() as conn:
        row = store.incident_row(conn, incident_id)
        if row is None:
            known = [incident.incident_id for incident in incidents(conn) if incident.state != "resolved"]
            raise InvalidInput(
                "no such incident",
                expected=", ".join(known[-5:]) or "an incident; none is unresolved",
                found=repr(incident_id),
                remedy="`compliance incidents` shows them.",
            )
        before = Incident(*row)
        _refuse_unknown(f"step from the state {before.state}", state, FOLLOWING[before.state])
        after = replace(before, state=state, updated_at=clock(), updated_by=by)
        _record(conn, keyring, after, before.state, {"note": words} if words else None, data_subjects_in(words))
        store.set_incident_state(conn, incident_id, state, after.updated_at, by)
    return after


def incidents(conn: Connection, state: str | None = None) -> list[Incident]:
    """The register in the order in which it was opened, or what is in one state."""
    if state is not None:
        _refuse_unknown("state", state, tuple(FOLLOWING))
    return [Incident(*row) for row in store.incident_rows(conn, state)]


def _record(
    conn: Connection,
    keyring: Keyring,
    incident: Incident,
    previous: str | None,
    content: dict[str, object] | None,
    persons: tuple[str, ...],
) -> int:
    body: dict[str, object] = {
        "incident_id": incident.incident_id,
        "kind": incident.kind,
        "severity": incident.severity,
        "state": incident.state,
        "previous_state": previous,
        "summary": incident.summary,
    }
    moment, by = rfc3339(incident.updated_at), incident.updated_by
    new = NewEntry(NO_YEAR, INCIDENT, moment, by, incident.incident_id, body, content, persons)
    return ledger.append(conn, keyring, new).seq


def _refuse_unknown(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidInput(
            f"there is no such {what}",
            expected=" or ".join(known) or "nothing: it is resolved, and opens again when it recurs",
            found=repr(value),
            remedy="Choose one of them." if known else "Leave it.",
        )

"""Entries as OCSF events. Pure; only the clear header and the clear body are told.

Open Cybersecurity Schema Framework 1.6.0 (https://schema.ocsf.io/1.6.0). Incidents are Incident Finding (class 2005),
everything else Entity Management (class 3004), whose entity is what the entry is about. Only attributes that stand in 1.4.0 to
1.8.0 alike are used, so that a receiver of another version of these understands them. What OCSF has no attribute for is
`unmapped`, under the names that it has in the ledger.
"""

import json
from dataclasses import dataclass

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.evidence.exports.meaning import (
    MAPPING_VERSION,
    PRODUCT,
    VENDOR,
    milliseconds_of,
    severity_of,
    text_of,
    title_of,
)
from compliance_assets.evidence.exports.records import leaf_hex, public_body

OCSF_VERSION = "1.6.0"
INCIDENT_FINDING, ENTITY_MANAGEMENT = 2005, 3004
_OTHER = 99
_UNMAPPED = (
    "seq", "year", "schema_version", "key_id", "body_sha256", "content_sha256", "content_commitment", "prev_hash", "entry_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Change:
    """An activity of Entity Management and the entity that it happened to."""

    activity_id: int
    activity_name: str
    entity_type: str


_CHANGES = {
    "decision": _Change(1, "Create", "Decision"),
    "amendment": _Change(3, "Update", "Ledger Entry"),
    "oversight": _Change(3, "Update", "Decision"),
    "erasure": _Change(4, "Delete", "Personal Content"),
    "hold": _Change(10, "Activate", "Legal Hold"),
    "hold_released": _Change(11, "Deactivate", "Legal Hold"),
    "checkpoint_key": _Change(6, "Enroll", "Checkpoint Key"),
    "master_key": _Change(6, "Enroll", "Master Key"),
    "pointer": _Change(3, "Update", "Pointer"),
    "dossier": _Change(1, "Create", "Dossier"),
}
#: state of an incident -> (activity_id, activity_name, status_id, status)
_INCIDENT_STATES = {
    "open": (1, "Create", 1, "New"),
    "acknowledged": (2, "Update", 2, "In Progress"),
    "resolved": (3, "Close", 4, "Resolved"),
}
_HASH, _RESOURCE_UID, _USER_NAME = (8, "Hash"), (10, "Resource UID"), (4, "User Name")


def ocsf_line(entry: Entry) -> str:
    """The event as one line of JSON in ASCII."""
    return json.dumps(ocsf_event(entry), sort_keys=True, separators=(",", ":"), allow_nan=False)


def ocsf_event(entry: Entry) -> dict[str, object]:
    """The event of an entry."""
    body = public_body(entry)
    severity = severity_of(entry, body)
    of_its_class = _incident(entry, body) if entry.kind == "incident" else _entity_change(entry, body)
    return {
        "time": milliseconds_of(entry),
        "severity_id": int(severity),
        "severity": severity.name.capitalize(),
        "message": f"{title_of(entry)}: {entry.subject_id}",
        "metadata": _metadata(entry),
        "unmapped": {
            **{name: getattr(entry, name) for name in _UNMAPPED},
            "leaf_index": entry.seq - 1,
            "leaf_hash": leaf_hex(entry),
            "body": body,
        },
        **of_its_class,
    }


def _metadata(entry: Entry) -> dict[str, object]:
    return {
        "version": OCSF_VERSION,
        "product": {"name": PRODUCT, "vendor_name": VENDOR, "version": MAPPING_VERSION},
        "uid": f"{entry.organization_id}/{entry.seq}",
        "sequence": entry.seq,
        "correlation_uid": entry.subject_id,  # everything about one decision carries its response_id
        "tenant_uid": entry.organization_id,
        "event_code": entry.kind,
        "log_name": "ledger",
        "original_time": entry.occurred_at,
    }


def _entity_change(entry: Entry, body: dict[str, object]) -> dict[str, object]:
    change = _CHANGES.get(entry.kind, _Change(_OTHER, entry.kind, entry.kind))
    return {
        **_class(ENTITY_MANAGEMENT, "Entity Management", 3, "Identity & Access Management", change.activity_id),
        "activity_name": change.activity_name,
        "actor": {"user": {"name": entry.actor}},
        "entity": {"uid": entry.subject_id, "type": change.entity_type, "type_id": _OTHER},
        "observables": _observables(("entity.uid", entry.subject_id), ("actor.user.name", entry.actor), entry),
        **_status(body),
    }


def _status(body: dict[str, object]) -> dict[str, object]:
    """A decision that waits for a person is neither a success nor a failure: its outcome is told as it is."""
    outcome = text_of(body.get("outcome")) or text_of(body.get("state"))
    told: dict[str, object] = {"status_id": 1, "status": "Success"}
    if outcome not in (None, "decided"):
        told = {"status_id": _OTHER, "status": outcome}
    reason = text_of(body.get("reason"))
    return {**told, "status_code": reason} if reason else told


def _incident(entry: Entry, body: dict[str, object]) -> dict[str, object]:
    state = str(body.get("state", "open"))
    activity_id, activity, status_id, status = _INCIDENT_STATES.get(state, (_OTHER, state, _OTHER, state))
    kind, summary = text_of(body.get("kind")), text_of(body.get("summary"))
    finding = {"uid": entry.subject_id, "title": summary or kind or title_of(entry), "types": [kind] if kind else []}
    return {
        **_class(INCIDENT_FINDING, "Incident Finding", 2, "Findings", activity_id),
        "activity_name": activity,
        "status_id": status_id,
        "status": status,
        "assignee": {"name": entry.actor},  # whoever moved it last
        "finding_info_list": [finding],
        **({"desc": summary} if summary else {}),
        "observables": _observables(("finding_info_list.uid", entry.subject_id), ("assignee.name", entry.actor), entry),
    }


def _class(uid: int, name: str, category: int, category_name: str, activity_id: int) -> dict[str, object]:
    return {
        "class_uid": uid,
        "class_name": name,
        "category_uid": category,
        "category_name": category_name,
        "activity_id": activity_id,
        "type_uid": uid * 100 + activity_id,
    }


def _observables(subject: tuple[str, str], actor: tuple[str, str], entry: Entry) -> list[dict[str, object]]:
    seen = ((subject, _RESOURCE_UID), (actor, _USER_NAME), (("unmapped.entry_hash", entry.entry_hash), _HASH))
    return [
        {"name": name, "value": value, "type_id": type_id, "type": caption}
        for (name, value), (type_id, caption) in seen
    ]

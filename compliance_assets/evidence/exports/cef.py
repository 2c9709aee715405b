"""Entries in the ArcSight Common Event Format. Pure; only the clear header and the clear body are told.

Implementing ArcSight Common Event Format (CEF), version 25: `CEF:0|vendor|product|version|class|name|severity|extension`. In
the header a backslash and a pipe are escaped by a backslash, and no newline may stand; in the extension a backslash and an
equals sign are, and a newline is written as \\n or \\r. The extension's keys and their greatest lengths are the standard's.
"""

import re
from collections.abc import Iterator, Mapping

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.evidence.exports.meaning import (
    MAPPING_VERSION,
    PRODUCT,
    VENDOR,
    Severity,
    milliseconds_of,
    severity_of,
    text_of,
    title_of,
)
from compliance_assets.evidence.exports.records import leaf_hex, public_body

_SEVERITIES = {
    Severity.INFORMATIONAL: 1,
    Severity.LOW: 3,
    Severity.MEDIUM: 5,
    Severity.HIGH: 8,
    Severity.CRITICAL: 10,
}
_CUSTOM_TEXT = 4000  # cs1 to cs6
_LENGTHS = {
    "externalId": 40, "deviceExternalId": 255, "cat": 1023, "act": 63, "suser": 1023, "outcome": 63, "reason": 1023,
    "flexString1": 1023, "flexString2": 1023,
}  # fmt: skip


def cef_line(entry: Entry) -> str:
    """The event of an entry, one line."""
    body = public_body(entry)
    severity = _SEVERITIES[severity_of(entry, body)]
    return message(entry.kind, title_of(entry), severity, dict(_extension(entry, body)))


def message(event_class: str, name: str, severity: int, extension: Mapping[str, str]) -> str:
    """A CEF message of this product."""
    header = (VENDOR, PRODUCT, MAPPING_VERSION, event_class, name, str(severity))
    pairs = " ".join(f"{key}={_in_extension(value)}" for key, value in extension.items())
    return f"CEF:0|{'|'.join(map(_in_header, header))}|{pairs}"


def _in_header(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text).replace("\\", "\\\\").replace("|", "\\|")


def _in_extension(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\r", "\\r")


def _extension(entry: Entry, body: dict[str, object]) -> Iterator[tuple[str, str]]:
    standard = {
        "rt": str(milliseconds_of(entry)),
        "externalId": str(entry.seq),
        "deviceExternalId": entry.organization_id,
        "cat": "ledger",
        "act": entry.kind,
        "suser": entry.actor,
        "outcome": text_of(body.get("outcome")) or text_of(body.get("state")),
        "reason": text_of(body.get("reason")),
    }
    for key, value in standard.items():
        if value is not None:
            yield key, value[: _LENGTHS.get(key)]
    for key, label, value in _labelled(entry, body):
        if value is not None:
            yield f"{key}Label", label
            yield key, value[: _LENGTHS.get(key, _CUSTOM_TEXT)]


def _labelled(entry: Entry, body: dict[str, object]) -> Iterator[tuple[str, str, str | None]]:
    yield "cs1", "subjectId", entry.subject_id
    yield "cs2", "entryHash", entry.entry_hash
    yield "cs3", "leafHash", leaf_hex(entry)
    yield "cs4", "releaseId", text_of(body.get("release_id"))
    yield "cs5", "policyDecision", text_of(body.get("policy_decision"))
    yield "cs6", "body", _whole(body)
    yield "flexString1", "workload", text_of(body.get("workload"))
    yield "flexString2", "indexVersion", text_of(body.get("index_version"))
    yield "cn1", "year", str(entry.year)
    yield "cn2", "redactions", _sum_of(body.get("redaction_counts"))
    yield "cn3", "latencyMs", _latency(body.get("provider_route"))
    yield "cfp1", "confidence", text_of(body.get("confidence"))


def _whole(body: dict[str, object]) -> str | None:
    """The body, where it fits: half a JSON object would be none."""
    text = canonical_json(body).decode()
    return text if len(text) <= _CUSTOM_TEXT else None


def _sum_of(counts: object) -> str | None:
    return str(sum(n for n in counts.values() if isinstance(n, int))) if isinstance(counts, dict) else None


def _latency(route: object) -> str | None:
    if not isinstance(route, list):
        return None
    seconds = [step.get("latency_seconds") for step in route if isinstance(step, dict)]
    return str(round(1000 * sum(s for s in seconds if isinstance(s, int | float))))

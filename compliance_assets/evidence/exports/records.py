"""Entries as LedgerRecords and back: JSON Lines from which an outsider checks the chain and the tree. Pure.

One canonical JSON object (RFC 8785) a line, UTF-8, ended by a newline.
"""

import base64
import json
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from compliance_assets.audit_ledger.chain import Entry, leaf_of
from compliance_assets.audit_ledger.content import Content
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.ledger_record import RECORD_VERSION, ContentState, LedgerRecord


def record_of(entry: Entry, content: Content | None = None, *, opened: bool = False) -> LedgerRecord:
    """The record of an entry. `opened` says that opening was tried: no content then means that it was erased."""
    return LedgerRecord.model_validate(_plain(entry, content, opened=opened))


def line_of(entry: Entry, content: Content | None = None, *, opened: bool = False) -> bytes:
    """The record as its line. An entry that somebody changed is written as it stands; the reader's checks name it."""
    return canonical_json(_plain(entry, content, opened=opened)) + b"\n"


def entry_from_record(record: LedgerRecord) -> Entry:
    """The entry again, byte for byte."""
    fields = dict(record.entry)
    body, sealed = record.entry.body, record.entry.sealed
    fields["body"] = body if isinstance(body, str) else canonical_json(body).decode()
    fields["sealed"] = None if sealed is None else base64.b64decode(sealed)
    return Entry(**fields)


def read_records(lines: Iterable[bytes]) -> Iterator[LedgerRecord]:
    """The records of an exported file. Raises InvalidInput for a line that is none."""
    for number, line in enumerate(lines, start=1):
        try:
            yield LedgerRecord.model_validate_json(line)
        except ValidationError as problem:
            first = problem.errors(include_input=False, include_url=False)[0]
            raise InvalidInput(
                f"line {number} is not a record of a ledger",
                expected="ledger_record.schema.json",
                found=f"{'.'.join(map(str, first['loc'])) or 'the line'}: {first['msg']}",
                remedy="Export the ledger again; a line that was cut off or edited proves nothing.",
            ) from None


def public_body(entry: Entry) -> dict[str, object]:
    """What a clear body may tell a SIEM: all of it, since it holds nothing personal.

    Entries of the first version kept their content in it. Of those decisions only what would stand in the clear today is told,
    of anything else in that version nothing. Nor is anything told of a body that is no canonical JSON: no writer wrote it.
    """
    body = _object(entry.body)
    if body is None or _canonical(body) != entry.body:
        return {}
    if entry.schema_version != "1":
        return body
    return _public_part(body) if entry.kind == "decision" else {}


def leaf_hex(entry: Entry) -> str | None:
    """The entry's leaf hash in hex; None where no writer can have written the entry."""
    try:
        return leaf_of(entry).hex()
    except ValueError:
        return None


def _plain(entry: Entry, content: Content | None, *, opened: bool) -> dict[str, object]:
    body = _object(entry.body)
    faithful = body is not None and _canonical(body) == entry.body
    return {
        "schema_version": RECORD_VERSION,
        "entry": {
            **entry._asdict(),
            "body": body if faithful else entry.body,
            "sealed": _base64(entry.sealed),
        },
        "leaf_index": entry.seq - 1,
        "leaf_hash": leaf_hex(entry),
        "content_state": _state(entry, content, opened=opened),
        "content": content.as_json() if content else None,
        "salt": _base64(content.salt) if content else None,
    }


def _state(entry: Entry, content: Content | None, *, opened: bool) -> ContentState:
    if entry.sealed is None:
        return "none"
    if not opened:
        return "sealed"
    return "opened" if content else "erased"


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _object(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _canonical(value: object) -> str | None:
    try:
        return canonical_json(value).decode()
    except (ValueError, RecursionError):  # numbers that canonical JSON cannot carry
        return None


def _public_part(body: dict[str, object]) -> dict[str, object]:
    item, confidence = _part(body, "input"), _part(body, "confidence")
    envelope, lineage = _part(body, "response_envelope"), _part(body, "lineage")
    hits, citations = body.get("hits"), envelope.get("citations")
    as_today = ("outcome", "release_id", "prompt_template", "provider_route")
    policy = ("policy_decision", "policy_hash", "transforms", "redaction_counts")
    return {
        **{name: body[name] for name in (*as_today, *policy) if name in body},
        "reason": str(body["reason"]).partition(":")[0] if body.get("reason") else None,
        "workload": item.get("workload"),
        "model": envelope.get("model"),
        "confidence": confidence.get("value"),
        "index_version": lineage.get("index_version"),
        "hits": len(hits) if isinstance(hits, list) else 0,
        "citations": len(citations) if isinstance(citations, list) else 0,
    }


def _part(body: dict[str, object], name: str) -> dict[str, object]:
    value = body.get(name)
    return value if isinstance(value, dict) else {}

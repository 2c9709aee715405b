"""The hash chain: how an entry's hash is made and how a chain is walked. Pure, knows nothing of storage."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.contracts.ledger_entry import LedgerEntry

#: The hash before the first entry.
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain."""

    seq: int = 0
    entry_hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class ChainFinding:
    """Something that does not hold, at the first entry that shows it."""

    seq: int
    problem: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a writer wants recorded. `body` is any JSON object; it is kept as canonical JSON."""

    year: int
    kind: str
    occurred_at: str
    actor: str
    subject_id: str
    body: dict[str, object]


def link(head: Head, entry: NewEntry, organization_id: str, key: bytes) -> LedgerEntry:
    """The entry that follows `head`: HMAC-SHA-256 (RFC 2104) over the canonical JSON of its fields and of `prev_hash`."""
    body = canonical_json(entry.body).decode()
    fields = {
        "seq": head.seq + 1,
        "organization_id": organization_id,
        "year": entry.year,
        "kind": entry.kind,
        "occurred_at": entry.occurred_at,
        "actor": entry.actor,
        "subject_id": entry.subject_id,
        "body_sha256": sha256_hex(body),
        "prev_hash": head.entry_hash,
    }
    return LedgerEntry(body=body, entry_hash=_mac(fields, key), **fields)  # type: ignore[arg-type]


def walk(entries: Iterable[LedgerEntry], head: Head, key: bytes) -> Iterator[ChainFinding]:
    """Findings of a whole chain, in order of `seq`. `head` is the end that the store claims for it."""
    previous = Head()
    for entry in entries:
        if entry.seq != previous.seq + 1:
            yield ChainFinding(
                entry.seq, "the sequence has a gap or a repetition", str(previous.seq + 1), str(entry.seq)
            )
        if entry.prev_hash != previous.entry_hash:
            yield ChainFinding(
                entry.seq, "the entry does not follow the one before it", previous.entry_hash, entry.prev_hash
            )
        if sha256_hex(entry.body) != entry.body_sha256:
            yield ChainFinding(entry.seq, "the body was changed", entry.body_sha256, sha256_hex(entry.body))
        try:
            expected = _mac(_hashed_fields(entry), key)
        except ValueError as problem:  # a value that no writer can have hashed, such as a number beyond 2^53
            expected = f"fields of canonical JSON ({problem})"
        if not hmac.compare_digest(expected.encode(), entry.entry_hash.encode()):
            yield ChainFinding(entry.seq, "the entry's hash does not fit its fields", expected, entry.entry_hash)
        previous = Head(entry.seq, entry.entry_hash)
    if previous.seq != head.seq:
        yield ChainFinding(
            previous.seq + 1, "the end of the chain is not where its head says", str(head.seq), str(previous.seq)
        )
    elif previous.entry_hash != head.entry_hash:
        yield ChainFinding(previous.seq, "the head names another entry", head.entry_hash, previous.entry_hash)


def _hashed_fields(entry: LedgerEntry) -> dict[str, object]:
    return entry.model_dump(exclude={"body", "entry_hash"})


def _mac(fields: dict[str, object], key: bytes) -> str:
    return hmac.new(key, canonical_json(fields), hashlib.sha256).hexdigest()

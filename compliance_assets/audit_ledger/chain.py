"""The hash chain: what an entry's hash covers and how a chain is walked. Pure, knows nothing of storage.

The header of an entry is the canonical JSON (RFC 8785) of its fields without `body`, `sealed` and `entry_hash`; the first
two stand in it as digests. `entry_hash` is HMAC-SHA-256 (RFC 2104) of the header under the organisation's key. The leaf of
the tree is the header, a newline and the entry's hash in hex: whoever has the entry can make its leaf without a key.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring as _text  # a JSON string without needless escapes, as RFC 8785 writes it
from typing import NamedTuple

from compliance_assets.audit_ledger.merkle import leaf_hash
from compliance_assets.contracts.canonical import Canonical, canonical_json
from compliance_assets.contracts.ledger_entry import CURRENT_VERSION

#: The hash before the first entry.
GENESIS = "0" * 64

#: What the header of each schema version covers, in the order of canonical JSON.
HEADER_FIELDS = {
    "1": (
        "actor", "body_sha256", "kind", "occurred_at", "organization_id", "prev_hash", "seq", "subject_id", "year",
    ),
    "2": (
        "actor", "body_sha256", "content_commitment", "content_sha256", "key_id", "kind", "occurred_at", "organization_id",
        "prev_hash", "schema_version", "seq", "subject_id", "year",
    ),
}  # fmt: skip

#: The current header, written out: JSON's own encoder takes three times as long, and this is done for every entry of a walk.
_HEADER = "{" + ",".join(f'"{name}":%{"d" if name in ("seq", "year") else "s"}' for name in HEADER_FIELDS["2"]) + "}"
_LARGEST = 2**53 - 1

#: Stands in the tree for an entry that can have no leaf.
NO_LEAF = hashlib.sha256().digest()


class Entry(NamedTuple):
    """An entry as it stands in the store, whether it holds or not; the contract is `LedgerEntry`."""

    schema_version: str
    seq: int
    organization_id: str
    year: int
    kind: str
    occurred_at: str
    actor: str
    subject_id: str
    key_id: str
    body: str
    body_sha256: str
    sealed: bytes | None
    content_sha256: str | None
    content_commitment: str | None
    prev_hash: str
    entry_hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain."""

    seq: int = 0
    entry_hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold, at the first entry that shows it; 0 where no single entry does."""

    seq: int
    problem: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What a writer wants recorded.

    `body` is any JSON object without personal content; it is kept as canonical JSON. Personal content goes into `content`
    (an object, or its canonical JSON) and is sealed under the keys of `data_subjects`: whoever of them is erased takes it along.
    """

    year: int
    kind: str
    occurred_at: str
    actor: str
    subject_id: str
    body: dict[str, object]
    content: Canonical | dict[str, object] | None = None
    data_subjects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A new entry whose body is serialised and whose content is sealed: all that is done before the chain is locked."""

    new: NewEntry
    body: str
    sealed: bytes | None = None
    content_commitment: str | None = None


def unplaced(draft: Draft, organization_id: str, key_id: str) -> Entry:
    """The entry before it has its place: everything of it but `seq`, `prev_hash` and `entry_hash`."""
    new = draft.new
    return Entry(
        schema_version=CURRENT_VERSION,
        seq=0,
        organization_id=organization_id,
        year=new.year,
        kind=new.kind,
        occurred_at=new.occurred_at,
        actor=new.actor,
        subject_id=new.subject_id,
        key_id=key_id,
        body=draft.body,
        body_sha256=hashlib.sha256(draft.body.encode()).hexdigest(),
        sealed=draft.sealed,
        content_sha256=None if draft.sealed is None else hashlib.sha256(draft.sealed).hexdigest(),
        content_commitment=draft.content_commitment,
        prev_hash="",
        entry_hash="",
    )


def link(head: Head, entry: Entry, key: bytes) -> Entry:
    """The entry in the place behind `head`."""
    unhashed = entry._replace(seq=head.seq + 1, prev_hash=head.entry_hash)
    return unhashed._replace(entry_hash=hmac.digest(key, header_of(unhashed), "sha256").hex())


def header_of(entry: Entry) -> bytes:
    """The bytes that are authenticated. Raises ValueError for values that no writer can have hashed."""
    if not (abs(entry.seq) <= _LARGEST and abs(entry.year) <= _LARGEST):
        raise ValueError("a number beyond 2^53")
    if entry.schema_version == CURRENT_VERSION:
        text = _HEADER % (
            _text(entry.actor), _text(entry.body_sha256), _text_or_null(entry.content_commitment),
            _text_or_null(entry.content_sha256), _text(entry.key_id), _text(entry.kind), _text(entry.occurred_at),
            _text(entry.organization_id), _text(entry.prev_hash), _text(entry.schema_version), entry.seq,
            _text(entry.subject_id), entry.year,
        )  # fmt: skip
        return text.encode()
    fields = HEADER_FIELDS.get(entry.schema_version)
    if fields is None:
        raise ValueError(f"schema version {entry.schema_version!r}")
    return canonical_json({name: getattr(entry, name) for name in fields})


def _text_or_null(value: str | None) -> str:
    return "null" if value is None else _text(value)


def leaf_of(entry: Entry) -> bytes:
    """The entry's leaf hash in the tree. Raises ValueError as `header_of` does."""
    return leaf_hash(b"%b\n%b" % (header_of(entry), entry.entry_hash.encode()))


@dataclass(frozen=True, slots=True)
class Amendment:
    """A documented rewrite by a superuser: the leaf that entry `seq` had, and the one that it has since."""

    seq: int
    was: str
    now: str


def placed_leaf(entry: Entry, amendments: Mapping[int, Amendment]) -> bytes:
    """The leaf that stands for an entry in the tree: its own, or the one that it had before a documented rewrite."""
    leaf, amendment = leaf_of(entry), amendments.get(entry.seq)
    return bytes.fromhex(amendment.was) if amendment and amendment.now == leaf.hex() else leaf


@dataclass(slots=True)
class Walk:
    """A walk over a chain from `head`. `keys` gives the HMAC key of a key id; `leaves` receives every leaf hash in order.

    A rewritten entry that a valid later amendment documents is `amended`, not a finding; its place in the tree is kept by
    the leaf that it had.
    """

    keys: Callable[[str], bytes]
    head: Head = Head()
    leaves: Callable[[bytes], None] = lambda leaf: None
    amendments: Mapping[int, Amendment] = field(default_factory=dict)
    amended: list[int] = field(default_factory=list)

    def over(self, entries: Iterable[Entry]) -> Iterator[Finding]:
        """Findings in order of `seq`; `head` moves along."""
        sha256, digest, keys, leaves = hashlib.sha256, hmac.digest, self.keys, self.leaves
        seq, previous = self.head.seq, self.head.entry_hash
        for entry in entries:
            if entry.seq != seq + 1:
                yield Finding(entry.seq, "the sequence has a gap or a repetition", str(seq + 1), str(entry.seq))
            if entry.prev_hash != previous:
                yield Finding(entry.seq, "the entry does not follow the one before it", previous, entry.prev_hash)
            body_sha256 = sha256(entry.body.encode()).hexdigest()
            if body_sha256 != entry.body_sha256:
                yield Finding(entry.seq, "the body was changed", entry.body_sha256, body_sha256)
            content_sha256 = None if entry.sealed is None else sha256(entry.sealed).hexdigest()
            if content_sha256 != entry.content_sha256:
                yield Finding(
                    entry.seq, "the sealed content was changed", str(entry.content_sha256), str(content_sha256)
                )
            try:
                header = header_of(entry)
                expected = digest(keys(entry.key_id), header, "sha256").hex()
                leaf = sha256(b"\0%b\n%b" % (header, entry.entry_hash.encode())).digest()
            except (ValueError, LookupError) as problem:
                expected, leaf = f"fields and a key that a writer can have used ({problem})", NO_LEAF
            if expected != entry.entry_hash:
                amendment = self.amendments.get(entry.seq)
                if amendment and amendment.now == leaf.hex():
                    self.amended.append(entry.seq)
                    leaf = bytes.fromhex(amendment.was)
                else:
                    yield Finding(entry.seq, "the entry's hash does not fit its fields", expected, entry.entry_hash)
            leaves(leaf)
            seq, previous = entry.seq, entry.entry_hash
            self.head = Head(seq, previous)

    def end(self, claimed: Head) -> Iterator[Finding]:
        """Whether the walk ended where the store says that the chain ends."""
        if self.head.seq != claimed.seq:
            yield Finding(
                self.head.seq + 1,
                "the end of the chain is not where its head says",
                str(claimed.seq),
                str(self.head.seq),
            )
        elif self.head.entry_hash != claimed.entry_hash:
            yield Finding(self.head.seq, "the head names another entry", claimed.entry_hash, self.head.entry_hash)

"""What a replica of the ledger consists of, and how it proves itself without the ledger. Pure.

Below `<organization_id>/`: `entries/<from>-<to>.jsonl`, LedgerRecords without a gap from entry 1 on; `checkpoints/<size>.txt`,
the signed notes over them; `key.txt` with the vkey of the first signing key (later ones in `key-2.txt`, …), each named by an
entry as well. The leaves of the records give the roots that the checkpoints sign.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from compliance_assets.audit_ledger.chain import Amendment, Entry, leaf_of
from compliance_assets.audit_ledger.checkpoint import Checkpoint, open_checkpoint
from compliance_assets.audit_ledger.merkle import Frontier
from compliance_assets.audit_ledger.note import Verifier
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.evidence.exports.records import entry_from_record, line_of, read_records

#: From the day of writing on.
RETENTION_YEARS = 5
SEGMENT_ENTRIES = 10_000
SEGMENT_BYTES = 32 * 1024 * 1024
_LEAF = 32
_SEGMENT = re.compile(r"entries/(\d{12})-(\d{12})\.jsonl")
_CHECKPOINT = re.compile(r"checkpoints/(\d{12})\.txt")


@dataclass(frozen=True, slots=True)
class ParityFinding:
    """Something of the replica that does not hold, and the object that shows it."""

    name: str
    problem: str
    expected: str
    found: str


class Segment(NamedTuple):
    """Entries `first` to `last`, both included."""

    first: int
    last: int

    @property
    def name(self) -> str:
        """Its object."""
        return f"entries/{self.first:012}-{self.last:012}.jsonl"


def segment_named(name: str) -> Segment | None:
    """The segment that an object's name says, None where it says none."""
    match = _SEGMENT.fullmatch(name)
    return Segment(int(match[1]), int(match[2])) if match else None


def checkpoint_name(size: int) -> str:
    """The object of the checkpoint over so many entries."""
    return f"checkpoints/{size:012}.txt"


def checkpoint_named(name: str) -> int | None:
    """The size that an object's name says, None where it is no checkpoint's."""
    match = _CHECKPOINT.fullmatch(name)
    return int(match[1]) if match else None


def key_name(position: int) -> str:
    """The object of the signing key at a position among those that the ledger names, from 1."""
    return "key.txt" if position == 1 else f"key-{position}.txt"


def retained_until(written_at: datetime, years: int = RETENTION_YEARS) -> datetime:
    """The same day so many years later; the first of March where that year has no 29th of February."""
    try:
        return written_at.replace(year=written_at.year + years)
    except ValueError:
        return written_at.replace(year=written_at.year + years, month=3, day=1)


def withheld(entry: Entry) -> Entry:
    """The entry as it may leave for a place where nothing can be erased: personal content as ciphertext only.

    Entries of the first version held theirs in a clear body. It stays behind; its digest in the header keeps the proof whole.
    """
    return entry._replace(body="") if entry.schema_version == "1" else entry


def replica_line(entry: Entry) -> bytes:
    """The entry's line in a segment."""
    return line_of(withheld(entry))


def cut(entries: Iterable[Entry], max_entries: int = SEGMENT_ENTRIES, max_bytes: int = SEGMENT_BYTES) -> list[bytes]:
    """The lines of the next segment: a pure function of the ledger, so that whoever repeats it after a crash cuts alike."""
    lines: list[bytes] = []
    size = 0
    for entry in entries:
        lines.append(replica_line(entry))
        size += len(lines[-1])
        if len(lines) >= max_entries or size >= max_bytes:
            break
    return lines


def opened(note: str, keys: Iterable[str]) -> Checkpoint | None:
    """What a note says, None where none of the keys (vkeys) signed it."""
    for key in keys:
        try:
            verifier = Verifier.from_vkey(key)
            return open_checkpoint(note, verifier, origin=verifier.name)
        except (InvalidInput, IntegrityError):  # a key that is none, or another one's note
            continue
    return None


@dataclass(slots=True)
class ReplicaProof:
    """Takes the segments in order, then the keys and the checkpoints; keeps 32 bytes an entry, never the entries."""

    entries: int = 0
    keys: list[str] = field(default_factory=list)
    _leaves: bytearray = field(default_factory=bytearray)
    _amendments: dict[int, Amendment] = field(default_factory=dict)
    _unfit: list[ParityFinding] = field(default_factory=list)

    def add(self, name: str, data: bytes) -> Iterator[ParityFinding]:
        """The next segment: it goes on where the last one ended, and holds what its name says."""
        segment = segment_named(name)
        assert segment is not None
        if segment.first != self.entries + 1:
            yield ParityFinding(
                name, "the segments have a gap or overlap", f"entry {self.entries + 1} next", f"entry {segment.first}"
            )
        seqs: list[int] = []
        try:
            for record in read_records(data.splitlines(keepends=True)):
                seqs.append(record.entry.seq)
                self._take(name, entry_from_record(record))
        except (InvalidInput, ValueError) as problem:
            yield ParityFinding(name, "the segment cannot be read", "LedgerRecords, one a line", str(problem))
        if seqs != list(range(segment.first, segment.last + 1)):
            yield ParityFinding(
                name,
                "the segment does not hold what its name says",
                f"entries {segment.first} to {segment.last}",
                _span(seqs),
            )
        self._seat(segment.last)

    def _seat(self, last: int) -> None:
        """What is missing stays a leaf of zeros: later segments keep their places, and every root over it fails."""
        self._leaves += bytes(max(0, last * _LEAF - len(self._leaves)))
        self.entries = max(last, self.entries)

    def unfit(self) -> list[ParityFinding]:
        """Records whose body or sealed content is not the one in their header, unless an amendment documents it."""
        return [finding for finding in self._unfit if int(finding.expected.split()[1]) not in self._amendments]

    def hold(self, checkpoints: Sequence[tuple[str, str]]) -> Iterator[ParityFinding]:
        """Every checkpoint, as (name, note), against the keys and the leaves that the segments gave."""
        frontier, size = Frontier(), 0
        for name, text in sorted(checkpoints):
            head = opened(text, self.keys)
            if head is None:
                yield ParityFinding(name, "the checkpoint is not signed by a key that the replica's entries name",
                                    ", ".join(self.keys) or "a key", text.partition("\n")[0][:80])  # fmt: skip
                continue
            if head.size != checkpoint_named(name):
                yield ParityFinding(name, "the checkpoint is another one than its name says",
                                    f"{checkpoint_named(name)} entries", f"{head.size} entries")  # fmt: skip
                continue
            if head.size > self.entries:
                yield ParityFinding(name, "the entries under the checkpoint are missing",
                                    f"{head.size} entries", f"{self.entries} entries")  # fmt: skip
                continue
            for position in range(size, head.size):
                frontier.append(self._leaf(position))
            size = max(size, head.size)
            root = frontier.root()
            if root != head.root:
                yield ParityFinding(name, "the replica's entries do not give the checkpoint's root",
                                    head.root.hex(), root.hex())  # fmt: skip

    def _take(self, name: str, entry: Entry) -> None:
        body = json.loads(entry.body) if entry.kind in {"checkpoint_key", "amendment"} and entry.body else {}
        if entry.kind == "checkpoint_key" and isinstance(body, dict):
            self.keys.append(str(body.get("vkey")))
        if entry.kind == "amendment" and isinstance(body, dict) and body.get("now_leaf"):
            self._amendments[int(body["seq"])] = Amendment(int(body["seq"]), body["was_leaf"], body["now_leaf"])
        self._seat(entry.seq - 1)
        self._leaves[(entry.seq - 1) * _LEAF : entry.seq * _LEAF] = leaf_of(entry)
        if entry.schema_version != "1" and hashlib.sha256(entry.body.encode()).hexdigest() != entry.body_sha256:
            self._unfit.append(_not_its_own(name, entry, "body"))
        if entry.sealed is not None and hashlib.sha256(entry.sealed).hexdigest() != entry.content_sha256:
            self._unfit.append(_not_its_own(name, entry, "sealed content"))

    def _leaf(self, position: int) -> bytes:
        leaf = bytes(self._leaves[position * _LEAF : (position + 1) * _LEAF])
        amendment = self._amendments.get(position + 1)
        return bytes.fromhex(amendment.was) if amendment is not None and amendment.now == leaf.hex() else leaf


def _not_its_own(name: str, entry: Entry, what: str) -> ParityFinding:
    return ParityFinding(
        name, f"a record's {what} was changed", f"entry {entry.seq} as its header has it", "another digest"
    )


def _span(seqs: list[int]) -> str:
    return f"{len(seqs)} entries, {seqs[0]} to {seqs[-1]}" if seqs else "no entry"

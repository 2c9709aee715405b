"""The replica of the ledger in a store that nobody can change: writes what is new, and compares all of it.

An object is noted in Postgres after it was written. Whoever is killed in between leaves an object that the next run writes
again, byte for byte, and notes: segments end where the ledger says, not where a run happened to.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from compliance_assets.audit_ledger import checkpoints, store
from compliance_assets.audit_ledger.chain import Amendment, Entry, Walk, leaf_of
from compliance_assets.audit_ledger.checkpoint import Checkpoint
from compliance_assets.audit_ledger.tree import GROUP, continued
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.evidence import replica_store
from compliance_assets.evidence.exports.records import entry_from_record, read_records
from compliance_assets.evidence.replica_proof import (
    ParityFinding,
    ReplicaProof,
    Segment,
    checkpoint_name,
    checkpoint_named,
    cut,
    key_name,
    opened,
    replica_line,
    retained_until,
    segment_named,
    withheld,
)
from compliance_assets.evidence.replica_store import Noted
from resources.clock import Clock, system_clock
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres, organization_of
from resources.worm_store import WormStore

#: Below these a store may hold its owner back; anything else is no protection.
PROTECTING_MODES = frozenset({"COMPLIANCE", "Locked", "immutable", "read-only"})


@dataclass(frozen=True, slots=True)
class Replication:
    """What a run wrote. `skipped` objects were there already; `up_to_seq` is the last replicated entry."""

    written: int
    bytes: int
    up_to_seq: int
    skipped: int

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the replica holds, as noted. `retained_until` is the earliest date at which an object of it may go."""

    objects: int
    bytes: int
    up_to_seq: int
    retained_until: datetime | None


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def replicate(postgres: Postgres, keyring: Keyring, worm: WormStore, clock: Clock = system_clock) -> Replication:
    """Write every entry that the newest signed checkpoint covers, every checkpoint and the keys, where they are not yet.

    What is new is proven first: what does not hold must not go where it cannot be taken away. Raises IntegrityError then, and
    where the store holds something else than it was given.
    """
    with postgres.connect() as conn:
        replica_store.lock(conn)
        notes = {size: text for size, _, text, _ in store.checkpoint_rows(conn)}
        writer = _Writer(conn, worm, clock, postgres.organization_id, replica_store.noted(conn))
        covered = max(notes, default=0)
        _refuse_shorter_ledger(writer.up_to_seq, covered)
        keys = _keys(conn, covered)
        _refuse_unproven(conn, keyring, writer.up_to_seq, [(n, opened(text, keys)) for n, text in notes.items()])
        _write_segments(writer, sorted(notes))
        for position, vkey in enumerate(keys, start=1):
            writer.write(key_name(position), f"{vkey}\n".encode())
        for size, text in notes.items():
            writer.write(checkpoint_name(size), text.encode())
        return Replication(writer.written, writer.bytes, writer.up_to_seq, writer.skipped)


def holdings(conn: Connection) -> Holdings:
    """What the replica holds, as noted."""
    objects = replica_store.noted(conn).values()
    return Holdings(
        len(objects),
        sum(noted.size_bytes for noted in objects),
        _up_to(segment_named(noted.name) for noted in objects),
        min((noted.retain_until for noted in objects), default=None),
    )


class _Writer:
    """Writes one object at a time and notes it."""

    def __init__(
        self, conn: Connection, worm: WormStore, clock: Clock, organization_id: str, noted: dict[str, Noted]
    ) -> None:
        self.conn, self._worm, self._clock, self._noted = conn, worm, clock, noted
        self._prefix = f"{organization_id}/"
        self.up_to_seq = _up_to(segment_named(name) for name in noted)
        self.written = self.bytes = 0
        self.skipped = sum(segment_named(name) is not None for name in noted)

    def write(self, name: str, data: bytes) -> None:
        """Put, then note what the store says of it, in a transaction of its own."""
        if name in self._noted:
            self.skipped += 1
            return
        now = self._clock()
        self._worm.put(self._prefix + name, data, retained_until(now))
        kept = self._worm.protection(self._prefix + name)
        replica_store.note(self.conn, Noted(name, sha256_hex(data), len(data), kept.retain_until, now))
        self.conn.commit()
        self.written += 1
        self.bytes += len(data)
        self.up_to_seq = max(self.up_to_seq, _up_to([segment_named(name)]))


def _write_segments(writer: _Writer, sizes: list[int]) -> None:
    """No segment reaches across a checkpoint, so that each ends at the same entry whenever it is written."""
    for size in sizes:
        while writer.up_to_seq < size:
            first = writer.up_to_seq + 1
            lines = cut(store.entries(writer.conn, writer.up_to_seq, size))
            writer.write(Segment(first, first + len(lines) - 1).name, b"".join(lines))


def _keys(conn: Connection, size: int) -> list[str]:
    """Every signing key that the first `size` entries name; the last of them signed the checkpoint over them."""
    named = store.entries_of_kind(conn, checkpoints.CHECKPOINT_KEY)
    return [str(json.loads(entry.body)["vkey"]) for entry in named if entry.seq <= size]


def _up_to(segments: Iterable[Segment | None]) -> int:
    return max((segment.last for segment in segments if segment is not None), default=0)


def _refuse_shorter_ledger(replicated: int, covered: int) -> None:
    if replicated > covered:
        raise IntegrityError(
            "the ledger is shorter than its replica",
            expected=f"a signed checkpoint over at least {replicated} entries",
            found=f"the newest is over {covered}",
            remedy="Nothing was written. An old backup was restored: bring the missing entries back from the replica.",
        )


def _refuse_unproven(
    conn: Connection, keyring: Keyring, after: int, heads: list[tuple[int, Checkpoint | None]]
) -> None:
    """Walk the entries behind `after`, and hold the tree against every signed checkpoint over them."""
    tree, start = continued(conn, min(after // GROUP, store.covered_groups(conn)))
    organization_id = organization_of(conn)
    walk = Walk(
        lambda key_id: keyring.chain_key(organization_id, key_id), start, tree.add, amendments=store.amendments(conn)
    )
    for size, head in heads:
        if head is None or head.size != size:
            raise _unproven(
                f"the checkpoint over {size} entries", "signed by a key that the ledger names", "another note"
            )
        if size > after:
            for finding in walk.over(store.entries(conn, walk.head.seq, size)):
                raise _unproven(f"entry {finding.seq}: {finding.problem}", finding.expected, finding.found)
            if (tree.size, tree.root()) != (size, head.root):
                raise _unproven(
                    f"the tree of {size} entries", head.root.hex(), f"{tree.root().hex()} of {tree.size} entries"
                )


def _unproven(what: str, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"the ledger does not hold: {what}",
        expected=expected,
        found=found,
        remedy="Nothing was replicated. Run `compliance verify`; restore what was changed, or document it by an amendment.",
    )


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def parity(postgres: Postgres, worm: WormStore) -> tuple[ParityFinding, ...]:
    """Everything about the replica that does not hold. Reads all of it.

    Every noted object is there as it was written and kept long enough, with nothing unknown beside it; the segments are the
    live entries; and the replica proves itself: its entries give the roots that its checkpoints sign.
    """
    with postgres.connect() as conn:
        replica_store.lock(conn)
        return tuple(_Comparison(conn, worm, postgres.organization_id).findings())


class _Comparison:
    def __init__(self, conn: Connection, worm: WormStore, organization_id: str) -> None:
        self._conn, self._worm, self._prefix = conn, worm, f"{organization_id}/"
        self._noted = replica_store.noted(conn)
        self._amendments = store.amendments(conn)
        self._proof = ReplicaProof()

    def findings(self) -> Iterator[ParityFinding]:
        """In the order of a reader: what is there, how it is kept, what it says."""
        there = [name.removeprefix(self._prefix) for name in self._worm.names(self._prefix)]
        for name in sorted(self._noted.keys() - set(there)):
            yield ParityFinding(name, "the object is missing", f"SHA-256 {self._noted[name].sha256}", "no such object")
        for name in sorted(set(there) - self._noted.keys()):
            yield ParityFinding(name, "an object that nobody noted", "no such object", "an object")
        for traces in self._worm.tampering(self._prefix):
            yield ParityFinding(traces.name.removeprefix(self._prefix), "somebody tried to change the object", "one version",
                                traces.what)  # fmt: skip
        present = [name for name in self._noted if name in set(there)]
        yield from self._kept(present)
        yield from self._proven(present)
        yield from self._complete()

    def _kept(self, present: list[str]) -> Iterator[ParityFinding]:
        for name in present:
            noted, kept = self._noted[name], self._worm.protection(self._prefix + name)
            owed = max(noted.retain_until, retained_until(noted.written_at))
            if _seconds(kept.retain_until) < _seconds(owed):
                yield ParityFinding(name, "the object is kept too short", f"until {owed}", f"until {kept.retain_until}")
            if kept.mode not in PROTECTING_MODES:
                yield ParityFinding(
                    name, "the object is not protected", " or ".join(sorted(PROTECTING_MODES)), kept.mode
                )

    def _proven(self, present: list[str]) -> Iterator[ParityFinding]:
        notes: list[tuple[str, str]] = []
        key_files: dict[str, str] = {}
        for name in sorted(present):
            data = self._worm.get(self._prefix + name)
            if (digest := sha256_hex(data)) != self._noted[name].sha256:
                yield ParityFinding(
                    name, "the object was changed", f"SHA-256 {self._noted[name].sha256}", f"SHA-256 {digest}"
                )
            if segment := segment_named(name):
                yield from self._proof.add(name, data)
                yield from self._alike(name, segment, data)
            elif checkpoint_named(name) is not None:
                notes.append((name, data.decode(errors="replace")))
            else:
                key_files[name] = data.decode(errors="replace")
        yield from self._proof.unfit()
        yield from self._named_keys(key_files)
        yield from self._proof.hold(notes)

    def _alike(self, name: str, segment: Segment, data: bytes) -> Iterator[ParityFinding]:
        """The segment against the live entries: by digest, and where a newer version writes records otherwise, one by one."""
        live = hashlib.sha256()
        for entry in store.entries(self._conn, segment.first - 1, segment.last):
            live.update(replica_line(entry))
        if live.hexdigest() == sha256_hex(data):
            return
        try:
            kept = {
                record.entry.seq: entry_from_record(record) for record in read_records(data.splitlines(keepends=True))
            }
        except (InvalidInput, ValueError):
            return  # the proof has said so
        entries = {entry.seq: entry for entry in store.entries(self._conn, segment.first - 1, segment.last)}
        for seq in range(segment.first, segment.last + 1):
            here, there = entries.get(seq), kept.get(seq)
            if not _same(here, there, self._amendments.get(seq)):
                yield ParityFinding(
                    name, f"entry {seq} of the replica is not the ledger's", _hash_of(here), _hash_of(there)
                )
                return  # the first says where to look

    def _named_keys(self, key_files: dict[str, str]) -> Iterator[ParityFinding]:
        expected = {key_name(position): key for position, key in enumerate(self._proof.keys, start=1)}
        for name, text in sorted(key_files.items()):
            if text != f"{expected.get(name)}\n":
                yield ParityFinding(name, "the key is not the one that the replica's entries name",
                                    str(expected.get(name)), text.strip()[:200])  # fmt: skip

    def _complete(self) -> Iterator[ParityFinding]:
        """Every signed checkpoint over what is replicated is replicated, and so is every key that its entries name."""
        names = [key_name(position) for position in range(1, len(self._proof.keys) + 1)]
        names += [
            checkpoint_name(size) for size, *_ in store.checkpoint_rows(self._conn) if size <= self._proof.entries
        ]
        for name in names:
            if name not in self._noted:
                yield ParityFinding(name, "the object was not replicated", "an object", "none")


def _same(here: Entry | None, there: Entry | None, amendment: Amendment | None) -> bool:
    """Whether an entry is the replica's, or its documented rewrite."""
    if here is None or there is None:
        return here is there
    if withheld(here) == there:
        return True
    return amendment is not None and (leaf_of(there).hex(), leaf_of(here).hex()) == (amendment.was, amendment.now)


def _hash_of(entry: Entry | None) -> str:
    return "no such entry" if entry is None else f"entry hash {entry.entry_hash}"


def _seconds(moment: datetime) -> int:
    """Stores keep whole seconds."""
    return int(moment.timestamp())

"""Verifies an organisation's ledger: its chain, its stored tree, its checkpoints, and the decisions it records.

What the database itself cannot say against its own past (a cut tail, an old backup, a fork) is said by the checkpoints
that were published outside it.
"""

import bisect
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace

from psycopg import sql

from compliance_assets.audit_ledger import checkpoint, checkpoints, note, store
from compliance_assets.audit_ledger.chain import Amendment, Finding, Walk
from compliance_assets.audit_ledger.checkpoints import SignedCheckpoint
from compliance_assets.audit_ledger.tree import GROUP, GrowingTree, Subtree, continued, split
from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from resources.checkpoint_log import CheckpointLog
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a walk over the ledger, from entry `since` + 1 on."""

    verified: bool
    entries: int
    since: int
    head: str
    root: str
    checkpoints: int
    findings: tuple[Finding, ...]
    unmatched_decisions: tuple[str, ...]
    amended: tuple[int, ...]
    seconds: float

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Claim:
    """A checkpoint as somebody holds it, and where it was found."""

    text: str
    place: str


def verify_ledger(
    conn: Connection,
    keyring: Keyring,
    organization_id: str,
    published: Sequence[str] = (),
    since: SignedCheckpoint | None = None,
    unmatched: Callable[[], Sequence[str]] | None = None,
) -> Verification:
    """Walk the entries to the head. One snapshot: entries written meanwhile are not missed, but later.

    `published` are checkpoints read from outside the database before this is called. With `since`, the walk begins behind
    that checkpoint and what lies before is held by its root. `unmatched` gives the decisions that do not match their entries
    where somebody else looks for them at the same time.
    """
    started = time.monotonic()
    if conn.info.transaction_status == conn.info.transaction_status.IDLE:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    end, kept = store.head(conn), [(size, root, text) for size, root, text, _ in store.checkpoint_rows(conn)]
    claims = [Claim(text, "published") for text in published] + [Claim(text, "stored") for _, _, text in kept]
    verifiers = _named_verifiers(conn)
    openers = verifiers
    if (
        claims and not verifiers
    ):  # the entry that named our key may be lost: then the key itself opens what was published
        openers = [checkpoints.verifier_of(keyring, organization_id)]
    heads = _Heads.read(claims, openers, since)
    walk, tree, findings = _walked(conn, keyring, organization_id, heads, since, heads.size_of(kept))
    findings += walk.end(end)
    findings += heads.located_forks(findings)
    findings += heads.unlike(kept, published)
    findings += heads.beyond(tree.size)
    findings += _replaced_key(conn, keyring, organization_id, verifiers)
    after = since.size if since else 0
    differing = tuple(unmatched() if unmatched else store.unmatched_decisions(conn, after))
    findings.sort(key=lambda finding: finding.seq)
    return Verification(
        verified=not findings and not differing,
        entries=end.seq,
        since=after,
        head=end.entry_hash,
        root=tree.root().hex(),
        checkpoints=len(heads.claims),
        findings=tuple(findings),
        unmatched_decisions=differing,
        amended=tuple(walk.amended),
        seconds=round(time.monotonic() - started, 3),
    )


def verify_and_record(
    postgres: Postgres, keyring: Keyring, log: CheckpointLog, since: SignedCheckpoint | None = None
) -> Verification:
    """Verify against what was published, and keep the result for whoever looks next."""
    published = log.notes(
        postgres.organization_id
    )  # read first: a checkpoint newer than the snapshot would look like a cut
    with postgres.connect() as conn, postgres.connect() as beside, ThreadPoolExecutor(1) as pool:
        _share_snapshot(conn, beside)
        unmatched = pool.submit(store.unmatched_decisions, beside, since.size if since else 0)  # while this one walks
        result = verify_ledger(conn, keyring, postgres.organization_id, published, since, unmatched.result)
    with postgres.connect() as conn:
        count = len(result.findings) + len(result.unmatched_decisions)
        store.record_verification(conn, result.since, result.entries, result.verified, count, result.seconds)
    return result


def _share_snapshot(conn: Connection, beside: Connection) -> None:
    """Both sessions see the database as it stands now."""
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    row = conn.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    beside.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    beside.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(row[0])))


@dataclass(slots=True)
class _Heads:
    """Every checkpoint to be held against the tree, by its size."""

    claims: list[tuple[checkpoint.Checkpoint, Claim]]
    findings: list[Finding]
    agreed: int = 0  # the largest tree size up to which every root was confirmed so far
    _forks: list[tuple[int, Finding]] = field(default_factory=list)  # up to which size, what is said of it
    _sizes: list[int] = field(default_factory=list)

    @classmethod
    def read(
        cls, claims: Iterable[Claim], verifiers: Sequence[note.Verifier], since: SignedCheckpoint | None
    ) -> "_Heads":
        """Parse them and hold their signatures against the keys that the ledger names."""
        signed, findings, seen = [], [], set()
        if since is not None:
            claims = [Claim(since.note, "given"), *claims]
        for claim in claims:
            if claim.text in seen:
                continue
            seen.add(claim.text)
            try:
                signed.append((checkpoints.opened_by_any(claim.text, verifiers)[0], claim))
            except IntegrityError as problem:
                findings.append(Finding(0, f"a {claim.place} checkpoint is not signed by the ledger's key",
                                        problem.expected, problem.found))  # fmt: skip
        signed.sort(key=lambda pair: pair[0].size)
        return cls(signed, findings, _sizes=[head.size for head, _ in signed])

    def next_size(self, size: int) -> int:
        """The next size above at which a root has to be held against a checkpoint."""
        at = bisect.bisect_right(self._sizes, size)
        return self._sizes[at] if at < len(self._sizes) else 2**62

    def hold(self, size: int, root: bytes) -> None:
        """The tree's root at a size against every checkpoint of that size."""
        at = bisect.bisect_left(self._sizes, size)
        forked = bool(self._forks)
        while at < len(self._sizes) and self._sizes[at] == size:
            head, claim = self.claims[at]
            if head.root != root:
                problem = f"the entries up to {size} are not those of the {claim.place} checkpoint"
                fork = Finding(
                    self.agreed + 1, f"{problem}: the tree forked after {self.agreed}", head.root.hex(), root.hex()
                )
                self._forks.append((size, fork))
                forked = True
            at += 1
        if not forked:
            self.agreed = size

    def located_forks(self, others: Iterable[Finding]) -> Iterator[Finding]:
        """What `hold` found, at the first entry in question that anything else was found of."""
        seqs = sorted(finding.seq for finding in others)
        for size, fork in self._forks:
            at = bisect.bisect_left(seqs, fork.seq)
            yield replace(fork, seq=seqs[at]) if at < len(seqs) and seqs[at] <= size else fork

    def size_of(self, kept: Iterable[tuple[int, str, str]]) -> int:
        """How many entries the newest of the stored checkpoints covers."""
        texts = {text for _, _, text in kept}
        return max((head.size for head, claim in self.claims if claim.text in texts), default=0)

    def unlike(self, kept: Sequence[tuple[int, str, str]], published: Iterable[str]) -> Iterator[Finding]:
        """Stored rows that do not say what their note says, and published checkpoints that are not stored any more."""
        signed = {claim.text: head for head, claim in self.claims}
        for size, root, text in kept:
            if (head := signed.get(text)) and (head.size, head.root.hex()) != (size, root):
                yield Finding(0, "a stored checkpoint's row is not what was signed",
                              f"{head.size} entries, root {head.root.hex()}", f"{size} entries, root {root}")  # fmt: skip
        stored = {text for _, _, text in kept}
        for text in published:
            if (head := signed.get(text)) and text not in stored:
                yield Finding(0, "a published checkpoint is not stored any more", f"{head.size} entries", "nothing")

    def beyond(self, size: int) -> Iterator[Finding]:
        """Checkpoints over more entries than there are."""
        longer = [(head, claim) for head, claim in self.claims if head.size > size]
        if longer:
            head, claim = longer[-1]
            yield Finding(
                size + 1,
                f"the ledger is shorter than a {claim.place} checkpoint: entries were cut, or an old backup was restored",
                f"{head.size} entries",
                f"{size} entries",
            )


def _walked(
    conn: Connection,
    keyring: Keyring,
    organization_id: str,
    heads: _Heads,
    since: SignedCheckpoint | None,
    covered: int,
) -> tuple[Walk, GrowingTree, list[Finding]]:
    findings = list(heads.findings)
    groups = min(since.size // GROUP, store.covered_groups(conn)) if since else 0
    try:
        tree, head = continued(conn, groups)
    except IntegrityError as problem:
        findings.append(Finding(groups * GROUP, problem.problem, problem.expected, problem.found))
        tree, head = continued(conn, 0)
    stored = _StoredSubtrees(conn, tree.groups, covered)
    heads.agreed = head.seq
    next_size = heads.next_size(head.seq) if not since else max(since.size, 1)

    def add(leaf: bytes) -> None:
        nonlocal next_size
        tree.add(leaf)
        if tree.made:
            findings.extend(stored.compare(tree.made))
            tree.made.clear()
        if tree.size == next_size:
            heads.hold(next_size, tree.root())
            next_size = heads.next_size(next_size)

    if since and tree.size == next_size:
        heads.hold(next_size, tree.root())
        next_size = heads.next_size(next_size)
    walk = Walk(_Keys(keyring, organization_id), head, add, _amendments(conn))
    findings.extend(walk.over(store.scan(conn, head.seq)))
    findings.extend(stored.left_over(tree.size))
    return walk, tree, findings


class _StoredSubtrees:
    """The stored tree, held against the one that the entries give. It has to be there up to the newest stored checkpoint."""

    def __init__(self, conn: Connection, first_group: int, covered: int) -> None:
        self._covered = covered
        self._stored = {
            (level, position): (root, leaves)
            for level, position, root, leaves in store.stored_subtrees(conn, first_group)
        }

    def compare(self, made: Iterable[Subtree]) -> Iterator[Finding]:
        """The first leaf that differs is named."""
        for level, position, root, leaves in made:
            kept, first = self._stored.pop((level, position), None), position * GROUP ** (level + 1) + 1
            if kept is None and first + GROUP ** (level + 1) - 1 <= self._covered:
                yield Finding(first, "the stored tree lacks a subtree under a signed checkpoint", root.hex(), "nothing")
            elif kept is not None and kept != (root, leaves):
                if leaves is not None and kept[1] is not None:
                    pairs = enumerate(zip(split(leaves), split(kept[1]), strict=False))
                    first += next((at for at, (is_, was) in pairs if is_ != was), 0)
                yield Finding(first, "the entry is not the one in the stored tree", kept[0].hex(), root.hex())

    def left_over(self, size: int) -> Iterator[Finding]:
        """Stored subtrees over entries that are not there."""
        for level, position in sorted(self._stored)[:1]:
            first, end = (at * GROUP ** (level + 1) for at in (position, position + 1))
            yield Finding(
                max(first, size) + 1,
                "the stored tree covers entries that are not there",
                f"entries up to {end}",
                "fewer",
            )


class _Keys:
    """key id -> chain key; an id that the keyring does not know is a finding of its entry, not an end of the walk."""

    def __init__(self, keyring: Keyring, organization_id: str) -> None:
        self._keyring, self._organization_id = keyring, organization_id
        self._known = set(keyring.key_ids)

    def __call__(self, key_id: str) -> bytes:
        if key_id not in self._known:
            raise LookupError(f"no master key {key_id}")
        return self._keyring.chain_key(self._organization_id, key_id)


def _named_verifiers(conn: Connection) -> list[note.Verifier]:
    """The keys that the ledger names. One that somebody made senseless is found by its own entry."""
    verifiers = []
    for vkey in checkpoints.known_keys(conn):
        try:
            verifiers.append(note.Verifier.from_vkey(vkey))
        except InvalidInput:
            continue
    return verifiers


def _amendments(conn: Connection) -> dict[int, Amendment]:
    """The documented rewrites. Where somebody made an amendment senseless, its own entry is found, and what it documented."""
    try:
        documented = store.amendments(conn)
        return {seq: a for seq, a in documented.items() if re.fullmatch("[0-9a-f]{64}", a.was)}
    except (KeyError, TypeError):
        return {}


def _replaced_key(
    conn: Connection, keyring: Keyring, organization_id: str, verifiers: Sequence[note.Verifier]
) -> Iterator[Finding]:
    if verifiers and (mine := checkpoints.verifier_of(keyring, organization_id)).vkey != verifiers[-1].vkey:
        yield Finding(0, "the signing key is not the one that the ledger names", verifiers[-1].vkey, mine.vkey)

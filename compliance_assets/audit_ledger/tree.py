"""The stored tree of a ledger: complete subtrees in their table, the ragged right edge from the entries themselves.

Appending does not touch the tree: it grows when a checkpoint is signed, over entries whose chain holds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from compliance_assets.audit_ledger import merkle, store
from compliance_assets.audit_ledger.chain import Finding, Head, Walk, placed_leaf
from compliance_assets.contracts.errors import IntegrityError
from resources.keyring import Keyring
from resources.postgres import Connection, organization_of

GROUP = merkle.GROUP
Subtree = tuple[int, int, bytes, bytes | None]  # level, position, root, leaf hashes of the lowest level
HASH_BYTES = 32


@dataclass(slots=True)
class StoredTree:
    """Answers for complete subtrees: those that are stored, and single leaves beyond them."""

    conn: Connection
    groups: int

    def complete(self, level: int, start: int, end: int) -> Sequence[bytes]:
        """Roots of the complete subtrees of 256^level leaves at [start, end)."""
        if level:
            return store.subtree_roots(self.conn, level - 1, start, end)
        if start // GROUP < self.groups:
            leaves = store.group_leaves(self.conn, start // GROUP) or b""
            first = start % GROUP
            return split(leaves)[first : first + end - start]
        amendments = store.amendments(self.conn)
        return [placed_leaf(entry, amendments) for entry in store.entries(self.conn, start, end)]


@dataclass(slots=True)
class GrowingTree:
    """A tree that leaves are added to in order. Complete subtrees are collected in `made`."""

    frontier: merkle.Frontier
    groups: int = 0
    pending: list[bytes] = field(default_factory=list)
    made: list[Subtree] = field(default_factory=list)
    _upper: dict[int, list[bytes]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many leaves were added."""
        return self.groups * GROUP + len(self.pending)

    def add(self, leaf: bytes) -> None:
        """The next leaf hash."""
        self.pending.append(leaf)
        if len(self.pending) == GROUP:
            root = merkle.root_of(self.pending)
            self.made.append((0, self.groups, root, b"".join(self.pending)))
            self.frontier.extend_perfect(root, 8)
            self.groups += 1
            self.pending.clear()
            self._raise(0, root)

    def root(self) -> bytes:
        """The root over all leaves so far."""
        frontier = self.frontier.copy()
        for leaf in self.pending:
            frontier.append(leaf)
        return frontier.root()

    def _raise(self, level: int, root: bytes) -> None:
        """A full row of subtrees is itself a subtree of the level above."""
        row = self._upper.setdefault(level, [])
        row.append(root)
        count = self.groups // GROUP**level
        if count % GROUP == 0:
            above = merkle.root_of(row)
            self.made.append((level + 1, count // GROUP - 1, above, None))
            row.clear()
            self._raise(level + 1, above)


def stored_tree(conn: Connection) -> StoredTree:
    """The tree as it is stored."""
    return StoredTree(conn, store.covered_groups(conn))


def continued(conn: Connection, groups: int) -> tuple[GrowingTree, Head]:
    """The tree over the first `groups` stored groups, ready for more, and the entry that it ends with."""
    tree = StoredTree(conn, groups)
    frontier = merkle.Frontier(
        groups * GROUP, [merkle.subtree(a, b, tree.complete) for a, b in _perfect(groups * GROUP)]
    )
    upper, level, count = {}, 0, groups
    while count:
        start = count - count % GROUP
        upper[level] = store.subtree_roots(conn, level, start, count)
        level, count = level + 1, count // GROUP
    growing = GrowingTree(frontier, groups, _upper=upper)
    if not groups:
        return growing, Head()
    last = store.entry_at(conn, groups * GROUP)
    leaves = split(store.group_leaves(conn, groups - 1) or b"")
    if last is None or not leaves or placed_leaf(last, store.amendments(conn)) != leaves[-1]:
        raise IntegrityError(
            "the stored tree does not fit the entries",
            expected=f"entry {groups * GROUP} as the last leaf of group {groups - 1}",
            found="another entry" if last else "no such entry",
            remedy="Run `compliance verify`: it names the first entry that was changed.",
        )
    return growing, Head(last.seq, last.entry_hash)


def grow(conn: Connection, keyring: Keyring) -> GrowingTree:
    """Walk the entries that the stored tree does not cover and store what became complete. Raises IntegrityError at a finding."""
    tree, head = continued(conn, store.covered_groups(conn))
    organization_id = organization_of(conn)
    walk = Walk(
        keys=lambda key_id: keyring.chain_key(organization_id, key_id),
        head=head,
        leaves=tree.add,
        amendments=store.amendments(conn),
    )
    end = store.head(conn)
    refuse([*walk.over(store.entries(conn, head.seq, end.seq)), *walk.end(end)])
    store.add_subtrees(conn, tree.made)
    return tree


def refuse(findings: Iterable[Finding]) -> None:
    """Raises IntegrityError naming the first finding: nothing is signed over a chain that does not hold."""
    for finding in findings:
        raise IntegrityError(
            f"the ledger does not hold at entry {finding.seq}: {finding.problem}",
            expected=finding.expected,
            found=finding.found,
            remedy="Nothing was signed. Run `compliance verify` and restore the entry, or document its rewrite by an amendment.",
        )


def split(hashes: bytes) -> list[bytes]:
    """Concatenated hashes, one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


def _perfect(size: int) -> list[tuple[int, int]]:
    """The perfect subtrees that a tree of `size` leaves consists of, left to right."""
    ranges, start = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            ranges.append((start, start + (1 << bit)))
            start += 1 << bit
    return ranges

"""The Merkle tree of RFC 9162 section 2.1 (hashing as in RFC 6962): roots, proofs and their verification. Pure.

D[a:b] and MTH are the RFC's: the leaves a, a + 1, ..., b - 1 and their Merkle tree hash. Proofs are made from the hashes
of complete subtrees of 256^level leaves, so that storage keeps 256 hashes a row and nothing of the ragged right edge.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from compliance_assets.contracts.errors import IntegrityError

#: How many leaves, or roots of the level below, one complete subtree has.
GROUP = 256
#: The root of a tree without leaves.
EMPTY_ROOT = sha256(b"").digest()

#: `complete(level, start, end)`: the roots of the complete subtrees of 256^level leaves at positions [start, end) of that
#: level; those of level 0 are the leaf hashes.
Complete = Callable[[int, int, int], Sequence[bytes]]

_HASH_BYTES = 32
_LARGEST_SIZE = 2**64 - 1  # a tree's size is a uint64 in RFC 9162


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 || data)."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\1" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """MTH over leaf hashes, row by row: a row's odd last node moves up as it is, which is where the RFC splits."""
    row = leaf_hashes
    while len(row) > 1:
        above = [sha256(b"\1" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=False)]
        if len(row) % 2:
            above.append(row[-1])
        row = above
    return row[0] if row else EMPTY_ROOT


class Frontier:
    """The right edge of a growing tree: the roots of the perfect subtrees that its size consists of, left to right."""

    __slots__ = ("_roots", "size")

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        self.size = size
        self._roots = list(roots)
        if size < 0 or len(self._roots) != size.bit_count():
            raise ValueError(f"{len(self._roots)} perfect subtrees do not make a tree of {size} leaves")

    def append(self, leaf_hash: bytes) -> None:
        """The next leaf."""
        self.extend_perfect(leaf_hash, 0)

    def extend_perfect(self, root: bytes, height: int) -> None:
        """The next 2^height leaves at once, by the root over them. Raises ValueError where they would not stand together."""
        places, misplaced = divmod(self.size, 1 << height)
        if misplaced:
            raise ValueError(f"a subtree of 2^{height} leaves cannot follow {self.size} leaves")
        while places & 1:
            root = node_hash(self._roots.pop(), root)
            places >>= 1
        self._roots.append(root)
        self.size += 1 << height

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._roots:
            return EMPTY_ROOT
        *roots, whole = self._roots
        for root in reversed(roots):
            whole = node_hash(root, whole)
        return whole

    def copy(self) -> "Frontier":
        """A frontier that grows on its own from here."""
        return Frontier(self.size, self._roots)


def subtree(start: int, end: int, complete: Complete) -> bytes:
    """MTH(D[start:end]) of a range that the RFC splits off: `start` is a multiple of a power of two not below its length.

    The count of complete subtrees of each level is a digit of the length in base 256: one question a level, at most 255
    hashes each.
    """
    length = end - start
    if start < 0 or length < 0 or (length and start % (1 << (length - 1).bit_length())):
        raise ValueError(f"no range that a tree splits into: [{start}, {end})")
    right: list[bytes] = []
    for level, first, last in _digits(start, end):
        # what lies further right is smaller than one subtree of this level, so it is the last, incomplete one of them
        right = [root_of([*_asked(complete, level, first, last), *right])]
    return right[0] if right else EMPTY_ROOT


def inclusion_proof(index: int, size: int, complete: Complete) -> list[bytes]:
    """PATH(index, D[0:size]) of RFC 9162 section 2.1.3.1, the sibling next to the leaf first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size} leaves")
    groups = _Groups(size, complete)
    start, end, siblings = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            siblings.append((middle, end))
            end = middle
        else:
            siblings.append((start, middle))
            start = middle
    return [subtree(first, last, groups) for first, last in reversed(siblings)]


def consistency_proof(old_size: int, new_size: int, complete: Complete) -> list[bytes]:
    """PROOF(old_size, D[0:new_size]) of RFC 9162 section 2.1.4.1; empty where there is nothing to prove."""
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree of {old_size} leaves is not the beginning of one of {new_size}")
    if old_size in (0, new_size):
        return []
    groups = _Groups(new_size, complete)
    start, end, parts = 0, new_size, []
    while end != old_size:
        middle = start + _split(end - start)
        if old_size <= middle:
            parts.append((middle, end))
            end = middle
        else:
            parts.append((start, middle))
            start = middle
    if start:  # otherwise this is the old tree itself, whose root the verifier has
        parts.append((start, end))
    return [subtree(first, last, groups) for first, last in reversed(parts)]


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf to the root, by RFC 9162 section 2.1.3.2. False for whatever is malformed."""
    if not (_are_sizes(index, size) and index < size and _are_hashes(leaf_hash, root, *proof)):
        return False
    node, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            node, last = _past_promotions(node, last)
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the old tree is the beginning of the new one, by RFC 9162 section 2.1.4.2. False for whatever is malformed.

    Where the RFC has no proof, none is accepted: trees of one size have one root, and a tree without leaves has
    `EMPTY_ROOT` and is the beginning of every tree.
    """
    if not (_are_sizes(old_size, new_size) and old_size <= new_size and _are_hashes(old_root, new_root, *proof)):
        return False
    if old_size == new_size:
        return not proof and old_root == new_root and (new_size > 0 or new_root == EMPTY_ROOT)
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    return bool(proof) and _is_beginning(old_size, new_size, old_root, new_root, path)


def _is_beginning(old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            node, last = _past_promotions(node, last)
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


def _past_promotions(node: int, last: int) -> tuple[int, int]:
    """The last node of its row moves up without a sibling until it is a right child."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _are_sizes(*values: int) -> bool:
    return all(isinstance(value, int) and 0 <= value <= _LARGEST_SIZE for value in values)


def _are_hashes(*values: bytes) -> bool:
    return all(isinstance(value, bytes) and len(value) == _HASH_BYTES for value in values)


def _split(length: int) -> int:
    """The largest power of two below a length of at least 2."""
    return 1 << (length - 1).bit_length() - 1


def _digits(start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The complete subtrees that [start, end) consists of as (level, first, last), from the right: small ones first."""
    level, first, last = 0, start, end
    while first < last:
        whole = last - (last - first) % GROUP
        if whole < last:
            yield level, whole, last
        level, first, last = level + 1, first // GROUP, whole // GROUP


def _asked(complete: Complete, level: int, start: int, end: int) -> Sequence[bytes]:
    hashes = complete(level, start, end)
    if len(hashes) != end - start:
        raise IntegrityError(
            f"the stored tree lacks hashes of level {level}",
            expected=f"{end - start} from position {start} on",
            found=str(len(hashes)),
            remedy="Run `compliance verify`.",
        )
    return hashes


class _Groups:
    """Answers as `complete` does, but asks it only once for each group of 256: a proof needs few groups, many times."""

    __slots__ = ("_complete", "_known", "_size")

    def __init__(self, size: int, complete: Complete) -> None:
        self._size, self._complete = size, complete
        self._known: dict[tuple[int, int], Sequence[bytes]] = {}

    def __call__(self, level: int, start: int, end: int) -> Sequence[bytes]:
        group = start // GROUP
        first = group * GROUP
        if (level, group) not in self._known:
            last = min(first + GROUP, self._size // GROUP**level)
            self._known[level, group] = _asked(self._complete, level, first, last)
        return self._known[level, group][start - first : end - first]

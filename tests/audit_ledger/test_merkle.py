"""Against the reference vectors of Certificate Transparency and against the definitions of RFC 9162, written naively."""

import functools
import hashlib
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger.merkle import (
    EMPTY_ROOT,
    GROUP,
    Complete,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    subtree,
    verify_consistency,
    verify_inclusion,
)
from compliance_assets.contracts.errors import IntegrityError

# The test data of github.com/google/certificate-transparency and github.com/transparency-dev/merkle (proof/verify_test.go).
LEAVES = [
    bytes.fromhex(data)
    for data in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
HASHES = [leaf_hash(data) for data in LEAVES]
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
# (index, size, path): the published vectors count leaves from 1, RFC 9162 from 0
INCLUSION = [
    (0, 1, ()),
    (
        0,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        5,
        8,
        (
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (2, 3, ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",)),
    (
        1,
        5,
        (
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
]
CONSISTENCY = [
    (1, 1, ()),
    (
        1,
        8,
        (
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ),
    ),
    (
        6,
        8,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
    (
        2,
        5,
        (
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ),
    ),
    (
        6,
        7,
        (
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ),
    ),
]
SOME_HASH = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")


# --- RFC 9162, word by word ---------------------------------------------------------------------------------------------

MANY = [leaf_hash(number.to_bytes(4, "big")) for number in range(2 * GROUP**2 + 2 * GROUP + 77)]


def split(n: int) -> int:
    """K, the largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@functools.cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end]) of section 2.1.1 over MANY."""
    n = end - start
    if n == 0:
        return hashlib.sha256().digest()
    if n == 1:
        return MANY[start]
    k = split(n)
    return hashlib.sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def path(m: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[start:end]) of section 2.1.3.1."""
    n = end - start
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, b: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], b) of section 2.1.4.1."""
    n = end - start
    if m == n:
        return [] if b else [mth(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, b), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


class Stored:
    """What storage keeps of the first `size` leaves. Refuses what it would not have, and counts the questions."""

    def __init__(self, size: int, leaves: Sequence[bytes] = MANY) -> None:
        self.rows = [list(leaves[:size])]
        while len(self.rows[-1]) >= GROUP:
            below = self.rows[-1]
            self.rows.append([root_of(below[at : at + GROUP]) for at in range(0, len(below) - GROUP + 1, GROUP)])
        self.questions: list[tuple[int, int, int]] = []

    def complete(self, level: int, start: int, end: int) -> Sequence[bytes]:
        self.questions.append((level, start, end))
        assert 0 <= start < end <= len(self.rows[level])
        assert start // GROUP == (end - 1) // GROUP, "more than one row of storage"
        return self.rows[level][start:end]


def published(size: int) -> Complete:
    return Stored(size, HASHES).complete


# --- The published vectors ----------------------------------------------------------------------------------------------


def test_the_empty_tree_has_the_published_root() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of([]) == Frontier().root() == subtree(0, 0, published(8)) == EMPTY_ROOT


@pytest.mark.parametrize(("size", "root"), list(enumerate(ROOTS, 1)))
def test_every_way_to_a_root_gives_the_published_one(size: int, root: bytes) -> None:
    frontier = Frontier()
    for leaf in HASHES[:size]:
        frontier.append(leaf)
    assert root_of(HASHES[:size]) == frontier.root() == subtree(0, size, published(size)) == root


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_the_published_inclusion_proofs_are_made_and_accepted(index: int, size: int, proof: tuple[str, ...]) -> None:
    hashes = [bytes.fromhex(part) for part in proof]
    assert inclusion_proof(index, size, published(8)) == hashes
    assert verify_inclusion(HASHES[index], index, size, hashes, ROOTS[size - 1])


@pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCY)
def test_the_published_consistency_proofs_are_made_and_accepted(old: int, new: int, proof: tuple[str, ...]) -> None:
    hashes = [bytes.fromhex(part) for part in proof]
    assert consistency_proof(old, new, published(8)) == hashes
    assert verify_consistency(old, new, ROOTS[old - 1], ROOTS[new - 1], hashes)


@pytest.mark.parametrize(("index", "size", "proof"), INCLUSION)
def test_the_published_corruptions_of_inclusion_proofs_are_refused(
    index: int, size: int, proof: tuple[str, ...]
) -> None:
    leaf, root, hashes = HASHES[index], ROOTS[size - 1], [bytes.fromhex(part) for part in proof]
    for wrong_index, wrong_size in (
        (index - 1, size),
        (index + 1, size),
        (index ^ 2, size),
        (index, size * 2),
        (index, size // 2),
    ):
        assert not verify_inclusion(leaf, wrong_index, wrong_size, hashes, root)
    for wrong_root in (EMPTY_ROOT, SOME_HASH, b""):
        assert not verify_inclusion(leaf, index, size, hashes, wrong_root)
    assert not verify_inclusion(b"WrongLeaf", index, size, hashes, root)
    for wrong_proof in mutations(hashes, root):
        assert not verify_inclusion(leaf, index, size, wrong_proof, root)


@pytest.mark.parametrize(("old", "new", "proof"), CONSISTENCY[1:])
def test_the_published_corruptions_of_consistency_proofs_are_refused(
    old: int, new: int, proof: tuple[str, ...]
) -> None:
    first, second, hashes = ROOTS[old - 1], ROOTS[new - 1], [bytes.fromhex(part) for part in proof]
    for wrong_old, wrong_new in ((old - 1, new), (old + 1, new), (old ^ 2, new), (old, new * 2), (old, new // 2)):
        assert not verify_consistency(wrong_old, wrong_new, first, second, hashes)
    for roots in ((b"WrongRoot", second), (first, b"WrongRoot"), (second, first)):
        assert not verify_consistency(old, new, *roots, hashes)
    for wrong_proof in mutations(hashes, first, second):
        assert not verify_consistency(old, new, first, second, wrong_proof)


def mutations(proof: list[bytes], *foreign: bytes) -> Iterator[list[bytes]]:
    """Every bit of one byte of every hash, every shorter proof, and hashes too many, too short or in another order."""
    for at, part in enumerate(proof):
        for bit in range(8):
            yield [*proof[:at], bytes([part[0] ^ 1 << bit]) + part[1:], *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
        yield [*proof[:at], part[:-1], *proof[at + 1 :]]
        yield [*proof[:at], part + b"\0", *proof[at + 1 :]]
        yield [*proof[:at], part, *proof[at:]]
    for other in (b"", SOME_HASH, *foreign):
        yield [*proof, other]
        yield [other, *proof]
    if len(proof) > 1:
        yield proof[::-1]
        yield []


# --- Against the naive definitions --------------------------------------------------------------------------------------

# sizes around the places where levels begin, and some in between
SIZES = st.one_of(
    st.integers(1, 700),
    st.sampled_from([base + by for base in (GROUP, 2 * GROUP, GROUP**2, 2 * GROUP**2) for by in (-1, 0, 1)]),
    st.integers(GROUP**2 - 300, len(MANY)),
)


@functools.cache
def stored(size: int) -> Stored:
    return Stored(size)


@settings(max_examples=60, deadline=None)
@given(size=st.integers(0, 1200))
def test_roots_are_those_of_the_definition(size: int) -> None:
    assert root_of(MANY[:size]) == mth(0, size)


@settings(max_examples=60, deadline=None)
@given(size=SIZES, data=st.data())
def test_inclusion_proofs_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    index = data.draw(st.one_of(st.integers(0, size - 1), st.sampled_from([0, size - 1])))
    proof = inclusion_proof(index, size, stored(size).complete)
    assert proof == path(index, 0, size)
    assert verify_inclusion(MANY[index], index, size, proof, mth(0, size))


@settings(max_examples=60, deadline=None)
@given(new=SIZES, data=st.data())
def test_consistency_proofs_are_those_of_the_definition(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(old, new, stored(new).complete)
    assert proof == subproof(old, 0, new, True)
    assert verify_consistency(old, new, mth(0, old), mth(0, new), proof)


@settings(max_examples=60, deadline=None)
@given(size=SIZES, data=st.data())
def test_subtrees_are_those_of_the_definition(size: int, data: st.DataObject) -> None:
    start, end = 0, size
    for _ in range(data.draw(st.integers(0, size.bit_length()))):
        if end - start == 1:
            break
        middle = start + split(end - start)
        start, end = (start, middle) if data.draw(st.booleans()) else (middle, end)
    assert subtree(start, end, stored(size).complete) == mth(start, end)


@settings(max_examples=40, deadline=None)
@given(size=st.integers(2, 600), data=st.data())
def test_no_changed_inclusion_proof_is_accepted(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index))
    proof, root = inclusion_proof(index, size, stored(size).complete), mth(0, size)
    assert not verify_inclusion(MANY[index], other, size, proof, root)
    assert not verify_inclusion(MANY[other], index, size, proof, root)
    assert not verify_inclusion(MANY[index], index, size, proof, mth(0, size - 1))
    for changed in mutations(proof, root, MANY[index]):
        assert not verify_inclusion(MANY[index], index, size, changed, root)


@settings(max_examples=40, deadline=None)
@given(new=st.integers(2, 600), data=st.data())
def test_no_changed_consistency_proof_is_accepted(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof, first, second = consistency_proof(old, new, stored(new).complete), mth(0, old), mth(0, new)
    assert not verify_consistency(old, new, second, first, proof)
    assert not verify_consistency(old, new, first, mth(0, new + 1), proof)
    assert not verify_consistency(old, new, mth(1, old + 1), second, proof)
    for changed in mutations(proof, first, second):
        assert not verify_consistency(old, new, first, second, changed)


# --- What storage is asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [0, 255, 256, 70_000, 2 * GROUP**2 - 1, 2 * GROUP**2, len(MANY) - 1])
def test_a_proof_in_a_large_tree_asks_each_row_of_storage_once(index: int) -> None:
    asked = Stored(len(MANY))
    proof = inclusion_proof(index, len(MANY), asked.complete)
    assert proof == path(index, 0, len(MANY))
    assert len(asked.questions) == len(set(asked.questions)) <= 5


def test_a_consistency_proof_in_a_large_tree_asks_each_row_of_storage_once() -> None:
    asked = Stored(len(MANY))
    assert consistency_proof(70_001, len(MANY), asked.complete) == subproof(70_001, 0, len(MANY), True)
    assert len(asked.questions) == len(set(asked.questions)) <= 5


def test_a_subtree_is_asked_for_at_the_highest_level() -> None:
    asked = Stored(len(MANY))
    assert subtree(0, len(MANY), asked.complete) == mth(0, len(MANY))
    assert asked.questions == [(0, 131_584, 131_661), (1, 512, 514), (2, 0, 2)]


def test_missing_hashes_are_told_and_not_hashed_around() -> None:
    with pytest.raises(IntegrityError, match="lacks hashes of level 1"):
        subtree(0, 1024, lambda level, start, end: [])
    with pytest.raises(IntegrityError, match="lacks hashes of level 0"):
        inclusion_proof(3, 8, lambda level, start, end: HASHES[:7])


@pytest.mark.parametrize(("start", "end"), [(1, 3), (2, 5), (-2, 0), (3, 2), (256, 513)])
def test_a_range_that_no_tree_splits_into_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="no range"):
        subtree(start, end, stored(700).complete)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (8, 8), (-1, 8)])
def test_there_is_no_inclusion_proof_for_a_leaf_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, published(8))


@pytest.mark.parametrize(("old", "new"), [(9, 8), (-1, 8)])
def test_there_is_no_consistency_proof_back_in_time(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="not the beginning"):
        consistency_proof(old, new, published(8))


# --- Growing ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(heights=st.lists(st.integers(0, 8), max_size=30))
def test_a_frontier_grows_by_perfect_subtrees_as_it_does_leaf_by_leaf(heights: list[int]) -> None:
    frontier = Frontier()
    for height in heights:
        if frontier.size % (1 << height):
            with pytest.raises(ValueError, match="cannot follow"):
                frontier.extend_perfect(SOME_HASH, height)
        else:
            frontier.extend_perfect(mth(frontier.size, frontier.size + (1 << height)), height)
    assert frontier.root() == mth(0, frontier.size)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(0, 2000), more=st.integers(0, 40))
def test_a_frontier_goes_on_from_the_roots_of_its_perfect_subtrees(size: int, more: int) -> None:
    roots, start = [], 0
    for bit in reversed(range(size.bit_length())):
        if size >> bit & 1:
            roots.append(mth(start, start + (1 << bit)))
            start += 1 << bit
    frontier = Frontier(size, roots)
    for leaf in MANY[size : size + more]:
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (size + more, mth(0, size + more))


def test_a_copied_frontier_grows_on_its_own() -> None:
    frontier = Frontier(2, [ROOTS[1]])
    copy = frontier.copy()
    copy.append(HASHES[2])
    assert (frontier.size, frontier.root()) == (2, ROOTS[1])
    assert (copy.size, copy.root()) == (3, ROOTS[2])


@pytest.mark.parametrize(("size", "roots"), [(-1, [SOME_HASH]), (0, [SOME_HASH]), (3, [SOME_HASH]), (4, [])])
def test_a_frontier_of_another_number_of_subtrees_is_refused(size: int, roots: list[bytes]) -> None:
    with pytest.raises(ValueError, match="do not make a tree"):
        Frontier(size, roots)


# --- Where the RFC has no proof, and garbage ----------------------------------------------------------------------------


def test_trees_of_one_size_are_consistent_when_their_roots_are_equal() -> None:
    assert verify_consistency(3, 3, ROOTS[2], ROOTS[2], [])
    assert not verify_consistency(3, 3, ROOTS[2], ROOTS[1], [])
    assert not verify_consistency(3, 3, ROOTS[2], ROOTS[2], [SOME_HASH])


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    assert consistency_proof(0, 8, published(8)) == []
    assert verify_consistency(0, 8, EMPTY_ROOT, ROOTS[7], [])
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not verify_consistency(0, 8, SOME_HASH, ROOTS[7], [])
    assert not verify_consistency(0, 8, EMPTY_ROOT, ROOTS[7], [SOME_HASH])
    assert not verify_consistency(0, 0, SOME_HASH, SOME_HASH, [])


def test_growth_without_a_proof_is_refused() -> None:
    assert not verify_consistency(1, 2, ROOTS[0], ROOTS[1], [])
    assert not verify_consistency(2, 1, ROOTS[1], ROOTS[0], [])
    assert not verify_consistency(2, 4, ROOTS[1], ROOTS[1], [])


ODD_BYTES = st.one_of(st.just(SOME_HASH), st.just(ROOTS[0]), st.binary(max_size=40))


@settings(max_examples=150, deadline=None)
@given(
    numbers=st.tuples(st.integers(), st.integers()),
    hashes=st.tuples(ODD_BYTES, ODD_BYTES),
    proof=st.lists(ODD_BYTES, max_size=70),
)
def test_garbage_is_refused_and_never_raises(
    numbers: tuple[int, int], hashes: tuple[bytes, bytes], proof: list[bytes]
) -> None:
    index, size = numbers
    accepted = verify_inclusion(hashes[0], index, size, proof, hashes[1])
    assert not accepted or (size == 1 and not proof and hashes[0] == hashes[1])
    consistent = verify_consistency(index, size, *hashes, proof)
    assert not consistent or (index == size and not proof and hashes[0] == hashes[1])


def test_values_of_other_types_are_refused() -> None:
    assert not verify_inclusion("x" * 32, 0, 1, [], "x" * 32)  # type: ignore[arg-type]
    assert not verify_inclusion(ROOTS[0], None, 1, [], ROOTS[0])  # type: ignore[arg-type]
    assert not verify_inclusion(ROOTS[0], 0, 1.0, [], ROOTS[0])  # type: ignore[arg-type]
    assert not verify_consistency(1, 2, ROOTS[0], ROOTS[1], ["x" * 32])  # type: ignore[list-item]
    assert not verify_inclusion(ROOTS[0], 0, 2**64, [SOME_HASH] * 64, ROOTS[0])


def test_a_leaf_does_not_pass_for_a_node() -> None:
    assert leaf_hash(HASHES[0] + HASHES[1]) != node_hash(HASHES[0], HASHES[1])

"""verify.py repeats what the project has in its modules: each repetition is held against the original."""

import ast
import struct
import sys
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger import chain, merkle, note
from compliance_assets.contracts import canonical
from compliance_assets.contracts.ledger_entry import LedgerEntry
from compliance_assets.evidence.dossier import verify
from tests.evidence.dossier.made import ORIGIN, Ledger

SOURCE = Path(verify.__file__).read_text(encoding="utf-8")
TEXT = st.text(st.characters(exclude_categories=("Cs",)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_written_as_ecmascript_writes_them(number: float) -> None:
    assert verify.number(number).encode() == rfc8785.dumps(number)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_numbers_of_any_bits_are_written_as_ecmascript_writes_them(bits: int) -> None:
    (number,) = struct.unpack("<d", struct.pack("<Q", bits))
    if number == number and abs(number) != float("inf"):
        assert verify.number(number).encode() == rfc8785.dumps(number)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (-0.0, "0"), (1.0, "1"), (1e21, "1e+21"), (1e-7, "1e-7"), (1e-6, "0.000001"), (123e18, "123000000000000000000"),
     (10**20, "100000000000000000000"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"), (0.1, "0.1")],
)  # fmt: skip
def test_numbers_at_the_edges(number: float, text: str) -> None:
    assert verify.number(number) == text


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_canonical_json_is_that_of_the_reference_and_is_read_back_unchanged(value: object) -> None:
    text = verify.canonical(value)

    assert text == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert verify.canonical(verify.parsed(text.decode())) == text


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', "NaN", "[Infinity]", "-Infinity"])
def test_json_that_two_readers_may_read_differently_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"twice|no JSON number"):
        verify.parsed(text)


def test_ids_are_derived_as_everywhere() -> None:
    assert verify.content_id("ix", "é", 2023, "") == canonical.content_id("ix", "é", 2023, "")


def test_header_leaf_and_fields_are_the_ledgers() -> None:
    ledger = Ledger()
    entry = ledger.append(
        chain.NewEntry(2023, "decision", "2025-01-01T00:00:00.000000Z", "ação", "rsp_1", {"a": 1.5}, {"b": "ç"})
    )
    fields = {name: getattr(entry, name) for name in entry._fields}

    assert verify.HEADER_FIELDS == chain.HEADER_FIELDS
    assert set(LedgerEntry.model_fields) == verify.ENTRY_FIELDS
    assert verify.leaf_of(fields) == chain.leaf_of(entry)
    old = entry._replace(schema_version="1", sealed=None, content_sha256=None, content_commitment=None)
    assert verify.leaf_of({name: getattr(old, name) for name in old._fields}) == chain.leaf_of(old)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_every_inclusion_proof_leads_to_the_root_and_no_other_place(size: int) -> None:
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    root = merkle.root_of(leaves)
    for index in range(size):
        proof = merkle.inclusion_proof(index, size, lambda level, start, end: leaves[start:end])
        assert verify.merkle_root_from_inclusion(leaves[index], index, size, proof) == root
        assert verify.merkle_root_from_inclusion(leaves[index], index, size, [*proof, root]) != root
        for other in set(range(size)) - {index}:
            assert verify.merkle_root_from_inclusion(leaves[index], other, size, proof) != root


def test_signatures_hold_for_their_key_and_message_alone() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"message")

    assert verify.ed25519_verify(public, b"message", signature)
    assert not verify.ed25519_verify(public, b"massage", signature)
    for bit in range(0, 512, 7):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify.ed25519_verify(public, b"message", bytes(changed))


def test_a_signature_whose_second_half_is_too_large_is_refused() -> None:
    """S + L verifies wherever S is not compared with L: one message would have two signatures."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature = key.sign(b"m")
    order = 2**252 + 27742317777372353535851937790883648493
    too_large = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")

    assert not verify.ed25519_verify(key.public_key().public_bytes_raw(), b"m", signature[:32] + too_large)


@pytest.mark.parametrize(
    "public", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"\x02" + bytes(31), b"", b"\x01" * 33]
)
def test_keys_that_are_no_points_or_of_small_order_are_refused(public: bytes) -> None:
    assert not verify.ed25519_verify(public, b"", b"\x01" + bytes(63))


def test_a_verifiers_key_is_read_as_the_ledger_writes_it() -> None:
    verifier = note.Signer(ORIGIN, bytes(32)).verifier

    assert verify.key_of(verifier.vkey) == (ORIGIN, verifier.key_id, verifier.public_key)


def test_it_needs_python_3_8_and_its_standard_library_alone() -> None:
    tree = ast.parse(SOURCE, feature_version=(3, 8))
    imported = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip

    assert imported <= set(sys.stdlib_module_names) - {"socket", "urllib", "http", "ssl", "subprocess", "ctypes"}

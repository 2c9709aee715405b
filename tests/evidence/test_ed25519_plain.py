"""The dossier's own verification, against published vectors and against `cryptography`."""

import json
import time
from pathlib import Path
from typing import TypedDict

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger.merkle import inclusion_proof, leaf_hash, root_of
from compliance_assets.evidence.dossier.verify import ed25519_verify, merkle_root_from_inclusion

ORDER = 2**252 + 27742317777372353535851937790883648493
PRIME = 2**255 - 19


class Vector(TypedDict):
    tcId: int
    comment: str
    pk: str
    msg: str
    sig: str
    result: str


VECTORS: list[Vector] = json.loads(
    (Path(__file__).parents[1] / "audit_ledger" / "wycheproof_ed25519.json").read_text()
)["tests"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['tcId']}-{vector['result']}")
def test_wycheproof_signatures_are_judged_as_published(vector: Vector) -> None:
    accepted = ed25519_verify(*(bytes.fromhex(part) for part in (vector["pk"], vector["msg"], vector["sig"])))
    assert accepted == (vector["result"] == "valid")


def test_the_selection_of_vectors_has_both_kinds() -> None:
    results = [vector["result"] for vector in VECTORS]
    assert (results.count("valid"), results.count("invalid")) == (19, 31)


@settings(max_examples=25, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), data=st.data())
def test_signatures_are_accepted_and_their_mutations_are_not(seed: bytes, message: bytes, data: st.DataObject) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public_key, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert ed25519_verify(public_key, message, signature)
    bit = data.draw(st.integers(0, 511))
    flipped = (int.from_bytes(signature) ^ 1 << bit).to_bytes(64)
    assert not ed25519_verify(public_key, message, flipped)
    assert not ed25519_verify(public_key, message + b"\0", signature)
    other_key = (int.from_bytes(public_key) ^ 1 << bit % 256).to_bytes(32)
    assert not ed25519_verify(other_key, message, signature)


PRIVATE = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
KEY = PRIVATE.public_key().public_bytes_raw()
SIGNATURE = PRIVATE.sign(b"message")
R, S = SIGNATURE[:32], int.from_bytes(SIGNATURE[32:], "little")
OTHER = PRIVATE.sign(b"another message")


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:63],
        SIGNATURE + b"\0",
        R + (S + ORDER).to_bytes(32, "little"),
        R + (ORDER - S).to_bytes(32, "little"),
        OTHER[:32] + SIGNATURE[32:],
        SIGNATURE[:32] + OTHER[32:],
        SIGNATURE[32:] + SIGNATURE[:32],
        b"\xff" * 64,
        bytes(64),
    ],
)
def test_a_signature_in_another_form_is_refused(signature: bytes) -> None:
    assert ed25519_verify(KEY, b"message", SIGNATURE)
    assert not ed25519_verify(KEY, b"message", signature)


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        KEY[:31],
        KEY + b"\0",
        (2).to_bytes(32, "little"),  # no point of the curve has this y
        (1 | 1 << 255).to_bytes(32, "little"),  # x = 0 has no sign
        PRIME.to_bytes(32, "little"),  # y = 0 and y = 1 in a second spelling
        (PRIME + 1).to_bytes(32, "little"),
        b"\xff" * 32,
    ],
)
def test_a_malformed_key_is_refused(public_key: bytes) -> None:
    assert not ed25519_verify(public_key, b"message", SIGNATURE)


# the points of order 1, 2, 4 and 8, as listed in libsodium (ed25519_ref10.c, ge25519_has_small_order)
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize("public_key", SMALL_ORDER)
def test_a_key_of_small_order_accepts_no_forgery(public_key: str) -> None:
    key, forgery = bytes.fromhex(public_key), bytes.fromhex(SMALL_ORDER[0]) + bytes(32)
    forged = next(number.to_bytes(2) for number in range(500) if library_accepts(key, number.to_bytes(2), forgery))
    assert not ed25519_verify(key, forged, forgery)


def library_accepts(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def test_verification_takes_milliseconds() -> None:
    begun = time.process_time()
    for _ in range(10):
        ed25519_verify(KEY, b"message", SIGNATURE)
    assert (time.process_time() - begun) / 10 < 0.05


LEAVES = [leaf_hash(number.to_bytes(2)) for number in range(300)]


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 255), data=st.data())
def test_a_proof_leads_to_the_root_and_a_changed_one_elsewhere(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, lambda level, start, end: LEAVES[start:end])
    root = root_of(LEAVES[:size])
    assert merkle_root_from_inclusion(LEAVES[index], index, size, proof) == root
    assert merkle_root_from_inclusion(LEAVES[index + 1], index, size, proof) != root
    for at in range(len(proof)):
        assert (
            merkle_root_from_inclusion(LEAVES[index], index, size, [*proof[:at], LEAVES[-1], *proof[at + 1 :]]) != root
        )


@pytest.mark.parametrize(
    ("leaf", "index", "size", "proof"),
    [
        (LEAVES[0], 0, 0, []),
        (LEAVES[0], -1, 1, []),
        (LEAVES[0], 1, 1, []),
        (LEAVES[0], 0, 2, []),
        (LEAVES[0], 0, 1, [LEAVES[1]]),
        (LEAVES[0], 0, 2, [LEAVES[1][:31]]),
        (b"", 0, 1, []),
        (LEAVES[0], 0, 2**64, [LEAVES[1]] * 64),
    ],
)
def test_a_proof_of_another_shape_leads_nowhere(leaf: bytes, index: int, size: int, proof: list[bytes]) -> None:
    assert merkle_root_from_inclusion(leaf, index, size, proof) is None

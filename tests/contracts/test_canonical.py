"""Canonical JSON against the examples that RFC 8785 publishes, and the ids that are built on it."""

import hashlib
import math
import struct

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.canonical import Canonical, canonical_json, content_id, digest_of, sha256_hex


def double(ieee754: str) -> float:
    """The number whose big-endian IEEE 754 bytes these are."""
    value: float = struct.unpack(">d", bytes.fromhex(ieee754))[0]
    return value


# RFC 8785, appendix B.
@pytest.mark.parametrize(
    ("ieee754", "text"),
    [
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_writes_them(ieee754: str, text: str) -> None:
    assert canonical_json(double(ieee754)).decode() == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(rfc8785.FloatDomainError):
        canonical_json({"confidence": number})


def test_an_integer_that_a_double_cannot_hold_is_refused() -> None:
    with pytest.raises(rfc8785.IntegerDomainError):
        canonical_json(2**53)


def test_the_example_of_section_3_2_2_has_the_published_bytes() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    published = (
        "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e33333333"
        "3333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c"
        "5c5c5c5c222f227d"
    )
    assert canonical_json(value).hex() == published


def test_keys_are_sorted_by_utf_16_code_units_as_in_section_3_2_3() -> None:
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    written = (
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",'
        '"\u20ac":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )
    assert canonical_json(value).decode() == written


def test_unicode_is_kept_as_it_is_and_never_normalised() -> None:
    composed, decomposed = "\u00e9", "e\u0301"
    assert canonical_json(composed) == b'"\xc3\xa9"'
    assert digest_of(composed) != digest_of(decomposed)


def test_the_order_of_keys_does_not_change_a_digest_but_the_order_of_a_list_does() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])


def test_digests_keep_their_golden_values() -> None:
    assert sha256_hex("abc") == sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_hex("ação") == "0664077f33cc3ebbaa4bbdacac0eb70e740983080f01dce29929e73b7785a7ad"
    assert digest_of({"b": 1, "a": [True, None]}) == "51705a2c9eb3e7e410a58f696a770c3ac3885a0cf43eb7fc88f5e47c11d4d30d"


def test_content_ids_keep_their_golden_values() -> None:
    assert content_id("doc", "ab", "c") == "doc_fc2a4b2f7076588cd650d7da73ec81b048befec7"
    assert content_id("doc", "a", "bc") == "doc_297c65bdfd9d703a0a65f4969b03c904eea6138a"
    assert content_id("ck", "doc_1", "v", 0, 10) == "ck_458819471f9ff2ae3fd982a2df0afb3744b95454"


def test_a_content_id_is_the_hash_of_its_length_prefixed_fields() -> None:
    fields = [b"doc", b"ab", "ç".encode()]
    written_out = b"".join(len(field).to_bytes(8, "big") + field for field in fields)
    assert content_id("doc", "ab", "ç") == "doc_" + hashlib.sha256(written_out).hexdigest()[:40]


field_lists = st.lists(st.text(alphabet="ab\x00_", max_size=3), max_size=4)


@given(field_lists, field_lists)
def test_different_fields_never_share_a_content_id(some: list[str], others: list[str]) -> None:
    assert (content_id("x", *some) == content_id("x", *others)) == (some == others)


def test_the_prefix_is_part_of_what_is_hashed() -> None:
    assert content_id("a", "x").removeprefix("a_") != content_id("b", "x").removeprefix("b_")


NAMES = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(["a", "B", "é", "\ufb33", "\U0001f600"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1.0, 1e-5, 1e-7, 1e16, 1e21, 123456789012345680.0])
    | st.text(st.characters(codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES)
def test_the_quick_way_writes_the_bytes_of_the_reference(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert Canonical.of(value).sha256 == digest_of(value)


@given(members=st.dictionaries(st.text("abcXYZ_", min_size=1), VALUES, min_size=1, max_size=5), data=st.data())
def test_a_member_that_is_canonical_already_stands_for_its_value(
    members: dict[str, object], data: st.DataObject
) -> None:
    written = data.draw(st.sets(st.sampled_from(sorted(members))))
    mixed = {name: Canonical.of(value) if name in written else value for name, value in members.items()}

    assert canonical_json(mixed) == rfc8785.dumps(members)  # type: ignore[arg-type]


@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**31)),
    text=st.text(st.characters(codec="utf-8")),
)
def test_what_a_contract_dumped_is_written_the_same(numbers: list[float], text: str) -> None:
    dumped = [{"score": number, "text": text, "page": 1} for number in numbers]

    assert Canonical.of_contract(dumped).encode() == rfc8785.dumps(dumped)  # type: ignore[arg-type]

"""Sealed content: what goes in comes out, and nothing else ever does."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger.content import DEFLATE_FROM, Content, SubjectKey, commitment_of, seal, unseal
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import IntegrityError

ORGANIZATION, RESPONSE = "00000000-0000-4000-8000-000000000001", "rsp_01JZZZZZZZZZZZZZZZZZZZZZZZ"
KEY = SubjectKey("k", b"\x07" * 32)

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
CONTENTS = st.dictionaries(
    TEXTS, st.recursive(SCALARS | TEXTS, lambda v: st.lists(v) | st.dictionaries(TEXTS, v), max_leaves=12), max_size=6
)
KEYS = st.lists(
    st.builds(SubjectKey, st.uuids().map(str), st.binary(min_size=32, max_size=32)),
    min_size=1, max_size=5, unique_by=lambda key: key.key_id,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(content=CONTENTS, keys=KEYS, padding=st.sampled_from([0, DEFLATE_FROM]), data=st.data())
def test_any_content_comes_back_under_the_same_keys_in_whatever_order(
    content: dict[str, object], keys: list[SubjectKey], padding: int, data: st.DataObject
) -> None:
    text = canonical_json({"content": content, "padding": "á" * padding}).decode()

    sealed, commitment = seal(text, keys, ORGANIZATION, RESPONSE)
    opened = unseal(sealed, data.draw(st.permutations(keys)), ORGANIZATION, RESPONSE)

    assert opened.text == text
    assert opened.commitment == commitment == hashlib.sha256(opened.salt + text.encode()).hexdigest()
    assert commitment == commitment_of(opened.salt, text)
    assert len(opened.salt) == 32
    assert text.encode() not in sealed


@pytest.mark.parametrize("padding", [0, DEFLATE_FROM])
def test_no_byte_can_be_changed(padding: int) -> None:
    sealed, _ = seal('{"name":"Ana"}' + " " * padding, [KEY], ORGANIZATION, RESPONSE)
    for at in range(len(sealed)):
        for bit in (1, 128):
            changed = sealed[:at] + bytes([sealed[at] ^ bit]) + sealed[at + 1 :]
            with pytest.raises(IntegrityError, match="cannot be opened"):
                unseal(changed, [KEY], ORGANIZATION, RESPONSE)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 200), tail=st.binary(max_size=40))
def test_neither_a_cut_nor_a_longer_one_opens(cut: int, tail: bytes) -> None:
    sealed, _ = seal('{"name":"Ana"}', [KEY], ORGANIZATION, RESPONSE)
    changed = sealed[:cut] + tail
    if changed != sealed:
        with pytest.raises(IntegrityError, match="cannot be opened"):
            unseal(changed, [KEY], ORGANIZATION, RESPONSE)
    with pytest.raises(IntegrityError, match="cannot be opened"):
        unseal(sealed + (tail or b"\0"), [KEY], ORGANIZATION, RESPONSE)


@given(blob=st.binary(max_size=300))
def test_bytes_that_nobody_sealed_are_refused(blob: bytes) -> None:
    with pytest.raises(IntegrityError, match="cannot be opened"):
        unseal(blob, [KEY], ORGANIZATION, RESPONSE)


@pytest.mark.parametrize(
    ("organization", "subject"),
    [
        ("00000000-0000-4000-8000-000000000002", RESPONSE),
        (ORGANIZATION, "rsp_01JZZZZZZZZZZZZZZZZZZZZZZY"),
        (ORGANIZATION, ""),
        (f"{ORGANIZATION}/", RESPONSE),
    ],
)
def test_it_opens_for_no_other_entry_and_no_other_organisation(organization: str, subject: str) -> None:
    sealed, _ = seal('{"name":"Ana"}', [KEY], ORGANIZATION, RESPONSE)
    with pytest.raises(IntegrityError, match="cannot be opened"):
        unseal(sealed, [KEY], organization, subject)


@settings(max_examples=50, deadline=None)
@given(keys=KEYS, data=st.data())
def test_every_one_of_the_keys_is_needed_and_no_other_will_do(keys: list[SubjectKey], data: st.DataObject) -> None:
    sealed, _ = seal('{"name":"Ana"}', keys, ORGANIZATION, RESPONSE)
    at = data.draw(st.integers(0, len(keys) - 1))
    others = keys[:at] + keys[at + 1 :]
    wrong = SubjectKey(keys[at].key_id, bytes(b ^ 1 for b in keys[at].secret))
    for tried in (others, [*others, wrong], [*keys, KEY]):
        with pytest.raises(IntegrityError, match="cannot be opened"):
            unseal(sealed, tried, ORGANIZATION, RESPONSE)


def test_the_same_content_twice_shares_nothing_that_can_be_compared() -> None:
    seals = [seal('{"cpf":"529.982.247-25"}', [KEY], ORGANIZATION, RESPONSE) for _ in range(20)]
    assert len({commitment for _, commitment in seals}) == 20
    assert len({sealed[1:33] for sealed, _ in seals}) == 20
    assert len({sealed[33:49] for sealed, _ in seals}) == 20


def test_a_content_says_what_was_committed_to() -> None:
    content = Content('{"a":1}', b"s" * 32)
    assert content.as_json() == {"a": 1}
    assert content.commitment == hashlib.sha256(b"s" * 32 + b'{"a":1}').hexdigest()

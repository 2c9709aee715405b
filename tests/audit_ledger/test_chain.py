import hashlib
import hmac
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.audit_ledger import merkle
from compliance_assets.audit_ledger.chain import (
    GENESIS,
    HEADER_FIELDS,
    Amendment,
    Draft,
    Entry,
    Finding,
    Head,
    NewEntry,
    Walk,
    header_of,
    leaf_of,
    link,
    unplaced,
)
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from resources.keyring import Keyring

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ORGANIZATION = "00000000-0000-4000-8000-000000000001"

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NEW_ENTRIES = st.builds(
    NewEntry,
    year=st.integers(1900, 2200),
    kind=st.sampled_from(["decision", "amendment"]),
    occurred_at=st.datetimes().map(lambda moment: f"{moment.isoformat(timespec='microseconds')}Z"),
    actor=TEXT,
    subject_id=TEXT,
    body=st.dictionaries(TEXT, JSON, max_size=4),
    content=st.none() | st.just({}),
)
SEVERAL = st.lists(NEW_ENTRIES, min_size=2, max_size=6)


def following(head: Head, new: NewEntry, organization_id: str = ORGANIZATION, key: bytes = KEY) -> Entry:
    sealed = b"sealed" if new.content is not None else None
    draft = Draft(new, canonical_json(new.body).decode(), sealed, "c" * 64 if sealed else None)
    return link(head, unplaced(draft, organization_id, "k1"), key)


def chain_of(new: list[NewEntry], organization_id: str = ORGANIZATION, key: bytes = KEY) -> list[Entry]:
    entries: list[Entry] = []
    for entry in new:
        entries.append(following(head_of(entries), entry, organization_id, key))
    return entries


def head_of(entries: list[Entry]) -> Head:
    return Head(entries[-1].seq, entries[-1].entry_hash) if entries else Head()


def findings(entries: list[Entry], head: Head, key: bytes = KEY) -> list[Finding]:
    walk = Walk(keys=lambda key_id: key)
    return [*walk.over(entries), *walk.end(head)]


def edited(entry: Entry, **fields: object) -> Entry:
    """As a superuser would leave it: no contract is asked."""
    return entry._replace(**fields)


@given(new=st.lists(NEW_ENTRIES, max_size=6))
def test_what_was_linked_has_no_finding(new: list[NewEntry]) -> None:
    entries = chain_of(new)

    assert findings(entries, head_of(entries)) == []
    assert [entry.seq for entry in entries] == list(range(1, len(new) + 1))


def test_the_first_entry_follows_genesis() -> None:
    (entry,) = chain_of([NewEntry(2021, "decision", "2021-01-01T00:00:00.000000Z", "a", "s", {"b": 1, "a": 2})])

    assert GENESIS == "0" * 64
    assert entry.prev_hash == GENESIS
    assert entry.body == '{"a":2,"b":1}'
    assert entry.body_sha256 == sha256_hex(entry.body)


@given(new=SEVERAL, data=st.data())
def test_an_edit_of_any_field_is_found_at_its_entry(new: list[NewEntry], data: st.DataObject) -> None:
    entries = chain_of(new)
    place = data.draw(st.integers(0, len(entries) - 1))
    field = data.draw(st.sampled_from(Entry._fields))
    kinds = {
        "seq": st.integers(-(2**70), 2**70),
        "year": st.integers(-(2**70), 2**70),
        "sealed": st.none() | st.binary(),
    }
    values = kinds.get(field, TEXT | st.text(string.hexdigits, min_size=64))
    value = data.draw(values.filter(lambda v: v != getattr(entries[place], field)))
    tampered = [*entries[:place], edited(entries[place], **{field: value}), *entries[place + 1 :]]

    first = findings(tampered, head_of(entries))[0]

    assert first.seq == (value if field == "seq" else place + 1)


@given(new=SEVERAL, data=st.data())
def test_a_body_that_is_changed_together_with_its_digest_is_found(new: list[NewEntry], data: st.DataObject) -> None:
    entries = chain_of(new)
    place = data.draw(st.integers(0, len(entries) - 1))
    body = canonical_json({"forged": data.draw(TEXT)}).decode()
    tampered = [*entries]
    tampered[place] = edited(entries[place], body=body, body_sha256=sha256_hex(body))

    (found,) = findings(tampered, head_of(entries))

    assert (found.seq, found.problem) == (place + 1, "the entry's hash does not fit its fields")


@given(new=SEVERAL, data=st.data())
def test_a_deletion_is_found_where_the_gap_is(new: list[NewEntry], data: st.DataObject) -> None:
    entries = chain_of(new)
    place = data.draw(st.integers(0, len(entries) - 1))
    first = findings(entries[:place] + entries[place + 1 :], head_of(entries))[0]

    assert first.seq == (place + 2 if place < len(entries) - 1 else place + 1)


@given(new=SEVERAL, data=st.data())
def test_a_cut_tail_is_found_after_the_last_entry_left(new: list[NewEntry], data: st.DataObject) -> None:
    entries = chain_of(new)
    left = data.draw(st.integers(0, len(entries) - 1))
    (found,) = findings(entries[:left], head_of(entries))

    assert (found.seq, found.expected, found.found) == (left + 1, str(len(entries)), str(left))


@given(new=SEVERAL, forged=NEW_ENTRIES, data=st.data())
def test_an_entry_put_in_without_the_key_is_found(new: list[NewEntry], forged: NewEntry, data: st.DataObject) -> None:
    entries = chain_of(new)
    place = data.draw(st.integers(0, len(entries)))
    intruder = following(head_of(entries[:place]), forged, ORGANIZATION, OTHER_KEY)
    first = findings([*entries[:place], intruder, *entries[place:]], head_of(entries))[0]

    assert (first.seq, first.problem) == (place + 1, "the entry's hash does not fit its fields")


@given(new=SEVERAL, data=st.data())
def test_two_entries_that_changed_places_are_found(new: list[NewEntry], data: st.DataObject) -> None:
    entries = chain_of(new)
    a, b = sorted(data.draw(st.lists(st.integers(0, len(entries) - 1), min_size=2, max_size=2, unique=True)))
    tampered = [*entries]
    tampered[a], tampered[b] = entries[b], entries[a]

    assert findings(tampered, head_of(entries))[0].seq == b + 1  # the entry that stands where a + 1 should

    renumbered = [edited(entry, seq=seq) for seq, entry in enumerate(tampered, start=1)]
    assert findings(renumbered, head_of(entries))[0].seq == a + 1


@given(new=SEVERAL, data=st.data())
def test_a_chain_hashed_again_without_the_key_is_found_from_the_first_forged_entry(
    new: list[NewEntry], data: st.DataObject
) -> None:
    entries = chain_of(new)
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = entries[:place]
    for entry in new[place:]:
        forged.append(following(head_of(forged), entry, ORGANIZATION, OTHER_KEY))
    found = findings(forged, head_of(forged))

    assert [f.seq for f in found] == list(range(place + 1, len(entries) + 1))


@given(new=SEVERAL)
def test_a_head_that_names_another_entry_is_found(new: list[NewEntry]) -> None:
    entries = chain_of(new)
    (found,) = findings(entries, Head(len(entries), "f" * 64))

    assert (found.seq, found.problem) == (len(entries), "the head names another entry")


def test_entries_without_a_head_are_found() -> None:
    entries = chain_of([NewEntry(2021, "decision", "2021-01-01T00:00:00.000000Z", "a", "s", {})])
    (found,) = findings(entries, Head())

    assert found.seq == 2


@given(new=SEVERAL)
def test_no_organisation_can_use_anothers_entries_or_key(new: list[NewEntry]) -> None:
    keyring = Keyring(Path("/nowhere"), environment_key="ab" * 32)
    other = "00000000-0000-4000-8000-000000000002"
    ours, theirs = keyring.chain_key(ORGANIZATION), keyring.chain_key(other)
    entries = chain_of(new, ORGANIZATION, ours)

    assert ours != theirs
    assert findings(entries, head_of(entries), ours) == []
    assert len(findings(entries, head_of(entries), theirs)) == len(entries)
    moved = [edited(entry, organization_id=other) for entry in entries]
    assert len(findings(moved, head_of(entries), theirs)) == len(entries)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_text_that_no_hash_can_be_is_a_finding_and_no_error(place: int) -> None:
    new = [NewEntry(2021, "decision", "2021-01-01T00:00:00.000000Z", "a", f"s{n}", {}) for n in range(3)]
    entries = chain_of(new)
    tampered = [*entries]
    tampered[place] = edited(entries[place], entry_hash="não é um hash")

    assert findings(tampered, head_of(entries))[0].seq == place + 1


@given(new=SEVERAL)
def test_a_header_is_the_canonical_json_of_its_fields(new: list[NewEntry]) -> None:
    for entry in chain_of(new):
        for version, fields in HEADER_FIELDS.items():
            versioned = edited(entry, schema_version=version)
            assert header_of(versioned) == canonical_json({name: getattr(versioned, name) for name in fields})


@given(new=SEVERAL)
def test_whoever_has_an_entry_can_make_its_leaf_without_a_key(new: list[NewEntry]) -> None:
    leaves: list[bytes] = []
    entries = chain_of(new)
    list(Walk(keys=lambda key_id: KEY, leaves=leaves.append).over(entries))

    assert leaves == [leaf_of(entry) for entry in entries]
    assert leaves[0] == merkle.leaf_hash(header_of(entries[0]) + b"\n" + entries[0].entry_hash.encode())


def test_an_entry_of_the_first_schema_is_verified_by_its_own_rule() -> None:
    """Written by the first version of this project, under the key of 32 bytes 'k'."""
    body = '{"subject":"a"}'
    fields = {
        "seq": 1, "organization_id": ORGANIZATION, "year": 2021, "kind": "note", "actor": "test", "subject_id": "a",
        "occurred_at": "2021-01-01T00:00:00.000000Z", "body_sha256": sha256_hex(body), "prev_hash": GENESIS,
    }  # fmt: skip
    tag = hmac.new(KEY, canonical_json(fields), hashlib.sha256).hexdigest()
    old = Entry(schema_version="1", key_id="k1", body=body, sealed=None, content_sha256=None, content_commitment=None,
                entry_hash=tag, **fields)  # type: ignore[arg-type]  # fmt: skip
    new = following(Head(1, tag), NewEntry(2021, "note", "2021-01-02T00:00:00.000000Z", "test", "b", {}))

    assert findings([old, new], head_of([old, new])) == []
    assert findings([edited(old, year=2022), new], head_of([old, new]))[0].seq == 1


def test_a_rewrite_that_an_amendment_documents_is_no_finding_and_any_other_rewrite_is() -> None:
    new = [NewEntry(2021, "note", "2021-01-01T00:00:00.000000Z", "a", f"s{n}", {}) for n in range(3)]
    entries = chain_of(new)
    documented = edited(entries[1], actor="by order")
    amendment = Amendment(2, was=leaf_of(entries[1]).hex(), now=leaf_of(documented).hex())
    leaves: list[bytes] = []

    walk = Walk(keys=lambda key_id: KEY, leaves=leaves.append, amendments={2: amendment})
    assert list(walk.over([entries[0], documented, entries[2]])) == []
    assert (walk.amended, leaves) == ([2], [leaf_of(entry) for entry in entries])

    other = edited(entries[1], actor="by nobody's order")
    assert [f.seq for f in Walk(lambda key_id: KEY, amendments={2: amendment}).over([entries[0], other])] == [2]

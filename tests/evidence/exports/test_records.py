"""Records say all that an entry says, and give it back."""

import hashlib
import json
from base64 import b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.audit_ledger import merkle
from compliance_assets.audit_ledger.chain import Entry, Walk
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.ledger_entry import LedgerEntry
from compliance_assets.contracts.ledger_record import LedgerRecord, RecordedEntry
from compliance_assets.evidence.exports.records import (
    entry_from_record,
    line_of,
    public_body,
    read_records,
    record_of,
)
from tests.evidence.exports import builders

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(TEXTS, VALUES, max_size=4).map(lambda body: canonical_json(body).decode()) | TEXTS
ENTRIES = st.builds(
    Entry,
    schema_version=st.sampled_from(["1", "2"]),
    seq=st.integers(1, 2**53 - 1),
    organization_id=st.uuids().map(str),
    year=st.integers(0, 2200),
    kind=TEXTS,
    occurred_at=TEXTS,
    actor=TEXTS,
    subject_id=TEXTS,
    key_id=TEXTS,
    body=BODIES,
    body_sha256=DIGESTS,
    sealed=st.none() | st.binary(),
    content_sha256=st.none() | DIGESTS,
    content_commitment=st.none() | DIGESTS,
    prev_hash=DIGESTS,
    entry_hash=DIGESTS,
)


@given(ENTRIES)
@settings(max_examples=300, deadline=None)
def test_an_entry_comes_back_from_its_line_byte_for_byte(entry: Entry) -> None:
    line = line_of(entry)
    assert line.endswith(b"\n")
    assert b"\n" not in line[:-1]
    assert canonical_json(json.loads(line)) == line[:-1]
    (record,) = read_records([line])
    assert record == record_of(entry)
    assert entry_from_record(record) == entry


def test_a_record_names_every_field_of_an_entry_and_no_other() -> None:
    assert tuple(RecordedEntry.model_fields) == Entry._fields == tuple(LedgerEntry.model_fields)


def test_an_outsider_walks_the_chain_and_builds_the_tree_from_the_file_alone() -> None:
    entries = builders.one_of_each()
    file = b"".join(line_of(entry) for entry in entries)

    records = list(read_records(builders.lines_of(file)))
    leaves: list[bytes] = []
    walk = Walk(keys=builders.keys, leaves=leaves.append)
    assert list(walk.over(map(entry_from_record, records))) == []
    assert (walk.head.seq, walk.head.entry_hash) == (len(entries), entries[-1].entry_hash)
    assert [record.leaf_hash for record in records] == [leaf.hex() for leaf in leaves]
    assert [record.leaf_index for record in records] == list(range(len(entries)))
    from_file = [bytes.fromhex(record.leaf_hash) for record in records]
    assert merkle.root_of(from_file) == builders.root_by_definition(leaves)


@pytest.mark.parametrize(
    "body", ['{"hits": 5}', '{"hits":6}', "no JSON", "[1]", '{"n":1e999}', '{"n":12345678901234567890}']
)
def test_a_body_that_somebody_changed_stays_changed_in_the_file(body: str) -> None:
    changed = builders.one_of_each()[0]._replace(body=body)
    (record,) = read_records([line_of(changed)])
    assert entry_from_record(record).body == body
    problems = [f.problem for f in Walk(keys=builders.keys).over([entry_from_record(record)])]
    assert problems == ["the body was changed"]


def test_an_opened_record_carries_what_the_commitment_is_checked_with() -> None:
    entry = builders.one_of_each()[0]
    record = record_of(entry, builders.opened(entry), opened=True)
    assert record.content_state == "opened"
    assert record.salt is not None
    checked = hashlib.sha256(b64decode(record.salt) + canonical_json(record.content)).hexdigest()
    assert checked == record.entry.content_commitment


def test_erased_sealed_and_absent_content_are_told_apart() -> None:
    decision, amendment, *_ = builders.one_of_each()
    assert record_of(decision).content_state == "sealed"
    assert record_of(decision, None, opened=True).content_state == "erased"
    assert record_of(amendment, None, opened=True).content_state == "none"
    assert builders.QUESTION not in line_of(decision).decode()


def test_a_line_that_is_no_record_is_named() -> None:
    good = line_of(builders.one_of_each()[0])
    strange = json.loads(good) | {"more": 1}
    for bad in (good[:-20], b"{}", canonical_json(strange)):
        with pytest.raises(InvalidInput, match="line 2 is not a record"):
            list(read_records([good, bad]))


def test_the_clear_parts_of_a_decision_of_the_first_version_hold_nothing_personal() -> None:
    told = public_body(builders.of_the_first_version())
    assert "123.456.789-09" not in json.dumps(told)
    assert "Northwind" not in json.dumps(told)
    assert told["reason"] == "provider_failed"
    assert (told["workload"], told["index_version"], told["confidence"], told["hits"]) == (
        "ddq.draft_response", "idx_0", 0.5, 1,
    )  # fmt: skip
    assert set(told) <= set(builders.DECISION_BODY), "the names of today"


def test_an_entry_of_the_first_version_comes_back_too() -> None:
    entry = builders.of_the_first_version()
    (record,) = read_records([line_of(entry)])
    assert list(Walk(keys=builders.keys).over([entry_from_record(record)])) == []
    assert sha256_hex(entry_from_record(record).body) == entry.body_sha256


def test_the_schema_refuses_unknown_fields_at_both_levels() -> None:
    schema = LedgerRecord.model_json_schema()
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["RecordedEntry"]["additionalProperties"] is False

"""OCSF events, held against the schemas that OCSF publishes."""

import json
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from compliance_assets.audit_ledger.chain import Entry
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.evidence.exports.ocsf import OCSF_VERSION, ocsf_event, ocsf_line
from tests.evidence.exports import builders

VERSIONS = ("1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0")
EVENTS: dict[str, Any] = {entry.kind: ocsf_event(entry) for entry in builders.one_of_each()}


@cache
def published(version: str) -> dict[str, Any]:
    found: dict[str, Any] = get_ocsf_schema(version)
    return found


def problems(event: dict[str, Any], version: str) -> list[str]:
    """What the published class definition of a version has against an event; unknown attributes included."""
    schemas = OcsfJsonSchemaEmbedded(published(version))
    schema = schemas.get_class_schema(schemas.lookup_class_name_from_uid(event["class_uid"]))
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(event)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_entry_is_an_event_of_its_class_as_each_version_publishes_it(version: str) -> None:
    assert OCSF_VERSION in VERSIONS
    found = {kind: problems(event, version) for kind, event in EVENTS.items()}
    assert found == {kind: [] for kind in builders.BODIES}


def test_the_published_schema_does_refuse_an_event_that_lacks_something() -> None:
    event = EVENTS["decision"]
    assert problems({k: v for k, v in event.items() if k != "entity"}, OCSF_VERSION)
    assert problems({**event, "type_uid": 300499 + 1}, OCSF_VERSION)
    assert problems({**event, "of_ours": 1}, OCSF_VERSION)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_ids_and_captions_are_those_of_the_dictionary(event: dict[str, Any]) -> None:
    name = OcsfJsonSchemaEmbedded(published(OCSF_VERSION)).lookup_class_name_from_uid(event["class_uid"])
    attributes = published(OCSF_VERSION)["classes"][name]["attributes"]
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert event["class_name"] == published(OCSF_VERSION)["classes"][name]["caption"]
    for id_, caption in (("activity_id", "activity_name"), ("severity_id", "severity"), ("status_id", "status")):
        if event[id_] != 99:  # "Other": the caption is the source's own word
            assert attributes[id_]["enum"][str(event[id_])]["caption"] == event[caption], id_
    observed = published(OCSF_VERSION)["objects"]["observable"]["attributes"]["type_id"]["enum"]
    assert all(observed[str(o["type_id"])]["caption"] == o["type"] for o in event["observables"])


def test_the_time_is_in_milliseconds_and_the_receiver_can_drop_repeats() -> None:
    event = EVENTS["decision"]
    assert event["time"] == 1_767_323_045_678
    assert event["metadata"]["sequence"] == 1
    assert event["metadata"]["uid"] == f"{builders.ORGANIZATION}/1"
    assert event["metadata"]["tenant_uid"] == builders.ORGANIZATION


def test_what_a_watcher_filters_by_is_told() -> None:
    assert (EVENTS["incident"]["class_uid"], EVENTS["incident"]["severity"]) == (2005, "Critical")
    assert EVENTS["amendment"]["severity"] == "High"
    assert EVENTS["oversight"]["severity"] == "Medium"
    decision = EVENTS["decision"]
    assert (decision["status"], decision["status_code"]) == ("review", "low_confidence")
    assert decision["unmapped"]["body"] == builders.BODIES["decision"]
    assert decision["unmapped"]["leaf_index"] == 0


@pytest.mark.parametrize(
    ("state", "activity", "status"),
    [("open", 1, 1), ("acknowledged", 2, 2), ("resolved", 3, 4), ("unheard_of", 99, 99)],
)
def test_an_incident_moves_through_its_states(state: str, activity: int, status: int) -> None:
    (entry,) = builders.ledger([("incident", {**builders.BODIES["incident"], "state": state})])
    event = ocsf_event(entry)
    assert (event["activity_id"], event["status_id"]) == (activity, status)
    assert problems(event, OCSF_VERSION) == []


def test_nothing_sealed_and_nothing_of_a_changed_body_is_told() -> None:
    decision = builders.one_of_each()[0]
    assert decision.sealed is not None
    for entry in (decision, builders.of_the_first_version(), decision._replace(body='{"q": "123.456.789-09"}')):
        assert "123.456.789-09" not in ocsf_line(entry)
        assert "Northwind" not in ocsf_line(entry)


def test_a_line_is_one_line_of_ascii_whatever_stands_in_the_entry() -> None:
    (entry,) = builders.ledger([("incident", {**builders.BODIES["incident"], "summary": "ação\n\u2028\x85 𝄞"})])
    line = ocsf_line(entry)
    assert line.isascii()
    assert line.splitlines() == [line]
    assert json.loads(line) == ocsf_event(entry)


def test_a_moment_that_nobody_can_have_written_is_refused_by_name() -> None:
    changed: Entry = builders.one_of_each()[0]._replace(occurred_at="yesterday")
    with pytest.raises(IntegrityError, match="entry 1 cannot be told"):
        ocsf_event(changed)
    with pytest.raises(IntegrityError, match="entry 1 cannot be told"):
        ocsf_event(changed._replace(occurred_at="2026-01-02T03:04:05"))

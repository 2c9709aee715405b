"""The published schemas are the models, and the models are what DESIGN section 4 fixes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compliance_assets.contracts.schemas import FOLDER, PUBLISHED, schema_texts, write_schemas
from tests.contracts.examples import EXAMPLES

# The field names of DESIGN section 4; `schema_version` is the additive version of the envelope.
FIELDS = {
    "envelope": "schema_version filing_id year filer_category raw_text raw_pages metadata",
    "chunk": "chunk_id doc_id year filer_category ordinal page char_start char_end section text token_count text_sha256"
    " chunker_version header header_sha256",
    "hit": "rank chunk_id doc_id doc_title page char_range embedding_score lexical_score score method",
    "response_envelope": "response_id workload model prompt_hash retrieved_chunks response_segments decision confidence"
    " citations fields anomalies approver approved_at",
    "ledger_entry": "schema_version seq organization_id year kind occurred_at actor subject_id key_id body body_sha256 sealed"
    " content_sha256 content_commitment prev_hash entry_hash",
    "ledger_record": "schema_version entry leaf_index leaf_hash content_state content salt",
    "release": "prompt_version threshold_version router_map policy_bundle chunker embedder_digest index_parameters"
    " golden_set code_version",
    "notification": "schema_version event event_id organization_id subject_id created_at data",
    "policy_input": "schema_version organization_id user workload classification model provider_region year opt_in_years"
    " filer_category deployment_profile",
    "policy_decision": "schema_version allow reason policy_hash engine mode transforms classification connector_constraints"
    " partition_constraints provider_constraints outage",
}
NESTED_FIELDS = {
    ("envelope", "RawPage"): "page char_start char_end origin",
    (
        "envelope",
        "EnvelopeMetadata",
    ): "title doc_type language media_type source source_uri source_version object_sha256"
    " normaliser normaliser_version ocr_engine ocr_confidence xsd_sha256 document_format layout fields field_spans"
    " findings needs_human parent_id attachments",
    ("envelope", "FieldSpan"): "page char_start char_end certainty",
    ("hit", "RetrievalMethod"): "embedder embedder_digest index_version mode scope opt_in_years reranker scope_from",
    ("response_envelope", "RetrievedChunk"): "chunk_id doc_id doc_title page char_range embedding_score",
    ("response_envelope", "ResponseSegment"): "text cited_chunk_ids",
    ("response_envelope", "Citation"): "doc_id page char_range quote",
    ("response_envelope", "ExtractedField"): "name value citation",
    ("response_envelope", "Anomaly"): "kind explanation citations",
    ("policy_decision", "Transform"): "kind value",
}


def schema_of(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(schema_texts()[f"{name}.schema.json"])
    return schema


def objects_with_named_fields(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects_with_named_fields(part)


def test_every_contract_has_a_committed_schema_and_no_other_file_stands_there() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(schema_texts())


@pytest.mark.parametrize("name", sorted(schema_texts()))
def test_the_committed_schema_is_the_model(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == schema_texts()[name], "run `python -m compliance_assets.contracts.schemas` and review the diff"


def test_writing_the_schemas_gives_the_committed_files(tmp_path: Path) -> None:
    write_schemas(tmp_path / "schemas")
    for name in schema_texts():
        assert (tmp_path / "schemas" / name).read_bytes() == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_no_published_object_takes_an_unknown_field(name: str) -> None:
    found = list(objects_with_named_fields(schema_of(name)))
    assert found
    assert all(part["additionalProperties"] is False for part in found)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_field_names_are_the_ones_that_the_design_fixes(name: str) -> None:
    assert list(schema_of(name)["properties"]) == FIELDS[name].split()


@pytest.mark.parametrize(("name", "part"), sorted(NESTED_FIELDS))
def test_the_field_names_inside_are_fixed_too(name: str, part: str) -> None:
    assert list(schema_of(name)["$defs"][part]["properties"]) == NESTED_FIELDS[name, part].split()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_schema_is_valid_and_accepts_what_its_model_writes(name: str) -> None:
    validator = jsonschema.Draft202012Validator(schema_of(name))
    validator.check_schema(schema_of(name))
    model = PUBLISHED[name].model_validate_json(json.dumps(EXAMPLES[name]))
    written = json.loads(model.model_dump_json())
    assert written == EXAMPLES[name]
    validator.validate(written)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_schema_refuses_an_unknown_field_as_its_model_does(name: str) -> None:
    unknown = {**EXAMPLES[name], "remark": "x"}
    assert not jsonschema.Draft202012Validator(schema_of(name)).is_valid(unknown)
    with pytest.raises(ValueError, match="remark"):
        PUBLISHED[name].model_validate(unknown)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_contract_cannot_be_changed_once_made(name: str) -> None:
    model = PUBLISHED[name].model_validate(EXAMPLES[name])
    for field in type(model).model_fields:
        with pytest.raises(ValueError, match="frozen"):
            setattr(model, field, getattr(model, field))

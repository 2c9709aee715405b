import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.policy import POLICIES
from compliance_assets.model_decisions.prompt import PASSAGES_MARK, QUESTION_MARK
from compliance_assets.model_decisions.workloads import FOLDER, read_workload, workload_named, workload_names
from resources.policy_bundle import PolicyBundle

NAMES = ("audit.evidence_extract", "ddq.draft_response", "irpf.triage", "soa.draft")


def written(folder: Path, **changes: Any) -> Path:
    """The shipped questionnaire workload, changed."""
    path = folder / "ddq.draft_response.json"
    data = json.loads((FOLDER / path.name).read_text())
    for name, value in changes.items():
        *within, last = name.split("__")
        target = data
        for part in within:
            target = target[part]
        target[last] = value
    path.write_text(json.dumps(data))
    return path


def test_the_four_workloads_are_there() -> None:
    assert workload_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_s_prompt_takes_scope_question_and_passages(name: str) -> None:
    workload = workload_named(name)
    text = workload.template_text.format(scope="2021", question='"Q"', passages='{"chunk_id": "ck_1"}')
    question, passages = text.split(QUESTION_MARK)[1].split(PASSAGES_MARK)
    assert (json.loads(question), json.loads(passages)) == ("Q", {"chunk_id": "ck_1"})
    for decision in workload.decisions:
        assert f'"{decision}"' in workload.template_text
    for field in workload.output.required_fields:
        assert f'"{field}"' in workload.template_text


@pytest.mark.parametrize("name", NAMES)
def test_every_workload_can_abstain_and_quotes_what_it_says(name: str) -> None:
    workload = workload_named(name)
    assert "insufficient_evidence" in workload.decisions
    assert workload.require_citations
    assert workload.max_reprompts == 2


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_permits_other_years_where_the_workload_does(name: str) -> None:
    policy = PolicyBundle.read(POLICIES).documents["compliance/config"]["workloads"]
    assert policy[name]["opt_in_years"] == workload_named(name).retrieval.opt_in_years


def test_a_filing_is_read_whole_and_held_against_the_law_of_its_year() -> None:
    triage = workload_named("irpf.triage")
    assert (triage.retrieval.subject, triage.context_categories, triage.top_k) == ("document", ("legislacao",), 8)
    assert not triage.retrieval.opt_in_years


def test_advice_always_has_two_persons() -> None:
    advice = workload_named("soa.draft")
    assert advice.four_eyes
    assert advice.auto_decide > 1


def test_the_output_schema_is_that_of_the_workload() -> None:
    schema = workload_named("ddq.draft_response").output_schema
    assert schema["properties"]["decision"]["enum"] == ["answered", "insufficient_evidence"]
    assert schema["properties"]["anomalies"]["maxItems"] == 0
    assert schema["additionalProperties"] is False
    assert "maxItems" not in workload_named("irpf.triage").output_schema["properties"]["anomalies"]


def test_a_workload_is_frozen_and_its_digest_follows_its_content(tmp_path: Path) -> None:
    shipped = workload_named("ddq.draft_response")
    with pytest.raises(ValidationError, match="frozen"):
        shipped.four_eyes = True  # type: ignore[misc]
    assert read_workload(written(tmp_path)).digest == shipped.digest
    assert read_workload(written(tmp_path, thresholds__auto_decide=0.9)).digest != shipped.digest


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"thresholds__auto_decide": 1.5}, "thresholds.auto_decide: "),
        ({"thresholds__quarantine": "low"}, "thresholds.quarantine: "),
        ({"retrieval__top_k": 0}, "retrieval.top_k: "),
        ({"retrieval__subject": "library"}, "retrieval.subject: "),
        ({"output__decisions": []}, "output.decisions: "),
        ({"output__required_fields": ["a"]}, "output.required_fields: no fields are expected"),
        ({"post_checks": ["astrology"]}, "post_checks.0: "),
        ({"max_reprompts": 3}, "max_reprompts: "),
        ({"classification": "secret"}, "classification: "),
        ({"colour": "red"}, "colour: "),
        ({"prompt__version": "7"}, "prompt: there is no prompts/ddq.draft_response.v7.txt"),
        ({"prompt__template": "../secrets"}, "prompt.template: "),
        ({"name": "soa.draft"}, "name: "),
    ],
)
def test_a_file_that_is_not_usable_is_named_with_its_field(tmp_path: Path, changes: dict[str, Any], found: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_workload(written(tmp_path, **changes))
    assert refused.value.found.startswith(f"ddq.draft_response.json: {found}")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ddq.draft_response.json"
    path.write_text("{")
    with pytest.raises(InvalidInput, match=r"ddq.draft_response.json: the file: "):
        read_workload(path)


@pytest.mark.parametrize("name", ["payroll.guess", "../prompts/x", ""])
def test_a_name_that_is_no_workload_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="unknown workload"):
        workload_named(name)

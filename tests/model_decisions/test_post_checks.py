from typing import Any

import pytest

from compliance_assets.model_decisions.answer import ModelAnswer
from compliance_assets.model_decisions.post_checks import problems_of
from compliance_assets.model_decisions.workloads import workload_named

DDQ, SOA, AUDIT = (workload_named(name) for name in ("ddq.draft_response", "soa.draft", "audit.evidence_extract"))
SECTIONS = SOA.output.required_fields
SEGMENT = {"text": "Said.", "cited_chunk_ids": ["ck_1"]}
CITATION = {"chunk_id": "ck_1", "quote": "It was  said\nthat 12.5 percent is kept."}


def answer(decision: str, **fields: Any) -> ModelAnswer:
    made = {"decision": decision, "confidence": 0.5, "segments": [SEGMENT], "citations": [CITATION], **fields}
    return ModelAnswer.model_validate(made)


def advice(*names: str, value: str = "x", **fields: Any) -> ModelAnswer:
    made = [{"name": name, "value": value, "citation": 0} for name in names]
    return answer("drafted", **{"fields": made, **fields})


def test_an_answer_within_its_contract_holds() -> None:
    assert problems_of(DDQ, answer("answered")) == ()
    assert problems_of(SOA, advice(*SECTIONS)) == ()


def test_an_abstention_has_nothing_to_check() -> None:
    for workload in (DDQ, SOA, AUDIT):
        assert problems_of(workload, answer("insufficient_evidence", segments=[], citations=[])) == ()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (answer("approved"), "the decision is 'approved', not one of answered, insufficient_evidence"),
        (answer("answered", segments=[SEGMENT] * 9), "9 segments, at most 8"),
        (answer("answered", fields=[{"name": "a", "value": "b", "citation": 0}]), "fields are not asked for"),
        (
            answer("answered", anomalies=[{"kind": "a", "explanation": "b", "citations": [0]}]),
            "anomalies are not asked for",
        ),
    ],
)
def test_what_a_questionnaire_s_answer_may_not_be(given: ModelAnswer, problem: str) -> None:
    assert problems_of(DDQ, given) == (problem,)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (advice(*SECTIONS[:-1]), "the field fees_and_conflicts is missing"),
        (advice(*SECTIONS, "horoscope"), "the field horoscope is not of the template"),
        (advice(*SECTIONS, SECTIONS[0]), "the field scope_of_advice stands twice"),
        (advice(*reversed(SECTIONS)), f"the fields stand in another order than {', '.join(SECTIONS)}"),
    ],
)
def test_advice_follows_its_template(given: ModelAnswer, problem: str) -> None:
    assert problems_of(SOA, given) == (problem,)


def test_an_empty_section_is_no_section() -> None:
    assert problems_of(SOA, advice(*SECTIONS, value=" ")) == tuple(f"the field {name} is empty" for name in SECTIONS)


def test_the_trail_of_the_best_interests_duty_is_part_of_the_template() -> None:
    trail = [name for name in SECTIONS if name.startswith("best_interests.")]
    problems = problems_of(SOA, advice(*(name for name in SECTIONS if name not in trail)))
    assert problems == tuple(f"the field {name} is missing" for name in trail)

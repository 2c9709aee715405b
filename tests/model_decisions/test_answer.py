import json

import pytest

from compliance_assets.model_decisions.answer import ModelAnswer, read_answer

GOOD = {
    "decision": "answered",
    "confidence": 0.9,
    "segments": [{"text": "Harbour Bank.", "cited_chunk_ids": ["ck_1"]}],
    "citations": [{"chunk_id": "ck_1", "quote": "held by Harbour Bank"}],
}


def read(**fields: object) -> ModelAnswer | str:
    return read_answer(json.dumps({**GOOD, **fields}))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        json.dumps(GOOD, indent=2),
        f"```json\n{json.dumps(GOOD)}\n```",
        f"```\n{json.dumps(GOOD, indent=2)}\n```",
        f"\n  ```json\n{json.dumps(GOOD)}\n  ```\n\n",
    ],
    ids=["bare", "indented", "fence with a name", "fence without", "fence with space around it"],
)
def test_an_answer_is_read_with_and_without_a_fence(text: str) -> None:
    answer = read_answer(text)

    assert isinstance(answer, ModelAnswer)
    assert answer.model_dump(mode="json") == {**GOOD, "fields": [], "anomalies": []}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "null",
        "[]",
        '"answered"',
        "The assets are held by Harbour Bank.",
        f"Here is the answer:\n```json\n{json.dumps(GOOD)}\n```",
        f"{json.dumps(GOOD)} I hope this helps!",
        json.dumps(GOOD)[:-1],
        json.dumps([GOOD]),
        f"```json\n{json.dumps(GOOD)}\n```\n```json\n{json.dumps(GOOD)}\n```",
        '{"a":' * 5_000,
    ],
)
def test_anything_but_one_json_object_is_refused(text: str) -> None:
    problem = read_answer(text)

    assert isinstance(problem, str)
    assert problem


@pytest.mark.parametrize("confidence", [-0.01, 1.01, float("nan"), float("inf"), None, "high"])
def test_a_confidence_outside_zero_to_one_is_refused(confidence: object) -> None:
    problem = read(confidence=confidence)

    assert isinstance(problem, str)
    assert problem.startswith("confidence:")


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"approver": "me"}, "approver"),
        ({"decision": ""}, "decision"),
        ({"fields": [{"name": "tax_due", "value": "1"}]}, "fields.0.citation"),
        ({"anomalies": [{"kind": "x", "explanation": "y", "citations": []}]}, "anomalies.0.citations"),
        ({"segments": [{"text": "x", "cited_chunk_ids": []}]}, "segments.0.cited_chunk_ids"),
        ({"segments": [{"text": "", "cited_chunk_ids": ["ck_1"]}]}, "segments.0.text"),
        ({"segments": [{"text": "x", "cited_chunk_ids": ["ck_1"], "page": 3}]}, "segments.0.page"),
        ({"citations": [{"chunk_id": "ck_1", "quote": ""}]}, "citations.0.quote"),
        ({"citations": [{"chunk_id": "ck_1"}]}, "citations.0.quote"),
        ({"citations": "ck_1"}, "citations"),
    ],
)
def test_a_field_too_many_too_few_or_of_another_kind_is_named(fields: dict[str, object], where: str) -> None:
    problem = read(**fields)

    assert isinstance(problem, str)
    assert problem.startswith(f"{where}:")


def test_a_missing_field_is_named() -> None:
    assert read_answer('{"decision": "answered"}') == "confidence: Field required"


def test_characters_that_no_database_holds_are_replaced() -> None:
    answer = read(segments=[{"text": "a\x00b", "cited_chunk_ids": ["ck_\x00"]}])

    assert isinstance(answer, ModelAnswer)
    assert answer.segments[0].text == "a\ufffdb"
    assert answer.segments[0].cited_chunk_ids == ("ck_\ufffd",)


def test_a_problem_can_be_stored_whatever_the_model_wrote() -> None:
    problem = read(**{"extra\x00": 1})

    assert problem == "extra\ufffd: Extra inputs are not permitted"

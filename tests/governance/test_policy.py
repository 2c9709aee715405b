from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput, Transform
from compliance_assets.governance.policy import (
    CLASSIFICATIONS,
    POLICIES,
    CallParameters,
    classification_named,
    classification_of,
    examples_in,
    mismatches,
    transformed,
    uncovered,
)
from compliance_assets.model_decisions.workloads import workload_names
from resources.policy import RegoEngine
from resources.policy_bundle import PolicyBundle

CALL = CallParameters(("anthropic/large", "openai/other"), max_tokens=4_000, temperature=0.2, guardrails=("Be brief.",))
ENGINE = RegoEngine(PolicyBundle.read(POLICIES))


def decision(*transforms: tuple[str, str | int], **fields: object) -> PolicyDecision:
    made = tuple(Transform(kind=kind, value=value) for kind, value in transforms)  # type: ignore[arg-type]
    return PolicyDecision(
        **{  # type: ignore[arg-type]
            "allow": True,
            "reason": "allowed",
            "policy_hash": "unknown",
            "engine": "regopy",
            "mode": "enforce",
            "transforms": made,
            **fields,
        }
    )


# ── transforms ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_transform_changes_the_call_and_is_counted() -> None:
    policy = decision(
        ("set_max_tokens", 500), ("override_model", "local/small"), ("prepend_system_guardrail", "No advice.")
    )
    call, applied = transformed(CALL, policy)
    assert call == CallParameters(("local/small",), 500, 0.2, ("No advice.", "Be brief."))
    assert applied == policy.transforms


def test_a_transform_that_changes_nothing_is_not_counted() -> None:
    call, applied = transformed(CALL, decision(("set_max_tokens", 9_000)))
    assert (call, applied) == (CALL, ())
    assert transformed(CALL, decision()) == (CALL, ())


def test_a_cap_is_set_where_there_was_none() -> None:
    call, applied = transformed(CallParameters(("m/1",)), decision(("set_max_tokens", 9_000)))
    assert (call.max_tokens, len(applied)) == (9_000, 1)


def test_an_overriding_model_has_no_fallback_that_would_undo_it() -> None:
    call, _ = transformed(CALL, decision(("override_model", "local/small"), ("override_model", "local/smaller")))
    assert call.model_chain == ("local/smaller",)


def test_guardrails_stand_in_the_order_of_the_policy_before_the_call_s_own() -> None:
    call, _ = transformed(CALL, decision(("prepend_system_guardrail", "One."), ("prepend_system_guardrail", "Two.")))
    assert call.guardrails == ("One.", "Two.", "Be brief.")


def test_observe_changes_nothing() -> None:
    assert transformed(CALL, decision(("override_model", "local/small"), mode="observe")) == (CALL, ())


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (("set_max_tokens", 0), "a positive whole number"),
        (("set_max_tokens", -5), "a positive whole number"),
        (("set_max_tokens", "500"), "a positive whole number"),
        (("override_model", ""), "one of local/small"),
        (("override_model", "openai/unheard-of"), "one of local/small"),
        (("override_model", 7), "one of local/small"),
        (("prepend_system_guardrail", " \n"), "a text"),
        (("prepend_system_guardrail", 7), "a text"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(transform: tuple[str, str | int], expected: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        transformed(CALL, decision(transform), known_models={"local/small"})
    assert refused.value.expected == expected


@given(st.lists(st.integers(min_value=1, max_value=10_000), max_size=5), st.none() | st.integers(1, 10_000))
def test_the_tightest_cap_stands(caps: list[int], own: int | None) -> None:
    call, _ = transformed(CallParameters(("m/1",), own), decision(*(("set_max_tokens", cap) for cap in caps)))
    assert call.max_tokens == min([*caps, *([own] if own else [])], default=None)


# ── classification ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("written", ["PII", "pii", " Pii "])
def test_a_class_is_named_in_any_case(written: str) -> None:
    assert classification_named(written) == "pii"


def test_a_class_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there is no such classification"):
        classification_named("secret")


@given(st.sampled_from(CLASSIFICATIONS), st.none() | st.sampled_from(CLASSIFICATIONS))
def test_the_policy_raises_a_class_and_never_lowers_it(asked: str, raised: str | None) -> None:
    held = classification_of(asked, decision(classification=raised))  # type: ignore[arg-type]
    assert CLASSIFICATIONS.index(held) == max(CLASSIFICATIONS.index(c) for c in (asked, raised or asked))


# ── the shipped policy ───────────────────────────────────────────────────────────────────────────────────────────────

EXAMPLES = examples_in(POLICIES)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_shipped_policy_answers_its_examples(example: object) -> None:
    assert mismatches(example, ENGINE.evaluate(example.input)) == []  # type: ignore[arg-type, attr-defined]


def test_every_workload_is_in_the_policy_and_has_an_example_allowed_and_one_denied() -> None:
    assert sorted(ENGINE.bundle.documents["compliance/config"]["workloads"]) == list(workload_names())
    assert uncovered(EXAMPLES, workload_names()) == []
    assert uncovered(EXAMPLES, ["payroll"]) == ["payroll"]


def test_an_example_that_does_not_come_out_is_told_field_by_field() -> None:
    example = EXAMPLES[0].model_copy(update={"expected": {"allow": False, "colour": "red"}})
    assert [(m.field, m.expected, m.found) for m in mismatches(example, ENGINE.evaluate(example.input))] == [
        ("allow", "false", "true"),
        ("colour", '"red"', "no such field"),
    ]


def test_an_example_that_cannot_be_read_names_its_file_and_field(tmp_path: Path) -> None:
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "mine.json").write_text('[{"name": "a", "input": {}, "expected": {}}]')
    with pytest.raises(InvalidInput, match=r"mine.json: 0.input.organization_id"):
        examples_in(tmp_path)


@given(
    st.sampled_from([*workload_names(), "unheard.of"]),
    st.sampled_from(CLASSIFICATIONS),
    st.lists(st.integers(2018, 2024), max_size=2),
)
def test_the_policy_always_has_an_answer_and_raises_what_personal_work_is(
    workload: str, asked: str, opt_in: list[int]
) -> None:
    inside = next(e.input for e in EXAMPLES if e.name == "health data inside")
    request = inside.model_copy(update={"workload": workload, "classification": asked, "opt_in_years": tuple(opt_in)})
    found = ENGINE.evaluate(PolicyInput.model_validate(request.model_dump()))
    assert found.outage is None
    assert found.allow == (found.reason == "allowed")
    if workload in ("irpf.triage", "soa.draft"):
        assert classification_of(request.classification, found) in ("pii", "phi")
        assert found.allow == (not opt_in)

"""What the gate lets through and what it does not, on evaluations made by hand."""

from typing import Any

import pytest

from evals.gate.evaluation import MEASURED, Attacks, Case, Evaluation, Fixtures
from evals.gate.gate import Floors, gate_version, judged, shipped_floors
from tests.evals.gate.evaluations import OTHERS, YEARS, against, case, evaluation, golden, with_changed


def of_format(cases: list[Case], name: str, count: int) -> list[int]:
    """The places of the first filings of a format without an anomaly."""
    return [place for place, one in enumerate(cases) if one.format == name and not one.true_anomalies][:count]


def test_an_evaluation_without_a_fault_passes_with_and_without_production() -> None:
    assert judged(evaluation(), None).against == ()
    assert judged(evaluation(), evaluation()).passed


def test_every_score_has_a_floor_of_its_own_class_by_class() -> None:
    findings = judged(evaluation(), None).of("floor")

    for score in shipped_floors().floors:
        groups = {finding.group for finding in findings if finding.score == score}
        expected = {"all", "format scan", "category completa", "type retificadora", *(f"year {year}" for year in YEARS)}
        assert expected <= groups, score
    assert {f.group for f in findings if f.score == "anomaly_recall"} >= {"anomaly wrong_year_table"}


def test_a_class_that_an_average_hides_blocks_and_the_report_names_its_cases() -> None:
    cases = golden()
    bad = of_format(cases, "scan", 3)
    candidate = evaluation(with_changed(cases, bad, misread={"tax_due": "1.00"}, exact=19, supported=19))
    verdict = judged(candidate, None)

    share = next(f for f in verdict.findings if (f.score, f.group) == ("nothing_misread", "all"))
    assert share.passed
    assert share.value == pytest.approx(237 / 240)
    caught = next(f for f in verdict.against if (f.score, f.group) == ("nothing_misread", "format scan"))
    assert caught.cases == tuple(cases[place].filing for place in bad)


def test_a_small_class_is_judged_by_its_bound_and_together_with_the_other_small_ones() -> None:
    cases = golden()
    kind = "dependant_claimed_twice"  # 8 filings or so: too few for a share
    places = [place for place, one in enumerate(cases) if one.true_anomalies == (kind,)]
    some_missed = judged(evaluation(with_changed(cases, places[:2], anomalies=())), None)
    all_missed = judged(evaluation(with_changed(cases, places, anomalies=())), None)

    recall = next(f for f in some_missed.findings if (f.score, f.group) == ("anomaly_recall", f"anomaly {kind}"))
    assert recall.value is not None
    assert recall.value < recall.bound
    assert recall.passed
    assert ("floor", "anomaly_recall", f"anomaly {kind}") in against(all_missed)
    every_third = [place for place, one in enumerate(cases) if one.true_anomalies][::3]
    many_missed = judged(evaluation(with_changed(cases, every_third, anomalies=())), None)
    assert ("floor", "anomaly_recall", "anomaly small classes") in against(many_missed)


def test_a_class_that_is_missing_fails() -> None:
    without_scans = [one for one in golden() if one.format != "scan"]

    assert against(judged(evaluation(without_scans), None)) == {("floor", "filings", "format scan")}


def test_a_score_of_nothing_fails() -> None:
    silent = [one.model_copy(update={"anomalies": ()}) for one in golden()]
    verdict = judged(evaluation(silent), None)

    assert ("floor", "anomaly_precision", "all") in against(verdict)
    assert next(f for f in verdict.against if f.score == "anomaly_precision").value is None
    assert not judged(evaluation([]), None).passed


def test_where_nothing_is_decided_without_a_person_nothing_is_decided_wrong() -> None:
    cases = golden()
    waiting = [place for place, one in enumerate(cases) if one.format == "scan" and one.outcome == "decided"]
    verdict = judged(evaluation(with_changed(cases, waiting, outcome="review", reason="low_confidence")), None)

    assert verdict.passed, against(verdict)


@pytest.mark.parametrize(
    ("changed", "score"),
    [
        ({"golden": tuple(with_changed(golden(), [7], out_of_scope=("rules/regras-2019.md",)))}, "scope_violations"),
        ({"calibration": tuple(case(f"d-{n}", out_of_scope=("x",) if n == 9 else ()) for n in range(700))}, "scope_violations"),
        ({"citation_attacks": Attacks(tried=400, accepted=("digit of golden-001",))}, "bad_citations_accepted"),
        ({"citation_attacks": Attacks(tried=0, accepted=())}, "bad_citations_accepted"),
        ({"policy_fixtures": Fixtures(held=24, failed=("denied",))}, "policy_examples_broken"),
    ],
)  # fmt: skip
def test_what_may_not_happen_blocks_at_the_first(changed: dict[str, Any], score: str) -> None:
    assert against(judged(evaluation(**changed), None)) == {("zero", score, "all")}


def test_errors_among_what_is_decided_without_a_person_are_bounded() -> None:
    def with_errors(errors: int, n: int) -> Evaluation:
        return evaluation(
            calibration=tuple(case(f"d-{i}", made_up={"alimony": "0.00"} if i < errors else {}) for i in range(n))
        )

    assert judged(with_errors(0, 598), None).passed
    assert against(judged(with_errors(0, 597), None)) == {("bound", "auto_decided_error", "calibration")}
    assert against(judged(with_errors(1, 700), None)) == {("bound", "auto_decided_error", "calibration")}
    caught = judged(with_errors(1, 700), None).of("bound")[0]
    assert (caught.failed, caught.cases) == (1, ("d-0",))
    assert judged(with_errors(1, 1_000), None).thresholds[MEASURED].errors == 1


def test_a_silent_error_in_a_class_of_thirty_blocks() -> None:
    cases = golden()
    wrong = of_format(cases, "email", 1)
    verdict = judged(evaluation(with_changed(cases, wrong, decision="retificadora")), None)

    assert ("floor", "auto_decided_right", "format email") not in against(verdict), "one of 36 is 97.2 %"
    verdict = judged(evaluation(with_changed(cases, of_format(cases, "email", 2), decision="retificadora")), None)
    assert ("floor", "auto_decided_right", "format email") in against(verdict)


def test_a_person_who_always_decides_needs_no_bound() -> None:
    cases = [one.model_copy(update={"outcome": "review", "reason": "low_confidence"}) for one in golden()]
    verdict = judged(evaluation(cases, auto_decide=None), None)

    assert verdict.thresholds == {}
    assert against(verdict) == {("floor", "auto_decided", "all")}


def test_a_candidate_that_is_worse_than_production_blocks_above_every_floor() -> None:
    cases = golden()
    worse = with_changed(
        cases,
        of_format(cases, "pdf", 4) + of_format(cases, "xml", 4),
        exact=18,
        supported=18,
        left_out=("name", "medical"),
    )
    verdict = judged(evaluation(worse), evaluation())

    assert judged(evaluation(worse), None).passed
    assert ("regression", "fields_exact", "format pdf") not in against(verdict)
    lost = [place for place, one in enumerate(cases) if not one.true_anomalies][:10]
    worse = with_changed(cases, lost, outcome="review", reason="low_confidence", confidence=0.9)
    blocked = judged(evaluation(worse), evaluation())
    finding = next(f for f in blocked.against if (f.score, f.group) == ("auto_decided", "all"))
    assert finding.value == pytest.approx(-10 / 180)
    assert finding.low is not None
    assert finding.low < -0.01
    assert finding.cases == tuple(cases[place].filing for place in lost)


def test_a_candidate_on_other_filings_than_production_cannot_be_compared() -> None:
    others = [one.model_copy(update={"filing": f"other-{one.filing}"}) for one in golden()]

    assert ("regression", "the same filings", "all") in against(judged(evaluation(others), evaluation()))
    assert not judged(evaluation(golden()[:-1]), evaluation()).passed


def test_a_prompt_that_grows_by_more_than_a_quarter_blocks() -> None:
    longer = [one.model_copy(update={"prompt_tokens": 2_600}) for one in golden()]

    assert against(judged(evaluation(longer), evaluation())) == {("regression", "prompt_tokens", "all")}
    assert judged(evaluation(), evaluation(longer)).passed


def test_filers_of_one_category_may_not_be_served_worse() -> None:
    cases = golden()
    places = [p for p, one in enumerate(cases) if one.category == "completa" and not one.true_anomalies][:8]
    worse = with_changed(cases, places, outcome="review", reason="low_confidence", confidence=0.9)
    finding = next(f for f in judged(evaluation(worse), None).against if f.rule == "bias")

    assert (finding.score, finding.group) == ("auto_decided", "completa below simplificada")


def test_a_model_that_is_too_slow_blocks_and_times_within_a_step_do_not_change_the_verdict() -> None:
    slow = [one.model_copy(update={"seconds": 9.0}) for one in golden()]
    other = [one.model_copy(update={"seconds": 0.02}) for one in golden()]

    assert ("ceiling", "seconds_p95", "all") in against(judged(evaluation(slow), None))
    assert judged(evaluation(other), None) == judged(evaluation(), None)
    assert evaluation(other).digest == evaluation().digest


@pytest.mark.parametrize(
    "contracts",
    [{**OTHERS, "ddq.draft_response": "f" * 64}, {k: v for k, v in OTHERS.items() if k != "soa.draft"}],
    ids=["another prompt", "a workload that is gone"],
)
def test_a_workload_without_a_golden_set_serves_with_the_bytes_of_production_alone(contracts: dict[str, str]) -> None:
    changed = evaluation(contracts={MEASURED: "2" * 64, **contracts})
    verdict = judged(changed, evaluation())

    assert {(f.rule, f.value) for f in verdict.against} == {("golden_set", None)}
    assert next(iter(against(verdict)))[1].startswith("golden set for ")
    assert (
        "ddq.draft_response" not in contracts
        or contracts["ddq.draft_response"] != "f" * 64
        or judged(changed, changed).passed
    )


def test_the_version_of_the_gate_names_its_floors() -> None:
    floors = shipped_floors()
    lower = Floors.model_validate({**floors.model_dump(by_alias=True), "enough": floors.enough + 1})

    assert gate_version() == gate_version(floors) != gate_version(lower)
    assert judged(evaluation(), None).gate_version == gate_version()


def test_the_same_evaluations_come_to_the_same_verdict_through_json() -> None:
    worse = evaluation(with_changed(golden(), range(30), exact=15, supported=15, misread={"name": "X"}))
    again = Evaluation.model_validate_json(worse.canonical)

    assert again.digest == worse.digest
    assert judged(again, evaluation()) == judged(worse, evaluation())

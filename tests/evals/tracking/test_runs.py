"""An evaluation as a run: what identifies it, what its metrics say, and that no average hides a class."""

from evals.gate.evaluation import Evaluation
from evals.gate.gate import judged
from evals.tracking.runs import metrics_of, record_of, run_digest
from tests.evals.gate.evaluations import CLASSES, case, evaluation, golden, with_changed


def digest(candidate: Evaluation, production: Evaluation | None = None) -> str:
    return run_digest(candidate, judged(candidate, production))


def test_the_same_evaluation_judged_alike_is_the_same_run() -> None:
    slower = evaluation([one.model_copy(update={"seconds": 9.0}) for one in golden()])
    worse = evaluation(with_changed(golden(), [0], misread={"tax_due": "1.00"}))

    assert digest(evaluation()) == digest(slower)
    assert len({digest(evaluation()), digest(worse), digest(evaluation(), worse)}) == 3


def test_a_run_names_its_release_its_sets_its_verdict_and_the_dagster_run() -> None:
    made = evaluation()
    verdict = judged(made, None)

    found = record_of(made, verdict, "# Report", [{"filing": "golden-000"}], "r-1")

    assert found.tags == {
        "dagster_run_id": "r-1",
        "release_id": made.release.release_id,
        "evaluation_digest": made.digest,
        "baseline": "none",
        "verdict": "passed" if verdict.passed else "blocked",
    }
    assert {**made.release.model_dump(mode="json"), "auto_decide": 0.95}.items() <= found.params.items()
    assert found.datasets == {"golden": made.golden_set, "calibration": made.calibration_set}
    assert {"report.md", "verdict.json", "plots/error_against_coverage.png"} <= found.files.keys()
    assert found.tables == {"changed_answers.json": [{"filing": "golden-000"}]}


def test_the_worst_class_stands_beside_all_filings() -> None:
    last = CLASSES["format"][-1]
    of_it = [place for place, one in enumerate(golden()) if one.format == last]
    found = evaluation(with_changed(golden(), of_it, decision="insufficient_evidence"))

    metrics = metrics_of(found, judged(found, None))

    assert metrics["type_right"] == 1 - len(of_it) / len(golden())
    assert metrics["type_right.worst_class"] == 0.0
    assert metrics["filings"] == len(golden())


def test_the_threshold_stands_with_what_it_lets_through() -> None:
    calibration = [case(f"drawn-{n}", misread={"tax_due": "1.00"} if n < 2 else {}) for n in range(900)]
    found = evaluation(calibration=tuple(calibration))

    metrics = metrics_of(found, judged(found, None))

    assert (metrics["irpf.triage.decided"], metrics["irpf.triage.decided_wrong"]) == (900, 2)
    assert metrics["irpf.triage.coverage"] == 1.0
    assert 2 / 900 < metrics["irpf.triage.error_at_most"] < 0.01


def test_against_production_a_difference_is_a_metric() -> None:
    before = evaluation(with_changed(golden(), range(24), misread={"tax_due": "1.00"}))

    metrics = metrics_of(evaluation(), judged(evaluation(), before))

    assert round(metrics["nothing_misread.against_production"], 6) == 0.1

"""What a report says, in Markdown and on a terminal."""

from evals.gate import report
from evals.gate.gate import judged
from tests.evals.gate.evaluations import evaluation, golden, with_changed

CASES = golden()
WORSE = evaluation(
    with_changed(CASES, range(12), decision="retificadora", misread={"name": "A|B"}, exact=19, supported=19)
)


def test_a_blocked_candidate_is_reported_with_the_cases_that_block_it() -> None:
    verdict = judged(WORSE, evaluation())
    text = report.markdown(WORSE, verdict, evaluation())

    assert f"BLOCKED by {len(verdict.against)}" in text
    assert "golden-000" in text
    assert "retificadora, is original; name read as A\\|B" in text
    assert "### Answers that differ from production's" in text
    assert "golden-000" in report.terminal(WORSE, verdict, evaluation())


def test_a_candidate_that_passes_is_reported_with_its_scores_its_worst_classes_and_its_bound() -> None:
    verdict = judged(evaluation(), None)
    text = report.markdown(evaluation(), verdict, None)

    assert "passed" in text
    assert "What blocks it" not in text
    assert "at most 0.43% with 95% certainty, 0.50% allowed" in text
    assert "nothing is in production to compare with" in text
    rows = {row["score"]: row for row in report.score_rows(verdict)}
    assert (rows["type_right"]["all"], rows["type_right"]["n"]) == ("1", 240)


def test_the_worst_class_of_a_score_stands_beside_it() -> None:
    rows = {row["score"]: row for row in report.score_rows(judged(WORSE, None))}

    assert rows["type_right"]["worst class"] == "format email"
    assert rows["type_right"]["n there"] == 48


def test_changed_answers_stand_side_by_side_part_by_part() -> None:
    rows = report.changed_rows(evaluation(), WORSE)

    assert {row["filing"] for row in rows} == {one.filing for one in CASES[:12]}
    changed = [tuple(row.values()) for row in rows if row["filing"] == "golden-000"]
    assert ("golden-000", "email", "decision", "original", "retificadora") in changed
    assert ("golden-000", "email", "name", "as stated", "read as A|B") in changed
    assert report.changed_rows(WORSE, WORSE) == []
    assert "No answer differs." in report.changed_terminal([])
    assert "12 filings" in report.changed_terminal(rows)

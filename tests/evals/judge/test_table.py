"""Tables of answers and labels: what they may look like, and what is said of one that does not fit."""

import csv
import json
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import InvalidInput
from evals.judge.table import Columns, read_table

ROWS = [
    {"model": "a", "question": "How much?", "answer": "12", "label": "Correct", "evidence": "It was 12."},
    {"model": "b", "question": "How much?", "answer": "13", "label": "Incorrect", "evidence": "It was 12."},
    {"model": "b", "question": "Why?", "answer": "I do not know.", "label": "Refusal", "evidence": ""},
]


def jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_table_is_read_as_jsonl_and_as_csv(tmp_path: Path) -> None:
    lines = jsonl(tmp_path / "t.jsonl", [dict(row) for row in ROWS])
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)

    read = read_table(lines, Columns())
    assert read == read_table(tmp_path / "t.csv", Columns())
    assert [(one.system, one.label, one.evidence) for one in read] == [
        ("a", "right", ("It was 12.",)),
        ("b", "wrong", ("It was 12.",)),
        ("b", "abstained", ()),
    ]


def test_columns_and_labels_of_other_names_are_named(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"q": "How much?", "said": "12", "verdict": "gut", "who": "x", "run": "1", "text": ["It was 12.", "Indeed."]},
        {"q": "How much?", "said": "13", "verdict": "schlecht", "who": "x", "run": "2", "text": []},
    ]
    named = Columns("said", "verdict", "q", "q", "text", ("who", "run"), right=("Gut",))
    read = read_table(jsonl(tmp_path / "t.jsonl", rows), named)
    assert [(one.system, one.label, len(one.evidence)) for one in read] == [("x 1", "right", 2), ("x 2", "wrong", 0)]


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        ([], Columns(), "no rows"),
        (ROWS, Columns(answer="reply"), "columns model, question, answer, label, evidence"),
        ([{"question": "?", "label": "correct"}], Columns(), "columns question, label"),
        ([*ROWS, {**ROWS[0], "answer": None}], Columns(), "row 4, column 'answer': nothing"),
        ([*ROWS, {**ROWS[0], "evidence": 7}], Columns(), "row 4, column 'evidence': int"),
        (ROWS, Columns(right=("Corect",)), "labels Correct, Incorrect, Refusal"),
    ],
)
def test_what_does_not_fit_is_named_by_row_and_column(
    tmp_path: Path, rows: list[dict[str, object]], columns: Columns, said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_table(jsonl(tmp_path / "t.jsonl", rows), columns)
    assert refused.value.found == said


def test_a_line_that_is_no_object_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"question": "?"}\n[1]\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match="row 2, the line: list"):
        read_table(path, Columns())

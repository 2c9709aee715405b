"""A table of answers with what people said of each: JSONL or CSV, columns by name. What is missing is named by row and column.

The evidence of an answer stands in a column of the row, or on the pages that a file of questions names for the row's id
(`evidence: [{path, page}]`, pages from 1, paths beside that file).
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents.parsed import clean

Label = Literal["right", "wrong", "abstained"]

#: The columns that a table usually has, each tried in this order.
ANSWER = ("model_answer", "answer", "response")
LABEL = ("label", "verdict")
QUESTION = ("question",)
ROW_ID = ("financebench_id", "question_id", "id")
EVIDENCE = ("evidence_text", "evidence", "context")
SYSTEM = ("system", "model_name", "model", "eval_mode")
#: Labels, folded, that say right and that say it was not answered; any other says wrong.
RIGHT = ("correct answer", "correct", "right", "true", "yes", "1")
ABSTAINED = ("refusal", "refused", "abstained", "failed to answer", "not answered")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns; None takes the first of the usual names that the table has. `systems` are joined into one name."""

    answer: str | None = None
    label: str | None = None
    question: str | None = None
    row_id: str | None = None
    evidence: str | None = None
    systems: tuple[str, ...] = ()
    right: tuple[str, ...] = RIGHT
    abstained: tuple[str, ...] = ABSTAINED


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer with its label. `evidence` are the texts that it is held against, empty where none are known."""

    row: int
    question_id: str
    system: str
    question: str
    answer: str
    label: Label
    evidence: tuple[str, ...]


def read_table(path: Path, columns: Columns, questions: Path | None = None) -> list[Labelled]:
    """Every row, in order. Raises InvalidInput, naming row and column, for a table that is not one of answers and labels."""
    rows = list(_rows(path))
    if not rows:
        raise _unusable(path, "a row for each answer", "no rows", "Give a table with rows.")
    first = rows[0]
    named = {
        "answer": _column(path, first, "answer", columns.answer, ANSWER),
        "label": _column(path, first, "label", columns.label, LABEL),
        "question": _column(path, first, "question", columns.question, QUESTION),
    }
    row_id = columns.row_id or next((name for name in ROW_ID if name in first), named["question"])
    evidence = columns.evidence or next((name for name in EVIDENCE if name in first), None)
    systems = columns.systems or tuple(name for name in SYSTEM if name in first)
    pages = evidence_pages(questions) if questions else {}
    found = []
    for number, row in enumerate(rows, start=1):
        answer, label, question = (_text(path, number, row, named[part]) for part in ("answer", "label", "question"))
        known = _text(path, number, row, row_id)
        found.append(
            Labelled(
                number,
                known,
                " ".join(_text(path, number, row, name) for name in systems) or "all",
                question,
                answer,
                _label(label, columns),
                _evidence(path, number, row, evidence) if evidence else pages.get(known, ()),
            )
        )
    _require_both_labels(path, found, sorted({str(row[named["label"]]) for row in rows}))
    return found


def _require_both_labels(path: Path, found: Sequence[Labelled], labels: Sequence[str]) -> None:
    """A misspelt --right would make every answer wrong."""
    for label in ("right", "wrong"):
        if not any(one.label == label for one in found):
            raise _unusable(
                path,
                f"answers that are {label}",
                f"labels {', '.join(labels[:5])}",
                "Say which label means right: --right.",
            )


def evidence_pages(questions: Path) -> dict[str, tuple[str, ...]]:
    """id -> the text of the pages that hold the answer, as the PDF reader gives it."""
    wanted = {str(row["id"]): [(str(e["path"]), int(e["page"])) for e in row["evidence"]] for row in _rows(questions)}
    texts: dict[tuple[str, int], str] = {}
    for path in sorted({path for pages in wanted.values() for path, _ in pages}):
        numbers = sorted({page for pages in wanted.values() for own, page in pages if own == path})
        texts |= {(path, page): text for page, text in _page_texts(questions.parent / path, numbers)}
    return {row_id: tuple(texts[page] for page in pages) for row_id, pages in wanted.items()}


def _page_texts(path: Path, numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Only the pages asked for: a filing has hundreds."""
    import pypdfium2

    if not path.is_file():
        raise _unusable(path, "a PDF with the evidence", "no such file", "Put the documents beside the questions.")
    with closing(pypdfium2.PdfDocument(path)) as document:
        for number in numbers:
            if not 1 <= number <= len(document):
                raise _unusable(path, f"a page from 1 to {len(document)}", str(number), "Correct the questions' pages.")
            with closing(document[number - 1]) as page, closing(page.get_textpage()) as text_page:
                yield number, clean(text_page.get_text_range(errors="replace"))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise _unusable(path, "a JSONL or CSV file", "no such file", "Give the path of a table.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.casefold() == ".csv":
            yield from csv.DictReader(file)
            return
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as problem:
                raise _bad_cell(path, number, "the line", "a JSON object", str(problem)) from None
            if not isinstance(row, dict):
                raise _bad_cell(path, number, "the line", "a JSON object", type(row).__name__)
            yield row


def _column(path: Path, row: Mapping[str, Any], part: str, named: str | None, usual: Sequence[str]) -> str:
    found = named if named in row else next((name for name in usual if name in row), None) if named is None else None
    if found is None:
        expected = f"a column {named!r}" if named else f"a column {' or '.join(usual)}"
        raise _unusable(path, expected, f"columns {', '.join(row)}", f"Give --{part} the name of the column.")
    return found


def _text(path: Path, number: int, row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if not isinstance(value, str) or not value.strip():
        raise _bad_cell(path, number, f"column {column!r}", "text", "nothing" if not value else type(value).__name__)
    return value


def _evidence(path: Path, number: int, row: Mapping[str, Any], column: str) -> tuple[str, ...]:
    value = row.get(column)
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return tuple(value)
    raise _bad_cell(path, number, f"column {column!r}", "text or a list of texts", type(value).__name__)


def _label(label: str, columns: Columns) -> Label:
    folded = " ".join(label.casefold().split())
    if folded in {one.casefold() for one in columns.right}:
        return "right"
    return "abstained" if folded in {one.casefold() for one in columns.abstained} else "wrong"


def _bad_cell(path: Path, number: int, where: str, expected: str, found: str) -> InvalidInput:
    return _unusable(path, expected, f"row {number}, {where}: {found}", "Correct the row, or name another column.")


def _unusable(path: Path, expected: str, found: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{path.name} is not usable", expected=expected, found=found, remedy=remedy)

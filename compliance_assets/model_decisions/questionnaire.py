"""A file of questions, and the file of their answers. Pure: bytes in, bytes out.

Questions come as CSV or XLSX with a header, as JSON Lines, or as text with one question a line. The columns are `question`,
`year`, `filer_category` and `id`; others are left alone. Answers go out as CSV or XLSX, a row for each question in the order of
the questions. The same answers are the same bytes.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.contracts.response_envelope import Citation, ResponseEnvelope
from compliance_assets.model_decisions.work import WorkItem, unusable_row

COLUMNS = ("id", "question", "year", "filer_category")
ANSWER_COLUMNS = (
    "row", "id", "question", "year", "filer_category", "status", "reason", "decision", "answer", "confidence", "citations",
    "response_id",
)  # fmt: skip
#: What answers can be written as.
ANSWER_FORMATS = (".csv", ".xlsx")

_DELIMITERS = ",;\t"
#: A cell that begins with one of these is a formula to a spreadsheet, and a formula can call out of the tenancy.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_CELL = 32_767  # characters, of Excel


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a questions file. `number` counts from 1, the header of a table among them, as a spreadsheet or editor shows it."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a row: `status` is decided, review, quarantined, denied, queued or failed. No envelope where there is no
    decision, or where it was erased.
    """

    number: int
    item: WorkItem
    status: str
    reason: str | None = None
    response_id: str | None = None
    envelope: ResponseEnvelope | None = None


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_rows(name: str, content: bytes) -> list[Row]:
    """The rows of a questions file that say anything, read as the file's name says. Raises InvalidInput, naming the row."""
    readers = {".csv": _csv, ".xlsx": _xlsx, ".txt": _lines, ".jsonl": _json_lines}
    suffix = PurePath(name).suffix.lower()
    if suffix not in readers:
        raise InvalidInput(
            "the questions file is of no known format",
            expected="a file named *.csv, *.xlsx, *.jsonl or *.txt",
            found=name,
            remedy="Save it as one of these.",
        )
    rows = readers[suffix](content)
    if not rows:
        raise InvalidInput(
            "the questions file has no rows",
            expected='a question a row, as in {"id": "q1", "question": "…", "year": 2023, "filer_category": "…"}',
            found="no question",
            remedy=f"Fill {name}.",
        )
    return rows


def _json_lines(content: bytes) -> list[Row]:
    rows = []
    for number, line in enumerate(_text(content).splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as problem:
                raise unusable_row(number, "a JSON object", str(problem)) from None
            if not isinstance(row, dict):
                raise unusable_row(number, "a JSON object", type(row).__name__)
            rows.append(Row(number, row))
    return rows


def _lines(content: bytes) -> list[Row]:
    lines = enumerate(_text(content).splitlines(), start=1)
    return [Row(number, {"question": line.strip()}) for number, line in lines if line.strip()]


def _csv(content: bytes) -> list[Row]:
    text = _text(content)
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=header.count), strict=True)
    records: list[list[str]] = []
    try:
        records.extend(reader)
    except csv.Error as problem:
        raise unusable_row(len(records) + 1, "a row of CSV", str(problem)) from None
    return _table(records)


def _xlsx(content: bytes) -> list[Row]:
    """The first sheet, its formulas as the values that were last seen."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        records = [list(record) for record in book.worksheets[0].iter_rows(values_only=True)]
    except Exception as problem:  # noqa: BLE001 - the reader raises whatever it meets
        raise InvalidInput(
            "the questions file is not a workbook",
            expected="an XLSX workbook with the questions on its first sheet",
            found=type(problem).__name__,
            remedy="Save it as XLSX, without a password, or as CSV.",
        ) from None
    return _table(records)


def _table(records: Sequence[Sequence[object]]) -> list[Row]:
    """The rows below a header, by its names: in whatever case, at whatever place."""
    if not records:
        return []
    names = [_cell(cell).lower().replace(" ", "_") for cell in records[0]]
    for column in COLUMNS:
        if names.count(column) > 1 or (column == "question" and column not in names):
            found = ", ".join(name for name in names if name) or "nothing"
            raise unusable_row(1, f"a header with one column `{column}`", found[:200])
    rows = []
    for number, record in enumerate(records[1:], start=2):
        cells = [_cell(cell) for cell in record]
        if any(cells[len(names) :]):
            raise unusable_row(number, f"{len(names)} cells, as in the header", f"{len(cells)} cells")
        if any(cells):
            said = {name: cell for name, cell in zip(names, cells, strict=False) if name in COLUMNS and cell}
            rows.append(Row(number, {**said, **({"year": _year(said["year"])} if "year" in said else {})}))
    return rows


def _cell(cell: object) -> str:
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def _year(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise unusable_row(line, "text in UTF-8", f"the byte 0x{content[problem.start]:02x}") from None


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def answers_file(answered: Iterable[Answered], suffix: str) -> bytes:
    """The answers as a file of one of `ANSWER_FORMATS`."""
    rows = [_cells(one) for one in answered]
    return _as_xlsx(rows) if suffix == ".xlsx" else _as_csv(rows)


def _cells(one: Answered) -> tuple[str | int | float, ...]:
    item, envelope = one.item, one.envelope
    titles = {chunk.doc_id: chunk.doc_title for chunk in envelope.retrieved_chunks} if envelope else {}
    return (
        one.number,
        item.item_id or "",
        item.question,
        item.year,
        item.filer_category or "",
        one.status,
        one.reason or "",
        envelope.decision if envelope else "",
        "\n".join(segment.text for segment in envelope.response_segments) if envelope else "",
        round(envelope.confidence, 4) if envelope else "",
        "\n".join(_cited(place, c, titles) for place, c in enumerate(envelope.citations, start=1)) if envelope else "",
        one.response_id or "",
    )


def _cited(place: int, citation: Citation, titles: Mapping[str, str]) -> str:
    return f"[{place}] {titles[citation.doc_id]} ({citation.doc_id}), page {citation.page}: “{citation.quote}”"


def _as_csv(rows: Sequence[Sequence[object]]) -> bytes:
    """With a byte order mark: without one Excel reads the accents wrong."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([ANSWER_COLUMNS, *([_harmless(cell) for cell in row] for row in rows)])
    return out.getvalue().encode("utf-8-sig")


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _as_xlsx(rows: Sequence[Sequence[Any]]) -> bytes:
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook()
    sheet = book.worksheets[0]
    for number, row in enumerate((ANSWER_COLUMNS, *rows), start=1):
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            if isinstance(value, str):
                cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:_LONGEST_CELL]
                cell.data_type = "s"  # also of what looks like a formula
            else:
                cell.value = value
    sheet.freeze_panes = "A2"
    written = io.BytesIO()
    book.save(written)
    return _timeless(written.getvalue())


_WRITTEN_AT = re.compile(rb"<dcterms:(created|modified)\b.*?</dcterms:\1>", re.DOTALL)


def _timeless(workbook: bytes) -> bytes:
    """The workbook without the times at which it was written."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as read, zipfile.ZipFile(out, "w") as written:
        for name in read.namelist():
            part = zipfile.ZipInfo(name)  # of 1980-01-01
            written.writestr(part, _WRITTEN_AT.sub(b"", read.read(name)), zipfile.ZIP_DEFLATED)
    return out.getvalue()

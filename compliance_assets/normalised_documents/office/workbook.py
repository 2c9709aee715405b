"""Workbooks (OOXML SpreadsheetML, ECMA-376): one page a sheet, a heading with its name, a line a row.

Values are those that were last computed and saved: no formula is evaluated. Hidden sheets are read too.
"""

import io
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.office.container import Container
from compliance_assets.normalised_documents.office.contents import Contents, Unreadable, outcome, row, titled
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NORMALISER = "office.workbook"

_MAX_ROWS = 2_000_000  # of a sheet, empty ones included: a file may claim any number


def parse(data: bytes) -> Outcome:
    """The sheets in their order."""
    return outcome(_read, data, MEDIA_TYPE, NORMALISER)


def _read(data: bytes) -> Contents:
    import openpyxl

    container = Container(data)
    if container.main_part.endswith(".bin"):
        reason = "unsupported_media_type: application/vnd.ms-excel.sheet.binary (convert to xlsx)"
        raise Unreadable(reason, DocumentState.NEEDS_HUMAN)
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    pages = (titled(sheet.title, _lines(_rows(sheet))) for sheet in workbook.worksheets)
    return Contents(pages, container.title(), container.has_macros, container.attachments())


def _rows(sheet: object) -> Iterator[tuple[object, ...]]:
    sheet.reset_dimensions()  # type: ignore[attr-defined] # the stated size is a claim, and rows are filled up to it
    rows: Iterator[tuple[object, ...]] = sheet.iter_rows(values_only=True)  # type: ignore[attr-defined]
    return rows


def _lines(rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    for number, cells in enumerate(rows, start=1):
        if number > _MAX_ROWS:
            raise Unreadable(f"too_large: more than {_MAX_ROWS} rows")
        if line := row(_bounded(map(_text, cells))):
            yield line


def _bounded(cells: Iterable[str]) -> Iterator[str]:
    """Cells may all point to one long text."""
    characters = 0
    for cell in cells:
        characters += len(cell)
        if characters > MAX_CHARACTERS:
            raise Unreadable(f"too_large: more than {MAX_CHARACTERS} characters")
        yield cell


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat(*(" ",) if isinstance(value, datetime) else ())
        case _:
            return str(value)

"""The locator map: for each format, where a field stands, by calendar year and filer category.

It is data, `places/<format>.csv`, one row a place: a new year is a new row. The columns:

| column | meaning |
|---|---|
| layout | the name of the layout that the row belongs to |
| first_year, last_year | the calendar years (ano-calendário) that it serves, both included |
| category | `completa`, `simplificada`, or `*` for both |
| field | a name of `fields.Field` |
| section | fixed_width: the record; xml: the path of the element; page: the heading of the part; email: empty |
| label | fixed_width: the field's official name; xml: the attribute; page: the printed label; email: a regular expression |
| place | fixed_width: `first-last` position from 1; xml: `attribute`, `text`, `count`, or `exercise` (a filing year, one more than
          the calendar year); page: `right`, `below`, `heading`, `column`, or `rows` (of a column); email: `after` |
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.normalised_documents.filings.fields import Field

FORMATS = ("fixed_width", "xml", "page", "email")

_COLUMNS = ["layout", "first_year", "last_year", "category", "field", "section", "label", "place"]
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field stands in a layout."""

    layout: str
    first_year: int
    last_year: int
    category: str
    field: Field
    section: str
    label: str
    place: str

    def serves(self, year: int, category: str | None) -> bool:
        """Whether the row holds for a calendar year and a filer category; where None is known, the rows of both do not."""
        return self.first_year <= year <= self.last_year and self.category in (_ANY, category)


@cache
def locator_map(document_format: str) -> tuple[Place, ...]:
    """All rows of a format: `fixed_width`, `xml`, `page` or `email`. Raises InvalidInput naming a row that cannot be meant."""
    file = resources.files(__package__) / "places" / f"{document_format}.csv"
    reader = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    if reader.fieldnames != _COLUMNS:
        raise _unusable(document_format, 1, f"the columns {', '.join(_COLUMNS)}", str(reader.fieldnames))
    return tuple(_place(document_format, number, row) for number, row in enumerate(reader, start=2))


def years_of(document_format: str) -> frozenset[int]:
    """The calendar years that the map knows a layout of."""
    return frozenset(y for p in locator_map(document_format) for y in range(p.first_year, p.last_year + 1))


@cache
def layout_states(layout: str, name: Field) -> bool:
    """Whether a layout, of any format, has a place for a field."""
    return any(p.layout == layout and p.field is name for format_ in FORMATS for p in locator_map(format_))


@cache
def headings_of(layout: str) -> frozenset[str]:
    """Printed headings of a page layout under which no field is looked for; they end the part before them."""
    file = resources.files(__package__) / "places" / "page_headings.csv"
    rows = csv.DictReader(file.read_text(encoding="utf-8").splitlines())
    return frozenset(row["heading"] for row in rows if row["layout"] == layout)


def _place(document_format: str, line: int, row: dict[str, str]) -> Place:
    try:
        place = Place(
            row["layout"], int(row["first_year"]), int(row["last_year"]), row["category"], Field(row["field"]),
            row["section"], row["label"], row["place"],
        )  # fmt: skip
    except ValueError as problem:
        raise _unusable(document_format, line, "whole years and a known field", str(problem)) from None
    if place.first_year > place.last_year or place.category not in (_ANY, "completa", "simplificada"):
        raise _unusable(document_format, line, "years in order and a known category", str(row))
    return place


def _unusable(document_format: str, line: int, expected: str, found: str) -> InvalidInput:
    return InvalidInput(
        f"the locator map of {document_format} is not usable at line {line}",
        expected=expected,
        found=found,
        remedy="Correct the row; the columns are explained in locator_map.py.",
    )

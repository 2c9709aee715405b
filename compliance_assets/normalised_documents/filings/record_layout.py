"""The records of the Receita's fixed-width file, by exercício (filing year): how long each is and where its fields stand.

It is data, `layouts/<exercício>.csv`, one row a field, positions from 1, both ends included; a new year is a new file. Only
the records and fields that this project reads or writes are listed, under their official names. `kind` is `N` for
numbers (filled with zeros on the left; two decimals are implied in amounts) and `C` for text (filled with spaces on the
right). Every record ends with `NR_CONTROLE`, so its last position is the length of the record.

Sources: the official text layouts (Leiaute TXT) of the exercícios 2017, 2018, 2019 and 2023, and for 2025 the layout that
the official program itself carries; no file of that year was at hand to prove it. For 2020 no layout is at hand: the
lengths are those of files that the program of that year wrote. Its records agree with 2019 in everything listed here but
the header, which is 26 longer at its end.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from compliance_assets.contracts.errors import InvalidInput

CONTROL = "NR_CONTROLE"
TAXPAYER = "NR_CPF"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a field stands in its record: `[start, end)` from 0, the official `first - 1` and `last`."""

    start: int
    end: int
    numeric: bool

    @property
    def width(self) -> int:
        """How many characters the field has."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Record:
    """A type of record. `fields` has the official names."""

    name: str
    fields: Mapping[str, Position]

    @property
    def length(self) -> int:
        """How many characters a line of this type has, without its end."""
        return self.fields[CONTROL].end


@cache
def filing_years() -> frozenset[int]:
    """The exercícios that a layout is known of."""
    names = (file.name for file in _folder().iterdir())
    return frozenset(int(name.removesuffix(".csv")) for name in names if name.endswith(".csv"))


@cache
def record_layout(filing_year: int) -> Mapping[str, Record]:
    """The records of an exercício by name, the header as `IR`. Raises InvalidInput for a year without a layout."""
    if filing_year not in filing_years():
        raise InvalidInput(
            "no fixed-width layout is known",
            expected=f"one of the exercícios {', '.join(map(str, sorted(filing_years())))}",
            found=str(filing_year),
            remedy="Add its file to filings/layouts.",
        )
    fields: dict[str, dict[str, Position]] = {}
    with (_folder() / f"{filing_year}.csv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            record = fields.setdefault(row["record"], {})
            record[row["field"]] = Position(int(row["first"]) - 1, int(row["last"]), row["kind"] == "N")
    return {name: Record(name, record) for name, record in fields.items()}


def _folder() -> Traversable:
    return resources.files(__package__) / "layouts"

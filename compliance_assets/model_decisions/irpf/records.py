"""Reads a return in the Receita's fixed-width records, by the layout of its exercício. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from compliance_assets.model_decisions.irpf.passages import FilingText
from compliance_assets.model_decisions.irpf.stated import Return, Stated, gathered, value_of
from compliance_assets.normalised_documents.filings.fields import REPEATED, Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map
from compliance_assets.normalised_documents.filings.record_layout import filing_years, record_layout
from compliance_assets.normalised_documents.filings.values import amount_of_cents

HEADER = re.compile(r"IRPF {4}([0-9]{4})([0-9]{4})")
_CODES = {
    Kind.CATEGORY: {"S": "completa", "N": "simplificada"},
    Kind.RETURN_TYPE: {"0": "original", "1": "retificadora"},
}
_MAY_BE_BLANK = REPEATED | {Field.CORRECTED_RECEIPT}


def read(filing: FilingText) -> Return | None:
    """The return that the records state; None where no layout of the exercício is known."""
    header = HEADER.match(filing.text)
    if header is None or int(header[1]) not in filing_years():
        return None
    year = int(header[1])
    lengths = {name: record.length for name, record in record_layout(year).items()}
    lines = list(_lines(filing, lengths))
    category = next((c for text, _ in lines for c in _category(text, year)), None)
    places = [p for p in locator_map("fixed_width") if p.serves(year - 1, category)]
    found: list[Stated] = []
    unread: set[Field] = set()
    for place in places:
        of_type = [line for line in lines if line[0].startswith(place.section)]
        for text, offsets in of_type if place.field in REPEATED else of_type[:1]:
            stated = _stated(place, text, offsets)
            if stated is None:
                unread.add(place.field)
            elif stated.value:
                found.append(stated)
    found.sort(key=lambda stated: stated.start)
    return gathered(found, "records", {place.field for place in places} & REPEATED, unread)


def _category(line: str, year: int) -> Iterator[str]:
    for place in locator_map("fixed_width"):
        if place.field is Field.FILER_CATEGORY and place.serves(year - 1, None) and line.startswith(place.section):
            first, last = map(int, place.place.split("-"))
            if value := _CODES[Kind.CATEGORY].get(line[first - 1 : last]):
                yield value


def _stated(place: Place, line: str, offsets: list[int]) -> Stated | None:
    """The field in this line, without a value where it is blank and may be; None where it cannot be read."""
    first, last = map(int, place.place.split("-"))
    if len(line) < last:
        return None
    printed = line[first - 1 : last].strip()
    at = line.index(printed, first - 1) if printed else first - 1
    start, end = offsets[at], offsets[at + max(len(printed), 1) - 1] + 1
    if place.field in _MAY_BE_BLANK and not printed.strip("0"):
        return Stated(place.field, "", start, end, (start, end))
    value = _canonical(kind_of(place.field), printed)
    return None if value is None else Stated(place.field, value, start, end, (start, end))


def _canonical(kind: Kind, printed: str) -> str | None:
    if kind is Kind.AMOUNT:
        return amount_of_cents(printed)
    return _CODES[kind].get(printed) if kind in _CODES else value_of(kind, printed)


def _lines(filing: FilingText, lengths: dict[str, int]) -> Iterator[tuple[str, list[int]]]:
    """Each record with the place in the filing's text of each of its characters.

    Where a window ended in blanks of a record they are lost; as the record's length is known, they are put back there.
    """
    start = 0
    for text in filing.text.split("\n"):
        length = lengths.get("IR" if text.startswith("IRPF") else text[:2])
        offsets = list(range(start, start + len(text)))
        start += len(text) + 1
        lacking = length - len(text) if length else 0
        yield (text, offsets) if lacking <= 0 else _mended(text, offsets, lacking, filing)


def _mended(text: str, offsets: list[int], lacking: int, filing: FilingText) -> tuple[str, list[int]]:
    if not offsets:
        return text, offsets
    border = bisect_right(filing.starts, offsets[0])
    at = filing.starts[border] if border < len(filing.starts) else None
    if at is None or at > offsets[-1]:
        return text, offsets
    cut = at - offsets[0]
    return text[:cut] + " " * lacking + text[cut:], offsets[:cut] + [at] * lacking + offsets[cut:]

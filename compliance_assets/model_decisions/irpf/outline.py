"""Reads a return in XML, as its outline shows it: `## section`, then `element / attribute: value` lines. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from compliance_assets.model_decisions.irpf.passages import FilingText
from compliance_assets.model_decisions.irpf.stated import Return, Stated, gathered, value_of
from compliance_assets.normalised_documents.filings.fields import REPEATED, Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map

START = re.compile(r"# [\w.-]+\n")
_SECTION = re.compile(r"## ([\w.-]+)")
_LINE = re.compile(r"([\w.-]+(?: \d+)?(?: / [\w.-]+(?: \d+)?)*): (.+)")
_COUNTER = re.compile(r" \d+$")
_DECIMAL = re.compile(r"\d+\.\d{2}")
_CODES = {
    Kind.RETURN_TYPE: {"0": "original", "1": "retificadora"},
    Kind.CATEGORY: {"0": "completa", "1": "simplificada"},
}
_FEWEST_FIELDS = 5  # of a layout in an outline that is a return of it


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line's path with and without the counters of repeated elements, its value, and where both stand."""

    path: str
    counted: str
    value: str
    start: int
    line: tuple[int, int]


_Entries = Mapping[str, Sequence[_Entry]]


def read(filing: FilingText) -> Return | None:
    """The return that the outline states by the layout that most of it fits; None where none does."""
    entries: dict[str, list[_Entry]] = {}
    for entry in _entries(filing.text):
        entries.setdefault(entry.path, []).append(entry)
    rows = sorted(locator_map("xml"), key=lambda place: place.layout)
    readings = [_read(entries, list(places)) for _, places in groupby(rows, key=lambda place: place.layout)]
    best = max(readings, key=lambda reading: len(reading.fields))
    return best if len(best.fields) >= _FEWEST_FIELDS else None


def _entries(text: str) -> Iterator[_Entry]:
    section, start = "", 0
    for line in text.split("\n"):
        if heading := _SECTION.fullmatch(line.strip()):
            section = heading[1]
        elif found := _LINE.fullmatch(line.rstrip()):
            counted = f"{section} / {found[1]}" if section else found[1]
            path = "/".join(_COUNTER.sub("", part) for part in counted.split(" / "))
            yield _Entry(path, counted, found[2].strip(), start + found.start(2), (start, start + len(line.rstrip())))
        start += len(line) + 1


def _read(entries: _Entries, places: list[Place]) -> Return:
    category = next((s.value for p in places if p.field is Field.FILER_CATEGORY for s in _at(entries, p)), None)
    serving = [place for place in places if place.category in ("*", category)]
    found = sorted((s for place in serving for s in _at(entries, place)), key=lambda stated: stated.start)
    lists = {place.field for place in serving} & REPEATED
    return gathered(found, "outline", lists, {place.field for place in serving if _path(place) in entries})


def _path(place: Place) -> str:
    return "/".join(filter(None, (place.section, place.label)))


def _at(entries: _Entries, place: Place) -> Iterator[Stated]:
    if place.place == "count":
        yield from _count(entries, place)
        return
    for entry in entries.get(_path(place), ()):
        value = _canonical(place, entry.value)
        if value is not None:
            yield Stated(place.field, value, entry.start, entry.start + len(entry.value), entry.line)


def _count(entries: _Entries, place: Place) -> Iterator[Stated]:
    below = [entry for path, several in entries.items() if path.startswith(place.section + "/") for entry in several]
    below.sort(key=lambda entry: entry.start)
    depth = place.section.count("/") + 1
    items = {tuple(entry.counted.split(" / ")[:depth]) for entry in below}
    if items:
        span = (below[0].line[0], below[-1].line[1])
        yield Stated(place.field, str(len(items)), *span, span)


def _canonical(place: Place, printed: str) -> str | None:
    kind = kind_of(place.field)
    if place.place == "exercise":
        return str(int(printed) - 1) if printed.isascii() and printed.isdigit() else None
    if kind is Kind.AMOUNT and _DECIMAL.fullmatch(printed):
        return printed
    return _CODES.get(kind, {}).get(printed) or value_of(kind, printed)

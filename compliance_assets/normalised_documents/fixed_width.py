"""The Receita's own file of a return (.DEC as sent, .DBK as saved): one record a line, each field at its positions.

The first two characters of a line name its record (`16` the filer, `20` the totals, `T9` the trailer ...); the header says
`IRPF`, the exercício (filing year) and the year of the income. Lengths and positions change with the exercício: they are
data, `filings/layouts` and `filings/places/fixed_width.csv`. A year without a layout is shown as text and never guessed at.

The file proves itself, as its writer left it (found by trial on files that the official program wrote, all of which pass):
- the last ten digits of a line are the CRC-32 of what stands before them; in the header, of that after the short name of
  the file, the first eight digits of the CPF and `.DEC` or `.DBK`;
- the header's hash is the CRC-32 of all records from the one after it to the trailer, without line ends;
- the trailer counts the records of each type, and all of them but one.
A copy that does not agree with itself is read, and waits for a person.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.filings.fields import REPEATED, Field, Filing, Kind, LocatedField, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map
from compliance_assets.normalised_documents.filings.record_layout import (
    TAXPAYER,
    Record,
    filing_years,
    record_layout,
)
from compliance_assets.normalised_documents.filings.values import amount_of_cents, canonical
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, Outcome, Parsed, Refusal, clean

MEDIA_TYPE = "application/x-irpf-dec"
NORMALISER = "fixed_width"

_MAX_LINES = 100_000  # the largest return has some thousands: every asset and every sale is one
_MAX_DOUBTS = 20
_CONTROL_DIGITS = 10

_HEADER = "IR"
_TRAILER = "T9"
_RECEIPT = frozenset({"HR", "DR", "R9"})
_HEADER_START = re.compile(r"IRPF {4}([0-9]{4})([0-9]{4})")
_SHORT_NAMES = (".DEC", ".DBK")

# A field without a value is blank or zero in these; an amount or a count of zero is a value.
_MAY_BE_BLANK = REPEATED | {Field.CORRECTED_RECEIPT}
_CODES: Mapping[Kind, Mapping[str, str]] = {
    Kind.CATEGORY: {"S": "completa", "N": "simplificada"},
    Kind.RETURN_TYPE: {"0": "original", "1": "retificadora"},
}


@dataclass(frozen=True, slots=True)
class _Line:
    """A record of the file: its type, its line number from 1, and its text, which begins at `start` of the document."""

    record: str
    number: int
    text: str
    start: int


def parse(data: bytes) -> Outcome:
    """The lines of the file as they are, in one page, and the fields that the layout of their year locates."""
    if len(data) > MAX_CHARACTERS:
        return _rejected(f"too_large: {len(data)} characters, at most {MAX_CHARACTERS}")
    text = clean(data.decode("latin-1"))
    header = _HEADER_START.match(text)
    if header is None:
        return _rejected("damaged: the header of a return is missing")
    if text.count("\n") > _MAX_LINES:
        return _rejected(f"too_large: more than {_MAX_LINES} lines")
    filing_year, calendar_year = int(header[1]), int(header[2])
    if filing_year not in filing_years():
        return _parsed(text, None, (f"layout_unknown: exercício {filing_year}",))
    lines = list(_lines(text))
    filing, unread = _read(lines, filing_year)
    year_doubts = () if calendar_year + 1 == filing_year else ("years_disagree: record IR",)
    doubts = (*year_doubts, *_inconsistencies(lines, record_layout(filing_year)), *unread)
    return _parsed(text, filing, doubts)


def _parsed(text: str, filing: Filing | None, doubts: Sequence[str]) -> Parsed:
    distinct = tuple(dict.fromkeys(doubts))
    if len(distinct) > _MAX_DOUBTS:
        distinct = (*distinct[:_MAX_DOUBTS], f"more_doubts: {len(distinct) - _MAX_DOUBTS}")
    return Parsed(text, (len(text),), "markup", MEDIA_TYPE, NORMALISER, title=None, needs_human=distinct, filing=filing)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _Line(line[:2], number, line, start)
        start += len(line) + 1


# --- the fields ---


def _read(lines: Sequence[_Line], filing_year: int) -> tuple[Filing | None, list[str]]:
    """What the records of the right length state. The layout goes by the exercício: it is the year of the program."""
    records = record_layout(filing_year)
    sound: dict[str, list[_Line]] = {}
    for line in lines:
        if line.record in records and len(line.text) == records[line.record].length:
            sound.setdefault(line.record, []).append(line)
    category = _category(sound, filing_year - 1)
    places = [place for place in locator_map("fixed_width") if place.serves(filing_year - 1, category)]
    if not places:
        return None, [f"layout_unknown: exercício {filing_year}"]
    doubts = [*_missing(places, sound)]
    found: list[LocatedField] = []
    for place in places:
        of_type = sound.get(place.section, [])
        for line in of_type if place.field in REPEATED else of_type[:1]:
            located = _located(place, line)
            if located is None:
                doubts.append(f"field_unreadable: {place.field}")
            elif located.value:
                found.append(located)
    return Filing(places[0].layout, tuple(_numbered(found))), doubts


def _category(sound: Mapping[str, Sequence[_Line]], year: int) -> str | None:
    for place in locator_map("fixed_width"):
        if place.field is Field.FILER_CATEGORY and place.serves(year, None):
            located = next((_located(place, line) for line in sound.get(place.section, ())), None)
            return located.value if located else None
    return None


def _located(place: Place, line: _Line) -> LocatedField | None:
    """The field in this line; without a value where it is blank and may be; None where it cannot be read."""
    first, last = map(int, place.place.split("-"))
    field_text = line.text[first - 1 : last]
    printed = field_text.strip()
    if place.field in _MAY_BE_BLANK and not printed.strip("0"):
        return LocatedField(place.field, "", line.start, line.start)
    value = _canonical(kind_of(place.field), printed)
    start = line.start + first - 1 + field_text.find(printed)
    return None if value is None else LocatedField(place.field, value, start, start + len(printed))


def _canonical(kind: Kind, printed: str) -> str | None:
    if kind is Kind.AMOUNT:
        return amount_of_cents(printed)
    codes = _CODES.get(kind)
    return canonical(kind, printed) if codes is None else codes.get(printed)


def _numbered(found: Sequence[LocatedField]) -> Iterator[LocatedField]:
    """The fields in the order of the document, those that are repeated with their ordinals."""
    ordinals: Counter[Field] = Counter()
    for located in sorted(found, key=lambda located: located.start):
        ordinals[located.field] += 1
        yield LocatedField(located.field, located.value, located.start, located.end, ordinals[located.field])


def _missing(places: Sequence[Place], sound: Mapping[str, Sequence[_Line]]) -> Iterator[str]:
    """Records that a return must have and this file has not, or not at the right length, with what they would state."""
    wanted: dict[str, list[str]] = {}
    for place in places:
        if place.field not in REPEATED and not sound.get(place.section):
            wanted.setdefault(place.section, []).append(place.field)
    yield from (f"record_missing: record {record} ({', '.join(names)})" for record, names in wanted.items())


# --- what the file says about itself ---


def _inconsistencies(lines: Sequence[_Line], records: Mapping[str, Record]) -> Iterator[str]:
    yield from islice(_wrong_lengths(lines, records), _MAX_DOUBTS)
    yield from _repeated(lines, records)
    yield from islice(_wrong_checksums(lines, records[_HEADER]), _MAX_DOUBTS)
    yield from _wrong_hash(lines, records)
    yield from _wrong_counts(lines, records)
    yield from islice(_other_taxpayers(lines, records), _MAX_DOUBTS)


def _wrong_lengths(lines: Sequence[_Line], records: Mapping[str, Record]) -> Iterator[str]:
    for line in lines:
        record = records.get(line.record)
        if record is not None and len(line.text) != record.length:
            yield f"record_length: record {record.name}, expected {record.length}, found {len(line.text)}"


def _repeated(lines: Sequence[_Line], records: Mapping[str, Record]) -> Iterator[str]:
    """A record that stands for the whole return twice: the first is read, but which one is meant?"""
    once = {place.section for place in locator_map("fixed_width") if place.field not in REPEATED} & records.keys()
    counts = Counter(line.record for line in lines)
    yield from (f"record_repeated: record {record}" for record in sorted(once) if counts[record] > 1)


def _wrong_checksums(lines: Sequence[_Line], header: Record) -> Iterator[str]:
    for line in lines:
        body, control = _bytes(line)[:-_CONTROL_DIGITS], line.text[-_CONTROL_DIGITS:]
        if control not in {f"{zlib.crc32(prefix + body):010d}" for prefix in _prefixes(line, header)}:
            # A line that names no record may begin with anything: it is not repeated here.
            name = line.record if re.fullmatch(r"[0-9A-Z]{2}", line.record, re.ASCII) else "?"
            yield f"checksum: record {name} line {line.number}"


def _prefixes(line: _Line, header: Record) -> tuple[bytes, ...]:
    if line.number != 1:
        return (b"",)
    start = header.fields[TAXPAYER].start
    return tuple((line.text[start : start + 8] + suffix).encode("latin-1", "replace") for suffix in _SHORT_NAMES)


def _wrong_hash(lines: Sequence[_Line], records: Mapping[str, Record]) -> Iterator[str]:
    position = records[_HEADER].fields["NR_HASH"]
    body = b"".join(_bytes(line) for line in lines[1:] if line.record not in _RECEIPT)
    if lines[0].text[position.start : position.end] != f"{zlib.crc32(body):010d}":
        yield "checksum: record IR does not fit the records after it"


def _wrong_counts(lines: Sequence[_Line], records: Mapping[str, Record]) -> Iterator[str]:
    trailer = next((line for line in lines if line.record == _TRAILER), None)
    if trailer is None or len(trailer.text) != records[_TRAILER].length:
        return
    counts = Counter(line.record for line in lines if line.record not in _RECEIPT)
    for name, position in records[_TRAILER].fields.items():
        if name.startswith("QT_"):
            record = name.removeprefix("QT_R")
            actual = counts.total() - 1 if name == "QT_TOTAL" else counts[record]
            if trailer.text[position.start : position.end] != f"{actual:0{position.width}d}":
                yield "record_count: all records" if name == "QT_TOTAL" else f"record_count: record {record}"


def _other_taxpayers(lines: Sequence[_Line], records: Mapping[str, Record]) -> Iterator[str]:
    owner = records[_HEADER].fields[TAXPAYER]
    for line in lines:
        record = records.get(line.record)
        if record is not None and len(line.text) == record.length:
            position = record.fields[TAXPAYER]
            if line.text[position.start : position.end] != lines[0].text[owner.start : owner.end]:
                yield f"taxpayer_differs: record {record.name} line {line.number}"


def _bytes(line: _Line) -> bytes:
    return line.text.encode("latin-1", "replace")


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, MEDIA_TYPE, NORMALISER)

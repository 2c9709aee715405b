"""Fields of a filing that is printed on pages, by the rows of the locator map for `page`: sections, labels, columns.

The layout is the one whose places state most. A value is taken only where its label stands for itself and the value is of
the field's kind; two places that disagree leave the field out, and a person decides.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby, takewhile

from rapidfuzz.distance import Levenshtein
from rapidfuzz.fuzz import partial_ratio

from compliance_assets.normalised_documents.filings.fields import Field, Filing, Kind, LocatedField, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, headings_of, locator_map
from compliance_assets.normalised_documents.filings.page_lines import Cell, Line, lines_of, squeezed
from compliance_assets.normalised_documents.filings.printed_values import after_leaders, value_at
from compliance_assets.normalised_documents.words import Word

_TITLE = squeezed("Declaração de Ajuste Anual")
_YEAR_STATED = re.compile(squeezed("ano-calendário") + r"((?:19|20)\d\d)")
_TITLE_WITHIN = 1_500
_TITLE_LIKENESS = 85
_CPF = re.compile(r"\d{3}[.,]?\d{3}[.,]?\d{3}\s?-?\s?\d{2}")

# What a label may be misread in, by its length; a short one has to be exact.
_MISREAD = 8
_SHORT = 6

# How the line begins that stands in a table without rows.
_EMPTY_TABLE = tuple(map(squeezed, ("Sem informações", "Sem dependentes", "Não há", "Nenhum", "Nada a declarar")))
_MAY_BE_ABSENT = {Field.CORRECTED_RECEIPT}
_UNREADABLE = ""  # the value of a row that is there and cannot be read
# What stands in a column of numbers and is none of them: enough of it is digits.
_ID_DIGITS = 6
_ROW_CELLS = 3
# What looks alike in print; of each group one stands for all when labels are compared.
_ALIKE = str.maketrans("01l", "oii")
_BELOW_WITHIN = 3.2  # heights of the label's line


@dataclass(frozen=True, slots=True)
class _Region:
    """Lines `[first, last)` between two edges."""

    first: int
    last: int
    left: float
    right: float

    def cells(self, lines: tuple[Line, ...]) -> Iterator[tuple[int, int, Cell]]:
        for number in range(self.first, self.last):
            for index, cell in enumerate(lines[number].cells):
                if self.left <= cell.box.left < self.right:
                    yield number, index, cell


@dataclass(frozen=True, slots=True)
class _Form:
    """A document as lines; `recognised` where OCR read it, so that labels may be misread."""

    text: str
    lines: tuple[Line, ...]
    recognised: bool


def read_filing(text: str, page_ends: tuple[int, ...], words: Callable[[], tuple[Word, ...]]) -> Filing | None:
    """What a printed document states as a filing; None if it is none. `words` is asked only where the text looks like one."""
    if not _looks_like_a_filing(text):
        return None
    placed = words()
    form = _Form(text, lines_of(text, placed), any(word.certainty < 1 for word in placed))
    readings = [_read(form, layout) for layout in _layouts()]
    best = max(readings, key=lambda filing: len({f.field for f in filing.fields}), default=None)
    if best is None or not best.fields:
        return Filing("unknown", (), ("layout_unknown: no place of the locator map is on these pages",))
    several = ("several_filings: calendar years differ",) if len(_calendar_years(form)) > 1 else ()
    return replace(best, doubts=(*best.doubts, *several))


def _calendar_years(form: _Form) -> set[str]:
    """Every calendar year that is printed, on any page: a second one belongs to another return in the same document."""
    cells = (cell.squeezed for line in form.lines for cell in line.cells)
    return {year for cell in cells for year in _YEAR_STATED.findall(cell)}


def _looks_like_a_filing(text: str) -> bool:
    head = squeezed(text[:_TITLE_WITHIN])
    titled = _TITLE in head or partial_ratio(_TITLE, head) >= _TITLE_LIKENESS
    return titled and _CPF.search(text) is not None


@cache
def _layouts() -> tuple[tuple[Place, ...], ...]:
    by_layout = sorted(locator_map("page"), key=lambda place: place.layout)
    return tuple(tuple(rows) for _, rows in groupby(by_layout, key=lambda place: place.layout))


def _read(form: _Form, places: tuple[Place, ...]) -> Filing:
    """Year and category first, then the fields whose places depend on them."""
    layout = places[0].layout
    scope = {Field.CALENDAR_YEAR, Field.FILER_CATEGORY}
    first = _locate_all(form, layout, [p for p in places if p.field in scope])
    head = Filing(layout, first.fields, first.doubts)
    year, category = head.value(Field.CALENDAR_YEAR), head.value(Field.FILER_CATEGORY)
    if year is not None and not any(p.serves(int(year), category) for p in places):
        return replace(head, doubts=(*head.doubts, f"layout_unknown: calendar year {year}"))
    serving = [p for p in places if p.field not in scope and p.serves(int(year or p.first_year), category)]
    rest = _locate_all(form, layout, serving)
    read = Filing(layout, (*head.fields, *rest.fields), (*head.doubts, *rest.doubts))
    return replace(read, doubts=(*read.doubts, *_unseen_receipt(form, read, serving)))


def _unseen_receipt(form: _Form, filing: Filing, places: list[Place]) -> Iterator[str]:
    """A retificadora prints the label of the receipt number: where not even that is found, it runs into another cell."""
    if filing.value(Field.RETURN_TYPE) != "retificadora" or filing.value(Field.CORRECTED_RECEIPT):
        return
    labels = [place for place in places if place.field is Field.CORRECTED_RECEIPT]
    cells = [cell for line in form.lines for cell in line.cells]
    if not any(_label_end(cell, place) is not None for place in labels for cell in cells):
        yield f"missing_field: {Field.CORRECTED_RECEIPT}"


@dataclass(frozen=True, slots=True)
class _Located:
    fields: tuple[LocatedField, ...]
    doubts: tuple[str, ...]


def _locate_all(form: _Form, layout: str, places: list[Place]) -> _Located:
    """A form prints every field of its layout, be it 0,00 or an empty table; what is not found was not read."""
    regions = _regions(form, frozenset(place.section for place in places) | headings_of(layout))
    fields: list[LocatedField] = []
    doubts: list[str] = []
    for name, rows in groupby(sorted(places, key=lambda p: p.field), key=lambda p: p.field):
        found = [values for place in rows for values in _locate(form, regions.get(place.section, ()), place)]
        if not found:
            doubts += [] if name in _MAY_BE_ABSENT else [f"missing_field: {name}"]
        elif len({tuple(_compared(f) for f in values) for values in found}) > 1:
            doubts.append(f"ambiguous_field: {name}")
        elif _UNREADABLE in {f.value for f in found[0]}:
            doubts.append(f"unreadable_row: {name}")
        else:
            fields += max(found, key=lambda values: [_plainness(f) for f in values])
    return _Located(tuple(fields), tuple(doubts))


def _compared(located: LocatedField) -> str:
    """A name is the same with a space that OCR lost, or a letter that it took for a small one."""
    return squeezed(located.value) if kind_of(located.field) is Kind.TEXT else located.value


def _plainness(located: LocatedField) -> tuple[int, int]:
    """Of two readings of a name, the one in which nothing was lost; of other values the first."""
    if kind_of(located.field) is not Kind.TEXT:
        return (0, 0)
    return (located.value.count(" "), sum(map(str.isupper, located.value)))


def _locate(form: _Form, regions: tuple[_Region, ...], place: Place) -> list[tuple[LocatedField, ...]]:
    """The values at every place in the regions where the label stands: one tuple a label, empty for an empty table.

    A label that OCR misread is looked for only where the label itself is not to be found.
    """
    exact = list(_at_labels(form, regions, place, misread=False))
    return exact or (list(_at_labels(form, regions, place, misread=True)) if form.recognised else [])


def _at_labels(
    form: _Form, regions: tuple[_Region, ...], place: Place, *, misread: bool
) -> Iterator[tuple[LocatedField, ...]]:
    for region in regions:
        for number, index, cell in region.cells(form.lines):
            after = _misread_end(cell, place) if misread else _label_end(cell, place)
            values = None if after is None else _READERS[place.place](form, region, number, index, after, place)
            if values is not None:
                yield values
        if place.place in ("rows", "column") and not misread:
            yield from _no_rows(form, region, place)


# --- sections ---


def _regions(form: _Form, sections: frozenset[str]) -> dict[str, tuple[_Region, ...]]:
    """Where each section stands: from its heading to the next one that stands above or beneath it."""
    headings = [found for section in sections if section for found in _headings(form, section)]
    first_page = sum(line.page == form.lines[0].page for line in form.lines) if form.lines else 0
    regions: dict[str, list[_Region]] = {"": [_Region(0, first_page, float("-inf"), float("inf"))]}
    for number, left, section in headings:
        beside = [other for line, other, _ in headings if line == number]
        right = min((x for x in beside if x > left), default=float("inf"))
        edge = left if min(beside) < left else float("-inf")
        later = (line for line, x, _ in headings if line > number and edge <= x < right)
        regions.setdefault(section, []).append(_Region(number, min(later, default=len(form.lines)), edge, right))
    return {section: tuple(found) for section, found in regions.items()}


def _headings(form: _Form, section: str) -> list[tuple[int, float, str]]:
    """(line, left edge, section) of each cell that is the heading; a misread one only where it is not to be found."""
    wanted = _squeezed(section)
    cells = [(number, cell) for number, line in enumerate(form.lines) for cell in line.cells]
    found = [(number, cell.box.left, section) for number, cell in cells if cell.squeezed == wanted]
    if found or not form.recognised:
        return found
    lines = (
        (number, line.cells[0], "".join(cell.squeezed for cell in line.cells)) for number, line in enumerate(form.lines)
    )
    parts = [*((number, cell, cell.squeezed) for number, cell in cells), *lines]
    misread = {(number, cell.box.left) for number, cell, letters in parts if _is_misread(wanted, letters)}
    return [(number, left, section) for number, left in sorted(misread)]


# --- labels ---


def _label_end(cell: Cell, place: Place) -> int | None:
    """Where in the text the label of a place ends, if the cell begins with it; a number may stand before it."""
    wanted, found = _squeezed(place.label), cell.squeezed
    if place.place == "heading":
        at = found.find(wanted)
    else:
        numbered = len(found) - len(found.lstrip("0123456789"))
        at = next((start for start in (0, numbered) if found.startswith(wanted, start)), -1)
    return cell.offsets[at + len(wanted) - 1] + 1 if at >= 0 else None


def _misread_end(cell: Cell, place: Place) -> int | None:
    """The same where OCR took letters for their likes, or misread one in eight."""
    wanted, found = _alike(_squeezed(place.label)), _alike(cell.squeezed)
    numbered = len(cell.squeezed) - len(cell.squeezed.lstrip("0123456789"))
    starts = range(len(found)) if place.place == "heading" else (0, numbered)
    for start in starts:
        if len(wanted) >= _SHORT and found.startswith(wanted, start):
            return cell.offsets[start + len(wanted) - 1] + 1
    if place.place == "heading":
        return None
    for start in starts:
        for end in (start + len(wanted), start + len(wanted) - 1, start + len(wanted) + 1):
            if end <= len(found) and _is_misread(wanted, found[start:end]):
                return cell.offsets[end - 1] + 1
    return None


def _is_misread(wanted: str, found: str) -> bool:
    """Whether OCR may have read `found` for `wanted`: a letter in eight differs. Digits number the parts of a form."""
    if len(wanted) < _SHORT or abs(len(wanted) - len(found)) > 2:
        return False
    wanted, found = _alike(wanted), _alike(found)
    same_number = _digits(wanted) == _digits(found)
    return same_number and Levenshtein.distance(wanted, found) <= max(1, len(wanted) // _MISREAD)


def _alike(letters: str) -> str:
    return letters.translate(_ALIKE)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


@cache
def _squeezed(label: str) -> str:
    return squeezed(label)


# --- values ---


def _right(
    form: _Form, region: _Region, number: int, index: int, after: int, place: Place
) -> tuple[LocatedField, ...] | None:
    """The rest of the label's cell, or else the next cell that is not a leader alone."""
    cells = form.lines[number].cells
    cell = cells[index]
    begin = after_leaders(form.text, after, cell.end)
    if begin < cell.end:
        # A name may begin with any word: only a mark between tells it from a longer label.
        separated = kind_of(place.field) is not Kind.TEXT or bool(form.text[after:begin].strip())
        return _only(_read_value(form, cell, begin, place.field) if separated else None)
    if kind_of(place.field) is Kind.AMOUNT and _amounts_behind(form, cells, index) < _columns(form, region):
        return None  # one column is empty: which of them, the line does not say
    for value in cells[index + 1 :]:
        if value.box.left >= region.right:
            break
        found = _read_value(form, value, value.start, place.field)
        if found is not None or not _may_be_dirt(form, value):
            return _only(found)
    return None


def _amounts_behind(form: _Form, cells: tuple[Cell, ...], index: int) -> int:
    """How many amounts follow the cell without another text between."""
    behind = takewhile(lambda cell: _is_amount(form, cell), (cell for cell in cells[index + 1 :] if cell.squeezed))
    return sum(1 for _ in behind)


def _columns(form: _Form, region: _Region) -> int:
    """How many amounts most lines of the part have side by side: this year's, and perhaps the year before's."""
    runs = Counter(
        max(len(list(run)) for is_amount, run in groupby(line.cells, lambda cell: _is_amount(form, cell)) if is_amount)
        for line in form.lines[region.first : region.last]
        if any(_is_amount(form, cell) for cell in line.cells)
    )
    return runs.most_common(1)[0][0] if runs else 0


def _is_amount(form: _Form, cell: Cell) -> bool:
    return value_at(form.text, cell.start, cell.end, Kind.AMOUNT, recognised=form.recognised) is not None


def _may_be_dirt(form: _Form, cell: Cell) -> bool:
    """A leader that stands alone, or a speck that OCR took for a letter."""
    return not cell.squeezed or (form.recognised and len(cell.squeezed) == 1)


def _only(found: LocatedField | None) -> tuple[LocatedField, ...] | None:
    return None if found is None else (found,)


def _below(
    form: _Form, region: _Region, number: int, index: int, after: int, place: Place
) -> tuple[LocatedField, ...] | None:
    """The cell of the next line that lies under the label's; nothing stands in the label's own cell behind it."""
    label = form.lines[number].cells[index]
    if after_leaders(form.text, after, label.end) < label.end:
        return None
    under = _under(form, region, number, index)
    return None if under is None else _only(_read_value(form, under, under.start, place.field))


def _column(
    form: _Form, region: _Region, number: int, index: int, after: int, place: Place
) -> tuple[LocatedField, ...] | None:
    """One value a row under the header; a row that cannot be read has the value `_UNREADABLE`."""
    values = _column_values(form, region, number, index, place.field)
    return tuple(replace(value, ordinal=ordinal) for ordinal, value in enumerate(values, start=1))


def _rows(
    form: _Form, region: _Region, number: int, index: int, after: int, place: Place
) -> tuple[LocatedField, ...] | None:
    """How many rows the column under the header has; its span is the rows', or the header's where there are none."""
    header = form.lines[number].cells[index]
    values = list(_column_values(form, region, number, index, Field.DEPENDANT_ID))
    start, end = (values[0].start, values[-1].end) if values else (header.start, header.end)
    certainty = min((value.certainty for value in values), default=1.0)
    return (LocatedField(place.field, str(len(values)), start, end, certainty=certainty),)


def _no_rows(form: _Form, region: _Region, place: Place) -> Iterator[tuple[LocatedField, ...]]:
    """A table that says that it is empty."""
    for _, _, cell in region.cells(form.lines):
        if cell.squeezed.startswith(_EMPTY_TABLE):
            certainty = min(word.certainty for word in cell.words)
            counted = LocatedField(place.field, "0", cell.start, cell.end, certainty=certainty)
            yield (counted,) if place.place == "rows" else ()


_Reader = Callable[[_Form, _Region, int, int, int, Place], tuple[LocatedField, ...] | None]
_READERS: dict[str, _Reader] = {"right": _right, "heading": _right, "below": _below, "column": _column, "rows": _rows}


def _under(form: _Form, region: _Region, number: int, index: int) -> Cell | None:
    if number + 1 >= region.last:
        return None
    line, below = form.lines[number], form.lines[number + 1]
    label = line.cells[index]
    if below.page != line.page or below.top - line.bottom > _BELOW_WITHIN * line.height:
        return None
    left = line.cells[index - 1].box.right if index else float("-inf")
    right = line.cells[index + 1].box.left if index + 1 < len(line.cells) else float("inf")
    candidates = [cell for cell in below.cells if _overlap(cell, max(left, region.left), min(right, region.right)) > 0]
    best = max(candidates, key=lambda cell: _overlap(cell, label.box.left, label.box.right), default=None)
    return best


def _column_values(form: _Form, region: _Region, number: int, index: int, name: Field) -> Iterator[LocatedField]:
    """The values under a header on its page, to the end of its part. What looks like a row and has none is unreadable."""
    header = form.lines[number].cells[index]
    for line in form.lines[number + 1 : region.last]:
        if line.page != form.lines[number].page:
            return
        under = [cell for cell in line.cells if _overlap(cell, header.box.left, header.box.right) > 0]
        values = [found for cell in under if (found := _read_value(form, cell, cell.start, name))]
        if values:
            yield values[0]
        elif len(line.cells) >= _ROW_CELLS or any(len(_digits(cell.squeezed)) >= _ID_DIGITS for cell in under):
            yield LocatedField(name, _UNREADABLE, line.cells[0].start, line.cells[-1].end)


def _overlap(cell: Cell, left: float, right: float) -> float:
    return min(cell.box.right, right) - max(cell.box.left, left)


def _read_value(form: _Form, cell: Cell, start: int, name: Field) -> LocatedField | None:
    """The value that the cell holds from `start` on."""
    found = value_at(form.text, start, cell.end, kind_of(name), recognised=form.recognised)
    if found is None:
        return None
    touched = [word for word in cell.words if word.start < found.end and word.end > found.start]
    return LocatedField(name, found.value, found.start, found.end, certainty=min(word.certainty for word in touched))

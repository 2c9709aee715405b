"""An image of text as it was read, with marked characters. Every character stands in its own cell, so marks cannot slip."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from compliance_assets.evidence.dossier.marking import INK, MARK, MARK_EDGE, Span

COLUMNS = 100
ROWS_AROUND = 28
MOST_ROWS = 120
_TAB = 8
_SIZE, _CELL, _LINE = 18, 11, 25
_GUTTER, _MARGIN = 74, 22
_PAPER, _QUIET, _RULE = (255, 255, 255), (130, 138, 150), (222, 226, 232)


@dataclass(frozen=True, slots=True)
class Cell:
    """One character and its offset in the text; a tab takes several columns."""

    offset: int
    text: str
    width: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row of cells. `line` counts the lines of the page from 1, None where a long line goes on."""

    line: int | None
    cells: tuple[Cell, ...]
    gap: bool = False  # rows before this one were left out


@dataclass(frozen=True, slots=True)
class TextImage:
    """The image, which offsets are marked on it, and the characters that the font does not have."""

    image: Image.Image
    marked: frozenset[int]
    missing: tuple[str, ...]


def text_image(text: str, page: Span, marks: Sequence[Span]) -> TextImage:
    """The rows of `text[page]` around the marks, long lines wrapped."""
    cited = {offset for start, end in marks for offset in range(start, end)}
    rows = _chosen(list(_rows_near(text, page, marks)), cited)
    image = Image.new("RGB", (_GUTTER + COLUMNS * _CELL + _MARGIN, 2 * _MARGIN + len(rows) * _LINE), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.line((_GUTTER - 12, _MARGIN, _GUTTER - 12, image.height - _MARGIN), _RULE)
    missing: dict[str, None] = {}
    marked: set[int] = set()
    for number, row in enumerate(rows):
        top = _MARGIN + number * _LINE
        _draw_gutter(draw, row, top)
        for left, cell in _placed(row):
            if cell.offset in cited:
                marked.add(cell.offset)
                _draw_mark(draw, left, top, cell, cited)
            if _draw_character(draw, left, top, cell.text):
                missing[cell.text] = None
    return TextImage(image, frozenset(marked), tuple(missing))


def _rows_near(text: str, page: Span, marks: Sequence[Span]) -> Iterator[Row]:
    """The rows of windows around the marks; a page without an end is not laid out whole."""
    reach, last = ROWS_AROUND * COLUMNS, page[0]
    for start, end in _merged((max(page[0], a - reach), min(page[1], b + reach)) for a, b in marks):
        line = text.count("\n", page[0], start) + 1
        begins = start == page[0] or text[start - 1] == "\n"
        gap = start > last
        for row in _wrapped(text, start, end, line if begins else None, line):
            yield Row(row.line, row.cells, gap)
            gap = False
        last = end


def _wrapped(text: str, start: int, end: int, label: int | None, line: int) -> Iterator[Row]:
    cells: list[Cell] = []
    column = 0
    for offset in range(start, end):
        character = text[offset]
        if character == "\n":
            yield Row(label, tuple(cells))
            line += 1
            label, cells, column = line, [], 0
            continue
        width = _TAB - column % _TAB if character == "\t" else 0 if unicodedata.combining(character) else 1
        if column + width > COLUMNS:
            yield Row(label, tuple(cells))
            label, cells, column = None, [], 0
        cells.append(Cell(offset, character, width))
        column += width
    if cells:
        yield Row(label, tuple(cells))


def _chosen(rows: list[Row], cited: set[int]) -> list[Row]:
    """The rows with cited characters and as many around them as there is room for."""
    holding = [at for at, row in enumerate(rows) if any(cell.offset in cited for cell in row.cells)]
    for around in (ROWS_AROUND, 12, 5, 2, 0):
        kept = sorted({near for at in holding for near in range(at - around, at + around + 1)} & set(range(len(rows))))
        if len(kept) <= MOST_ROWS:
            break
    kept = kept if len(kept) <= MOST_ROWS else kept[: MOST_ROWS // 2] + kept[-MOST_ROWS // 2 :]
    gaps = {at for before, at in pairwise(kept) if at != before + 1}
    return [Row(rows[at].line, rows[at].cells, rows[at].gap or at in gaps) for at in kept]


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _placed(row: Row) -> Iterator[tuple[int, Cell]]:
    left = _GUTTER
    for cell in row.cells:
        yield left if cell.width else left - _CELL, cell
        left += cell.width * _CELL


def _draw_gutter(draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    label = "↪" if row.line is None else str(row.line)
    draw.text((_GUTTER - 22, top + _LINE / 2), label, _QUIET, _font(13), anchor="rm")
    if row.gap:
        draw.line((_MARGIN, top - 1, _GUTTER + COLUMNS * _CELL, top - 1), _QUIET)


def _draw_mark(draw: ImageDraw.ImageDraw, left: int, top: int, cell: Cell, cited: set[int]) -> None:
    right = left + max(1, cell.width) * _CELL
    draw.rectangle((left, top + 1, right - 1, top + _LINE - 3), MARK)
    draw.line((left, top + _LINE - 2, right - 1, top + _LINE - 2), MARK_EDGE, 2)
    for offset, x in ((cell.offset - 1, left), (cell.offset + 1, right - 1)):
        if offset not in cited:  # where the quote begins and where it ends
            draw.line((x, top + 1, x, top + _LINE - 2), MARK_EDGE, 2)


def _draw_character(draw: ImageDraw.ImageDraw, left: int, top: int, character: str) -> bool:
    """Whether the font lacks the character: an empty box stands for it then."""
    if character.isspace():
        return False
    if _has(character):
        draw.text((left, top + _LINE / 2 + 6), character, INK, _font(_SIZE), anchor="ls")
        return False
    draw.rectangle((left + 2, top + 6, left + _CELL - 2, top + _LINE - 7), outline=INK)
    return True


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font_file()), size)


@cache
def _has(character: str) -> bool:
    if unicodedata.category(character)[0] == "C":  # controls and the like have no shape
        return False
    own, none = (_font(_SIZE).getmask(each) for each in (character, "\U0010ffff"))
    return (own.size, bytes(own)) != (none.size, bytes(none))


@cache
def font_file() -> Path:
    """DejaVu Sans Mono, which Matplotlib ships: found without importing it, which would read its settings."""
    found = find_spec("matplotlib")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSansMono.ttf"

"""Words on a page as lines of cells: what stands together is a cell, what stands at one height is a line.

Labels are looked up in the squeezed characters of a cell (lower case, no diacritics, letters and digits alone), so that neither
a dotted leader nor a space that OCR dropped hides one.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise

from compliance_assets.normalised_documents.words import Box, Word

# In heights of a line: within a cell words stand closer than this, cells of a form farther apart.
_CELL_GAP = 0.65
_SAME_LINE = 0.5


@dataclass(frozen=True, slots=True)
class Cell:
    """Words that stand together. `squeezed[i]` stands at `offsets[i]` of the document's text."""

    words: tuple[Word, ...]
    box: Box
    squeezed: str
    offsets: tuple[int, ...]

    @property
    def end(self) -> int:
        """Where the cell's text ends in the document's."""
        return self.words[-1].end

    @property
    def start(self) -> int:
        """Where the cell's text starts in the document's."""
        return self.words[0].start


@dataclass(frozen=True, slots=True)
class Line:
    """Cells of one height, from left to right."""

    page: int
    cells: tuple[Cell, ...]

    @property
    def height(self) -> float:
        """The height of its highest word."""
        return max(cell.box.bottom - cell.box.top for cell in self.cells)

    @property
    def top(self) -> float:
        """The upper edge."""
        return min(cell.box.top for cell in self.cells)

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return max(cell.box.bottom for cell in self.cells)


def lines_of(text: str, words: Sequence[Word]) -> tuple[Line, ...]:
    """The lines of all pages, from the top of the first to the foot of the last."""
    lines: list[Line] = []
    for page, on_page in groupby(sorted(words, key=lambda w: (w.page, w.box.top)), key=lambda w: w.page):
        lines += [Line(page, _cells(text, row)) for row in _rows(list(on_page))]
    return tuple(lines)


def squeezed(text: str) -> str:
    """Letters and digits alone, in lower case and without diacritics."""
    return "".join(map(_squeezed_character, text))


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them."""
    return Box(
        min(b.left for b in boxes), min(b.top for b in boxes), max(b.right for b in boxes), max(b.bottom for b in boxes)
    )


def _rows(words: list[Word]) -> list[list[Word]]:
    """Words are of one row when the middle of one lies within the height of the row's tallest."""
    rows: list[list[Word]] = []
    bands: list[tuple[float, float]] = []
    for word in words:
        middle = (word.box.top + word.box.bottom) / 2
        for index in range(len(rows) - 1, max(len(rows) - 4, -1), -1):
            top, bottom = bands[index]
            overlap = min(bottom, word.box.bottom) - max(top, word.box.top)
            if top <= middle <= bottom or overlap > _SAME_LINE * (bottom - top):
                rows[index].append(word)
                if word.box.bottom - word.box.top > bottom - top:
                    bands[index] = (word.box.top, word.box.bottom)
                break
        else:
            rows.append([word])
            bands.append((word.box.top, word.box.bottom))
    order = sorted(range(len(rows)), key=lambda i: bands[i])
    return [sorted(rows[i], key=lambda w: w.box.left) for i in order]


def _cells(text: str, row: list[Word]) -> tuple[Cell, ...]:
    gap = _CELL_GAP * max(word.box.bottom - word.box.top for word in row)
    groups: list[list[Word]] = [[row[0]]]
    for previous, word in pairwise(row):
        # A word that does not follow in the text belongs to another cell, however near it stands.
        if word.box.left - previous.box.right > gap or not text[previous.end : word.start].isspace():
            groups.append([])
        groups[-1].append(word)
    return tuple(_cell(text, group) for group in groups)


def _cell(text: str, words: list[Word]) -> Cell:
    pairs = [
        (character, offset)
        for word in words
        for offset in range(word.start, word.end)
        for character in _squeezed_character(text[offset])
    ]
    return Cell(
        tuple(words), union([w.box for w in words]), "".join(c for c, _ in pairs), tuple(offset for _, offset in pairs)
    )


@cache
def _squeezed_character(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character.casefold()) if c.isalnum() and c.isascii())

"""Prints a return as a PDF with a text layer: draws the parts of a layout, and notes the text and where fields stand.

Distances are in points; y grows upwards, as in a PDF. The bytes depend on the declaration and the layout alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatchmethod
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden.declaration import Declaration
from evals.golden.layouts import (
    Banner,
    Boxes,
    Entry,
    Heading,
    Layout,
    Lines,
    NewPage,
    Pairs,
    Table,
    ValueFirst,
)
from evals.golden.page_values import Piece, filled, rows_of, values_of
from evals.golden.rendered import ReferenceText, Rendered

_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 553.0, 800.0, 48.0
_PLAIN, _BOLD = "Helvetica", "Helvetica-Bold"
_SIZE = 9.0
_SMALL = 7.0
_LINE = 13.0
_BOX = 25.0
_GAP = 4.0  # the least between two texts of a line
_SECOND_COLUMN = 95.0  # of a line's second amount, left of the right edge
_VALUE_FIRST = 190.0  # where a value that precedes its label ends


@dataclass(frozen=True, slots=True)
class _Run:
    """Pieces that are drawn together. `x` is where they begin, or where they end if `ends`."""

    x: float
    pieces: tuple[Piece, ...]
    font: str = _PLAIN
    size: float = _SIZE
    ends: bool = False

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def width(self) -> float:
        return float(stringWidth(self.text, self.font, self.size))

    @property
    def left(self) -> float:
        return self.x - self.width if self.ends else self.x


def render_pdf(declaration: Declaration, layout: Layout) -> Rendered:
    """The return as a PDF of A4 pages. The reference text has the lines from top to bottom, each from left to right."""
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=0, invariant=1)
    canvas.setTitle("Declaração de Ajuste Anual")
    sheet = _Sheet(canvas, declaration, layout)
    for part in layout.parts(declaration.category):
        sheet.draw(part)
    sheet.end_page()
    sheet.count_dependants()
    canvas.save()
    return sheet.reference.rendered(buffer.getvalue(), ".pdf")


class _Sheet:
    """The page that is being drawn; a part that reaches its end goes on at the top of the next one."""

    def __init__(self, canvas: Canvas, declaration: Declaration, layout: Layout) -> None:
        self.reference = ReferenceText()
        self._canvas = canvas
        self._declaration = declaration
        self._layout = layout
        self._values = values_of(declaration, layout)
        self._page = 1
        self._y = _TOP
        self._no_dependants = (0, 0)

    def end_page(self) -> None:
        self._line([_Run(_RIGHT, (Piece(f"Página {self._page}"),), size=_SMALL, ends=True)], at=_BOTTOM - 16)
        self.reference.end_page()
        self._canvas.showPage()

    @singledispatchmethod
    def draw(self, part: object) -> None:
        raise TypeError(f"no layout has a part of the type {type(part).__name__}")

    @draw.register
    def _(self, part: NewPage) -> None:
        self._new_page()

    @draw.register
    def _(self, part: Banner) -> None:
        for number, line in enumerate(part.lines):
            size = 12.0 if number < 2 else 10.0
            pieces = self._filled(line)
            run = _Run(0, pieces, _BOLD, size)
            self._line([_Run((_WIDTH - run.width) / 2, pieces, _BOLD, size)], height=size + 4)

    @draw.register
    def _(self, part: Heading) -> None:
        self._need(3 * _LINE)
        self._y -= 5
        if self._layout.ruled:
            self._canvas.line(_LEFT, self._y - 4, _RIGHT, self._y - 4)
        else:
            self._canvas.setFillGray(0.88)
            self._canvas.rect(_LEFT, self._y - 4, _RIGHT - _LEFT, _LINE, stroke=0, fill=1)
            self._canvas.setFillGray(0)
        self._line([_Run(_LEFT + 4, self._filled(part.text), _BOLD)], height=_LINE + 3)

    @draw.register
    def _(self, part: Lines) -> None:
        if part.headers:
            self._line(self._at_the_right(part.headers, _BOLD))
        for number, entry in enumerate(self._entries(part.entries), start=1):
            label = f"{number:02d}. {entry.label}" if part.numbered else entry.label
            runs = [_Run(_LEFT + 4, (Piece(label),)), *self._at_the_right((entry.value, *entry.beside))]
            if part.dots:
                runs.insert(1, _dots(runs[0]))
            self._line(runs)

    @draw.register
    def _(self, part: Pairs) -> None:
        entries = self._entries(part.entries)
        middle = (_LEFT + _RIGHT) / 2 + 30
        for two in _by(2, entries):
            runs: list[_Run] = []
            for x, entry in zip((_LEFT + 4, middle), two, strict=False):
                label = _Run(x, (Piece(entry.label),), _BOLD)
                runs += [label, _Run(x + label.width + 6, self._filled(entry.value))]
            self._line(runs)

    @draw.register
    def _(self, part: Boxes) -> None:
        width = (_RIGHT - _LEFT) / part.columns
        for row in _by(part.columns, self._entries(part.entries)):
            self._need(_BOX)
            for column in range(len(row)):
                self._canvas.rect(_LEFT + column * width, self._y - _BOX + 8, width, _BOX)
            lefts = [_LEFT + column * width + 4 for column in range(len(row))]
            labels = [_Run(x, (Piece(entry.label),), size=_SMALL) for x, entry in zip(lefts, row, strict=True)]
            values = [_Run(x, self._filled(entry.value)) for x, entry in zip(lefts, row, strict=True)]
            self._line(labels, height=11)
            self._line(values, height=_BOX - 11)
        self._y -= 4

    @draw.register
    def _(self, part: ValueFirst) -> None:
        for entry in self._entries(part.entries):
            first, *rest = entry.label.split("|")
            value = self._filled(entry.value)
            ends = entry.value.startswith("R$")
            self._line([
                _Run(_VALUE_FIRST if ends else _LEFT + 4, value, ends=ends),
                _Run(_VALUE_FIRST + 90, (Piece(first),)),
            ])  # fmt: skip
            for more in rest:
                self._line([_Run(_VALUE_FIRST + 90, (Piece(more),))])

    @draw.register
    def _(self, part: Table) -> None:
        rows = rows_of(self._declaration, part.source)
        start = len(self.reference.text)
        if rows:
            self._line([
                _Run(c.x, (Piece(c.header),), _BOLD, _SMALL, ends=c.is_amount) for c in part.columns
            ])  # fmt: skip
            for row in rows:
                self._line([
                    _Run(c.x, filled(c.value, row), size=_SMALL + 0.5, ends=c.is_amount) for c in part.columns
                ])  # fmt: skip
        else:
            self._line([_Run(_LEFT + 4, (Piece(part.empty),))])
        if part.source == "dependants":
            self._no_dependants = (start, start + len(part.empty))

    def count_dependants(self) -> None:
        """Where no number is printed the table states how many there are: from the first one's number to the last one's."""
        spans = [span for key, span in self.reference.spans.items() if key.startswith(f"{Field.DEPENDANT_ID}[")]
        span = (spans[0][0], spans[-1][1]) if spans else self._no_dependants
        self.reference.spans.setdefault(str(Field.DEPENDANTS), span)

    def _at_the_right(self, templates: Sequence[str], font: str = _PLAIN) -> list[_Run]:
        """Runs that end at the right edge, the last one there, the others left of it."""
        ends = [_RIGHT - 4 - _SECOND_COLUMN * (len(templates) - 1 - i) * 1.4 for i in range(len(templates))]
        return [_Run(x, self._filled(t), font, ends=True) for x, t in zip(ends, templates, strict=True)]

    def _entries(self, entries: Sequence[Entry]) -> list[Entry]:
        corrects = self._declaration.return_type == "retificadora"
        return [entry for entry in entries if corrects or not entry.corrects]

    def _filled(self, template: str) -> tuple[Piece, ...]:
        return filled(template, self._values)

    def _new_page(self) -> None:
        self.end_page()
        self._page += 1
        self._y = _TOP
        if self._layout.running:
            self._line([_Run(_LEFT, self._filled(self._layout.running), size=_SMALL)], height=18)

    def _need(self, height: float) -> None:
        if self._y - height < _BOTTOM:
            self._new_page()

    def _line(self, runs: Sequence[_Run], height: float = _LINE, at: float | None = None) -> None:
        """Draws a line of runs that are in order from left to right. Raises ValueError where two of them would overlap."""
        if at is None:
            self._need(height)
        y = self._y if at is None else at
        end = 0.0
        for run in runs:
            if run.left < end:
                raise ValueError(f"the layout {self._layout.name} has no room at {run.left:.0f} points of a line")
            end = run.left + run.width + _GAP
            self._canvas.setFont(run.font, run.size)
            self._canvas.drawString(run.left, y, run.text)
        if end > _WIDTH - 20:
            raise ValueError(f"a line of the layout {self._layout.name} is too long")
        self._note(runs)
        if at is None:
            self._y -= height

    def _note(self, runs: Sequence[_Run]) -> None:
        for i, run in enumerate(runs):
            self.reference.write("  " if i else "")
            for piece in run.pieces:
                if piece.field is None:
                    self.reference.write(piece.text)
                else:
                    self.reference.write_field(piece.field, piece.text, piece.ordinal)
        self.reference.write("\n")


def _dots(label: _Run) -> _Run:
    """A few dots behind a label. Dots up to the value would read as noise: OCR then loses the value with them."""
    return _Run(label.left + label.width + _GAP, (Piece("......"),))


def _by(count: int, entries: Sequence[Entry]) -> list[Sequence[Entry]]:
    return [entries[i : i + count] for i in range(0, len(entries), count)]

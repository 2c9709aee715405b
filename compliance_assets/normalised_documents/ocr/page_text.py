"""Recognised words to lines of text in reading order, with the exact place of each word in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from compliance_assets.normalised_documents.ocr.engine import RecognisedWord
from compliance_assets.normalised_documents.parsed import clean
from compliance_assets.normalised_documents.words import Box, Word

# Share of the lower of two words that must lie beside the other for them to stand on one line.
_BESIDE = 0.5
# A gap of this many heights of the higher word separates a label from its value: it is kept as two spaces.
_WIDE_GAP = 1.0
# Higher or lower than this many times the page's median, it is a rule of a table, a dot, or dirt: no line is built on it.
_USUAL_HEIGHT = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page, which ends with a line feed, and its words with offsets into the document's text."""

    text: str
    words: tuple[Word, ...]


def page_text(recognised: Iterable[RecognisedWord], *, page: int, start: int) -> PageText:
    """The words of the page in reading order. `start` is the offset of the page in the document's text.

    A line goes across the whole page, so that a form's label and its value are on one line; columns of prose are not kept
    apart.
    """
    pieces: list[str] = []
    words: list[Word] = []
    for line in _lines(_cleaned(recognised)):
        for before, word in zip((None, *line), line, strict=False):
            gap = "" if before is None else "  " if _is_wide(before.box, word.box) else " "
            begin = start + len(gap)
            start = begin + len(word.text)
            pieces += (gap, word.text)
            words.append(Word(begin, start, page, word.box, word.certainty))
        pieces.append("\n")
        start += 1
    return PageText("".join(pieces) or "\n", tuple(words))


def _cleaned(recognised: Iterable[RecognisedWord]) -> list[RecognisedWord]:
    """Words as the canonical text holds them: without white space or what cannot be stored."""
    words = (replace(word, text="".join(clean(word.text).split())) for word in recognised)
    return [word for word in words if word.text]


def _lines(words: Sequence[RecognisedWord]) -> list[list[RecognisedWord]]:
    """Lines from top to bottom, each from left to right."""
    if not words:
        return []
    usual = median(_height(word.box) for word in words)
    least, most = (usual * share for share in _USUAL_HEIGHT)
    lines = _chained([word for word in words if least <= _height(word.box) <= most])
    odd = [(word, _line_beside(lines, word)) for word in words if not least <= _height(word.box) <= most]
    for word, line in odd:
        if line is not None:
            line.append(word)
    lines += _chained([word for word, line in odd if line is None])
    for line in lines:
        line.sort(key=lambda word: word.box.left)
    return sorted(lines, key=lambda line: median(_middle(word.box) for word in line))


def _chained(words: Iterable[RecognisedWord]) -> list[list[RecognisedWord]]:
    """From left to right: neighbours stand beside each other even where the ends of a skewed line do not."""
    lines: list[list[RecognisedWord]] = []
    for word in sorted(words, key=lambda word: (word.box.left, word.box.top)):
        line = _line_beside(lines, word)
        if line is None:
            lines.append([word])
        else:
            line.append(word)
    return lines


def _line_beside(lines: list[list[RecognisedWord]], word: RecognisedWord) -> list[RecognisedWord] | None:
    """The line that the word continues."""
    nearest = max(lines, key=lambda line: _beside(_neighbour(line, word).box, word.box), default=None)
    return nearest if nearest and _beside(_neighbour(nearest, word).box, word.box) >= _BESIDE else None


def _neighbour(line: Sequence[RecognisedWord], word: RecognisedWord) -> RecognisedWord:
    """The last word of the line that begins left of the word; its first if none does."""
    return next((each for each in reversed(line) if each.box.left <= word.box.left), line[0])


def _beside(one: Box, other: Box) -> float:
    """The overlap of the heights as a share of the lower box's."""
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    return overlap / max(1e-9, min(_height(one), _height(other)))


def _is_wide(before: Box, after: Box) -> bool:
    return after.left - before.right > _WIDE_GAP * max(_height(before), _height(after))


def _height(box: Box) -> float:
    return box.bottom - box.top


def _middle(box: Box) -> float:
    return (box.top + box.bottom) / 2

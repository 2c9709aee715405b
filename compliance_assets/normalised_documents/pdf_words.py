"""Where the words of a PDF's text layer stand on its pages. Looked up only for documents whose fields are located."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pypdfium2
from pypdfium2 import raw

from compliance_assets.normalised_documents.words import Box, Word

_WORD = re.compile(r"\S+")


def words_of(
    document: pypdfium2.PdfDocument, pages: Sequence[str], recognised: Mapping[int, tuple[Word, ...]]
) -> tuple[Word, ...]:
    """The words of all pages in the order of the text. `pages` are the cleaned texts, which joined are the document's.

    `recognised` are the words of the pages (from 1) that OCR read. The boxes of the others are in points from the upper
    left corner of the page as it is shown, and as high as the font.
    """
    words: list[Word] = []
    start = 0
    for number, text in enumerate(pages, start=1):
        if number in recognised:
            words += recognised[number]
        elif text.strip():
            words += _page_words(document, number, text, start)
        start += len(text)
    return tuple(words)


def _page_words(document: pypdfium2.PdfDocument, number: int, text: str, start: int) -> Iterator[Word]:
    with closing(document[number - 1]) as page, closing(page.get_textpage()) as text_page:
        uncleaned = text_page.get_text_range(errors="surrogatepass")
        edges, rotation = page.get_bbox(), page.get_rotation()
        # Cleaning replaces characters and line ends only: the words stay the same, one for one.
        for word, source in zip(_WORD.finditer(text), _WORD.finditer(uncleaned), strict=True):
            first, last = _character_box(text_page, source.start()), _character_box(text_page, source.end() - 1)
            box = _shown(_around(first, last), edges, rotation)
            yield Word(start + word.start(), start + word.end(), number, box)


_Rectangle = tuple[float, float, float, float]  # left, bottom, right, top; y grows upwards, as PDF counts


def _character_box(text_page: pypdfium2.PdfTextPage, index: int) -> _Rectangle:
    """The box of the character at `index` of the page's text; two numberings meet here, since pdfium leaves some out."""
    rectangle = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(text_page, raw.FPDFText_GetCharIndexFromTextIndex(text_page, index), rectangle)
    return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top


def _around(one: _Rectangle, other: _Rectangle) -> _Rectangle:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _shown(box: _Rectangle, page: _Rectangle, rotation: int) -> Box:
    """The box on the page as it is shown, turned clockwise by `rotation` degrees."""
    left, bottom, right, top = box
    page_left, page_bottom, page_right, page_top = page
    if rotation == 90:
        return Box(bottom - page_bottom, left - page_left, top - page_bottom, right - page_left)
    if rotation == 180:
        return Box(page_right - right, bottom - page_bottom, page_right - left, top - page_bottom)
    if rotation == 270:
        return Box(page_top - top, page_right - right, page_top - bottom, page_right - left)
    return Box(left - page_left, page_top - top, right - page_left, page_top - bottom)

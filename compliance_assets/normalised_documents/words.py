"""Words on a page: what a text layer or an OCR engine gives, with the place of each. Nothing is read here."""

from collections.abc import Callable
from dataclasses import dataclass

from compliance_assets.normalised_documents.filings.fields import Filing


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page; y grows downwards. The unit is the page's own: points of a PDF, pixels of an image."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Word:
    """The characters `[start, end)` of the document's text, in code points, without white space, and where they stand.

    Pages count from 1. `certainty` is in 0..1, and 1 where the characters were not recognised but read.
    """

    start: int
    end: int
    page: int
    box: Box
    certainty: float = 1.0


# Reads a filing from a document's text, the end offsets of its pages, and its words, which cost time only when asked for.
ReadFiling = Callable[[str, tuple[int, ...], Callable[[], tuple[Word, ...]]], Filing | None]

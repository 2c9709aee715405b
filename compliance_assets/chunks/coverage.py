"""The promises of a document's chunks: exact offsets, the right page, nothing left out. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compliance_assets.chunks.chunker import DocumentText


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A chunk as stored, with what is needed to hold it against its document."""

    chunk_id: str
    page: int
    char_start: int
    char_end: int
    text: str


def wrong_offsets(document: DocumentText, spans: Sequence[StoredSpan]) -> list[str]:
    """Ids of chunks whose text is not the document's at their offsets, or that leave the page they name."""
    page_starts = (0, *document.page_ends)
    return [
        span.chunk_id
        for span in spans
        if document.raw_text[span.char_start : span.char_end] != span.text
        or span.char_start < page_starts[span.page - 1]
        or span.char_end > document.page_ends[span.page - 1]
    ]


def uncovered(document: DocumentText, spans: Sequence[StoredSpan]) -> list[tuple[int, int]]:
    """Stretches of the document, other than white space, that no chunk holds."""
    gaps, reached = [], 0
    for start, end in sorted((span.char_start, span.char_end) for span in spans):
        if start > reached:
            gaps.append((reached, start))
        reached = max(reached, end)
    gaps.append((reached, len(document.raw_text)))
    return [(start, end) for start, end in gaps if re.search(r"\S", document.raw_text[start:end])]

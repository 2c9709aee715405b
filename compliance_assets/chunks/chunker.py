"""Turns a normalised document into chunks. Pure: the tokenizer comes in as a function."""

import bisect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compliance_assets.chunks.sections import sections_of
from compliance_assets.chunks.windows import Span, TokenSpans, WindowSize, windows_of
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.chunk import Chunk

if TYPE_CHECKING:
    from resources.embedder import Embedder

CODE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class DocumentText:
    """What chunking needs of an envelope. `page_ends` are the end offsets of pages 1, 2, …"""

    doc_id: str
    year: int
    filer_category: str | None
    raw_text: str
    page_ends: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chunker:
    """Sentence windows by one tokenizer. Its version names everything that changes its output."""

    token_spans: Callable[[Sequence[str]], Sequence[TokenSpans]]
    tokenizer_id: str
    size: WindowSize = field(default_factory=WindowSize)

    @property
    def version(self) -> str:
        """For example `sentence-window/1/300/50/wordpiece-da0e7993`."""
        return f"sentence-window/{CODE_VERSION}/{self.size.tokens}/{self.size.overlap}/{self.tokenizer_id}"

    def chunk(self, document: DocumentText) -> list[Chunk]:
        """Chunks in reading order. A chunk lies on one page and in one section; white space alone makes none."""
        text = document.raw_text
        pages = _pages(document)
        page_tokens = self.token_spans([text[start:end] for start, end in pages])
        tokens = [
            (a + start, b + start) for (start, _), spans in zip(pages, page_tokens, strict=True) for a, b in spans
        ]
        token_starts = [token[0] for token in tokens]
        found: list[tuple[Span, str]] = []
        for start, end, title in _blocks(document):
            low, high = bisect.bisect_left(token_starts, start), bisect.bisect_left(token_starts, end)
            found += [(span, title) for span in windows_of(text, start, end, tokens[low:high], self.size)]
        return [self._chunk(document, ordinal, span, title) for ordinal, (span, title) in enumerate(found)]

    def _chunk(self, document: DocumentText, ordinal: int, span: Span, section: str) -> Chunk:
        text = document.raw_text[span.start : span.end]
        return Chunk(
            chunk_id=content_id("ck", document.doc_id, self.version, span.start, span.end),
            doc_id=document.doc_id,
            year=document.year,
            filer_category=document.filer_category,
            ordinal=ordinal,
            page=bisect.bisect_right(document.page_ends, span.start) + 1,
            char_start=span.start,
            char_end=span.end,
            section=section,
            text=text,
            token_count=span.tokens,
            text_sha256=sha256_hex(text),
            chunker_version=self.version,
        )


def chunker_for(embedder: "Embedder") -> Chunker:
    """Windows are counted by the tokenizer of the model that will embed them."""
    return Chunker(embedder.token_spans, embedder.tokenizer_id)


def _pages(document: DocumentText) -> list[tuple[int, int]]:
    return list(zip((0, *document.page_ends), document.page_ends, strict=False))


def _blocks(document: DocumentText) -> list[tuple[int, int, str]]:
    """The stretches that no window crosses: each lies on one page and in one section."""
    blocks = []
    for section in sections_of(document.raw_text, document.year):
        inner = [end for end in document.page_ends if section.start < end < section.end]
        bounds = [section.start, *inner, section.end]
        blocks += [(start, end, section.title) for start, end in itertools.pairwise(bounds)]
    return blocks

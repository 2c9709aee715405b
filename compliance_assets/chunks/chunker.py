"""Turns a normalised document into chunks. Pure: the tokenizer comes in as a function."""

import bisect
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from compliance_assets.chunks.headers import header_of, page_headings
from compliance_assets.chunks.sections import Section, sections_of
from compliance_assets.chunks.tables import tables_of
from compliance_assets.chunks.windows import Span, TokenSpans, WindowSize, windows_of
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.chunk import Chunk

if TYPE_CHECKING:
    from resources.embedder import Embedder

CODE_VERSION = "2"


@dataclass(frozen=True, slots=True)
class DocumentText:
    """What chunking needs of an envelope. `page_ends` are the end offsets of pages 1, 2, …"""

    doc_id: str
    year: int
    filer_category: str | None
    raw_text: str
    page_ends: tuple[int, ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Chunker:
    """Sentence windows by one tokenizer. Its version names everything that changes its output."""

    token_spans: Callable[[Sequence[str]], Sequence[TokenSpans]]
    tokenizer_id: str
    size: WindowSize = field(default_factory=WindowSize)

    @property
    def version(self) -> str:
        """For example `sentence-window/2/300/50/wordpiece-be50c362`."""
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
        headings = page_headings(text, document.page_ends)
        found: list[tuple[Span, Section]] = []
        for start, end, section in _blocks(document):
            low, high = bisect.bisect_left(token_starts, start), bisect.bisect_left(token_starts, end)
            tables = tables_of(text, start, end)
            found += [(span, section) for span in windows_of(text, start, end, tokens[low:high], self.size, tables)]
        return [
            self._chunk(document, ordinal, span, section, headings) for ordinal, (span, section) in enumerate(found)
        ]

    def _chunk(
        self, document: DocumentText, ordinal: int, span: Span, section: Section, headings: Sequence[str]
    ) -> Chunk:
        text = document.raw_text[span.start : span.end]
        page = bisect.bisect_right(document.page_ends, span.start) + 1
        header = header_of(document.title, document.year, section.path, headings[page - 1])
        return Chunk(
            chunk_id=content_id("ck", document.doc_id, self.version, span.start, span.end),
            doc_id=document.doc_id,
            year=document.year,
            filer_category=document.filer_category,
            ordinal=ordinal,
            page=page,
            char_start=span.start,
            char_end=span.end,
            section=section.title,
            text=text,
            token_count=span.tokens,
            text_sha256=sha256_hex(text),
            chunker_version=self.version,
            header=header,
            header_sha256=sha256_hex(header) if header else None,
        )


def chunker_for(embedder: "Embedder") -> Chunker:
    """Windows are counted by the tokenizer of the model that will embed them."""
    return Chunker(embedder.token_spans, embedder.tokenizer_id)


def _pages(document: DocumentText) -> list[tuple[int, int]]:
    return list(zip((0, *document.page_ends), document.page_ends, strict=False))


def _blocks(document: DocumentText) -> list[tuple[int, int, Section]]:
    """The stretches that no window crosses: each lies on one page and in one section."""
    blocks = []
    for section in sections_of(document.raw_text, document.year):
        inner = [end for end in document.page_ends if section.start < end < section.end]
        bounds = [section.start, *inner, section.end]
        blocks += [(start, end, section) for start, end in itertools.pairwise(bounds)]
    return blocks

"""The promises of a chunk, for any Unicode: exact offsets, nothing left out, one page, one section, a bounded size."""

import bisect
import itertools
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings

from compliance_assets.chunks.chunker import Chunker, DocumentText, chunker_for
from compliance_assets.chunks.coverage import StoredSpan, uncovered, wrong_offsets
from compliance_assets.chunks.sections import sections_of
from compliance_assets.chunks.windows import MAX_WINDOW_CHARACTERS, WindowSize
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.chunk import Chunk
from resources.embedder import HashEmbedder, MiniLM
from tests.chunks.texts import document_of, documents

MINILM = MiniLM()
SMALL = WindowSize(tokens=12, overlap=4)
CHUNKERS = {
    "wordpiece, 300 tokens": chunker_for(MINILM),
    "words, 300 tokens": chunker_for(HashEmbedder()),
    "wordpiece, 12 tokens": Chunker(MINILM.token_spans, MINILM.tokenizer_id, SMALL),
    "words, 12 tokens": Chunker(HashEmbedder().token_spans, "words-1", SMALL),
    "words, no overlap": Chunker(HashEmbedder().token_spans, "words-1", WindowSize(tokens=10, overlap=0)),
}
# What a model of 512 positions reads besides its two special tokens.
READABLE_TOKENS = MiniLM.MAX_TOKENS - 2

by_each_chunker = pytest.mark.parametrize("chunker", CHUNKERS.values(), ids=CHUNKERS)
quickly = settings(max_examples=60, deadline=None)


def tokens_within(starts: Sequence[int], start: int, end: int) -> int:
    return bisect.bisect_left(starts, end) - bisect.bisect_left(starts, start)


def token_starts(chunker: Chunker, document: DocumentText) -> list[int]:
    """Where the tokens of a document start, page by page."""
    found: list[int] = []
    for start, end in zip((0, *document.page_ends), document.page_ends, strict=False):
        [spans] = chunker.token_spans([document.raw_text[start:end]])
        found += [start + a for a, _ in spans]
    return found


@by_each_chunker
@given(document=documents)
@quickly
@example(document_of([]))
@example(document_of(["", " \n ", ""]))
@example(document_of(["x" * 9_000 + " y"]))
@example(document_of(["\u200b" * 9_000]))
@example(document_of(["각" * 400 + " 각"]))
@example(document_of(["no end " * 500]))
def test_every_promise_holds_for_any_text(chunker: Chunker, document: DocumentText) -> None:
    text, chunks = document.raw_text, chunker.chunk(document)
    starts = token_starts(chunker, document)
    held = [False] * len(text)
    for chunk in chunks:
        assert text[chunk.char_start : chunk.char_end] == chunk.text
        assert chunk.text_sha256 == sha256_hex(chunk.text)
        assert len(chunk.text) <= MAX_WINDOW_CHARACTERS
        assert chunk.token_count <= chunker.size.tokens
        assert tokens_within(starts, chunk.char_start, chunk.char_end) <= chunker.size.tokens
        page_start = (0, *document.page_ends)[chunk.page - 1]
        assert page_start <= chunk.char_start < chunk.char_end <= document.page_ends[chunk.page - 1]
        held[chunk.char_start : chunk.char_end] = [True] * len(chunk.text)
    assert not [i for i, character in enumerate(text) if not character.isspace() and not held[i]]
    for before, after in itertools.pairwise(chunks):
        assert before.char_start < after.char_start
        assert before.char_end < after.char_end
        assert tokens_within(starts, after.char_start, before.char_end) <= chunker.size.overlap
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)


@by_each_chunker
@given(document=documents)
@quickly
def test_no_chunk_crosses_a_section_divider(chunker: Chunker, document: DocumentText) -> None:
    sections = sections_of(document.raw_text, document.year)
    for chunk in chunker.chunk(document):
        [section] = [s for s in sections if s.start <= chunk.char_start < s.end]
        assert chunk.char_end <= section.end
        assert chunk.section == section.title


@by_each_chunker
@given(document=documents)
@quickly
def test_chunking_twice_gives_the_same_chunks(chunker: Chunker, document: DocumentText) -> None:
    assert chunker.chunk(document) == chunker.chunk(document)


@given(document=documents)
@quickly
@example(document_of([f"{'x' * 99} " * 40]))
@example(document_of([("각" * 30 + " ") * 40]))
@example(document_of(["x" * 8_050 + " word" * 400]))
def test_the_embedding_model_reads_every_chunk_whole(document: DocumentText) -> None:
    chunks = CHUNKERS["wordpiece, 300 tokens"].chunk(document)
    if chunks:
        assert max(len(spans) for spans in MINILM.token_spans([chunk.text for chunk in chunks])) <= READABLE_TOKENS


@given(document=documents)
@quickly
def test_the_checks_of_the_asset_agree_that_nothing_is_wrong(document: DocumentText) -> None:
    spans = [stored(chunk) for chunk in CHUNKERS["words, 12 tokens"].chunk(document)]
    assert (wrong_offsets(document, spans), uncovered(document, spans)) == ([], [])


def stored(chunk: Chunk) -> StoredSpan:
    return StoredSpan(chunk.chunk_id, chunk.page, chunk.char_start, chunk.char_end, chunk.text)


def test_chunks_carry_what_the_document_says_of_itself() -> None:
    document = document_of(["# Custody\nThe bank holds it.\n", "A second page."])
    first, second = chunker_for(HashEmbedder()).chunk(document)
    assert (first.doc_id, first.year, first.filer_category) == ("doc_1", 2021, "Northwind")
    assert (first.page, first.section, first.text) == (1, "# Custody", "# Custody\nThe bank holds it.")
    assert (second.page, second.section, second.text) == (2, "# Custody", "A second page.")


def test_an_id_depends_on_the_document_the_chunker_and_the_place() -> None:
    document = document_of(["The bank holds it."])
    [chunk] = CHUNKERS["words, 300 tokens"].chunk(document)
    assert chunk.chunk_id == "ck_f92fbb5243360a4cc2fbed8fe905c0200f04b0f8"
    [of_another_chunker] = CHUNKERS["words, 12 tokens"].chunk(document)
    assert of_another_chunker.chunk_id != chunk.chunk_id


@pytest.mark.parametrize(
    ("embedder", "version"),
    [
        (HashEmbedder, "sentence-window/2/300/50/words-1"),
        (MiniLM, "sentence-window/2/300/50/wordpiece-be50c362"),
    ],
)
def test_the_version_names_everything_that_changes_the_output(
    embedder: Callable[[], HashEmbedder | MiniLM], version: str
) -> None:
    assert chunker_for(embedder()).version == version


class TestTheChecks:
    """A check that never fails would be worth nothing."""

    document = document_of(["First page. ", "Second page."])

    def spans(self, **change: object) -> list[StoredSpan]:
        """The right spans of the document, the second one changed."""
        right = {"chunk_id": "ck_2", "page": 2, "char_start": 12, "char_end": 24, "text": "Second page."}
        return [StoredSpan("ck_1", 1, 0, 11, "First page."), StoredSpan(**{**right, **change})]  # type: ignore[arg-type]

    def test_right_spans_pass(self) -> None:
        assert wrong_offsets(self.document, self.spans()) == []
        assert uncovered(self.document, self.spans()) == []

    @pytest.mark.parametrize(
        "change",
        [{"text": "Second page!"}, {"char_start": 11}, {"page": 1}, {"char_start": 10, "text": ". Second page."}],
    )
    def test_a_span_that_is_off_is_named(self, change: dict[str, object]) -> None:
        assert wrong_offsets(self.document, self.spans(**change)) == ["ck_2"]

    def test_text_that_no_chunk_holds_is_found(self) -> None:
        assert uncovered(self.document, self.spans(char_start=14)) == [(11, 14)]
        assert uncovered(self.document, self.spans(char_end=20)) == [(20, 24)]
        assert uncovered(self.document, []) == [(0, 24)]

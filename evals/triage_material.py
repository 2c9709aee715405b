"""What a triage is made from: a set's filings as the parser and the chunker leave them, and the law of every year, indexed.

The search is the index's own in small: exact cosines beside the lexical index of each year, their ranks fused, one hit a place.
Nothing here knows a truth.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from compliance_assets.chunks.chunker import Chunker, DocumentText
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.model_decisions.decide import Parsed
from compliance_assets.normalised_documents.filings.law import known_years
from compliance_assets.normalised_documents.ocr.settings import EngineChoice, OcrSettings
from compliance_assets.normalised_documents.parse import parse, parser_with
from compliance_assets.normalised_documents.parsed import Parsed as ParsedText
from compliance_assets.normalised_documents.worker import ParserPool
from compliance_assets.year_index.lexical import LexicalEntry, LexicalIndex
from compliance_assets.year_index.question import searched_as
from compliance_assets.year_index.ranking import Place, depth_for, fused, merged, spread
from compliance_assets.year_index.recall import unit
from compliance_assets.year_index.retrieved import Retrieved
from evals.golden.golden_set import Row, plan_of, render_row
from evals.golden.rules import CATEGORY, path_of, rules_of
from evals.in_memory_world import Document, document, retrieved
from resources.embedder import Embedder

_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Material:
    """A filing as text in chunks, and what deterministic reading made of it: None of a scan that is taken by its reference text."""

    row: Row
    document: Document
    parsed: Parsed | None

    @property
    def format(self) -> str:
        """The format of its row."""
        return str(self.row["format"])

    @property
    def year(self) -> int:
        """The calendar year whose partition it lies in."""
        return int(self.row["year"])


@dataclass(frozen=True, slots=True)
class LawIndex:
    """The rule documents of all years, by id; their chunks with a vector of unit length each, and a lexical index a year.

    `encode` gives the vectors of texts that a question is searched with, a row each.
    """

    documents: Mapping[str, Document]
    chunks: tuple[Chunk, ...]
    vectors: np.ndarray
    words: Mapping[int, LexicalIndex]
    encode: Callable[[tuple[str, ...]], np.ndarray]

    def search(self, question: str, scope: RetrievalScope, years: Collection[int], top_k: int) -> list[Retrieved]:
        """The `top_k` chunks of the scope's category that answer the question best in the years, best first, as found in the
        scope.
        """
        whole, *parts = searched_as(question, scope)
        depth, texts = depth_for(top_k), tuple(parts or [whole])
        cosines = self.encode((whole, *parts)) @ self.vectors.T
        number = {chunk.chunk_id: i for i, chunk in enumerate(self.chunks)}
        inside = [i for i, chunk in enumerate(self.chunks) if chunk.year in years and _of_category(chunk, scope)]
        near = [[(float(row[i]), self.chunks[i].chunk_id) for i in inside] for row in cosines[-len(texts) :]]
        worded = [list(self._worded(text, scope.filer_category, years, depth)) for text in texts]
        opted_in = {self.chunks[i].chunk_id for i in inside if self.chunks[i].year in scope.opt_in_years}
        scores = dict(merged(fused(lists, depth, opted_in) for lists in zip(near, worded, strict=True)))
        bm25 = dict(merged([(chunk_id, score) for score, chunk_id in hits] for hits in worded))
        apart = spread((each, _place(self.chunks[number[each]])) for each in scores)
        found = [
            (self.chunks[number[each]], float(cosines[0][number[each]])) for each in itertools.islice(apart, top_k)
        ]
        return [
            retrieved(
                one,
                scope,
                cosine,
                self.documents[one.doc_id].pinned.title,
                scores[one.chunk_id],
                bm25.get(one.chunk_id),
            )
            for one, cosine in found
        ]

    def _worded(
        self, text: str, category: str | None, years: Collection[int], depth: int
    ) -> Iterator[tuple[float, str]]:
        for year in years:
            for hit in self.words[year].search(text, category, depth) if year in self.words else ():
                yield hit.score, hit.chunk_id


def law_index(embedder: Embedder, chunker: Chunker) -> LawIndex:
    """The law of every known year."""
    documents = {path_of(year): _law(year, chunker) for year in known_years()}
    chunks = tuple(chunk for one in documents.values() for chunk in one.chunks)

    @lru_cache(maxsize=8)  # one question for every filing
    def encode(texts: tuple[str, ...]) -> np.ndarray:
        return embedder.encode(texts)

    return LawIndex(documents, chunks, vectors_of(chunks, embedder), words_of(chunks), encode)


def vectors_of(chunks: Sequence[Chunk], embedder: Embedder) -> np.ndarray:
    """What chunks are searched by: of their text plus their header, each encoded once, at unit length."""
    texts = list(dict.fromkeys(text for chunk in chunks for text in (chunk.text, chunk.header) if text))
    vector = dict(zip(texts, embedder.encode(texts), strict=True))
    return unit(np.array([vector[chunk.text] + vector.get(chunk.header, 0) for chunk in chunks]))


def words_of(chunks: Sequence[Chunk]) -> dict[int, LexicalIndex]:
    """year -> the lexical index of its chunks."""
    return {
        year: LexicalIndex.of(
            LexicalEntry(chunk.chunk_id, chunk.doc_id, chunk.filer_category, chunk.header, chunk.text)
            for chunk in chunks
            if chunk.year == year
        )
        for year in sorted({chunk.year for chunk in chunks})
    }


def materials(
    rows: Sequence[Row],
    chunker: Chunker,
    engine: EngineChoice,
    document_of: Callable[[Row], bytes] = lambda row: render_row(row).data,
) -> Iterator[Material]:
    """The filings of a set, through the parser; scans with an OCR engine, or by their reference text with `none`.

    `document_of` makes a filing's file. A document that gives no text has no chunks.
    """
    by_id = {row["id"]: row for row in rows}
    if engine == "none":
        yield from (_by_reference(row, chunker) for row in rows if row["format"] == "scan")
    read = [row for row in rows if row["format"] != "scan" or engine != "none"]
    with ParserPool(_WORKERS, parser=parser_with(OcrSettings(engine=engine))) as pool:
        for result in pool.parse_all((row["id"], document_of(row)) for row in read):
            yield _by_parser(by_id[result.key], result.outcome, chunker)


def _law(year: int, chunker: Chunker) -> Document:
    outcome = parse(rules_of(year).encode())
    assert isinstance(outcome, ParsedText), outcome
    text, ends = outcome.text, outcome.page_ends
    title = f"Regras do imposto de renda, ano-calendário {year}"
    chunks = chunker.chunk(DocumentText(path_of(year), year, CATEGORY, text, ends, title))
    return document(path_of(year), year, title, text, ends, chunks)


def _by_reference(row: Row, chunker: Chunker) -> Material:
    """The text of the paper that was scanned, which is that of the printed page: nothing has to be drawn as an image."""
    paper = replace(plan_of(row), format="pdf").render()
    return Material(row, _filing(row, paper.text, paper.page_ends, chunker, {}), None)


def _by_parser(row: Row, outcome: object, chunker: Chunker) -> Material:
    if not isinstance(outcome, ParsedText):
        return Material(row, document(row["id"], int(row["year"]), row["id"], "", (), ()), Parsed({}, (), None))
    read = outcome.filing
    fields = {field.key: field.value for field in read.fields} if read else {}
    certainty = min((field.certainty for field in read.fields), default=None) if read else None
    findings = tuple(finding.rule for finding in read.findings) if read else ()
    made = _filing(row, outcome.text, outcome.page_ends, chunker, fields)
    return Material(row, made, Parsed(fields, findings, certainty if outcome.recognition else None))


def _filing(row: Row, text: str, page_ends: tuple[int, ...], chunker: Chunker, fields: Mapping[str, str]) -> Document:
    chunks = chunker.chunk(DocumentText(row["id"], int(row["year"]), row["category"], text, page_ends, row["id"]))
    return document(row["id"], int(row["year"]), row["id"], text, page_ends, chunks, *fields.values())


def _of_category(chunk: Chunk, scope: RetrievalScope) -> bool:
    return scope.filer_category in (None, chunk.filer_category)


def _place(chunk: Chunk) -> Place:
    return Place(chunk.doc_id, chunk.page, chunk.section, chunk.ordinal)

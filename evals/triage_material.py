"""What a triage is made from: a set's filings as the parser and the chunker leave them, and the law of every year, embedded.

The search is the index's own in small: exact cosines, the best k within the years of a scope. Nothing here knows a truth.
"""

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
    """The rule documents of all years, by id, and their chunks with a vector each."""

    documents: Mapping[str, Document]
    chunks: tuple[Chunk, ...]
    vectors: np.ndarray
    encode: Callable[[str], np.ndarray]

    def search(self, question: str, scope: RetrievalScope, years: Collection[int], top_k: int) -> list[Retrieved]:
        """The `top_k` chunks of the scope's category that are nearest to the question in the years, best first, as found in
        the scope.
        """
        similarity = self.vectors @ self.encode(question)
        inside = [i for i, chunk in enumerate(self.chunks) if chunk.year in years and _of_category(chunk, scope)]
        best = sorted(inside, key=lambda i: (-similarity[i], self.chunks[i].chunk_id))[:top_k]
        found = [(self.chunks[i], float(similarity[i])) for i in best]
        return [retrieved(one, scope, score, self.documents[one.doc_id].pinned.title) for one, score in found]


def law_index(embedder: Embedder, chunker: Chunker) -> LawIndex:
    """The law of every known year."""
    documents = {path_of(year): _law(year, chunker) for year in known_years()}
    chunks = tuple(chunk for one in documents.values() for chunk in one.chunks)
    vectors = embedder.encode([chunk.text for chunk in chunks])

    @lru_cache(maxsize=8)  # one question for every filing
    def encode(question: str) -> np.ndarray:
        vector: np.ndarray = embedder.encode([question])[0]
        return vector

    return LawIndex(documents, chunks, vectors, encode)


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
    chunks = chunker.chunk(DocumentText(path_of(year), year, CATEGORY, text, ends))
    return document(path_of(year), year, f"Regras do imposto de renda, ano-calendário {year}", text, ends, chunks)


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
    chunks = chunker.chunk(DocumentText(row["id"], int(row["year"]), row["category"], text, page_ends))
    return document(row["id"], int(row["year"]), row["id"], text, page_ends, chunks, *fields.values())


def _of_category(chunk: Chunk, scope: RetrievalScope) -> bool:
    return scope.filer_category in (None, chunk.filer_category)

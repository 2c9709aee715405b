"""What a triage is made from: a set's filings as the parser and the chunker leave them, and the law of every year, embedded.

The search is the index's own in small: exact cosines, the best k within the years of a scope. Nothing here knows a truth.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from compliance_assets.chunks.chunker import Chunker, DocumentText
from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.normalised_documents.filings.fields import Filing
from compliance_assets.normalised_documents.filings.law import known_years
from compliance_assets.normalised_documents.ocr.settings import EngineChoice, OcrSettings
from compliance_assets.normalised_documents.parse import parse, parser_with
from compliance_assets.normalised_documents.parsed import Parsed
from compliance_assets.normalised_documents.worker import ParserPool
from compliance_assets.year_index.retrieved import Retrieved
from evals.golden.golden_set import Row, plan_of, render_row
from evals.golden.rules import CATEGORY, path_of, rules_of
from resources.embedder import Embedder

_WORKERS = 2
_INDEX = "in-memory"


@dataclass(frozen=True, slots=True)
class Material:
    """A filing as text, and what deterministic reading made of it: None of a scan that is taken by its reference text.

    `ocr_certainty` is that of the least certain field that OCR read, None where none did.
    """

    row: Row
    text: str
    page_ends: tuple[int, ...]
    parsed: Filing | None
    ocr_certainty: float | None
    chunks: tuple[Chunk, ...]

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
    """The rule documents of all years: their texts, chunks and vectors."""

    texts: Mapping[str, str]
    chunks: tuple[Chunk, ...]
    vectors: np.ndarray
    encode: Callable[[str], np.ndarray]

    def search(self, question: str, scope: RetrievalScope, years: Collection[int], top_k: int) -> list[Retrieved]:
        """The `top_k` chunks nearest to the question in the years, best first, as found in the scope."""
        similarity = self.vectors @ self.encode(question)
        inside = [i for i, chunk in enumerate(self.chunks) if chunk.year in years]
        best = sorted(inside, key=lambda i: (-similarity[i], self.chunks[i].chunk_id))[:top_k]
        return [retrieved(self.chunks[i], scope, float(similarity[i]), _title(self.chunks[i].year)) for i in best]


def law_index(embedder: Embedder, chunker: Chunker) -> LawIndex:
    """The law of every known year."""
    texts = {path_of(year): rules_of(year) for year in known_years()}
    chunks: list[Chunk] = []
    for year in known_years():
        outcome = parse(texts[path_of(year)].encode())
        assert isinstance(outcome, Parsed), outcome
        texts[path_of(year)] = outcome.text
        chunks += chunker.chunk(DocumentText(path_of(year), year, CATEGORY, outcome.text, outcome.page_ends))
    vectors = embedder.encode([chunk.text for chunk in chunks])

    @lru_cache(maxsize=8)  # one question for every filing
    def encode(question: str) -> np.ndarray:
        vector: np.ndarray = embedder.encode([question])[0]
        return vector

    return LawIndex(texts, tuple(chunks), vectors, encode)


def materials(rows: Sequence[Row], chunker: Chunker, engine: EngineChoice) -> Iterator[Material]:
    """The filings of a set, through the parser; scans with an OCR engine, or by their reference text with `none`.

    A document that gives no text has no chunks.
    """
    by_id = {row["id"]: row for row in rows}
    if engine == "none":
        yield from (_by_reference(row, chunker) for row in rows if row["format"] == "scan")
    read = [row for row in rows if row["format"] != "scan" or engine != "none"]
    with ParserPool(_WORKERS, parser=parser_with(OcrSettings(engine=engine))) as pool:
        for result in pool.parse_all((row["id"], render_row(row).data) for row in read):
            yield _by_parser(by_id[result.key], result.outcome, chunker)


def retrieved(chunk: Chunk, scope: RetrievalScope, score: float, title: str) -> Retrieved:
    """A chunk as a search gives it."""
    method = RetrievalMethod(
        embedder="in-memory",
        embedder_digest=sha256_hex(_INDEX),
        index_version=_INDEX,
        mode="dense",
        scope=scope,
        opt_in_years=scope.opt_in_years,
    )
    hit = Hit(
        rank=1,
        chunk_id=chunk.chunk_id,
        doc_id=chunk.doc_id,
        doc_title=title,
        page=chunk.page,
        char_range=(chunk.char_start, chunk.char_end),
        embedding_score=score,
        lexical_score=None,
        score=score,
        method=method,
    )
    return Retrieved(hit, chunk.text)


def _by_reference(row: Row, chunker: Chunker) -> Material:
    """The text of the paper that was scanned, which is that of the printed page: nothing has to be drawn as an image."""
    paper = replace(plan_of(row), format="pdf").render()
    return Material(row, paper.text, paper.page_ends, None, None, _chunks(row, paper.text, paper.page_ends, chunker))


def _by_parser(row: Row, outcome: object, chunker: Chunker) -> Material:
    if not isinstance(outcome, Parsed):
        return Material(row, "", (), None, None, ())
    filing = outcome.filing
    certainty = min((f.certainty for f in filing.fields), default=0.0) if filing and outcome.recognition else None
    chunks = _chunks(row, outcome.text, outcome.page_ends, chunker)
    return Material(row, outcome.text, outcome.page_ends, filing, certainty, chunks)


def _chunks(row: Row, text: str, page_ends: tuple[int, ...], chunker: Chunker) -> tuple[Chunk, ...]:
    return tuple(chunker.chunk(DocumentText(row["id"], int(row["year"]), row["category"], text, page_ends)))


def _title(year: int) -> str:
    return f"Regras do imposto de renda, ano-calendário {year}"

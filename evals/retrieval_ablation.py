"""The search again from its building blocks, with one part left out: what the part is worth.

Works on the vectors and texts that a deployment holds, with exact cosines, so that two variants differ in nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.year_index import passage_store
from compliance_assets.year_index.lexical import LexicalEntry, LexicalIndex
from compliance_assets.year_index.question import focused, parts_of, with_lines
from compliance_assets.year_index.ranking import Place, depth_for, fused, merged, spread
from compliance_assets.year_index.recall import unit
from compliance_assets.year_index.scopes import scope_of
from evals.retrieval_corpora import Question
from evals.retrieval_scores import Answered, Passage


@dataclass(frozen=True, slots=True)
class Variant:
    """Which parts of the search are on."""

    vectors: bool = True
    words: bool = True
    headers: bool = True
    focus: bool = True
    statement_lines: bool = True
    parts: bool = True
    apart: bool = True
    own_scope: bool = True


#: What is left out, by name; the first is the whole search, the last the plain nearest vectors of the texts.
PARTS: dict[str, Variant] = {
    "everything": Variant(),
    "without the words": Variant(words=False),
    "without the vectors": Variant(vectors=False),
    "without headers": Variant(headers=False),
    "without focusing the question": Variant(focus=False),
    "without statement lines": Variant(statement_lines=False),
    "without parts of a question": Variant(parts=False),
    "with neighbours": Variant(apart=False),
    "without the scope that the question names": Variant(own_scope=False),
    "plain vectors": Variant(**{field.name: field.name == "vectors" for field in fields(Variant)}),
}


@dataclass(frozen=True, slots=True)
class _Chunk:
    chunk_id: str
    path: str
    year: int
    category: str | None
    place: Place
    start: int
    end: int
    header: str
    text: str


class Laboratory:
    """Everything that a deployment has indexed, in memory."""

    def __init__(self, deployment: Deployment) -> None:
        self._embedder = deployment.embedder
        with deployment.postgres.connect() as conn:
            self._catalogue = passage_store.catalogue(conn)
            rows = conn.execute(
                "SELECT c.chunk_id, p.path, c.year, c.filer_category, c.doc_id, c.page, c.section, c.ordinal,"
                " c.char_start, c.char_end,"
                " c.header, c.text, e.embedding, h.embedding FROM compliance.chunks c"
                " JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live"
                " JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id"
                " JOIN compliance.embeddings e ON e.model_digest = %(model)s AND e.text_sha256 = c.text_sha256"
                " LEFT JOIN compliance.embeddings h ON h.model_digest = %(model)s AND h.text_sha256 = c.header_sha256",
                {"model": self._embedder.digest},
            ).fetchall()
        self._chunks = [
            _Chunk(chunk_id, path, year, category, Place(doc_id, page, section, ordinal), start, end, header, text)
            for chunk_id, path, year, category, doc_id, page, section, ordinal, start, end, header, text, *_ in rows
        ]
        texts = np.asarray([row[-2].to_numpy() for row in rows], np.float32)
        empty = np.zeros(self._embedder.dimension, np.float32)
        headers = np.asarray([row[-1].to_numpy() if row[-1] else empty for row in rows], np.float32)
        self._vectors = {False: unit(texts), True: unit(texts + headers)}
        self._by_id = {chunk.chunk_id: chunk for chunk in self._chunks}
        self._years = np.asarray([chunk.year for chunk in self._chunks])
        self._words = {headed: self._lexical(headed) for headed in (False, True)}
        self._encoded: dict[str, np.ndarray] = {}

    def answers(self, questions: Sequence[Question], hits: int, part: str, *, scoped: bool) -> list[Answered]:
        """Each question's hits by the variant."""
        return [self._answer(question, hits, PARTS[part], scoped=scoped) for question in questions]

    def _answer(self, question: Question, hits: int, variant: Variant, *, scoped: bool) -> Answered:
        scope = question.scope if scoped else self._scope_of(question.text, variant)
        opted_in = {chunk.chunk_id for chunk in self._chunks if chunk.year != scope.year} if variant.own_scope else ()
        rankings = [
            fused(self._lists(text, scope, depth_for(hits), variant), depth_for(hits), opted_in)
            for text in _texts(question.text, scope, variant)
        ]
        ranked = [each for each, _ in merged(rankings)]
        if variant.apart:
            ranked = list(spread((each, self._by_id[each].place) for each in ranked))
        found = (self._by_id[each] for each in ranked[:hits])
        return Answered(question, tuple(Passage(c.path, c.year, c.place.page, c.start, c.end) for c in found))

    def _lists(self, text: str, scope: RetrievalScope, depth: int, variant: Variant) -> list[list[tuple[float, str]]]:
        near = [self._near(text, scope, depth, headed=variant.headers)] if variant.vectors else []
        return near + ([self._worded(text, scope, depth, headed=variant.headers)] if variant.words else [])

    def _scope_of(self, question: str, variant: Variant) -> RetrievalScope:
        first, *others = sorted(self._catalogue, reverse=True)
        named = scope_of(question, self._catalogue) if variant.own_scope else None
        return named or RetrievalScope(year=first, opt_in_years=tuple(others))

    def _near(self, text: str, scope: RetrievalScope, depth: int, *, headed: bool) -> list[tuple[float, str]]:
        inside = [
            at
            for at in np.flatnonzero(np.isin(self._years, scope.years))
            if scope.filer_category in (None, self._chunks[at].category)
        ]
        cosines = self._vectors[headed][inside] @ self._vector(text)
        best = np.argsort(-cosines, kind="stable")[:depth]
        return [(float(cosines[at]), self._chunks[inside[at]].chunk_id) for at in best]

    def _worded(self, text: str, scope: RetrievalScope, depth: int, *, headed: bool) -> list[tuple[float, str]]:
        return [
            (hit.score, hit.chunk_id)
            for year in scope.years
            if year in self._words[headed]
            for hit in self._words[headed][year].search(text, scope.filer_category, depth)
        ]

    def _vector(self, text: str) -> np.ndarray:
        if text not in self._encoded:
            self._encoded[text] = self._embedder.encode([text])[0]
        return self._encoded[text]

    def _lexical(self, headed: bool) -> dict[int, LexicalIndex]:
        return {
            year: LexicalIndex.of(
                LexicalEntry(c.chunk_id, c.place.doc_id, c.category, c.header if headed else "", c.text)
                for c in self._chunks
                if c.year == year
            )
            for year in sorted({chunk.year for chunk in self._chunks})
        }


def _texts(question: str, scope: RetrievalScope, variant: Variant) -> list[str]:
    parts = parts_of(question) if variant.parts else ()
    texts = [focused(each, scope) if variant.focus else each for each in parts or (question,)]
    if variant.statement_lines:
        texts = [with_lines(each) for each in texts]
    return list(dict.fromkeys(texts))

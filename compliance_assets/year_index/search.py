"""The search over the year indexes: inside its scope, with how each hit was found.

A question is searched by its meaning (the vectors of a year) and by its words (the lexical index of a year). Their ranks are
fused, a reranker may order the best again, and what stands beside a better passage is left out.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.year_index import passage_store, store
from compliance_assets.year_index.exact import half, similarities
from compliance_assets.year_index.lexical_cache import OPEN_INDEXES
from compliance_assets.year_index.passage_store import Passage, passages_of
from compliance_assets.year_index.pgvector_store import PGVECTOR
from compliance_assets.year_index.question import searched_as
from compliance_assets.year_index.ranking import depth_for, fused, merged, spread
from compliance_assets.year_index.retrieved import Retrieved
from compliance_assets.year_index.scopes import scope_of
from compliance_assets.year_index.vector_store import LiveIndex
from resources.embedder import Embedder, embedder_like
from resources.postgres import Connection
from resources.reranker import Reranker

TOP_K = 8
RERANKED = 32  # so many of the fused ones does a reranker read


@dataclass(frozen=True, slots=True)
class Asked:
    """A question ready to be searched in a scope: its texts, the whole first, then its parts; a vector each."""

    question: str
    scope: RetrievalScope
    scope_from: Literal["caller", "question"]
    texts: tuple[str, ...]
    vectors: tuple[np.ndarray, ...]
    embedder: Embedder

    @property
    def vector(self) -> np.ndarray:
        """Of the whole question: what the recorded similarities are measured from."""
        return self.vectors[0]

    @property
    def searched(self) -> tuple[tuple[str, ...], tuple[np.ndarray, ...]]:
        """What is searched with: the parts of a question that has any, else the whole."""
        return (self.texts[1:], self.vectors[1:]) if len(self.texts) > 1 else (self.texts, self.vectors)

    def within(self, category: str | None) -> "Asked":
        """The same, searched in another category."""
        return replace(self, scope=self.scope.model_copy(update={"filer_category": category}))


@dataclass(frozen=True, slots=True)
class Found:
    """What the indexes of a scope propose: chunk ids ranked, and of each the year that it lies in."""

    ranked: tuple[tuple[str, float], ...]
    year_of: Mapping[str, int]
    lexical_scores: Mapping[str, float]


def ask(conn: Connection, embedder: Embedder, question: str, scope: RetrievalScope | None) -> Asked:
    """Encode a question by the model that the indexes in scope were built with; without a scope, in the one that it names.

    While a year is built again for another embedder, the one it has answers. Raises InvalidInput where the years in scope are
    of different models, or of one that is not installed here, and where a question without a scope is asked of nothing.
    """
    own = scope or scope_of(question, passage_store.catalogue(conn))
    if own is None:
        raise InvalidInput(
            "there is nothing to search",
            expected="a year with an index",
            found="none",
            remedy="Take in a folder with `compliance ingest`, or name the year.",
        )
    model = _embedder_of(store.live_indexes(conn, own.years), embedder)
    texts = searched_as(question, own)
    vectors = tuple(half(vector) for vector in model.encode(texts))
    return Asked(question, own, "caller" if scope else "question", texts, vectors, model)


def search(
    conn: Connection, asked: Asked, top_k: int = TOP_K, reranker: Reranker | None = None, depth: int | None = None
) -> list[Retrieved]:
    """The `top_k` passages that answer a question best within its scope, best first. Empty where no year has an index.

    A document that is not live is never found, whatever an index still holds.
    """
    indexes = store.live_indexes(conn, asked.scope.years)
    for index in indexes.values():
        refuse_other_embedder(index, asked.embedder)
    depth = depth or depth_for(top_k)
    found = _proposed(conn, asked, indexes, depth)
    kept, all_live = _kept(conn, asked, found, top_k, reranker)
    if len(kept) < top_k and not all_live and depth < sum(index.chunk_count for index in indexes.values()):
        return search(conn, asked, top_k, reranker, depth * 4)  # what left the corpus stood before what is sought
    methods = {year: _method(asked, index, reranker, words=True) for year, index in indexes.items()}
    cosines = similarities(asked.vector, [passage.vector for passage, _ in kept])
    return [
        _retrieved(
            rank,
            passage,
            cosine,
            methods[found.year_of[passage.chunk_id]],
            score,
            found.lexical_scores.get(passage.chunk_id),
        )
        for rank, ((passage, score), cosine) in enumerate(zip(kept, cosines, strict=True), start=1)
    ]


def read_document(conn: Connection, asked: Asked, doc_id: str) -> list[Retrieved]:
    """Every chunk of a document as it reads, with its similarity to a question. Empty where its year has no index."""
    index = store.live_index(conn, asked.scope.year)
    if index is None:
        return []
    refuse_other_embedder(index, asked.embedder)
    chunk_ids = passage_store.chunks_of_document(conn, asked.scope.year, index.chunker_version, doc_id)
    described = passages_of(conn, [(asked.scope.year, each) for each in chunk_ids], asked.embedder.digest)
    method = _method(asked, index, None, words=False)
    passages = [described[each] for each in chunk_ids if each in described]
    cosines = similarities(asked.vector, [passage.vector for passage in passages])
    return [
        _retrieved(rank, passage, cosine, method, cosine, None)
        for rank, (passage, cosine) in enumerate(zip(passages, cosines, strict=True), start=1)
    ]


def refuse_out_of_scope(years: Sequence[int], scope: RetrievalScope) -> None:
    """A row of a year that was not asked for must not exist at this point; if it does, nothing is answered."""
    strays = sorted(set(years) - set(scope.years))
    if strays:
        raise IntegrityError(
            "a search returned rows of another year",
            expected=f"years {list(scope.years)}",
            found=f"years {strays}",
            remedy="Run `compliance verify` and rebuild the index with the job reindex_year.",
        )


def refuse_other_embedder(index: LiveIndex, embedder: Embedder) -> None:
    """Vectors of two models do not compare. Raises InvalidInput."""
    if index.embedder_digest != embedder.digest:
        raise InvalidInput(
            f"the index of {index.year} was built with another embedder",
            expected=f"{index.embedder} ({index.embedder_digest[:12]}…)",
            found=f"{embedder.name} ({embedder.digest[:12]}…)",
            remedy="Set COMPLIANCE_EMBEDDER back, or run `compliance ingest` to build the year with the new one.",
        )


def _embedder_of(indexes: Mapping[int, LiveIndex], configured: Embedder) -> Embedder:
    for index in indexes.values():
        if index.embedder_digest == configured.digest:
            return configured
        other = embedder_like(index.embedder, index.embedder_digest)
        if other is None:
            refuse_other_embedder(index, configured)
        return other or configured
    return configured


def _proposed(conn: Connection, asked: Asked, indexes: Mapping[int, LiveIndex], depth: int) -> Found:
    category, (texts, vectors) = asked.scope.filer_category, asked.searched
    near: list[list[tuple[float, str]]] = [[] for _ in texts]
    worded: list[list[tuple[float, str]]] = [[] for _ in texts]
    year_of: dict[str, int] = {}
    for year, index in indexes.items():
        for place, neighbours in enumerate(PGVECTOR.nearest(conn, index, category, vectors, depth)):
            near[place] += [(neighbour.similarity, neighbour.chunk_id) for neighbour in neighbours]
            year_of |= {neighbour.chunk_id: neighbour.year for neighbour in neighbours}
        if index.lexical_digest is None:  # built before there were lexical indexes
            continue
        words = OPEN_INDEXES.opened(conn, year, index.index_version, index.lexical_digest)
        for place, text in enumerate(texts):
            hits = words.search(text, category, depth)
            worded[place] += [(hit.score, hit.chunk_id) for hit in hits]
            year_of |= {hit.chunk_id: year for hit in hits}
    refuse_out_of_scope(list(year_of.values()), asked.scope)
    opted_in = {each for each, year in year_of.items() if year != asked.scope.year}
    ranked = merged(fused(lists, depth, opted_in) for lists in zip(near, worded, strict=True))
    lexical_scores = dict(merged([(chunk_id, score) for score, chunk_id in hits] for hits in worded))
    return Found(tuple(ranked), year_of, lexical_scores)


def _kept(
    conn: Connection, asked: Asked, found: Found, top_k: int, reranker: Reranker | None
) -> tuple[list[tuple[Passage, float]], bool]:
    """(the best that are live and no neighbours of each other, with their scores; whether all that were looked at are live)."""
    ranked, all_live = list(found.ranked), True
    if reranker is not None:
        ranked = _reranked(conn, asked, found, reranker)
    kept: list[tuple[Passage, float]] = []
    scores = dict(ranked)
    read: dict[str, Passage] = {}
    for start in range(0, len(ranked), 2 * top_k):  # neighbours leave enough of twice as many, as a rule
        fresh = [(found.year_of[each], each) for each, _ in ranked[start : start + 2 * top_k]]
        live = passages_of(conn, fresh, asked.embedder.digest, live=True)
        read |= live
        all_live = all_live and len(live) == len(fresh)
        apart = spread((each, read[each].place) for each, _ in ranked[: start + 2 * top_k] if each in read)
        kept = [(read[each], scores[each]) for each in itertools.islice(apart, top_k)]
        if len(kept) == top_k:
            break
    return kept, all_live


def _reranked(conn: Connection, asked: Asked, found: Found, reranker: Reranker) -> list[tuple[str, float]]:
    """The best of the fused ranks as a model orders them, the rest after them."""
    best, rest = found.ranked[:RERANKED], found.ranked[RERANKED:]
    texts = passage_store.texts_of(conn, [(found.year_of[each], each) for each, _ in best])
    read = [each for each, _ in best if each in texts]
    scores = reranker.scores(asked.question, [texts[each] for each in read])
    ordered = sorted(zip(read, scores, strict=True), key=lambda one: (-one[1], one[0]))
    below = min(scores, default=0.0)
    return [*ordered, *((each, below - place) for place, (each, _) in enumerate(rest, start=1))]


def _method(asked: Asked, index: LiveIndex, reranker: Reranker | None, *, words: bool) -> RetrievalMethod:
    """How every hit of a year was found. `words`: by its lexical index, too, where it has one."""
    return RetrievalMethod(
        embedder=asked.embedder.name,
        embedder_digest=asked.embedder.digest,
        index_version=index.index_version,
        mode="hybrid" if words and index.lexical_digest is not None else "dense",
        scope=asked.scope,
        opt_in_years=asked.scope.opt_in_years,
        reranker=reranker.name if reranker else None,
        scope_from=asked.scope_from,
    )


def _retrieved(
    rank: int,
    passage: Passage,
    cosine: float,
    method: RetrievalMethod,
    score: float,
    lexical_score: float | None,
) -> Retrieved:
    hit = Hit(
        rank=rank,
        chunk_id=passage.chunk_id,
        doc_id=passage.place.doc_id,
        doc_title=passage.title,
        page=passage.place.page,
        char_range=(passage.start, passage.end),
        embedding_score=cosine,
        lexical_score=lexical_score,
        score=score,
        method=method,
    )
    return Retrieved(hit, passage.text)

"""The search over the year indexes: inside its scope, with how each hit was found."""

from collections.abc import Sequence

import numpy as np

from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.year_index import store
from compliance_assets.year_index.exact import half, similarity
from compliance_assets.year_index.retrieved import Retrieved
from compliance_assets.year_index.store import LiveIndex, Neighbour
from resources.embedder import Embedder
from resources.postgres import Connection

TOP_K = 8


def search(
    conn: Connection, embedder: Embedder, vector: np.ndarray, scope: RetrievalScope, top_k: int = TOP_K
) -> list[Retrieved]:
    """The `top_k` chunks nearest to a query vector within the scope, best first. Empty where a year has no index.

    The index proposes; the exact similarity orders and is what a hit records.

    Raises InvalidInput when an index in scope was built with another embedder.
    """
    vector = half(vector)
    indexes = {year: index for year in scope.years if (index := store.live_index(conn, year)) is not None}
    for index in indexes.values():
        _refuse_other_embedder(index, embedder)
    neighbours = [
        neighbour
        for year, index in indexes.items()
        for neighbour in store.nearest(conn, year, scope, vector, top_k, index)
    ]
    refuse_out_of_scope(neighbours, scope)
    best = sorted(neighbours, key=lambda n: (-n.similarity, n.chunk_id))[:top_k]
    described = store.describe_chunks(conn, [(n.year, n.chunk_id) for n in best])
    return [_retrieved(rank, n, described, scope, embedder) for rank, n in enumerate(best, start=1)]


def read_document(
    conn: Connection, embedder: Embedder, vector: np.ndarray, scope: RetrievalScope, doc_id: str
) -> list[Retrieved]:
    """Every chunk of a document as it reads, with its similarity to a query vector. Empty where its year has no index.

    Raises InvalidInput when the index of the scope's year was built with another embedder.
    """
    index = store.live_index(conn, scope.year)
    if index is None:
        return []
    _refuse_other_embedder(index, embedder)
    vectors = store.document_vectors(conn, scope.year, index.chunker_version, embedder.digest, doc_id)
    described = store.describe_chunks(conn, [(scope.year, chunk_id) for chunk_id, _ in vectors])
    neighbours = [
        Neighbour(scope.year, chunk_id, doc_id, index.index_version, similarity(half(vector), found))
        for chunk_id, found in vectors
    ]
    return [_retrieved(rank, n, described, scope, embedder) for rank, n in enumerate(neighbours, start=1)]


def refuse_out_of_scope(neighbours: Sequence[Neighbour], scope: RetrievalScope) -> None:
    """A row of a year that was not asked for must not exist at this point; if it does, nothing is answered."""
    strays = sorted({n.year for n in neighbours} - set(scope.years))
    if strays:
        raise IntegrityError(
            "a search returned rows of another year",
            expected=f"years {list(scope.years)}",
            found=f"years {strays}",
            remedy="Run `compliance verify` and rebuild the index with the job reindex_year.",
        )


def _retrieved(
    rank: int,
    neighbour: Neighbour,
    described: dict[str, tuple[str, int, int, int, str]],
    scope: RetrievalScope,
    embedder: Embedder,
) -> Retrieved:
    title, page, start, end, text = described[neighbour.chunk_id]
    method = RetrievalMethod(
        embedder=embedder.name,
        embedder_digest=embedder.digest,
        index_version=neighbour.index_version,
        mode="dense",
        scope=scope,
        opt_in_years=scope.opt_in_years,
    )
    hit = Hit(
        rank=rank,
        chunk_id=neighbour.chunk_id,
        doc_id=neighbour.doc_id,
        doc_title=title,
        page=page,
        char_range=(start, end),
        embedding_score=neighbour.similarity,
        lexical_score=None,
        score=neighbour.similarity,
        method=method,
    )
    return Retrieved(hit, text)


def _refuse_other_embedder(index: LiveIndex, embedder: Embedder) -> None:
    if index.embedder_digest != embedder.digest:
        raise InvalidInput(
            f"the index of {index.year} was built with another embedder",
            expected=f"{index.embedder} ({index.embedder_digest[:12]}…)",
            found=f"{embedder.name} ({embedder.digest[:12]}…)",
            remedy="Set COMPLIANCE_EMBEDDER back, or run `compliance ingest` to build the year with the new one.",
        )

"""The SQL of passages: which are live and where they stand, what they say, what vector the caches hold for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compliance_assets.year_index.exact import half
from compliance_assets.year_index.ranking import Place
from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with its document's title and the vector that it is searched by, half precision: of its text plus its header."""

    chunk_id: str
    title: str
    place: Place
    start: int
    end: int
    text: str
    vector: np.ndarray


def passages_of(
    conn: Connection, chunks: Sequence[tuple[int, str]], model_digest: str, *, live: bool = False
) -> dict[str, Passage]:
    """chunk_id -> passage, of those (year, chunk_id) that the model has a vector for; `live`: whose document is retrievable."""
    rows = conn.execute(
        "SELECT c.chunk_id, d.title, c.doc_id, c.page, c.section, c.ordinal, c.char_start, c.char_end, c.text,"
        " coalesce(e.embedding + h.embedding, e.embedding) FROM compliance.chunks c"
        " JOIN compliance.documents d ON d.filing_id = c.doc_id AND (NOT %(live)s OR d.live AND d.state = 'ok')"
        " JOIN compliance.embeddings e ON e.model_digest = %(model)s AND e.text_sha256 = c.text_sha256"
        " LEFT JOIN compliance.embeddings h ON h.model_digest = %(model)s AND h.text_sha256 = c.header_sha256"
        " WHERE c.year = ANY(%(years)s) AND c.chunk_id = ANY(%(chunks)s)",
        {"model": model_digest, "live": live, **dict(zip(("years", "chunks"), _keys(chunks), strict=True))},
        binary=True,  # halves as text cost more than the rest
    )
    return {
        chunk_id: Passage(chunk_id, title, Place(*place), start, end, text, half(vector.to_numpy()))
        for chunk_id, title, *place, start, end, text, vector in rows.fetchall()
    }


def texts_of(conn: Connection, chunks: Sequence[tuple[int, str]]) -> dict[str, str]:
    """chunk_id -> its header and text, as a reranker reads them."""
    rows = conn.execute(
        "SELECT chunk_id, header, text FROM compliance.chunks WHERE year = ANY(%s) AND chunk_id = ANY(%s)",
        _keys(chunks),
    )
    return {chunk_id: f"{header}\n{text}" if header else text for chunk_id, header, text in rows}


def chunks_of_document(conn: Connection, year: int, chunker_version: str, doc_id: str) -> list[str]:
    """The chunks of a document as it reads."""
    rows = conn.execute(
        "SELECT chunk_id FROM compliance.chunks WHERE year = %s AND chunker_version = %s AND doc_id = %s ORDER BY ordinal",
        [year, chunker_version, doc_id],
    )
    return [chunk_id for (chunk_id,) in rows]


def catalogue(conn: Connection) -> dict[int, set[str | None]]:
    """year -> the categories of its live documents."""
    rows = conn.execute(
        "SELECT year, array_agg(DISTINCT filer_category) FROM compliance.documents WHERE live AND state = 'ok' GROUP BY year"
    )
    return {year: set(categories) for year, categories in rows}


def _keys(chunks: Sequence[tuple[int, str]]) -> list[list[int] | list[str]]:
    return [sorted({year for year, _ in chunks}), [chunk_id for _, chunk_id in chunks]]

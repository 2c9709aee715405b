"""All SQL of embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import numpy as np
from pgvector import HalfVector

from resources.embedder import Vectors
from resources.postgres import Connection

# Chunks of live documents whose text or header has no vector of this model yet.
_PENDING: LiteralString = """
    FROM compliance.chunks c
    WHERE c.year = %(year)s AND c.chunker_version = %(version)s
      AND EXISTS (SELECT FROM compliance.documents d WHERE d.filing_id = c.doc_id AND d.live AND d.state = 'ok')
      AND EXISTS (SELECT FROM (VALUES (c.text_sha256), (c.header_sha256)) wanted (digest)
                  WHERE digest IS NOT NULL AND NOT EXISTS (SELECT FROM compliance.embeddings e
                    WHERE e.model_digest = %(model)s AND e.text_sha256 = digest))
"""


@dataclass(frozen=True, slots=True)
class PendingText:
    """A text to embed: a chunk's, or a header."""

    text_sha256: str
    text: str


def count_pending(conn: Connection, year: int, version: str, model: str) -> int:
    """How many chunks of the year wait for a vector."""
    row = conn.execute("SELECT count(*)" + _PENDING, {"year": year, "version": version, "model": model}).fetchone()
    return row[0] if row else 0


def insert(conn: Connection, model: str, precision: str, digests: Sequence[str], vectors: Vectors) -> None:
    """Store one vector for each text digest; binary COPY through a staging table (row-level security refuses COPY)."""
    organization = conn.execute("SELECT compliance.current_organization()").fetchone()
    assert organization is not None
    conn.execute(
        "CREATE TEMP TABLE IF NOT EXISTS staged_embeddings"
        " (organization_id uuid, model_digest text, text_sha256 text, embedding halfvec, precision_used text)"
        " ON COMMIT DELETE ROWS"
    )
    with conn.cursor().copy("COPY staged_embeddings FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["uuid", "text", "text", "halfvec", "text"])
        for digest, vector in zip(digests, vectors.astype(np.float16), strict=True):
            copy.write_row((organization[0], model, digest, HalfVector(vector), precision))
    conn.execute(
        "INSERT INTO compliance.embeddings (organization_id, model_digest, text_sha256, embedding, precision_used)"
        " SELECT * FROM staged_embeddings ON CONFLICT DO NOTHING"
    )


def first_statistics(conn: Connection, year: int) -> None:
    """Let the planner look at tables that were filled since they were empty: without it, it joins them row by row."""
    conn.execute("CALL compliance.first_statistics(%s)", [year])


def parity(conn: Connection, year: int, version: str, model: str) -> tuple[int, int]:
    """(chunks of the year's live documents, those of them whose text and header have a vector of the model)."""
    row = conn.execute(
        "SELECT count(*), count(*) FILTER (WHERE e.text_sha256 IS NOT NULL AND (c.header_sha256 IS NULL"
        "  OR h.text_sha256 IS NOT NULL)) FROM compliance.chunks c"
        " JOIN compliance.documents d ON d.filing_id = c.doc_id AND d.live AND d.state = 'ok'"
        " LEFT JOIN compliance.embeddings e ON e.model_digest = %(model)s AND e.text_sha256 = c.text_sha256"
        " LEFT JOIN compliance.embeddings h ON h.model_digest = %(model)s AND h.text_sha256 = c.header_sha256"
        " WHERE c.year = %(year)s AND c.chunker_version = %(version)s",
        {"model": model, "year": year, "version": version},
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)

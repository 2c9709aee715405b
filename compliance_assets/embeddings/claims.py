"""Claims of what is to be chunked and encoded: over all years, and of each text by one worker alone."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

from compliance_assets.embeddings import store
from compliance_assets.embeddings.store import PendingText
from resources.postgres import Connection

_TO_CHUNK: LiteralString = """
    SELECT DISTINCT d.year FROM compliance.documents d
    WHERE d.live AND d.state = 'ok' AND d.year = ANY(%(years)s)
      AND NOT EXISTS (SELECT FROM compliance.chunked_documents c
                      WHERE c.doc_id = d.filing_id AND c.chunker_version = %(version)s)
    ORDER BY 1
"""
_CLAIM: LiteralString = """
    SELECT c.chunk_id, c.text_sha256, c.text, c.header_sha256, c.header FROM compliance.chunks c
    WHERE c.year = %(year)s AND c.chunker_version = %(version)s AND c.chunk_id > %(after)s
      AND EXISTS (SELECT FROM compliance.documents d WHERE d.filing_id = c.doc_id AND d.live AND d.state = 'ok')
      AND (NOT EXISTS (SELECT FROM compliance.embeddings e
                       WHERE e.model_digest = %(model)s AND e.text_sha256 = c.text_sha256)
           OR c.header_sha256 IS NOT NULL AND NOT EXISTS (SELECT FROM compliance.embeddings e
                       WHERE e.model_digest = %(model)s AND e.text_sha256 = c.header_sha256))
    ORDER BY c.chunk_id LIMIT %(limit)s FOR UPDATE OF c SKIP LOCKED
"""
_LOCK: LiteralString = """
    SELECT digest FROM unnest(%(digests)s::text[]) AS digest
    WHERE pg_try_advisory_xact_lock(hashtextextended(compliance.current_organization() || %(model)s || digest, 0))
"""
_WITHOUT_VECTOR: LiteralString = """
    SELECT digest FROM unnest(%(digests)s::text[]) AS digest
    WHERE NOT EXISTS (SELECT FROM compliance.embeddings e WHERE e.model_digest = %(model)s AND e.text_sha256 = digest)
"""


def years_to_chunk(conn: Connection, years: Sequence[int], version: str) -> list[int]:
    """Years with documents that this chunker has not seen, claimed by others or not."""
    rows = conn.execute(_TO_CHUNK, {"years": list(years), "version": version}).fetchall()
    return [year for (year,) in rows]


def years_to_encode(conn: Connection, years: Sequence[int], version: str, model: str) -> list[int]:
    """Years with chunks that wait for a vector, claimed by others or not."""
    return [year for year in years if store.count_pending(conn, year, version, model)]


class TextClaims:
    """One worker's claims. It goes through a year by chunk id and begins again at its end: no claim reads what was done before."""

    def __init__(self, version: str, model: str) -> None:
        self._version, self._model = version, model
        self._after: dict[int, str] = {}

    def take(self, conn: Connection, year: int, limit: int) -> list[PendingText]:
        """Texts that up to `limit` of the year's chunks wait for, each held by this worker alone until its transaction ends."""
        waiting = self._claim(conn, year, limit)
        if not waiting and self._after.pop(year, ""):
            waiting = self._claim(conn, year, limit)
        return self._mine(conn, waiting) if waiting else []

    def _claim(self, conn: Connection, year: int, limit: int) -> dict[str, str]:
        rows = conn.execute(
            _CLAIM,
            {
                "year": year,
                "version": self._version,
                "model": self._model,
                "limit": limit,
                "after": self._after.get(year, ""),
            },
        ).fetchall()
        if rows:
            self._after[year] = rows[-1][0]
        texts = {digest: text for _, digest, text, _, _ in rows}
        headers = {digest: header for _, _, _, digest, header in rows if digest is not None}
        return texts | headers

    def _mine(self, conn: Connection, waiting: Mapping[str, str]) -> list[PendingText]:
        """The rows of two filings with one text can be claimed by two workers, the text's own lock by one.

        What has a vector is looked for by a statement that begins when the locks are held: nobody can have stored another since.
        """
        held = conn.execute(_LOCK, {"digests": list(waiting), "model": self._model}).fetchall()
        rows = conn.execute(_WITHOUT_VECTOR, {"digests": [digest for (digest,) in held], "model": self._model})
        return [PendingText(digest, waiting[digest]) for (digest,) in rows]

"""Removes what nothing needs any more: chunks, vectors and index versions.

Kept is what a live index is made of, what a version that was superseded lately is made of (the way back), what is being built
with the chunker and the embedder in use, and, for ever, what a recorded decision was made from: a replay reads its pinned
chunks and their vectors. Documents, files and ledger entries are never pruned; erasure is another thing.
"""

from dataclasses import dataclass

from compliance_assets.year_index import prune_store, store
from compliance_assets.year_index.prune_store import Policy
from resources.embedder import Embedder
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went. `chunked_documents`: documents that lost the chunks of one chunker."""

    chunked_documents: int
    chunks: int
    embeddings: int
    index_versions: int


def prune(postgres: Postgres, embedder: Embedder, chunker_version: str, keep_versions_days: int) -> Pruned:
    """Prune every year. Idempotent; killed at any point, the next one goes on. No index of a year is built meanwhile."""
    policy = Policy(embedder.digest, chunker_version, keep_versions_days)
    documents = chunks = 0
    with postgres.connect() as conn:
        prune_store.note_needed(conn, policy)
        for year in prune_store.chunked_years(conn):
            conn.commit()
            store.lock_year(conn, year)
            gone = prune_store.prune_chunks(conn, year, policy)
            documents, chunks = documents + gone[0], chunks + gone[1]
        conn.commit()
        embeddings = prune_store.prune_embeddings(conn, policy)
        versions = prune_store.prune_index_versions(conn, policy)
    return Pruned(documents, chunks, embeddings, versions)

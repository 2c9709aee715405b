"""One batch of claimed texts: encoded and stored."""

from collections.abc import Callable, Sequence

from compliance_assets.embeddings import store
from compliance_assets.embeddings.store import PendingText
from resources.embedder import Embedder
from resources.postgres import Connection

#: Chunks a batch: what a killed worker loses at most, about a second of work. Each of its texts is a lock in the server, whose
#: table has room for some 6,400 of all sessions (max_locks_per_transaction): about fifteen processes.
BATCH_CHUNKS = 128


def encode(
    conn: Connection, embedder: Embedder, batch: Sequence[PendingText], on_batch: Callable[[int], None] | None = None
) -> None:
    """Encode claimed texts and store their vectors, in the transaction that claimed them."""
    vectors = embedder.encode([pending.text for pending in batch], on_batch)
    store.insert(conn, embedder.digest, embedder.precision, [pending.text_sha256 for pending in batch], vectors)

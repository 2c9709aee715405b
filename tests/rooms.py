"""Brings documents through the first rooms without Dagster, for tests of the rooms behind them."""

from pathlib import Path

from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import Chunker, chunker_for
from compliance_assets.deployment import Deployment
from compliance_assets.normalised_documents import store as document_store
from compliance_assets.normalised_documents.envelope import normalise
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.raw_pulls import store as pull_store
from compliance_assets.raw_pulls.connector import source_id_of
from compliance_assets.raw_pulls.pull import pull_source
from resources.location import canonical_uri
from resources.progress import Silent


def take_in(deployment: Deployment, folder: Path) -> None:
    """Pull and normalise a folder as it stands now."""
    uri = canonical_uri(str(folder))
    with deployment.postgres.connect() as conn:
        pull_store.register_source(conn, source_id_of(uri), uri)
    pull_source(deployment.postgres, deployment.objects, source_id_of(uri), uri, None, Silent())
    with deployment.postgres.connect() as conn:
        for file in document_store.claim(conn, 1_000):
            outcome = parse(deployment.objects.get(file.object_sha256))
            document_store.insert(conn, [normalise(file, outcome, deployment.settings.years)])
        document_store.refresh_liveness(conn)


def chunk(deployment: Deployment, year: int, chunker: Chunker | None = None) -> int:
    """Chunk what waits in a year; returns how many documents that were."""
    chunker = chunker or chunker_for(deployment.embedder)
    with deployment.postgres.connect() as conn:
        documents = chunk_store.claim(conn, year, chunker.version, 1_000)
        made = (c for document in documents for c in chunker.chunk(document))
        chunk_store.insert(conn, documents, made, chunker.version)
    return len(documents)

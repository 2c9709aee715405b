"""Documents put straight into the tables, chunked and embedded as the assets do it, without a Dagster run."""

import uuid
from pathlib import Path

from psycopg.types.json import Jsonb

from compliance_assets.chunks import store as chunk_store
from compliance_assets.chunks.chunker import DocumentText, chunker_for
from compliance_assets.contracts.canonical import content_id, sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.embeddings.claims import TextClaims
from compliance_assets.embeddings.encode import encode
from compliance_assets.raw_pulls import store as pull_store
from compliance_assets.year_index.build import BuildReport, build_year
from compliance_assets.year_index.pgvector_store import PGVECTOR
from compliance_assets.year_index.retrieved import Retrieved
from compliance_assets.year_index.search import TOP_K, ask, search
from compliance_assets.year_index.vector_store import VectorStore
from resources.reranker import Reranker
from resources.settings import Settings

SOURCE = "src_small"


def new_deployment(database_url: str, session_dir: Path, **environment: str) -> Deployment:
    """A prepared deployment with an organisation of its own, for fixtures that live longer than one test."""
    organization = str(uuid.uuid4())
    settings = Settings.from_environment(
        {
            "COMPLIANCE_DATABASE_URL": database_url,
            "COMPLIANCE_ORGANIZATION_ID": organization,
            "COMPLIANCE_EMBEDDER": "hash",
            "COMPLIANCE_YEARS": "2018-2024",
            **environment,
        },
        data_dir=session_dir / organization[:8],
    )
    made = Deployment(settings)
    made.prepare()
    return made


class SmallCorpus:
    """One organisation's documents, each a single page."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.chunker = chunker_for(deployment.embedder)

    def add(
        self, year: int, text: str, category: str | None = None, *, title: str | None = None, embed: bool = True
    ) -> str:
        """Returns the document's id."""
        digest, title = sha256_hex(text), f"{category} {year}" if title is None else title
        self.deployment.objects.put(text.encode())
        doc_id = content_id("doc", year, text, category or "", title)
        with self.deployment.postgres.connect() as conn:
            pull_store.register_source(conn, SOURCE, "file:///small")
            conn.execute(
                "INSERT INTO compliance.raw_pulls (organization_id, pull_id, source_id, path, state, object_sha256,"
                " source_version, label)"
                " VALUES (compliance.current_organization(), %s, %s, %s, 'pulled', %s, '1', '{}')",
                [f"pull_{doc_id}", SOURCE, f"{doc_id}.txt", digest],
            )
            conn.execute(
                "INSERT INTO compliance.documents (organization_id, filing_id, pull_id, object_sha256, year,"
                " filer_category, title, state, raw_text, raw_pages, metadata, normaliser_version, text_sha256, data_subjects)"
                " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, 'ok', %s, %s, '{}', '1', %s, %s)",
                [
                    doc_id,
                    f"pull_{doc_id}",
                    digest,
                    year,
                    category,
                    title,
                    text,
                    Jsonb([{"page": 1, "char_start": 0, "char_end": len(text), "origin": "markup"}]),
                    digest,
                    list(data_subjects_in(text)),
                ],
            )
            document = DocumentText(doc_id, year, category, text, (len(text),), title)
            chunk_store.insert(conn, [document], self.chunker.chunk(document), self.chunker.version)
        if embed:
            self.embed(year)
        return doc_id

    def embed(self, year: int) -> None:
        """A vector for every chunk of the year that has none."""
        embedder = self.deployment.embedder
        with self.deployment.postgres.connect() as conn:
            claims = TextClaims(self.chunker.version, embedder.digest)
            while batch := claims.take(conn, year, 1_000):
                encode(conn, embedder, batch)
                conn.commit()

    def find(
        self, question: str, scope: RetrievalScope | None = None, top_k: int = TOP_K, reranker: Reranker | None = None
    ) -> list[Retrieved]:
        """What a search answers, best first."""
        with self.deployment.postgres.connect() as conn:
            return search(conn, ask(conn, self.deployment.embedder, question, scope), top_k, reranker)

    def set_live(self, doc_id: str, live: bool) -> None:
        """Take a document out of the corpus, or put it back."""
        with self.deployment.postgres.connect() as conn:
            conn.execute("UPDATE compliance.documents SET live = %s WHERE filing_id = %s", [live, doc_id])

    def build(self, year: int, *, rebuild: bool = False, vectors: VectorStore = PGVECTOR) -> BuildReport:
        """Build the year's index."""
        deployment = self.deployment
        return build_year(
            deployment.postgres,
            deployment.keyring,
            deployment.embedder,
            self.chunker.version,
            year,
            rebuild=rebuild,
            vectors=vectors,
        )

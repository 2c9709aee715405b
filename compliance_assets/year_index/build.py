"""Builds a year's index beside the live one and swaps it in when it is fit."""

from dataclasses import dataclass

from compliance_assets.audit_ledger.pointers import move_pointer
from compliance_assets.year_index import lexical_store, store
from compliance_assets.year_index.backlog import identity_of
from compliance_assets.year_index.findings import IndexMeasurements, findings_of
from compliance_assets.year_index.pgvector_store import PGVECTOR
from compliance_assets.year_index.pointers import pointer_of
from compliance_assets.year_index.vector_store import VectorStore
from resources.embedder import Embedder
from resources.keyring import Keyring
from resources.postgres import Postgres


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did. `measurements` None: the live index was current and stayed."""

    index_version: str
    documents: int
    chunks: int
    measurements: IndexMeasurements | None
    findings: tuple[str, ...]


def build_year(
    postgres: Postgres,
    keyring: Keyring,
    embedder: Embedder,
    chunker_version: str,
    year: int,
    *,
    rebuild: bool = False,
    vectors: VectorStore = PGVECTOR,
) -> BuildReport:
    """Make the year's live index match its live documents. Does nothing where it does, unless `rebuild`.

    What searches use is a pointer, and a pointer does not move without an entry of the ledger.
    """
    with postgres.connect() as conn:
        store.corpus_salts(conn, [year])
        conn.commit()  # it stays where the build is refused
        store.lock_year(conn, year)
        salt = store.corpus_salts(conn, [year])[year]  # held: no document of the year is erased while it is indexed
        documents = store.live_documents(conn, year)
        live = store.live_index(conn, year)
        identity = identity_of(postgres.organization_id, embedder, chunker_version, year, documents, salt, vectors.rule)
        if live and live.index_version == identity.version and not rebuild:
            return BuildReport(live.index_version, len(documents), live.chunk_count, None, ())
        candidate = vectors.build(conn, identity)
        measured = vectors.measure(conn, identity, candidate)
        findings = findings_of(measured)
        if findings:
            vectors.drop(conn, candidate)
            store.record_refused(conn, identity, measured.parameters, candidate.rows, len(documents), findings)
        else:
            words = lexical_store.built(conn, year, chunker_version)
            vectors.swap_in(conn, year, candidate)
            store.record_live(conn, identity, measured.parameters, candidate.rows, len(documents))
            lexical_store.swap_in(conn, year, identity.version, words)
            previous = live.index_version if live else None
            if previous != identity.version:
                move_pointer(conn, keyring, pointer_of(year), identity.version, previous, year)
    return BuildReport(identity.version, len(documents), candidate.rows, measured, tuple(findings))

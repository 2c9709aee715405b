"""Which years' indexes no longer match their documents."""

from collections.abc import Sequence

from compliance_assets.year_index import store
from compliance_assets.year_index.parameters import RULE, IndexIdentity, IndexRule, corpus_digest_of
from resources.embedder import Embedder
from resources.postgres import Connection


def identity_of(
    organization_id: str,
    embedder: Embedder,
    chunker_version: str,
    year: int,
    documents: Sequence[str],
    salt: bytes,
    rule: IndexRule = RULE,
) -> IndexIdentity:
    """What the year's index has to be made of, as things are now."""
    return IndexIdentity(
        organization_id=organization_id,
        year=year,
        embedder=embedder.name,
        embedder_digest=embedder.digest,
        dimension=embedder.dimension,
        chunker_version=chunker_version,
        corpus_digest=corpus_digest_of(documents, salt),
        rule_digest=rule.digest,
    )


def stale_years(conn: Connection, organization_id: str, embedder: Embedder, chunker_version: str) -> dict[int, str]:
    """year -> the index version that it should have, for every year that has another or none."""
    wanted = {}
    corpora = store.corpus_by_year(conn)
    salts = store.corpus_salts(conn, list(corpora))
    for year, (documents, live_version) in corpora.items():
        version = identity_of(organization_id, embedder, chunker_version, year, documents, salts[year]).version
        if version != live_version:
            wanted[year] = version
    return wanted

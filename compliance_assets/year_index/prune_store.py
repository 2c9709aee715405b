"""All SQL of pruning."""

from dataclasses import asdict, dataclass

from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class Policy:
    """What is in use now, for how many days a superseded index version is kept, and how many hours count as now.

    `grace_hours` is longer than any decision and any batch takes: what one of them found is there when it is recorded.
    """

    model_digest: str
    chunker_version: str
    keep_days: int
    grace_hours: int = 24


def note_needed(conn: Connection, policy: Policy) -> None:
    """Tables of the session: `kept`, what can be searched, now or by going back; `decided`, what decisions were made from.

    A decision needs a document by the chunker and the model of the index versions that it searched. Where such a version is not
    on record, null stands for every chunker and model.
    """
    conn.execute(
        "CREATE TEMP TABLE kept AS SELECT DISTINCT year, chunker_version, embedder_digest FROM compliance.index_versions"
        " WHERE state = 'live' OR (state = 'superseded'"
        "  AND coalesce(superseded_at, built_at) > now() - make_interval(days => %s))",
        [policy.keep_days],
    )
    conn.execute(
        "CREATE TEMP TABLE decided AS SELECT DISTINCT t.doc_id, v.chunker_version, v.embedder_digest"
        " FROM compliance.decision_documents t LEFT JOIN compliance.decisions d USING (year, response_id)"
        " LEFT JOIN unnest(string_to_array(d.index_version, '+')) name ON name <> 'none'"
        " LEFT JOIN compliance.index_versions v ON v.index_version = name"
    )
    conn.execute("ANALYZE decided")


def chunked_years(conn: Connection) -> list[int]:
    """Years with chunks, of whatever chunker."""
    rows = conn.execute("SELECT DISTINCT year FROM compliance.chunked_documents ORDER BY year").fetchall()
    return [year for (year,) in rows]


def prune_chunks(conn: Connection, year: int, policy: Policy) -> tuple[int, int]:
    """(documents, chunks) of a year that went: of a chunker that no kept version uses, or of a document that is not live.

    A document that the live index still holds keeps its chunks until the index is built anew.
    """
    conn.execute("DROP TABLE IF EXISTS pg_temp.unneeded")
    conn.execute(
        "CREATE TEMP TABLE unneeded AS SELECT c.doc_id, c.chunker_version FROM compliance.chunked_documents c"
        " JOIN compliance.documents d ON d.filing_id = c.doc_id"
        " WHERE c.year = %(year)s AND c.chunked_at < now() - make_interval(hours => %(grace_hours)s)"
        "  AND NOT EXISTS (SELECT FROM decided n WHERE n.doc_id = c.doc_id"
        "   AND coalesce(n.chunker_version = c.chunker_version, true))"
        "  AND (d.live AND c.chunker_version <> %(chunker_version)s"
        "    AND c.chunker_version NOT IN (SELECT chunker_version FROM kept WHERE year = %(year)s)"
        "   OR NOT d.live AND c.doc_id NOT IN (SELECT doc_id FROM year_index.entries WHERE year = %(year)s)"
        "    AND NOT EXISTS (SELECT FROM compliance.withdrawals w WHERE w.doc_id = c.doc_id"
        "     AND w.unretrievable_at > now() - make_interval(hours => %(grace_hours)s)))",
        {"year": year, **asdict(policy)},
    )
    chunks = conn.execute(
        "DELETE FROM compliance.chunks c USING unneeded u WHERE c.year = %s AND c.doc_id = u.doc_id"
        " AND c.chunker_version = u.chunker_version",
        [year],
    ).rowcount
    documents = conn.execute(
        "DELETE FROM compliance.chunked_documents c USING unneeded u WHERE c.doc_id = u.doc_id"
        " AND c.chunker_version = u.chunker_version"
    ).rowcount
    return documents, chunks


def prune_embeddings(conn: Connection, policy: Policy) -> int:
    """Vectors that went: of texts and headers that no chunk has any more, or of a model that no index needs for them."""
    return conn.execute(
        "WITH embedded AS (SELECT year, doc_id, chunker_version, text_sha256 FROM compliance.chunks"
        "  UNION ALL SELECT year, doc_id, chunker_version, header_sha256 FROM compliance.chunks WHERE header <> ''),"
        " needed AS (SELECT text_sha256, %(model_digest)s AS model_digest FROM embedded"
        "   WHERE chunker_version = %(chunker_version)s"
        "  UNION SELECT c.text_sha256, k.embedder_digest FROM embedded c JOIN kept k USING (year, chunker_version)"
        "  UNION SELECT c.text_sha256, m.model_digest FROM embedded c"
        "   JOIN decided n ON n.doc_id = c.doc_id AND coalesce(n.chunker_version = c.chunker_version, true)"
        "   JOIN (SELECT DISTINCT model_digest FROM compliance.embeddings) m"
        "     ON coalesce(m.model_digest = n.embedder_digest, true))"
        " DELETE FROM compliance.embeddings e WHERE e.embedded_at < now() - make_interval(hours => %(grace_hours)s)"
        "  AND NOT EXISTS (SELECT FROM needed n WHERE n.text_sha256 = e.text_sha256 AND n.model_digest = e.model_digest)",
        asdict(policy),
    ).rowcount


def prune_index_versions(conn: Connection, policy: Policy) -> int:
    """Versions that went: not live for longer than they are kept, searched by no decision, and not the year's last attempt."""
    return conn.execute(
        "DELETE FROM compliance.index_versions v WHERE v.state <> 'live'"
        " AND coalesce(v.superseded_at, v.built_at) < now() - make_interval(days => %s)"
        " AND EXISTS (SELECT FROM compliance.index_versions later WHERE later.year = v.year AND later.built_at > v.built_at)"
        " AND v.index_version NOT IN (SELECT name FROM compliance.decisions d,"
        "  unnest(string_to_array(d.index_version, '+')) name)",
        [policy.keep_days],
    ).rowcount

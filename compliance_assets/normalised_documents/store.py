"""All SQL of normalised_documents."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.normalised_documents.envelope import NormalisedDocument, PulledFile
from compliance_assets.normalised_documents.parse import NORMALISER_VERSION
from compliance_assets.normalised_documents.removals import Removal
from resources.postgres import Connection

_PENDING = """
    FROM compliance.raw_pulls p JOIN compliance.sources s USING (organization_id, source_id)
    WHERE p.superseded_at IS NULL AND p.state = 'pulled'
      AND NOT EXISTS (SELECT FROM compliance.documents d
                      WHERE d.pull_id = p.pull_id AND d.normaliser_version = %(version)s)
"""


def claim(conn: Connection, limit: int, about_bytes: int | None = None) -> list[PulledFile]:
    """Live files that this normaliser has not read, largest first so that no worker ends with a long one; locked.

    `about_bytes`: no more of them than make up that much if all are as large as the largest, but two: they are committed together.
    """
    if about_bytes is not None:
        largest = conn.execute("SELECT max(p.size_bytes)" + _PENDING, {"version": NORMALISER_VERSION}).fetchone()
        if largest and largest[0]:
            limit = max(2, min(limit, about_bytes // largest[0]))
    rows = conn.execute(
        "SELECT p.pull_id, p.object_sha256, s.uri, p.path, p.source_version, p.label"
        + _PENDING
        + " ORDER BY p.size_bytes DESC, p.pull_id LIMIT %(limit)s FOR UPDATE OF p SKIP LOCKED",
        {"version": NORMALISER_VERSION, "limit": limit},
    )
    return [
        PulledFile(
            pull_id, digest, uri, path, version,
            label["year"], label["filer_category"], label["title"], label["doc_type"], label["origin"],
        )
        for pull_id, digest, uri, path, version, label in rows
    ]  # fmt: skip


def count_pending(conn: Connection) -> int:
    """How many live files wait to be read."""
    row = conn.execute("SELECT count(*)" + _PENDING, {"version": NORMALISER_VERSION}).fetchone()
    return row[0] if row else 0


def insert(conn: Connection, documents: Sequence[NormalisedDocument]) -> None:
    """Store documents of claimed files, in the caller's transaction; a document before those inside it."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO compliance.documents (organization_id, filing_id, pull_id, object_sha256, year, filer_category,"
            " title, state, reason, raw_text, raw_pages, metadata, normaliser_version, parent_id, part, document_format,"
            " text_sha256, data_subjects) VALUES (compliance.current_organization(), %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
            " %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [
                (
                    d.envelope.filing_id, d.pulled.pull_id, d.envelope.metadata.object_sha256, d.envelope.year,
                    d.envelope.filer_category, d.envelope.metadata.title, d.state.value, d.reason, d.envelope.raw_text,
                    Jsonb([page.model_dump() for page in d.envelope.raw_pages]),
                    Jsonb(d.envelope.metadata.model_dump(mode="json")), NORMALISER_VERSION,
                    d.pulled.parent_id, d.pulled.part, d.envelope.metadata.document_format,
                    sha256_hex(d.envelope.raw_text), _data_subjects(d),
                )
                for d in documents
            ],
        )  # fmt: skip


def _data_subjects(document: NormalisedDocument) -> list[str]:
    """The persons that a document states, in its text, in a field, or in what it is called."""
    envelope, path = document.envelope, document.pulled.path
    called = (path, envelope.metadata.title, envelope.filer_category or "")
    return list(data_subjects_in("\n".join((envelope.raw_text, *envelope.metadata.fields.values(), *called))))


def share_data_subjects(conn: Connection, pull_ids: Sequence[str]) -> None:
    """What one file holds goes together: each of its documents is also of the persons that the others state."""
    conn.execute(
        "UPDATE compliance.documents d SET data_subjects = f.persons FROM"
        " (SELECT pull_id, array_agg(DISTINCT person ORDER BY person) AS persons FROM compliance.documents,"
        "  unnest(data_subjects) person WHERE pull_id = ANY(%s) GROUP BY pull_id) f"
        " WHERE d.pull_id = f.pull_id AND d.data_subjects <> f.persons",
        [list(pull_ids)],
    )


def retire_predecessors(conn: Connection, pull_ids: Sequence[str]) -> int:
    """The documents of files that were just read again step back for the new ones, in the same transaction."""
    return conn.execute(
        "UPDATE compliance.documents d SET live = false FROM compliance.raw_pulls new JOIN compliance.raw_pulls old"
        "   ON old.source_id = new.source_id AND old.path = new.path"
        " WHERE new.pull_id = ANY(%s) AND d.pull_id = old.pull_id AND d.live"
        "   AND (old.superseded_at IS NOT NULL OR d.normaliser_version <> %s)",
        [list(pull_ids), NORMALISER_VERSION],
    ).rowcount


def refresh_liveness(conn: Connection) -> int:
    """A document is live while its file's version is, and this normaliser made it; returns how many changed."""
    return conn.execute(
        "UPDATE compliance.documents d SET live = NOT d.live FROM compliance.raw_pulls p"
        " WHERE p.pull_id = d.pull_id"
        "   AND d.live <> (p.superseded_at IS NULL AND p.state = 'pulled' AND d.normaliser_version = %s)",
        [NORMALISER_VERSION],
    ).rowcount


def removed_but_live(conn: Connection) -> int:
    """How many documents are live although their source no longer has their file. A trigger of the schema keeps it at 0."""
    row = conn.execute(
        "SELECT count(*) FROM compliance.raw_pulls gone JOIN compliance.raw_pulls p"
        "   ON p.source_id = gone.source_id AND p.path = gone.path"
        " JOIN compliance.documents d ON d.pull_id = p.pull_id AND d.live"
        " WHERE gone.state = 'removed' AND gone.superseded_at IS NULL"
    ).fetchone()
    return row[0] if row else 0


def removals_since(conn: Connection, days: int) -> list[Removal]:
    """Documents whose files were removed at their source in the last days and have not come back."""
    rows = conn.execute(
        "SELECT extract(epoch FROM unretrievable_at - noticed_at)::float8,"
        " extract(epoch FROM unretrievable_at - least(last_listed_at, noticed_at))::float8,"
        " extract(epoch FROM index_left_at - noticed_at)::float8"
        " FROM compliance.withdrawals WHERE cause = 'removed' AND returned_at IS NULL"
        "   AND unretrievable_at > now() - make_interval(days => %s) ORDER BY unretrievable_at",
        [days],
    ).fetchall()
    return [Removal(*row) for row in rows]


def file_counts(conn: Connection) -> tuple[int, int]:
    """(live files, live documents made of files): what came in may not be lost. Attachments are counted apart."""
    row = conn.execute(
        "SELECT (SELECT count(*) FROM compliance.raw_pulls WHERE superseded_at IS NULL AND state = 'pulled'),"
        " (SELECT count(*) FROM compliance.documents WHERE live AND parent_id IS NULL)"
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def state_counts(conn: Connection) -> dict[str, int]:
    """Live documents by state, attachments included."""
    rows = conn.execute(
        "SELECT state, count(*) FROM compliance.documents WHERE live GROUP BY state ORDER BY state"
    ).fetchall()
    return {state: count for state, count in rows}


def attachment_counts(conn: Connection) -> tuple[int, int]:
    """(attachments that live documents name, live attachments that are documents): these two may not differ either."""
    row = conn.execute(
        "SELECT (SELECT coalesce(sum(jsonb_array_length(metadata -> 'attachments')), 0) FROM compliance.documents WHERE live),"
        " (SELECT count(*) FROM compliance.documents WHERE live AND parent_id IS NOT NULL)"
    ).fetchone()
    return (int(row[0]), row[1]) if row else (0, 0)


def counts_by_format(conn: Connection) -> list[dict[str, str | int]]:
    """Live documents of each format by state, attachments included."""
    rows = conn.execute(
        "SELECT document_format, count(*) FILTER (WHERE state = 'ok'), count(*) FILTER (WHERE state = 'needs_human'),"
        " count(*) FILTER (WHERE state = 'rejected') FROM compliance.documents WHERE live GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return [
        {"format": name, "ok": ok, "needs_human": human, "rejected": rejected} for name, ok, human, rejected in rows
    ]


def finding_counts(conn: Connection) -> dict[str, int]:
    """How many live filings break each rule."""
    rows = conn.execute(
        "SELECT rule, count(DISTINCT filing_id) FROM compliance.documents, jsonb_array_elements_text(metadata -> 'findings') rule"
        " WHERE live GROUP BY rule ORDER BY rule"
    ).fetchall()
    return {rule: count for rule, count in rows}


def counts_by_year(conn: Connection) -> dict[str, int]:
    """Readable documents by year."""
    rows = conn.execute(
        "SELECT year, count(*) FROM compliance.documents WHERE live AND state = 'ok' GROUP BY year ORDER BY year"
    ).fetchall()
    return {str(year): count for year, count in rows}


def not_ok(conn: Connection) -> list[dict[str, str]]:
    """Live documents that are not ok: path, state and reason."""
    rows = conn.execute(
        "SELECT p.path || CASE d.part WHEN '' THEN '' ELSE '#' || d.part END, d.state, d.reason"
        " FROM compliance.documents d JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id"
        " WHERE d.live AND d.state <> 'ok' ORDER BY d.state DESC, d.reason, 1"
    ).fetchall()
    return [{"path": path, "state": state, "reason": reason} for path, state, reason in rows]


def page_count(conn: Connection) -> int:
    """Pages of the readable documents."""
    row = conn.execute(
        "SELECT coalesce(sum(jsonb_array_length(raw_pages)), 0) FROM compliance.documents WHERE live AND state = 'ok'"
    ).fetchone()
    return int(row[0]) if row else 0


def documents_awaiting_a_year(conn: Connection) -> list[dict[str, str]]:
    """Readable documents that no year could be found for."""
    return [row for row in not_ok(conn) if row["reason"].startswith("year_")]

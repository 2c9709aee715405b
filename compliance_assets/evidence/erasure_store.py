"""SQL of erasure: what a person's data reaches, and its removal from every room's tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from compliance_assets.contracts.data_subject import data_subjects_in
from resources.postgres import Connection

#: Tables that may have held what was erased; `{}` stands for a year.
SCRUBBED = (
    "subject_keys",
    "corpus_salts",
    "documents",
    "chunked_documents",
    "embeddings",
    "work_items",
    "raw_pulls",
    "index_versions",
    "lexical_indexes",
    "review_outcomes",
    "withdrawals",
)
SCRUBBED_BY_YEAR = ("chunks_{}", "decisions_{}", "decision_documents_{}")
REWRITTEN_UP_TO = 256 * 1024 * 1024  # bytes: about a second; a larger table is only vacuumed


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A document that states a person, with everybody whom it states. `source` is where its file came from."""

    doc_id: str
    pull_id: str
    parent_id: str | None
    year: int | None
    persons: tuple[str, ...]
    source: str


def lock_erasures(conn: Connection) -> None:
    """One erasure or hold at a time; held until the transaction ends."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('erasure:' || compliance.current_organization(), 0))")


def documents_stating(conn: Connection, person: str) -> list[HeldDocument]:
    """Documents that state a person, with everything that lies in the same file: a mail goes with its attachments."""
    rows = conn.execute(
        "SELECT d.filing_id, d.pull_id, d.parent_id, d.year, d.data_subjects, s.uri || '/' || p.path FROM compliance.documents d"
        " JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id JOIN compliance.sources s ON s.source_id = p.source_id"
        " WHERE d.pull_id IN (SELECT pull_id FROM compliance.documents WHERE data_subjects @> ARRAY[%s])"
        " ORDER BY d.filing_id FOR UPDATE OF d",
        [person],
    ).fetchall()
    return [
        HeldDocument(doc_id, pull_id, parent_id, year, tuple(persons), source)
        for doc_id, pull_id, parent_id, year, persons, source in rows
    ]


def objects_of_documents_alone(conn: Connection, doc_ids: Sequence[str]) -> list[str]:
    """The raw objects of these documents and of their files that no other document or file shares."""
    rows = conn.execute(
        "WITH own AS (SELECT filing_id, pull_id, object_sha256 FROM compliance.documents WHERE filing_id = ANY(%s))"
        " SELECT object_sha256 FROM own UNION SELECT p.object_sha256 FROM compliance.raw_pulls p"
        "  WHERE p.pull_id IN (SELECT pull_id FROM own) AND p.object_sha256 IS NOT NULL"
        " EXCEPT SELECT object_sha256 FROM compliance.raw_pulls WHERE pull_id NOT IN (SELECT pull_id FROM own)"
        "  AND object_sha256 IS NOT NULL"
        " EXCEPT SELECT object_sha256 FROM compliance.documents WHERE pull_id NOT IN (SELECT pull_id FROM own)"  # attachments
        " ORDER BY 1",
        [list(doc_ids)],
    ).fetchall()
    return [digest for (digest,) in rows]


def delete_documents(conn: Connection, doc_ids: Sequence[str], pull_ids: Sequence[str]) -> None:
    """Remove documents and all that was made of them. A file's row keeps its path, so that it is not taken in again."""
    ids = list(doc_ids)
    conn.execute("DELETE FROM year_index.entries WHERE doc_id = ANY(%s)", [ids])
    conn.execute("DELETE FROM compliance.decision_documents WHERE doc_id = ANY(%s)", [ids])
    # Whoever embeds them is waited for.
    conn.execute("SELECT FROM compliance.chunks WHERE doc_id = ANY(%s) FOR UPDATE", [ids])
    conn.execute(
        "DELETE FROM compliance.embeddings e WHERE text_sha256 IN"
        " (SELECT unnest(ARRAY[text_sha256, header_sha256]) FROM compliance.chunks WHERE doc_id = ANY(%(ids)s))"
        " AND NOT EXISTS"
        " (SELECT FROM compliance.chunks c WHERE c.text_sha256 = e.text_sha256 AND c.doc_id <> ALL(%(ids)s)) AND NOT EXISTS"
        " (SELECT FROM compliance.chunks c WHERE c.header_sha256 = e.text_sha256 AND c.doc_id <> ALL(%(ids)s))",
        {"ids": ids},
    )
    for table in ("chunks", "chunked_documents"):
        conn.execute(
            sql.SQL("DELETE FROM {} WHERE doc_id = ANY(%s)").format(sql.Identifier("compliance", table)), [ids]
        )
    conn.execute("DELETE FROM compliance.documents WHERE filing_id = ANY(%s) AND parent_id IS NOT NULL", [ids])
    conn.execute("DELETE FROM compliance.documents WHERE filing_id = ANY(%s)", [ids])
    _forget_pulls(conn, sorted(set(pull_ids)))


def forget_corpora(conn: Connection, years: Iterable[int]) -> None:
    """Take the salt out of the digests of these years' documents. Waits for who builds an index of one of them."""
    conn.execute("DELETE FROM compliance.corpus_salts WHERE year = ANY(%s)", [sorted(years)])


def _forget_pulls(conn: Connection, pull_ids: Sequence[str]) -> None:
    """The ids of a file's versions are digests of its bytes, its label may name the person, and so may its path."""
    rows = conn.execute(
        "SELECT pull_id, path FROM compliance.raw_pulls p WHERE NOT EXISTS"  # tombstones, too: their ids contain the others
        " (SELECT FROM compliance.documents d WHERE d.pull_id = p.pull_id) AND EXISTS (SELECT FROM compliance.raw_pulls o"
        " WHERE o.pull_id = ANY(%s) AND o.source_id = p.source_id AND o.path = p.path)",
        [pull_ids],
    ).fetchall()
    nameless = {"year": None, "filer_category": None, "title": "", "doc_type": None, "origin": "none"}
    conn.execute(
        "UPDATE compliance.raw_pulls SET pull_id = 'pull_erased_' || gen_random_uuid(), reason = 'erased', label = %s,"
        " state = CASE state WHEN 'removed' THEN state ELSE 'erased' END, object_sha256 = NULL, size_bytes = NULL,"
        " path = CASE WHEN path = ANY(%s) THEN 'erased/' || gen_random_uuid() ELSE path END WHERE pull_id = ANY(%s)",
        [Jsonb(nameless), [path for _, path in rows if data_subjects_in(path)], [pull_id for pull_id, _ in rows]],
    )


def work_of(conn: Connection, person: str, response_ids: Sequence[str]) -> list[str]:
    """Work that decisions answer, and queued work that names the person; locked: what is being decided just now is waited for."""
    waiting = conn.execute("SELECT work_id, input FROM compliance.work_items WHERE state = 'queued'").fetchall()
    naming = [work_id for work_id, asked in waiting if person in data_subjects_in(asked)]
    rows = conn.execute(
        "SELECT work_id FROM compliance.work_items WHERE work_id = ANY(%s) OR work_id IN"
        " (SELECT work_id FROM compliance.decisions WHERE response_id = ANY(%s)) ORDER BY work_id FOR UPDATE",
        [naming, list(response_ids)],
    ).fetchall()
    return [work_id for (work_id,) in rows]


def delete_work(conn: Connection, work_ids: Sequence[str], response_ids: Sequence[str]) -> None:
    """Remove what was asked: this work, and that which decisions answer."""
    conn.execute(
        "DELETE FROM compliance.work_items WHERE work_id = ANY(%s)"
        " OR work_id IN (SELECT work_id FROM compliance.decisions WHERE response_id = ANY(%s))",
        [list(work_ids), list(response_ids)],
    )


def decisions_at(conn: Connection, seqs: Sequence[int]) -> list[str]:
    """The decisions that entries record."""
    rows = conn.execute(
        "SELECT subject_id FROM compliance.ledger_entries WHERE seq = ANY(%s) AND kind = 'decision' ORDER BY seq",
        [list(seqs)],
    ).fetchall()
    return [response_id for (response_id,) in rows]


def decisions_under(conn: Connection, key_id: str | None) -> list[str]:
    """The decisions that a key seals."""
    rows = conn.execute(
        "SELECT e.subject_id FROM compliance.sealed_entries s JOIN compliance.ledger_entries e ON e.seq = s.seq"
        " WHERE s.key_id = %s AND e.kind = 'decision' ORDER BY s.seq",
        [key_id],
    ).fetchall()
    return [response_id for (response_id,) in rows]


def years_of_decisions(conn: Connection, response_ids: Sequence[str]) -> set[int]:
    """The years that decisions belong to."""
    rows = conn.execute(
        "SELECT DISTINCT year FROM compliance.decisions WHERE response_id = ANY(%s)", [list(response_ids)]
    ).fetchall()
    return {year for (year,) in rows}


def blank_decisions(conn: Connection, response_ids: Sequence[str]) -> None:
    """Remove what decisions say of the question; the outcome stays."""
    ids = list(response_ids)
    conn.execute("DELETE FROM compliance.decision_documents WHERE response_id = ANY(%s)", [ids])
    conn.execute(
        "UPDATE compliance.decisions SET work_id = 'erased', idempotency_key = 'erased:' || response_id,"
        " reason = nullif(split_part(coalesce(reason, ''), ':', 1), '') WHERE response_id = ANY(%s)",
        [ids],
    )
    conn.execute(
        "UPDATE compliance.review_outcomes SET model_decision = NULL, final_decision = NULL WHERE response_id = ANY(%s)",
        [ids],
    )


def keys_sealing(conn: Connection, seqs: Sequence[int]) -> set[str]:
    """The keys of everybody whose content lies in these entries."""
    rows = conn.execute(
        "SELECT DISTINCT jsonb_array_elements_text(body::jsonb -> 'sealed_under') FROM compliance.ledger_entries"
        " WHERE seq = ANY(%s)",
        [list(seqs)],
    ).fetchall()
    return {key_id for (key_id,) in rows}


def add_hold(conn: Connection, hold_id: str, key_id: str, order_ref: str, actor: str) -> None:
    """Place a hold on a key."""
    conn.execute(
        "INSERT INTO compliance.legal_holds (organization_id, hold_id, key_id, order_ref, placed_by)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s)",
        [hold_id, key_id, order_ref, actor],
    )


def end_hold(conn: Connection, hold_id: str) -> bool:
    """End a hold; False where there is none in force."""
    return (
        conn.execute(
            "UPDATE compliance.legal_holds SET released_at = now() WHERE hold_id = %s AND released_at IS NULL",
            [hold_id],
        ).rowcount
        == 1
    )


def holds_in_force(conn: Connection) -> list[tuple[str, str, str, str, object]]:
    """(hold id, key id, order, who placed it, when) of every hold in force."""
    rows = conn.execute(
        "SELECT hold_id, key_id::text, order_ref, placed_by, placed_at FROM compliance.legal_holds"
        " WHERE released_at IS NULL ORDER BY placed_at"
    ).fetchall()
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


# ── what is left in files ────────────────────────────────────────────────────────────────────────────────────────────


def scrub(conn: Connection, years: Iterable[int] | None) -> None:
    """Rewrite the tables that held what was erased, so that neither their files nor the planner's samples keep it.

    `years` None: those of every year. Needs a session in autocommit with the rights of the tables' owners. A table that is
    large or in use is vacuumed instead: its deleted rows are gone, their bytes until the space is used again are not.
    """
    conn.execute("SET lock_timeout = '3s'")
    tables = _tables(conn, years)
    _clear_samples(conn, [name for _, name, _ in tables])
    for schema, name, size in tables:
        table = sql.Identifier(schema, name)
        if size <= REWRITTEN_UP_TO:
            try:
                conn.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(table))
                continue
            except psycopg.errors.LockNotAvailable:
                pass
        conn.execute(sql.SQL("VACUUM (ANALYZE) {}").format(table))
    conn.execute("VACUUM (FULL) pg_catalog.pg_statistic")  # the samples that were just replaced


def _clear_samples(conn: Connection, tables: Sequence[str]) -> None:
    """The planner's samples of these tables and of all years together: an ANALYZE alone keeps those of a table that is empty."""
    conn.execute(
        "SELECT pg_clear_attribute_stats(schemaname, tablename, attname, inherited) FROM pg_stats"
        " WHERE schemaname IN ('compliance', 'year_index') AND (inherited OR tablename = ANY(%s))",
        [list(tables)],
    )


def _tables(conn: Connection, years: Iterable[int] | None) -> list[tuple[str, str, int]]:
    pattern = "[0-9]+" if years is None else "|".join(map(str, sorted(set(years)))) or "none"
    by_year = [name.format(f"({pattern})") for name in SCRUBBED_BY_YEAR]
    rows = conn.execute(
        "SELECT n.nspname, c.relname, pg_total_relation_size(c.oid) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND"
        " ((n.nspname = 'compliance' AND c.relname ~ %s) OR (n.nspname = 'year_index' AND c.relname ~ %s)) ORDER BY 1, 2",
        [f"^({'|'.join((*SCRUBBED, *by_year))})$", f"^({pattern})_"],
    ).fetchall()
    return [(schema, name, size) for schema, name, size in rows]

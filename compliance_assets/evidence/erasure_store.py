"""SQL of erasure: what a person's data reaches, and its removal from every room's tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A document that states a person. `source` is where its file came from."""

    doc_id: str
    pull_id: str
    parent_id: str | None
    source: str


def documents_stating(conn: Connection, person: str) -> list[HeldDocument]:
    """Documents that state a person, with everything that lies in the same file: a mail goes with its attachments."""
    rows = conn.execute(
        "SELECT d.filing_id, d.pull_id, d.parent_id, s.uri || '/' || p.path FROM compliance.documents d"
        " JOIN compliance.raw_pulls p ON p.pull_id = d.pull_id JOIN compliance.sources s ON s.source_id = p.source_id"
        " WHERE d.pull_id IN (SELECT pull_id FROM compliance.documents WHERE data_subjects @> ARRAY[%s])"
        " ORDER BY d.filing_id FOR UPDATE OF d",
        [person],
    ).fetchall()
    return [HeldDocument(*row) for row in rows]


def objects_of_documents_alone(conn: Connection, doc_ids: Sequence[str]) -> list[str]:
    """The raw objects of these documents and of their files that no other document or file shares."""
    rows = conn.execute(
        "WITH own AS (SELECT filing_id, pull_id, object_sha256 FROM compliance.documents WHERE filing_id = ANY(%s))"
        " SELECT object_sha256 FROM own UNION SELECT p.object_sha256 FROM compliance.raw_pulls p"
        "  WHERE p.pull_id IN (SELECT pull_id FROM own) AND p.object_sha256 IS NOT NULL"
        " EXCEPT SELECT object_sha256 FROM compliance.raw_pulls WHERE pull_id NOT IN (SELECT pull_id FROM own)"
        "  AND object_sha256 IS NOT NULL ORDER BY 1",
        [list(doc_ids)],
    ).fetchall()
    return [digest for (digest,) in rows]


def delete_documents(conn: Connection, doc_ids: Sequence[str], pull_ids: Sequence[str]) -> None:
    """Remove documents and all that was made of them. A file's row keeps its path, so that it is not taken in again."""
    ids = list(doc_ids)
    conn.execute("DELETE FROM year_index.entries WHERE doc_id = ANY(%s)", [ids])
    conn.execute("DELETE FROM compliance.decision_documents WHERE doc_id = ANY(%s)", [ids])
    conn.execute(
        "DELETE FROM compliance.embeddings e WHERE text_sha256 IN"
        " (SELECT text_sha256 FROM compliance.chunks WHERE doc_id = ANY(%(ids)s)) AND NOT EXISTS"
        " (SELECT FROM compliance.chunks c WHERE c.text_sha256 = e.text_sha256 AND c.doc_id <> ALL(%(ids)s))",
        {"ids": ids},
    )
    for table in ("chunks", "chunked_documents"):
        conn.execute(
            sql.SQL("DELETE FROM {} WHERE doc_id = ANY(%s)").format(sql.Identifier("compliance", table)), [ids]
        )
    conn.execute("DELETE FROM compliance.documents WHERE filing_id = ANY(%s) AND parent_id IS NOT NULL", [ids])
    conn.execute("DELETE FROM compliance.documents WHERE filing_id = ANY(%s)", [ids])
    conn.execute(
        "UPDATE compliance.raw_pulls SET pull_id = 'pull_erased_' || gen_random_uuid(), state = 'erased', reason = 'erased',"
        " object_sha256 = NULL, size_bytes = NULL WHERE pull_id = ANY(%s)",
        [sorted(set(pull_ids))],
    )


def decisions_at(conn: Connection, seqs: Sequence[int]) -> list[str]:
    """The decisions that entries record."""
    rows = conn.execute(
        "SELECT subject_id FROM compliance.ledger_entries WHERE seq = ANY(%s) AND kind = 'decision' ORDER BY seq",
        [list(seqs)],
    ).fetchall()
    return [response_id for (response_id,) in rows]


def blank_decisions(conn: Connection, response_ids: Sequence[str]) -> None:
    """Remove what decisions and the work table say of the question; the outcome stays."""
    ids = list(response_ids)
    conn.execute(
        "DELETE FROM compliance.work_items w USING compliance.decisions d"
        " WHERE w.work_id = d.work_id AND d.response_id = ANY(%s)",
        [ids],
    )
    conn.execute("DELETE FROM compliance.decision_documents WHERE response_id = ANY(%s)", [ids])
    conn.execute(
        "UPDATE compliance.decisions SET work_id = 'erased', idempotency_key = 'erased:' || response_id,"
        " reason = nullif(split_part(coalesce(reason, ''), ':', 1), '') WHERE response_id = ANY(%s)",
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

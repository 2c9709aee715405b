"""All SQL of the ledger. `append` is the one door to it."""

from collections.abc import Iterator

import psycopg

from compliance_assets.audit_ledger.chain import GENESIS, Head, NewEntry, link
from compliance_assets.contracts.ledger_entry import LedgerEntry
from resources.keyring import Keyring
from resources.postgres import Connection

_SELECT = (
    "SELECT seq, organization_id::text, year, kind, occurred_at, actor, subject_id, body, body_sha256, prev_hash,"
    " entry_hash FROM compliance.ledger_entries"
)
_FIELDS = tuple(LedgerEntry.model_fields)


def append(conn: Connection, keyring: Keyring, entry: NewEntry) -> LedgerEntry:
    """Append an entry in the caller's transaction: what is recorded and the record stand or fall together.

    The head's row lock gives all writers of an organisation one order without a gap.
    """
    row = conn.execute("SELECT compliance.current_organization()::text").fetchone()
    assert row is not None
    organization_id = row[0]
    conn.execute(
        "INSERT INTO compliance.ledger_heads (organization_id, seq, entry_hash) VALUES (%s, 0, %s) ON CONFLICT DO NOTHING",
        [organization_id, GENESIS],
    )
    head = conn.execute("SELECT seq, entry_hash FROM compliance.ledger_heads FOR UPDATE").fetchone()
    assert head is not None
    linked = link(Head(*head), entry, organization_id, keyring.chain_key(organization_id))
    conn.execute(
        "INSERT INTO compliance.ledger_entries (seq, organization_id, year, kind, occurred_at, actor, subject_id, body,"
        " body_sha256, prev_hash, entry_hash) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [getattr(linked, field) for field in _FIELDS],
    )
    conn.execute("UPDATE compliance.ledger_heads SET seq = %s, entry_hash = %s", [linked.seq, linked.entry_hash])
    return linked


def head(conn: Connection) -> Head:
    """The end of the organisation's chain."""
    row = conn.execute("SELECT seq, entry_hash FROM compliance.ledger_heads").fetchone()
    return Head(*row) if row else Head()


def entries(conn: Connection) -> Iterator[LedgerEntry]:
    """Every entry of the organisation in order of `seq`, streamed as it stands: whether it holds is the walk's to say."""
    with conn.cursor(name="ledger_entries") as cursor:
        cursor.itersize = 500
        cursor.execute(_SELECT + " ORDER BY seq")
        for row in cursor:
            yield LedgerEntry.model_construct(**dict(zip(_FIELDS, row, strict=True)))


def entry_of(conn: Connection, subject_id: str) -> LedgerEntry | None:
    """The first entry about a subject, for example a response id."""
    row = conn.execute(_SELECT + " WHERE subject_id = %s ORDER BY seq LIMIT 1", [subject_id]).fetchone()
    return LedgerEntry(**dict(zip(_FIELDS, row, strict=True))) if row else None


def counts_by_kind(conn: Connection, year: int) -> dict[str, int]:
    """Entries of a year by kind."""
    rows = conn.execute(
        "SELECT kind, count(*) FROM compliance.ledger_entries WHERE year = %s GROUP BY kind ORDER BY kind", [year]
    ).fetchall()
    return {kind: count for kind, count in rows}


def unmatched_decisions(conn: Connection) -> list[str]:
    """Decisions without their entry, entries without their decision, and pairs that do not say the same."""
    rows = conn.execute(
        "SELECT DISTINCT coalesce(d.response_id, e.subject_id) FROM compliance.decisions d"
        " FULL JOIN (SELECT subject_id, year, CASE WHEN pg_input_is_valid(body, 'jsonb') THEN body::jsonb END AS body"
        "            FROM compliance.ledger_entries WHERE kind = 'decision' OFFSET 0) e"  # parsed once an entry
        "   ON e.subject_id = d.response_id AND e.year = d.year"
        " WHERE d.response_id IS NULL OR e.subject_id IS NULL"
        "    OR (encode(sha256(convert_to(d.envelope, 'UTF8')), 'hex'), d.outcome, d.reason, to_jsonb(d.confidence),"
        "        d.release_id, d.idempotency_key, d.index_version)"
        "    IS DISTINCT FROM (e.body ->> 'response_envelope_sha256', e.body ->> 'outcome', e.body ->> 'reason',"
        "        e.body -> 'confidence' -> 'value', e.body ->> 'release_id', e.body ->> 'idempotency_key',"
        "        e.body -> 'lineage' ->> 'index_version')"
        " ORDER BY 1"
    ).fetchall()
    return [response_id for (response_id,) in rows]


def permitted_changes(conn: Connection) -> list[str]:
    """The verbs among UPDATE, DELETE and TRUNCATE that the session's role can do to the ledger. Each is tried, then undone."""
    attempts = {
        "UPDATE": "UPDATE compliance.ledger_entries SET actor = actor",
        "DELETE": "DELETE FROM compliance.ledger_entries",
        "TRUNCATE": "TRUNCATE compliance.ledger_entries",
    }
    permitted = []
    for verb, statement in attempts.items():
        try:
            with conn.transaction(force_rollback=True):
                conn.execute(statement)
                permitted.append(verb)
        except psycopg.errors.InsufficientPrivilege:
            continue
    return permitted

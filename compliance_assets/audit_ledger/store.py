"""All SQL of the ledger. `append` is the one door to it."""

import hmac
import json
import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from compliance_assets.audit_ledger.chain import GENESIS, Amendment, Draft, Entry, Head, NewEntry, link, unplaced
from compliance_assets.audit_ledger.content import Content, SubjectKey, seal, unseal
from compliance_assets.contracts.canonical import Canonical, canonical_json
from resources.keyring import Keyring
from resources.pg_arrays import BinaryArray, bigints, blobs, texts, uuids
from resources.postgres import Connection, organization_of

#: In the order of `Entry`.
_SELECT: LiteralString = (
    "SELECT schema_version, seq, organization_id::text, year, kind, occurred_at, actor, subject_id, key_id, body, body_sha256,"
    " sealed, content_sha256, content_commitment, prev_hash, entry_hash FROM compliance.ledger_entries"
)
_COPY_TYPES = [{"seq": "int8", "year": "int4", "sealed": "bytea"}.get(name, "text") for name in Entry._fields]
_ARRAYS: dict[str, Callable[..., BinaryArray]] = {
    "seq": bigints,
    "organization_id": uuids,
    "year": bigints,
    "sealed": blobs,
}
#: What an entry has only once the head is locked.
_PLACE = frozenset({"seq", "prev_hash", "entry_hash"})
#: One statement, one round trip: the entries, whose keys seal them, and the head that they end in. Arrays go over in
#: binary: as text, every quote in a body would be escaped.
_INSERT: LiteralString = (
    "WITH written AS (INSERT INTO compliance.ledger_entries (schema_version, seq, organization_id, year, kind, occurred_at,"
    " actor, subject_id, key_id, body, body_sha256, sealed, content_sha256, content_commitment, prev_hash, entry_hash)"
    " SELECT * FROM unnest(%b, %b, %b, %b::integer[], %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)),"
    " persons AS (INSERT INTO compliance.sealed_entries (organization_id, key_id, seq)"
    " SELECT compliance.current_organization(), * FROM unnest(%b, %b))"
    " UPDATE compliance.ledger_heads SET seq = %s, entry_hash = %s"
)


# ── appending ────────────────────────────────────────────────────────────────────────────────────────────────────────


def append(conn: Connection, keyring: Keyring, entry: NewEntry) -> Entry:
    """Append an entry in the caller's transaction: what is recorded and the record stand or fall together."""
    return append_all(conn, keyring, [entry])[0]


def append_all(conn: Connection, keyring: Keyring, entries: Sequence[NewEntry]) -> list[Entry]:
    """Append entries in the caller's transaction, in their order.

    The head's row lock gives all writers of an organisation one order without a gap; everything that can be done before it
    is taken is done before.
    """
    organization_id = organization_of(conn)
    subjects = {subject for entry in entries if entry.content is not None for subject in _sealed_for(entry)}
    keys = _keys_for(conn, keyring, organization_id, sorted(subjects))
    key_id = keyring.active_key_id
    chain_key = keyring.chain_key(organization_id, key_id)
    made = [unplaced(_draft(entry, organization_id, keys), organization_id, key_id) for entry in entries]
    known = _columns(made, without=_PLACE)
    head, linked = _locked_head(conn), []
    for entry in made:
        linked.append(link(head, entry, chain_key))
        head = Head(linked[-1].seq, linked[-1].entry_hash)
    persons = [
        (keys[subject].key_id, entry.seq)
        for new, entry in zip(entries, linked, strict=True)
        if entry.sealed
        for subject in new.data_subjects
    ]
    columns = known | _columns(linked, without=frozenset(known))
    sealing = [uuids(key for key, _ in persons), bigints(seq for _, seq in persons)]
    conn.execute(_INSERT, [*(columns[name] for name in Entry._fields), *sealing, head.seq, head.entry_hash])
    return linked


def _columns(entries: Sequence[Entry], without: frozenset[str]) -> dict[str, BinaryArray]:
    wanted = [name for name in Entry._fields if name not in without]
    return {name: _ARRAYS.get(name, texts)(getattr(entry, name) for entry in entries) for name in wanted}


def _sealed_for(entry: NewEntry) -> tuple[str, ...]:
    """Content in which no person was found lies under a key of its own, so that it can be erased all the same."""
    return entry.data_subjects or (entry.subject_id,)


def _draft(entry: NewEntry, organization_id: str, keys: dict[str, SubjectKey]) -> Draft:
    if entry.content is None:
        return Draft(entry, canonical_json(entry.body).decode())
    own = [keys[subject] for subject in _sealed_for(entry)]
    content = entry.content if isinstance(entry.content, Canonical) else Canonical.of(entry.content)
    sealed, commitment = seal(content, own, organization_id, entry.subject_id)
    body = {**entry.body, "sealed_under": sorted(key.key_id for key in own)}
    return Draft(entry, canonical_json(body).decode(), sealed, commitment)


def _locked_head(conn: Connection) -> Head:
    row = conn.execute("SELECT seq, entry_hash FROM compliance.ledger_heads FOR UPDATE").fetchone()
    if row is None:
        conn.execute(
            "INSERT INTO compliance.ledger_heads (organization_id, seq, entry_hash)"
            " VALUES (compliance.current_organization(), 0, %s) ON CONFLICT DO NOTHING",
            [GENESIS],
        )
        return _locked_head(conn)
    return Head(*row)


# ── keys of data subjects ────────────────────────────────────────────────────────────────────────────────────────────


def held_subject_key(conn: Connection, keyring: Keyring, data_subject: str) -> str | None:
    """The id of a data subject's key, None where nothing is sealed for it or it was erased.

    The row stays locked until the commit: whoever seals under the key, holds or erases it waits for the other.
    """
    row = conn.execute(
        "SELECT key_id::text FROM compliance.subject_keys WHERE subject_ref = %s FOR UPDATE",
        [_subject_ref(keyring, organization_of(conn), data_subject)],
    ).fetchone()
    return row[0] if row else None


def subject_key_id(conn: Connection, keyring: Keyring, data_subject: str) -> str | None:
    """The id of a data subject's key as `held_subject_key` says it, without holding it."""
    row = conn.execute(
        "SELECT key_id::text FROM compliance.subject_keys WHERE subject_ref = %s",
        [_subject_ref(keyring, organization_of(conn), data_subject)],
    ).fetchone()
    return row[0] if row else None


def subject_key(conn: Connection, keyring: Keyring, data_subject: str) -> str:
    """The id of a data subject's key, made where there is none; held until the commit."""
    return _keys_for(conn, keyring, organization_of(conn), [data_subject])[data_subject].key_id


def destroy_keys(conn: Connection, key_ids: Sequence[str]) -> int:
    """Delete keys of data subjects; what was sealed under them is gone with the commit."""
    return conn.execute("DELETE FROM compliance.subject_keys WHERE key_id = ANY(%s::uuid[])", [list(key_ids)]).rowcount


def existing_keys(conn: Connection, key_ids: Sequence[str]) -> set[str]:
    """Those of the keys that have not been destroyed."""
    rows = conn.execute(
        "SELECT key_id::text FROM compliance.subject_keys WHERE key_id = ANY(%s::uuid[])", [list(key_ids)]
    ).fetchall()
    return {key_id for (key_id,) in rows}


def entries_sealed_under(conn: Connection, key_id: str) -> list[int]:
    """`seq` of every entry that a person's key seals."""
    rows = conn.execute("SELECT seq FROM compliance.sealed_entries WHERE key_id = %s ORDER BY seq", [key_id]).fetchall()
    return [seq for (seq,) in rows]


def _keys_for(
    conn: Connection, keyring: Keyring, organization_id: str, subjects: Sequence[str]
) -> dict[str, SubjectKey]:
    """A key for each data subject, made where there is none; held until the commit, so that no erasure comes between."""
    if not subjects:
        return {}
    refs = {_subject_ref(keyring, organization_id, subject): subject for subject in subjects}
    known = _new_keys(conn, keyring, list(refs))
    while len(known) < len(refs):  # they were there; or an erasure came between, and they are made again
        known |= _held_keys(conn, list(refs))
        if missing := [ref for ref in refs if ref not in known]:
            known |= _new_keys(conn, keyring, missing)
    return {
        refs[ref]: _subject_key(keyring, organization_id, key_id, master, secret)
        for ref, (key_id, master, secret) in known.items()
    }


def _subject_ref(keyring: Keyring, organization_id: str, data_subject: str) -> bytes:
    """The only way from a person to a key: a keyed digest, gone with the key's row."""
    return hmac.digest(keyring.subject_index_key(organization_id), data_subject.encode(), "sha256")


def _subject_key(keyring: Keyring, organization_id: str, key_id: str, master: str, secret: bytes) -> SubjectKey:
    """A data subject's key needs its row's secret and the content key outside Postgres."""
    return SubjectKey(key_id, hmac.digest(keyring.content_key(organization_id, master), secret, "sha256"))


def _held_keys(conn: Connection, refs: Sequence[bytes]) -> dict[bytes, tuple[str, str, bytes]]:
    rows = conn.execute(
        "SELECT subject_ref, key_id::text, master_key_id, secret FROM compliance.subject_keys"
        " WHERE subject_ref = ANY(%b) ORDER BY key_id FOR KEY SHARE",
        [blobs(refs)],
    ).fetchall()
    return {ref: (key_id, master, secret) for ref, key_id, master, secret in rows}


def _new_keys(conn: Connection, keyring: Keyring, refs: Sequence[bytes]) -> dict[bytes, tuple[str, str, bytes]]:
    ids = [str(uuid.uuid4()) for _ in refs]
    rows = conn.execute(
        "INSERT INTO compliance.subject_keys (organization_id, subject_ref, key_id, master_key_id, secret)"
        " SELECT compliance.current_organization(), ref, id, %s, secret"
        " FROM unnest(%b, %b, %b) AS new (ref, id, secret) ON CONFLICT DO NOTHING"
        " RETURNING subject_ref, key_id::text, master_key_id, secret",
        [keyring.active_key_id, blobs(refs), uuids(ids), blobs(secrets.token_bytes(32) for _ in refs)],
    ).fetchall()
    return {ref: (key_id, master, secret) for ref, key_id, master, secret in rows}


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def head(conn: Connection) -> Head:
    """The end of the organisation's chain."""
    row = conn.execute("SELECT seq, entry_hash FROM compliance.ledger_heads").fetchone()
    return Head(*row) if row else Head()


def entries(conn: Connection, after: int = 0, upto: int | None = None) -> Iterator[Entry]:
    """Entries with `after` < seq <= `upto` in order of `seq`, streamed as they stand: whether they hold is the walk's to say."""
    with conn.cursor(name=f"ledger_entries_{uuid.uuid4().hex}") as cursor:
        cursor.itersize = 1_000
        cursor.execute(
            _SELECT + " WHERE seq > %s AND seq <= %s ORDER BY seq",
            [after, 2**62 if upto is None else upto],
            binary=True,
        )
        yield from map(Entry._make, cursor)


def scan(conn: Connection, after: int = 0) -> Iterator[Entry]:
    """Entries behind `after` in order of `seq`, as fast as they come. The session answers nothing else meanwhile."""
    query = sql.SQL("COPY ({} WHERE seq > {} ORDER BY seq) TO STDOUT (FORMAT BINARY)")
    with conn.cursor().copy(query.format(sql.SQL(_SELECT), sql.Literal(after))) as copy:
        copy.set_types(_COPY_TYPES)
        yield from map(Entry._make, copy.rows())


def entry_at(conn: Connection, seq: int) -> Entry | None:
    """The entry at a place in the chain."""
    return _one(conn, " WHERE seq = %s", seq)


def entry_of(conn: Connection, subject_id: str) -> Entry | None:
    """The first entry about a subject, for example a response id."""
    return _one(conn, " WHERE subject_id = %s ORDER BY seq LIMIT 1", subject_id)


def entries_of(conn: Connection, subject_id: str) -> list[Entry]:
    """Every entry about a subject, in order."""
    return [Entry(*row) for row in conn.execute(_SELECT + " WHERE subject_id = %s ORDER BY seq", [subject_id])]


def entries_of_kind(conn: Connection, kind: str, after: int = 0) -> list[Entry]:
    """Every entry of a kind other than `decision`, in order."""
    query: LiteralString = _SELECT + " WHERE kind = %s AND kind <> 'decision' AND seq > %s ORDER BY seq"
    return [Entry(*row) for row in conn.execute(query, [kind, after])]


def last_of_kinds(conn: Connection, kinds: Sequence[str]) -> list[Entry]:
    """The newest entry of any of the kinds, which are others than `decision`; none where there is none."""
    query: LiteralString = _SELECT + " WHERE kind = ANY(%s) AND kind <> 'decision' ORDER BY seq DESC LIMIT 1"
    return [Entry(*row) for row in conn.execute(query, [list(kinds)])]


def decisions_of_year(conn: Connection, year: int) -> list[Entry]:
    """Every decision's entry of a year, in order."""
    return [
        Entry(*row) for row in conn.execute(_SELECT + " WHERE year = %s AND kind = 'decision' ORDER BY seq", [year])
    ]


def contents(conn: Connection, keyring: Keyring, sealed: Sequence[Entry]) -> dict[int, Content | None]:
    """seq -> the opened content, None where a key it was sealed under is destroyed. Entries without content are left out.

    Raises IntegrityError for content that is not what was sealed.
    """
    organization_id = organization_of(conn)
    needed = {entry.seq: sealed_under(entry) for entry in sealed if entry.sealed is not None}
    keys = _keys_by_id(conn, keyring, organization_id, {key_id for ids in needed.values() for key_id in ids})
    opened: dict[int, Content | None] = {}
    for entry in sealed:
        if entry.schema_version == "1" and entry.kind == "decision":
            opened[entry.seq] = Content(entry.body, b"")  # the first version kept everything in its body
        elif entry.sealed is not None:
            own = [keys[key_id] for key_id in needed[entry.seq] if key_id in keys]
            whole = len(own) == len(needed[entry.seq]) > 0
            opened[entry.seq] = unseal(entry.sealed, own, organization_id, entry.subject_id) if whole else None
    return opened


def content_of(conn: Connection, keyring: Keyring, entry: Entry) -> Content | None:
    """The opened content of one entry, None where it has none or was erased."""
    return contents(conn, keyring, [entry]).get(entry.seq)


def body_of(entry: Entry) -> dict[str, Any]:
    """An entry's body as an object; empty where somebody made it something else: that is for the walk to name."""
    try:
        body = json.loads(entry.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def sealed_under(entry: Entry) -> tuple[str, ...]:
    """The ids of the keys that an entry's content is sealed under."""
    named = body_of(entry).get("sealed_under", ())
    return tuple(map(str, named)) if isinstance(named, list) else ()


def amendments(conn: Connection) -> dict[int, Amendment]:
    """seq -> the documented rewrite of that entry, the latest where there are several."""
    bodies = [body_of(entry) for entry in entries_of_kind(conn, "amendment")]
    return {b["seq"]: Amendment(b["seq"], b["was_leaf"], b["now_leaf"]) for b in bodies if b.get("now_leaf")}


def counts_by_kind(conn: Connection, year: int) -> dict[str, int]:
    """Entries of a year by kind."""
    rows = conn.execute(
        "SELECT kind, count(*) FROM compliance.ledger_entries WHERE year = %s GROUP BY kind ORDER BY kind", [year]
    ).fetchall()
    return {kind: count for kind, count in rows}


#: The digest of a decision's row, as `model_decisions.decide.row_digest` makes it.
_ROW_DIGEST: LiteralString = (
    "encode(sha256(convert_to(concat_ws(E'\\n', {workload}, {outcome}, split_part(coalesce({reason}, ''), ':', 1), {release},"
    " {index}), 'UTF8') || float8send({confidence})), 'hex')"
)
#: An entry of the first version has no such digest in its body: it is made of the body's fields.
_RECORDED_DIGEST: LiteralString = (
    "CASE WHEN schema_version <> '1' THEN substr(body, strpos(body, '\"row_sha256\":\"') + 14, 64)"
    " WHEN pg_input_is_valid(body, 'jsonb') THEN "
    + _ROW_DIGEST.format(
        workload="body::jsonb -> 'input' ->> 'workload'",
        outcome="body::jsonb ->> 'outcome'",
        reason="body::jsonb ->> 'reason'",
        release="body::jsonb ->> 'release_id'",
        index="body::jsonb -> 'lineage' ->> 'index_version'",
        confidence="(body::jsonb -> 'confidence' ->> 'value')::float8",
    )
    + " ELSE '' END"
)
_UNMATCHED: LiteralString = (
    "WITH recorded AS (SELECT subject_id AS response_id, year, "  # noqa: S608 - our own fragments
    + _RECORDED_DIGEST
    + " AS digest, true AS recorded"
    "  FROM compliance.ledger_entries WHERE kind = 'decision' AND seq > %(after)s),"
    " made AS (SELECT response_id, year, "
    + _ROW_DIGEST.format(
        workload="workload",
        outcome="outcome",
        reason="reason",
        release="release_id",
        index="index_version",
        confidence="confidence",
    )
    + " AS digest, true AS made FROM compliance.decisions d WHERE %(after)s = 0 OR NOT EXISTS"
    "  (SELECT FROM compliance.ledger_entries e WHERE e.subject_id = d.response_id AND e.year = d.year"
    "   AND e.kind = 'decision' AND e.seq <= %(after)s))"
    " SELECT DISTINCT response_id FROM recorded FULL JOIN made USING (response_id, year, digest)"
    " WHERE recorded IS NULL OR made IS NULL ORDER BY 1"
)


def unmatched_decisions(conn: Connection, after: int = 0) -> list[str]:
    """Decisions without their entry, entries behind `after` without their decision, and pairs that do not say the same."""
    conn.execute("SET LOCAL work_mem = '256MB'")  # both sides of a large ledger are hashed once
    rows = conn.execute(_UNMATCHED, {"after": after}).fetchall()
    conn.execute("RESET work_mem")
    return [response_id for (response_id,) in rows]


def permitted_changes(conn: Connection) -> list[str]:
    """The verbs among UPDATE, DELETE, TRUNCATE and DROP that the session's role can do to the ledger. Each is tried and undone."""
    attempts: dict[str, LiteralString] = {
        "UPDATE": "UPDATE compliance.ledger_entries SET actor = actor",
        "DELETE": "DELETE FROM compliance.ledger_entries",
        "TRUNCATE": "TRUNCATE compliance.ledger_entries CASCADE",
        "DROP": "DROP TABLE compliance.ledger_entries CASCADE",
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


def _one(conn: Connection, condition: LiteralString, value: object) -> Entry | None:
    row = conn.execute(_SELECT + condition, [value]).fetchone()
    return Entry(*row) if row else None


def _keys_by_id(conn: Connection, keyring: Keyring, organization_id: str, key_ids: set[str]) -> dict[str, SubjectKey]:
    if not key_ids:
        return {}
    rows = conn.execute(
        "SELECT key_id::text, master_key_id, secret FROM compliance.subject_keys WHERE key_id = ANY(%s::uuid[])",
        [sorted(key_ids)],
    ).fetchall()
    return {key_id: _subject_key(keyring, organization_id, key_id, master, secret) for key_id, master, secret in rows}


# ── the tree and its checkpoints ─────────────────────────────────────────────────────────────────────────────────────


def covered_groups(conn: Connection) -> int:
    """How many complete groups of 256 leaves are stored."""
    row = conn.execute(
        "SELECT coalesce(max(position) + 1, 0) FROM compliance.ledger_subtrees WHERE level = 0"
    ).fetchone()
    return row[0] if row else 0


def subtree_roots(conn: Connection, level: int, start: int, end: int) -> list[bytes]:
    """Roots of stored complete subtrees of 256^(level+1) leaves at positions [start, end)."""
    rows = conn.execute(
        "SELECT root FROM compliance.ledger_subtrees WHERE level = %s AND position >= %s AND position < %s ORDER BY position",
        [level, start, end],
    ).fetchall()
    return [root for (root,) in rows]


def group_leaves(conn: Connection, position: int) -> bytes | None:
    """The 256 leaf hashes of a stored group, concatenated."""
    row = conn.execute(
        "SELECT leaf_hashes FROM compliance.ledger_subtrees WHERE level = 0 AND position = %s", [position]
    ).fetchone()
    return row[0] if row else None


def stored_subtrees(conn: Connection, first_group: int = 0) -> Iterator[tuple[int, int, bytes, bytes | None]]:
    """(level, position, root, leaf hashes) of every stored subtree that ends behind a group, lowest level first."""
    with conn.cursor(name=f"ledger_subtrees_{uuid.uuid4().hex}") as cursor:
        cursor.itersize = 200
        cursor.execute(
            "SELECT level, position, root, leaf_hashes FROM compliance.ledger_subtrees"
            " WHERE (position + 1) * 256::numeric ^ level > %s ORDER BY level, position",
            [first_group],
            binary=True,
        )
        yield from cursor


def add_subtrees(conn: Connection, subtrees: Sequence[tuple[int, int, bytes, bytes | None]]) -> None:
    """Store complete subtrees."""
    if subtrees:
        levels, positions, roots, leaves = zip(*subtrees, strict=True)
        conn.execute(
            "INSERT INTO compliance.ledger_subtrees (organization_id, level, position, root, leaf_hashes)"
            " SELECT compliance.current_organization(), level, position, root, leaves"
            " FROM unnest(%b::integer[], %b, %b, %b) made (level, position, root, leaves)",
            [bigints(levels), bigints(positions), blobs(roots), blobs(leaves)],
        )


def lock_tree(conn: Connection) -> None:
    """One writer of the tree at a time; held until the transaction ends. Appending is not affected."""
    conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('ledger_tree:' || compliance.current_organization(), 0))"
    )


def add_checkpoint(conn: Connection, size: int, root: bytes, note: str) -> None:
    """Keep a signed tree head."""
    conn.execute(
        "INSERT INTO compliance.ledger_checkpoints (organization_id, tree_size, root_hash, note)"
        " VALUES (compliance.current_organization(), %s, %s, %s)",
        [size, root.hex(), note],
    )


def checkpoint_rows(conn: Connection, newest: bool = False) -> list[tuple[int, str, str, datetime]]:
    """(tree size, root in hex, note, when it was signed) of every checkpoint, or of the newest alone."""
    rows = conn.execute(
        "SELECT tree_size, root_hash, note, signed_at FROM compliance.ledger_checkpoints"
        " WHERE NOT %s OR tree_size = (SELECT max(tree_size) FROM compliance.ledger_checkpoints) ORDER BY tree_size",
        [newest],
    ).fetchall()
    return [(size, root, note, signed_at) for size, root, note, signed_at in rows]


def record_verification(
    conn: Connection, since_size: int, tree_size: int, verified: bool, findings: int, seconds: float
) -> None:
    """Keep what a verification came to."""
    conn.execute(
        "INSERT INTO compliance.ledger_verifications (organization_id, since_size, tree_size, verified, findings, seconds)"
        " VALUES (compliance.current_organization(), %s, %s, %s, %s, %s)",
        [since_size, tree_size, verified, findings, seconds],
    )


def last_verification(conn: Connection) -> dict[str, object] | None:
    """The latest verification: when, what it covered, what it found, how long it took."""
    row = conn.execute(
        "SELECT verified_at, since_size, tree_size, verified, findings, seconds FROM compliance.ledger_verifications"
        " ORDER BY verified_at DESC LIMIT 1"
    ).fetchone()
    names = ("verified_at", "since_size", "tree_size", "verified", "findings", "seconds")
    return dict(zip(names, row, strict=True)) if row else None

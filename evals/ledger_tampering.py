"""What an insider with a superuser's rights can do to a ledger and to what it rests on, one function each.

Every function changes one copy of a scene and returns the entry that has to be named, None where no single entry is bad.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from upath import UPath

from compliance_assets.audit_ledger import checkpoint, merkle
from compliance_assets.audit_ledger.chain import GENESIS, Amendment, Entry, header_of, placed_leaf
from compliance_assets.audit_ledger.checkpoints import origin_of, signer_of
from compliance_assets.audit_ledger.note import Signer
from compliance_assets.audit_ledger.tree import GROUP
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.model_decisions.decide import response_id_of
from compliance_assets.model_decisions.store import record_all, recordable
from compliance_assets.year_index.retrieved import Retrieved
from evals.ledger_load import STARTED, decisions, hits_of
from evals.ledger_scene import ERASED, LATE, LOAD, REWRITTEN, SIGNED_PARTS, TARGET, UNSIGNED, A, B, Case

Apply = Callable[[Case], int | None]
SOMEBODYS_KEY = b"not the chain key, which is not here to be had"
FLIP_BYTE = "set_byte(sealed, 40, get_byte(sealed, 40) # 1)"


@dataclass(frozen=True, slots=True)
class Mutation:
    """`detector` is who is designed to notice it; `both` says that B has to be told as well as A."""

    name: str
    apply: Apply
    detector: str = "verify"
    both: bool = False
    backup: str = "base"


# ── entries ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#: Every field of an entry, the digests among them, and what it is set to.
FIELDS = {
    "schema_version": "schema_version = '1'",
    "seq": "seq = 1000000",
    "organization_id": "organization_id = 'c0000000-0000-4000-8000-00000000000c'",
    "year": f"year = {LOAD.years[0]} + {LOAD.years[1]} - year",
    "kind": "kind = 'note'",
    "occurred_at": "occurred_at = '1999-01-01T00:00:00.000000Z'",
    "actor": "actor = 'somebody else'",
    "subject_id": "subject_id = 'rsp_00000000000000000000000000'",
    "key_id": "key_id = 'k9'",
    "body": "body = replace(body, 'ddq.draft_response', 'ddq.final_response')",
    "body_sha256": "body_sha256 = repeat('0', 64)",
    "content_sha256": "content_sha256 = repeat('0', 64)",
    "content_commitment": "content_commitment = repeat('0', 64)",
    "prev_hash": "prev_hash = repeat('0', 64)",
    "entry_hash": "entry_hash = repeat('0', 64)",
}
EDIT = "body = replace(body, '\"hits\":2', '\"hits\":9'), body_sha256 = encode(sha256(convert_to(replace(body, '\"hits\":2',"
EDIT_WITH_DIGEST = f"{EDIT} '\"hits\":9'), 'UTF8')), 'hex')"


def _set(values: str, case: Case) -> int:
    case.set_entry(case.target.seq, values)
    return case.target.seq


def _set_unsigned(case: Case) -> int:
    case.set_entry(case.last.seq, EDIT_WITH_DIGEST)
    return case.last.seq


def _edited(entry: Entry) -> Entry:
    """What somebody would rather have decided; the decision's own row says neither."""
    body = entry.body.replace('"hits":2', '"hits":9')
    return entry._replace(body=body, body_sha256=sha256_hex(body))


def _relinked(entries: Sequence[Entry], previous: str, key: bytes) -> Iterator[Entry]:
    for entry in entries:
        unhashed = entry._replace(prev_hash=previous)
        previous = hmac.digest(key, header_of(unhashed), "sha256").hex()
        yield unhashed._replace(entry_hash=previous)


def _from(case: Case, seq: int) -> list[Entry]:
    return list(case.written[seq - 1 :])


def _rewrite(case: Case, entries: Sequence[Entry], key: bytes) -> list[Entry]:
    first = entries[0].seq
    previous = case.written[first - 2].entry_hash if first > 1 else GENESIS
    linked = list(_relinked(entries, previous, key))
    case.replace_entries(linked, first)
    return [*case.written[: first - 1], *linked]


def _rehash_one(case: Case) -> int:
    (entry,) = _relinked([_edited(case.target)], case.target.prev_hash, SOMEBODYS_KEY)
    case.set_entry(entry.seq, "body = %s, body_sha256 = %s, entry_hash = %s", entry.body, entry.body_sha256,
                   entry.entry_hash)  # fmt: skip
    return entry.seq


def _rehash_all(case: Case) -> int:
    target = case.target
    _rewrite(case, [_edited(target), *_from(case, target.seq + 1)], SOMEBODYS_KEY)
    return target.seq


def _rehash_all_and_rebuild(case: Case) -> int:
    target = case.target
    entries = _rewrite(case, [_edited(target), *_from(case, target.seq + 1)], SOMEBODYS_KEY)
    _rebuild(case, entries, None)
    return target.seq


def _delete(case: Case) -> int:
    seq = case.target.seq
    case.run("DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq = %s", A, seq)
    return seq


def _delete_and_renumber(case: Case) -> int:
    seq = case.target.seq
    case.replace_entries([e._replace(seq=e.seq - 1) for e in _from(case, seq + 1)], seq)
    return seq


def _insert(case: Case) -> int:
    seq = case.target.seq
    forged = _edited(case.target)._replace(subject_id="rsp_00000000000000000000000000", entry_hash="a" * 64)
    case.replace_entries([forged, *(e._replace(seq=e.seq + 1) for e in _from(case, seq))], seq)
    return seq


def _append(case: Case) -> int:
    last = case.written[-1]
    forged = _edited(case.target)._replace(seq=last.seq + 1, subject_id="rsp_00000000000000000000000000")
    case.replace_entries(linked := list(_relinked([forged], last.entry_hash, SOMEBODYS_KEY)), last.seq + 1)
    return linked[0].seq


def _reorder(linked: bool, case: Case) -> int:
    one, two = case.target, case.written[case.target.seq]
    swapped = [two._replace(seq=one.seq), one._replace(seq=two.seq)]
    if linked:
        swapped = [
            swapped[0]._replace(prev_hash=one.prev_hash),
            swapped[1]._replace(prev_hash=two.entry_hash),
            _from(case, two.seq + 1)[0]._replace(prev_hash=one.entry_hash),
        ]
    case.replace_entries([*swapped, *_from(case, one.seq + len(swapped))], one.seq)
    return one.seq


def _swap_organizations(case: Case) -> int:
    seq, nobody = 300, "c0000000-0000-4000-8000-00000000000c"
    for organization, becomes in ((A, nobody), (B, A), (nobody, B)):
        case.set_entry(seq, "organization_id = %s", becomes, organization=organization)
    return seq


def _rewrite_amended_again(case: Case) -> int:
    entry = case.entry(REWRITTEN)
    case.set_entry(entry.seq, "actor = 'somebody else'")
    return entry.seq


def _edit_of_kind(kind: str, change: Callable[[dict[str, object]], dict[str, object]], case: Case) -> int:
    entry = next(e for e in case.written if e.kind == kind)
    body = canonical_json(change(json.loads(entry.body))).decode()
    case.set_entry(entry.seq, "body = %s, body_sha256 = %s", body, sha256_hex(body))
    return entry.seq


def _edit_amendment(name: str, value: object, case: Case) -> int:
    """Then the rewrite that it documents is found first."""
    _edit_of_kind("amendment", lambda body: {**body, name: value}, case)
    return case.entry(REWRITTEN).seq


def _edit_erasure(case: Case) -> int:
    """Then the content that it erased is found first."""
    _edit_of_kind("erasure", lambda body: {**body, "key_ids": [7, {}]}, case)
    return case.entry(ERASED).seq


def _own_vkey() -> str:
    return Signer(origin_of(A), secrets.token_bytes(32)).verifier.vkey


def _move_head(case: Case) -> int:
    case.run("UPDATE compliance.ledger_heads SET entry_hash = repeat('0', 64) WHERE organization_id = %s", A)
    return case.written[-1].seq


# ── the tail, old backups, forks ─────────────────────────────────────────────────────────────────────────────────────


def _cut(case: Case, keep: int, *also: str) -> int:
    """Cut everything behind entry `keep`, and what names it in other tables."""
    case.run("DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq > %s", A, keep)
    if "head" in also:
        last = case.written[keep - 1] if keep else None
        case.run("UPDATE compliance.ledger_heads SET seq = %s, entry_hash = %s WHERE organization_id = %s",
                 keep, last.entry_hash if last else GENESIS, A)  # fmt: skip
    if "decisions" in also:
        gone = [entry.subject_id for entry in _from(case, keep + 1) if entry.kind == "decision"]
        for table in ("decisions", "decision_documents"):
            case.run(
                f"DELETE FROM compliance.{table} WHERE organization_id = %s AND response_id = ANY(%s)",  # noqa: S608
                A, gone,
            )  # fmt: skip
        case.run("DELETE FROM compliance.sealed_entries WHERE organization_id = %s AND seq > %s", A, keep)
    if "tree" in also:
        case.owner.execute(
            "DELETE FROM compliance.ledger_subtrees WHERE organization_id = %s AND position >= %s", [A, keep // GROUP]
        )
        case.owner.execute(
            "DELETE FROM compliance.ledger_checkpoints WHERE organization_id = %s AND tree_size > %s", [A, keep]
        )
    return keep + 1


def _cut_signed(also: Sequence[str], case: Case) -> int:
    """In the last signed part: what stands before it is not touched."""
    return _cut(case, case.entry(LATE).seq - 1, *also)


def _cut_all(case: Case) -> int:
    return _cut(case, 0, "head", "decisions", "tree")


def _cut_unsigned(also: Sequence[str], case: Case) -> int:
    """The part behind the last checkpoint, back to where that checkpoint left it."""
    return _cut(case, case.signed, *also)


def _restore_backup(case: Case) -> int:
    row = case.owner.execute("SELECT seq FROM compliance.ledger_heads WHERE organization_id = %s", [A]).fetchone()
    assert row is not None
    return int(row[0]) + 1


def _chain_key(case: Case) -> bytes:
    return case.archive.keyring.chain_key(A)


def _rebuild(case: Case, entries: Sequence[Entry], signer: Signer | None) -> None:
    """Make the stored tree and the stored checkpoints fit entries; without a signer those that do not fit are deleted."""
    bodies = [json.loads(e.body) for e in entries if e.kind == "amendment"]
    amendments = {b["seq"]: Amendment(b["seq"], b["was_leaf"], b["now_leaf"]) for b in bodies}
    leaves = [placed_leaf(e, amendments) for e in entries]
    case.run("DELETE FROM compliance.ledger_subtrees WHERE organization_id = %s", A)
    for position in range(case.signed // GROUP):
        own = leaves[position * GROUP : (position + 1) * GROUP]
        case.run(
            "INSERT INTO compliance.ledger_subtrees VALUES (%s, 0, %s, %s, %s)",
            A, position, merkle.root_of(own), b"".join(own),
        )  # fmt: skip
    for size in sorted(case.archive.checkpoint_log.sizes(A)):
        case.run("DELETE FROM compliance.ledger_checkpoints WHERE organization_id = %s AND tree_size = %s", A, size)
        if signer is not None:
            root = merkle.root_of(leaves[:size])
            text = checkpoint.sign(checkpoint.Checkpoint(origin_of(A), size, root), signer)
            case.run(
                "INSERT INTO compliance.ledger_checkpoints (organization_id, tree_size, root_hash, note)"
                " VALUES (%s, %s, %s, %s)",
                A, size, root.hex(), text,
            )  # fmt: skip


def _fork(case: Case) -> int:
    """An insider with every key rewrites a decision behind an older checkpoint; what was published stays out of reach."""
    target = case.target
    entries = _rewrite(case, [_edited(target), *_from(case, target.seq + 1)], _chain_key(case))
    _rebuild(case, entries, signer_of(case.archive.keyring, A))
    return max(size for size in case.archive.checkpoint_log.sizes(A) if size < target.seq) + 1


def _new_signing_key(case: Case) -> Signer:
    (case.archive.settings.data_dir / "keys" / "checkpoint.key").write_text(secrets.token_hex(32))
    return signer_of(case.archive.keyring, A)


def _resign(case: Case) -> None:
    """The stored checkpoints, as they are, signed with another key in the keyring."""
    _rebuild(case, case.written, _new_signing_key(case))


def _rewrite_history(case: Case) -> None:
    """All of it with the master key, down to the entry that names the signing key: a new one."""
    signer = _new_signing_key(case)
    entries = [_edited(e) if e.seq == case.target.seq else e for e in case.written]
    named = canonical_json({"vkey": signer.verifier.vkey}).decode()
    entries = [
        e._replace(body=named, body_sha256=sha256_hex(named)) if e.kind == "checkpoint_key" else e for e in entries
    ]
    _rebuild(case, _rewrite(case, entries, _chain_key(case)), signer)


# ── sealed content and its keys ──────────────────────────────────────────────────────────────────────────────────────


def _sealed_byte_in_the_unsigned_part(case: Case) -> int:
    last = case.last
    assert last.sealed is not None
    sealed = last.sealed[:40] + bytes([last.sealed[40] ^ 1]) + last.sealed[41:]
    changed = last._replace(sealed=sealed, content_sha256=hashlib.sha256(sealed).hexdigest())
    _rewrite(case, [changed, *_from(case, last.seq + 1)], _chain_key(case))
    return last.seq


def _swap_contents(case: Case) -> int:
    one, two = case.target, case.written[case.target.seq]
    for entry, other in ((one, two), (two, one)):
        values = "sealed = %s, content_sha256 = %s, content_commitment = %s"
        case.set_entry(entry.seq, values, other.sealed, other.content_sha256, other.content_commitment)
    return one.seq


def _key_of(entry: Entry) -> str:
    return str(json.loads(entry.body)["sealed_under"][0])


def _destroy_key(case: Case) -> int:
    case.run("DELETE FROM compliance.subject_keys WHERE organization_id = %s AND key_id = %s", A, _key_of(case.target))
    return case.target.seq


def _destroy_key_and_say_so(case: Case) -> int:
    """The entry of another erasure is made to name the key."""
    _destroy_key(case)
    key_id = _key_of(case.target)
    return _edit_of_kind("erasure", lambda body: {**body, "key_ids": [*_strings(body["key_ids"]), key_id]}, case)


def _strings(values: object) -> list[str]:
    return list(map(str, values)) if isinstance(values, list) else []


def _change_key(values: str, case: Case) -> int:
    case.run(
        f"UPDATE compliance.subject_keys SET {values} WHERE organization_id = %s AND key_id = %s",  # noqa: S608
        A, _key_of(case.target),
    )  # fmt: skip
    return case.target.seq


def _bring_key_back(case: Case) -> int:
    """Out of an old backup, where it still is."""
    with psycopg.connect(make_conninfo(case.server, dbname=case.early)) as backup:
        row = backup.execute(
            "SELECT * FROM compliance.subject_keys WHERE organization_id = %s AND key_id = %s",
            [A, _key_of(case.entry(ERASED))],
        ).fetchone()
    assert row is not None
    case.run("INSERT INTO compliance.subject_keys VALUES (%s, %s, %s, %s, %s, %s)", *row)
    return case.entry(ERASED).seq


# ── what decisions rest on ───────────────────────────────────────────────────────────────────────────────────────────


def _filing(number: int = TARGET) -> str:
    return hits_of(LOAD, number)[0]


def _change_chunk(case: Case, doc_id: str = "") -> int:
    case.run(
        "UPDATE compliance.chunks SET text = overlay(text placing 'X' from 5 for 1) WHERE organization_id = %s AND doc_id = %s",
        A, doc_id or _filing(),
    )  # fmt: skip
    return case.target.seq


def _change_chunk_and_decide_again(case: Case) -> int:
    """A new decision on the changed text is sound; the one before it is not."""
    number = sum(SIGNED_PARTS) + UNSIGNED - 1
    _change_chunk(case, _filing(number))
    case.owner.commit()
    (made,) = decisions(LOAD, number, 1, A)
    again = replace(
        made.decision,
        idempotency_key="idem_again",
        envelope=made.decision.envelope.model_copy(update={"response_id": response_id_of("again", STARTED, b"")}),
        evidence=replace(
            made.decision.evidence,
            hits=tuple(
                Retrieved(r.hit, f"{r.text[:4]}X{r.text[5:]}" if r.hit.doc_id == _filing(number) else r.text)
                for r in made.decision.retrieved
            ),
        ),
    )
    with case.archive.postgres.connect() as conn:
        record_all(conn, case.archive.keyring, [recordable(again, 0.01)])
    return case.entry(number).seq


def _change_document(values: str, case: Case) -> int:
    case.run(
        f"UPDATE compliance.documents SET {values} WHERE organization_id = %s AND filing_id = %s",  # noqa: S608
        A, _filing(),
    )  # fmt: skip
    return case.target.seq


def _change_object(gone: bool, case: Case) -> int:
    digest = sha256_hex(f"raw {_filing()}")
    path = UPath(case.archive.settings.object_store_url) / digest[:2] / digest[2:4] / digest
    data = path.read_bytes()
    case.undo.callback(path.write_bytes, data)
    if gone:
        path.unlink()
    else:
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return case.target.seq


def _change_embedding(case: Case) -> int:
    case.run(
        "UPDATE compliance.embeddings SET embedding = (SELECT ('[' || string_agg(CASE WHEN at = 1 THEN '1' ELSE part END, ','"
        " ORDER BY at) || ']')::halfvec FROM unnest(string_to_array(btrim(embedding::text, '[]'), ',')) WITH ORDINALITY p"
        " (part, at)) WHERE organization_id = %s AND text_sha256 IN"
        " (SELECT text_sha256 FROM compliance.chunks WHERE organization_id = %s AND doc_id = %s)",
        A, A, _filing(),
    )  # fmt: skip
    return case.target.seq


def _change_decision(values: str, case: Case) -> int:
    case.run(
        f"UPDATE compliance.decisions SET {values} WHERE organization_id = %s AND response_id = %s",  # noqa: S608
        A, case.target.subject_id,
    )  # fmt: skip
    return case.target.seq


def _delete_decision(case: Case) -> int:
    case.run("DELETE FROM compliance.decisions WHERE organization_id = %s AND response_id = %s",
             A, case.target.subject_id)  # fmt: skip
    return case.target.seq


def _move_pointer(case: Case) -> int:
    case.run(
        "UPDATE compliance.index_versions SET index_version = 'ix_other' WHERE organization_id = %s AND year = %s",
        A, LOAD.years[1],
    )  # fmt: skip
    return next(e.seq for e in case.written if e.kind == "pointer" and e.year == LOAD.years[1])


# ── the stored tree and the checkpoints ──────────────────────────────────────────────────────────────────────────────


def _group(case: Case) -> int:
    return (case.target.seq - 1) // GROUP


def _change_leaf(case: Case) -> int:
    at = (case.target.seq - 1) % GROUP * 32
    case.run(
        "UPDATE compliance.ledger_subtrees SET leaf_hashes = set_byte(leaf_hashes, %s, get_byte(leaf_hashes, %s) # 1)"
        " WHERE organization_id = %s AND level = 0 AND position = %s",
        at, at, A, _group(case),
    )  # fmt: skip
    return case.target.seq


def _change_root(case: Case) -> int:
    case.run(
        "UPDATE compliance.ledger_subtrees SET root = set_byte(root, 0, get_byte(root, 0) # 1)"
        " WHERE organization_id = %s AND level = 0 AND position = %s",
        A, _group(case),
    )  # fmt: skip
    return _group(case) * GROUP + 1


def _delete_subtree(position: int, case: Case) -> int:
    case.run(
        "DELETE FROM compliance.ledger_subtrees WHERE organization_id = %s AND level = 0 AND position = %s", A, position
    )
    return position * GROUP + 1


def _forge_checkpoint(case: Case) -> None:
    """Over a tree of one's own, signed with a key of one's own that bears the log's name."""
    root = secrets.token_bytes(32)
    signer = Signer(origin_of(A), secrets.token_bytes(32))
    text = checkpoint.sign(checkpoint.Checkpoint(origin_of(A), case.target.seq, root), signer)
    case.run(
        "INSERT INTO compliance.ledger_checkpoints (organization_id, tree_size, root_hash, note) VALUES (%s, %s, %s, %s)",
        A, case.target.seq, root.hex(), text,
    )  # fmt: skip


def _change_checkpoint(values: str, case: Case) -> None:
    case.run(
        f"UPDATE compliance.ledger_checkpoints SET {values} WHERE organization_id = %s AND tree_size = %s",  # noqa: S608
        A, case.signed,
    )  # fmt: skip


def _delete_checkpoint(case: Case) -> None:
    case.run("DELETE FROM compliance.ledger_checkpoints WHERE organization_id = %s AND tree_size = %s", A, case.signed)


def _forge_published(case: Case) -> None:
    folder = case.archive.settings.data_dir / "checkpoints" / A
    newest = max(Path(folder).glob("*.txt"))
    signer = Signer(origin_of(A), secrets.token_bytes(32))
    newest.write_text(
        checkpoint.sign(checkpoint.Checkpoint(origin_of(A), case.signed, secrets.token_bytes(32)), signer)
    )


MUTATIONS = (
    *(Mutation(f"entry edited: {name}", partial(_set, values)) for name, values in FIELDS.items()),
    Mutation("entry edited: body with its digest", partial(_set, EDIT_WITH_DIGEST)),
    Mutation("entry edited: head's hash", _move_head),
    Mutation("entry edited behind the last checkpoint", _set_unsigned),
    Mutation("entry edited and re-hashed without the key", _rehash_one),
    Mutation("entry edited, it and all after it re-hashed without the key", _rehash_all),
    Mutation(
        "entry edited, all re-hashed without the key, the tree rebuilt, the stored checkpoints deleted",
        _rehash_all_and_rebuild,
    ),
    Mutation("entry edited whose rewrite is documented", _rewrite_amended_again),
    Mutation("entry deleted", _delete),
    Mutation("entry deleted, those after it renumbered", _delete_and_renumber),
    Mutation("forged entry inserted, those after it renumbered", _insert),
    Mutation("forged entry appended, the head moved to it", _append),
    Mutation("two entries change places", partial(_reorder, False)),
    Mutation("two entries change places, their links mended", partial(_reorder, True)),
    Mutation("entries of two organisations change places", _swap_organizations, both=True),
    Mutation("erasure's entry names one key more", _destroy_key_and_say_so),
    Mutation("erasure's entry made senseless", _edit_erasure),
    Mutation("amendment's entry made senseless", partial(_edit_amendment, "was_leaf", 7)),
    Mutation("amendment's entry names another entry", partial(_edit_amendment, "seq", TARGET)),
    Mutation(
        "signing key's entry names another key",
        partial(_edit_of_kind, "checkpoint_key", lambda _: {"vkey": _own_vkey()}),
    ),
    Mutation(
        "signing key's entry made senseless", partial(_edit_of_kind, "checkpoint_key", lambda _: {"vkey": "none"})
    ),
    Mutation(
        "decision's entry names keys that cannot be",
        partial(_set, "body = jsonb_set(body::jsonb, '{sealed_under}', '[7]')"),
    ),
    Mutation("tail cut", partial(_cut_signed, ())),
    Mutation("tail cut, with the head", partial(_cut_signed, ("head",))),
    Mutation("tail cut, with head and decisions", partial(_cut_signed, ("head", "decisions"))),
    Mutation(
        "tail cut, with head, decisions, tree and stored checkpoints",
        partial(_cut_signed, ("head", "decisions", "tree")),
    ),
    Mutation("tail cut: the whole ledger", _cut_all),
    Mutation("tail cut behind the last checkpoint, with the head", partial(_cut_unsigned, ("head",))),
    Mutation("old backup of the whole database restored", _restore_backup, backup="later"),
    Mutation("fork: rewritten with every key, tree rebuilt, stored checkpoints re-signed", _fork),
    Mutation("fork: the whole history rewritten, with a signing key of one's own", _rewrite_history),
    Mutation("signing key replaced, stored checkpoints re-signed", _resign),
    Mutation("sealed content: a byte", partial(_set, f"sealed = {FLIP_BYTE}")),
    Mutation(
        "sealed content: a byte, with its digest",
        partial(_set, f"sealed = {FLIP_BYTE}, content_sha256 = encode(sha256({FLIP_BYTE}), 'hex')"),
    ),
    Mutation(
        "sealed content: taken away", partial(_set, "sealed = NULL, content_sha256 = NULL, content_commitment = NULL")
    ),
    Mutation("sealed content: exchanged with another's", _swap_contents),
    Mutation(
        "sealed content: a byte, re-hashed with the key behind the last checkpoint", _sealed_byte_in_the_unsigned_part
    ),
    Mutation("subject key destroyed without an erasure", _destroy_key),
    Mutation("subject key changed", partial(_change_key, "secret = set_byte(secret, 0, get_byte(secret, 0) # 1)")),
    Mutation("subject key said to be of another master key", partial(_change_key, "master_key_id = 'k9'")),
    Mutation("erased subject key brought back", _bring_key_back),
    Mutation("chunk's text changed", _change_chunk),
    Mutation("chunk's text changed, then decided on again", _change_chunk_and_decide_again),
    Mutation(
        "document's text changed", partial(_change_document, "raw_text = overlay(raw_text placing 'X' from 5 for 1)")
    ),
    Mutation("document's title changed", partial(_change_document, "title = 'another'"), "replay"),
    Mutation(
        "document's digest of its raw object changed",
        partial(_change_document, "object_sha256 = repeat('0', 64)"),
        "replay",
    ),
    Mutation("raw object changed", partial(_change_object, False)),
    Mutation("raw object deleted", partial(_change_object, True)),
    Mutation("embedding changed", _change_embedding, "replay"),
    Mutation("decision's row: outcome", partial(_change_decision, "outcome = 'review'")),
    Mutation("decision's row: confidence", partial(_change_decision, "confidence = 0.123")),
    Mutation("decision's row: idempotency key", partial(_change_decision, "idempotency_key = 'idem_other'")),
    Mutation("decision's row: time", partial(_change_decision, "decided_at = '1999-01-01'")),
    Mutation("decision's row: work item", partial(_change_decision, "work_id = 'erased'")),
    Mutation("decision's row: particulars of the reason", partial(_change_decision, "reason = ': something'")),
    Mutation("decision's row deleted", _delete_decision),
    Mutation("pointer moved without an entry", _move_pointer, "watch"),
    Mutation("stored subtree: a leaf's hash", _change_leaf),
    Mutation("stored subtree: its root", _change_root),
    Mutation("stored subtree deleted", partial(_delete_subtree, 1)),
    Mutation("stored subtree deleted: the last one", partial(_delete_subtree, sum(SIGNED_PARTS) // GROUP - 1)),
    Mutation("stored checkpoint forged", _forge_checkpoint),
    Mutation("stored checkpoint: its root", partial(_change_checkpoint, "root_hash = repeat('0', 64)")),
    Mutation("stored checkpoint: its size", partial(_change_checkpoint, "tree_size = tree_size + 1")),
    Mutation("stored checkpoint deleted", _delete_checkpoint),
    Mutation("published checkpoint forged", _forge_published),
)


def _rewrite_unsigned(case: Case) -> int:
    last = case.last
    _rewrite(case, [_edited(last), *_from(case, last.seq + 1)], _chain_key(case))
    return last.seq


def _fork_published(case: Case) -> int:
    first = _fork(case)
    folder = case.archive.settings.data_dir / "checkpoints" / A
    for size, text in case.owner.execute(
        "SELECT tree_size, note FROM compliance.ledger_checkpoints WHERE organization_id = %s", [A]
    ):
        (folder / f"{size:012}.txt").write_text(text)
    return first


#: What nothing here can notice: nobody outside holds a word about it yet.
LIMITS = (
    Mutation("all behind the last published checkpoint cut, with all that names it",
             partial(_cut_unsigned, ("head", "decisions"))),
    Mutation("an entry behind the last published checkpoint rewritten with the master key", _rewrite_unsigned),
    Mutation("fork: rewritten with every key, what was published rewritten too", _fork_published),
)  # fmt: skip


def _change_table(statement: str, case: Case) -> None:
    case.run(f"{statement} organization_id = %s", A)


#: Tables beside the ledger of which no digest stands in it, or none that anybody looks at.
NOT_HELD = (
    Mutation(
        "legal hold ended in its table",
        partial(_change_table, "UPDATE compliance.legal_holds SET released_at = now() WHERE"),
    ),
    Mutation(
        "release's manifest changed", partial(_change_table, "UPDATE compliance.releases SET manifest = '{}' WHERE")
    ),
    Mutation(
        "incident closed in its table",
        partial(_change_table, "UPDATE compliance.incidents SET state = 'resolved' WHERE"),
    ),
    Mutation(
        "oversight changed in its table",
        partial(_change_table, "UPDATE compliance.ledger_oversight SET state = 'accepted' WHERE"),
    ),
    Mutation(
        "which entries a subject key seals, forgotten",
        partial(_change_table, "DELETE FROM compliance.sealed_entries WHERE"),
    ),
    Mutation(
        "whose key a subject key is, changed",
        partial(_change_key, "subject_ref = set_byte(subject_ref, 0, get_byte(subject_ref, 0) # 1)"),
    ),
    Mutation("whom a document states, forgotten", partial(_change_document, "data_subjects = '{}'")),
    Mutation(
        "which decisions a document touched, forgotten",
        partial(_change_table, "DELETE FROM compliance.decision_documents WHERE"),
    ),
)

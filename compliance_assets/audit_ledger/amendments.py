"""Amendments: what corrects an entry stands behind it, and a rewrite by a superuser is documented or it is a finding."""

import hashlib
import hmac
from dataclasses import replace

from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.chain import GENESIS, Entry, NewEntry, header_of, leaf_of
from compliance_assets.audit_ledger.tree import GROUP, split
from compliance_assets.audit_ledger.wording import clear_text, persons_behind
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import InvalidInput
from resources.clock import Clock, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres

AMENDMENT = "amendment"


def amend(
    postgres: Postgres,
    keyring: Keyring,
    clock: Clock,
    seq: int,
    reason: str,
    authority: str,
    actor: str,
    correction: dict[str, object] | None = None,
    *,
    rewritten: bool = False,
    was_leaf: str | None = None,
) -> Entry:
    """Record why entry `seq` is not to be read as it stands, and on whose authority. Returns the amendment's entry.

    `correction` says what holds instead; it is about persons as the entry is, so it is sealed like its content. With
    `rewritten` a superuser changed the row itself: the leaf that the tree holds in its place and the leaf of the row as it
    stands are recorded, and from then on `verify` reports just this rewrite as amended. `was_leaf` (hex) is needed where the
    stored tree does not cover the entry yet. Raises InvalidInput for an unknown entry, an empty reason or authority, and for a
    row that no amendment can document.
    """
    because, on, by = clear_text(reason, "reason"), clear_text(authority, "authority"), clear_text(actor, "actor")
    with postgres.connect() as conn:
        entry = _entry(conn, seq)
        body: dict[str, object] = {"seq": seq, "reason": because, "authority": on}
        if rewritten:
            body |= _leaves(conn, keyring, entry, was_leaf)
        new = NewEntry(entry.year, AMENDMENT, rfc3339(clock()), by, entry.subject_id, body)
        if correction is not None:
            persons = persons_behind(conn, keyring, entry, canonical_json(correction).decode())
            new = replace(new, content={"correction": correction}, data_subjects=persons)
        return store.append(conn, keyring, new)


def _entry(conn: Connection, seq: int) -> Entry:
    entry = store.entry_at(conn, seq)
    if entry is None:
        raise InvalidInput(
            "no such entry",
            expected=f"a number from 1 to {store.head(conn).seq}",
            found=str(seq),
            remedy="`compliance proof RESPONSE_ID` names the entry of a decision.",
        )
    return entry


def _leaves(conn: Connection, keyring: Keyring, entry: Entry, given: str | None) -> dict[str, object]:
    """The leaf that the entry had and the one that it has. The new one covers the whole row, so no later change hides in it."""
    _refuse_undocumentable(conn, keyring, entry)
    now = _leaf_as_it_stands(entry)
    stored = _stored_leaf(conn, entry.seq)
    was = stored or given
    if was is None or (given is not None and given != was) or not _is_digest(was):
        raise InvalidInput(
            "the leaf that the entry had is not known",
            expected=stored
            or "the leaf hash of the entry as it was written: 64 hex digits, of a backup, an export or a dossier",
            found=repr(given) if given else "nothing; the stored tree does not cover the entry yet",
            remedy="Give it with --was-leaf.",
        )
    if was == now:
        raise _not_rewritten()
    return {"was_leaf": was, "now_leaf": now}


def _refuse_undocumentable(conn: Connection, keyring: Keyring, entry: Entry) -> None:
    """A rewrite may change what an entry says, with the digests of it. Its place in the chain stays."""
    before = store.entry_at(conn, entry.seq - 1)
    behind = store.entry_at(conn, entry.seq + 1)
    has_to_be = {
        "body_sha256": hashlib.sha256(entry.body.encode()).hexdigest(),
        "content_sha256": None if entry.sealed is None else hashlib.sha256(entry.sealed).hexdigest(),
        "prev_hash": before.entry_hash if before else GENESIS,
        "entry_hash": behind.prev_hash if behind else store.head(conn).entry_hash,
        "key_id": entry.key_id if entry.key_id in keyring.key_ids else keyring.active_key_id,
    }
    for name, value in has_to_be.items():
        if getattr(entry, name) != value:
            raise InvalidInput(
                f"the rewritten row does not hold together: {name}",
                expected=str(value),
                found=str(getattr(entry, name)),
                remedy="Set body_sha256 and content_sha256 to the digests of the new values; leave every other digest as it was.",
            )
    key = keyring.chain_key(entry.organization_id, entry.key_id)
    _leaf_as_it_stands(entry)
    if hmac.compare_digest(hmac.digest(key, header_of(entry), "sha256").hex(), entry.entry_hash):
        raise _not_rewritten()


def _leaf_as_it_stands(entry: Entry) -> str:
    try:
        return leaf_of(entry).hex()
    except ValueError as problem:
        raise InvalidInput(
            "the row cannot be documented",
            expected="fields that an entry can have",
            found=str(problem),
            remedy="Correct the row.",
        ) from problem


def _stored_leaf(conn: Connection, seq: int) -> str | None:
    group, at = divmod(seq - 1, GROUP)
    leaves = store.group_leaves(conn, group)
    return split(leaves)[at].hex() if leaves else None


def _is_digest(text: str) -> bool:
    return len(text) == 64 and all(digit in "0123456789abcdef" for digit in text)


def _not_rewritten() -> InvalidInput:
    return InvalidInput(
        "the entry was not rewritten",
        expected="a row that differs from what was written",
        found="the entry as it was written",
        remedy="Leave out --rewritten: a correction alone needs no leaf.",
    )

"""Checkpoints: signed tree heads, and the proofs that rest on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from compliance_assets.audit_ledger import checkpoint, merkle, note, store
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.tree import GrowingTree, grow, stored_tree
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.contracts.ledger_entry import NO_YEAR
from resources.checkpoint_log import CheckpointLog
from resources.clock import rfc3339, system_clock
from resources.keyring import Keyring
from resources.postgres import Connection, Postgres, organization_of

ACTOR = "compliance-assets"
CHECKPOINT_KEY = "checkpoint_key"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A signed tree head: the C2SP note, and what it says."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


def origin_of(organization_id: str) -> str:
    """The log's name in its checkpoints, and its key's."""
    return f"compliance-assets/ledger/{organization_id}"


def signer_of(keyring: Keyring, organization_id: str) -> note.Signer:
    """Who signs the organisation's checkpoints."""
    return note.Signer(origin_of(organization_id), keyring.signer_seed())


def verifier_of(keyring: Keyring, organization_id: str) -> note.Verifier:
    """The public key to hold checkpoints against; its `vkey` is what an auditor is given."""
    return signer_of(keyring, organization_id).verifier


def named_signer(conn: Connection, keyring: Keyring) -> note.Signer:
    """Who signs now, by a key that the ledger names: the first one becomes part of the chain here.

    Raises IntegrityError for a key that was put in its place without saying so.
    """
    store.lock_tree(conn)
    signer = signer_of(keyring, organization_of(conn))
    _name_key_once(conn, keyring, signer.verifier.vkey)
    return signer


def checkpoint_ledger(postgres: Postgres, keyring: Keyring, log: CheckpointLog) -> SignedCheckpoint | None:
    """Sign the tree as it stands, then publish what is not published yet. None for an empty ledger. Idempotent."""
    with postgres.connect() as conn:
        signed = sign_checkpoint(conn, keyring)
    with postgres.connect() as conn:
        publish(conn, log)
    return signed


def sign_checkpoint(conn: Connection, keyring: Keyring) -> SignedCheckpoint | None:
    """A checkpoint over every entry, the newest one where it covers them already. Raises IntegrityError over a broken chain."""
    store.lock_tree(conn)
    latest = latest_checkpoint(conn)
    end = store.head(conn)
    if end.seq == 0 or (latest and latest.size == end.seq and _newest_key(conn) is not None):
        return latest
    signer = named_signer(conn, keyring)
    tree = grow(conn, keyring)
    _refuse_fork(conn, latest, tree)
    head = checkpoint.Checkpoint(signer.name, tree.size, tree.root())
    store.add_checkpoint(conn, head.size, head.root, checkpoint.sign(head, signer))
    return latest_checkpoint(conn)


def publish(conn: Connection, log: CheckpointLog) -> int:
    """Publish every checkpoint that is not; returns how many that were."""
    organization_id = organization_of(conn)
    known = log.sizes(organization_id)
    missing = [(size, text) for size, _, text, _ in store.checkpoint_rows(conn) if size not in known]
    for size, text in missing:
        log.publish(organization_id, size, text)
    return len(missing)


def latest_checkpoint(conn: Connection) -> SignedCheckpoint | None:
    """The newest signed checkpoint."""
    rows = store.checkpoint_rows(conn, newest=True)
    return _signed(rows[0]) if rows else None


def checkpoint_of_size(conn: Connection, size: int) -> SignedCheckpoint | None:
    """The checkpoint over exactly so many entries."""
    return next((_signed(row) for row in store.checkpoint_rows(conn) if row[0] == size), None)


def covering_checkpoint(conn: Connection, keyring: Keyring, seq: int) -> SignedCheckpoint:
    """The newest checkpoint; a new one where that does not cover the entry yet."""
    latest = latest_checkpoint(conn)
    signed = latest if latest and latest.size >= seq else sign_checkpoint(conn, keyring)
    assert signed is not None
    return signed


def proof_of(conn: Connection, seq: int, size: int) -> list[bytes]:
    """The inclusion proof (RFC 9162 2.1.3) of entry `seq`, leaf `seq - 1`, in the tree of the first `size` entries."""
    return merkle.inclusion_proof(seq - 1, size, stored_tree(conn).complete)


def consistency_of(conn: Connection, old_size: int, new_size: int) -> list[bytes]:
    """The proof (RFC 9162 2.1.4) that the tree of `old_size` entries is the beginning of that of `new_size`."""
    return merkle.consistency_proof(old_size, new_size, stored_tree(conn).complete)


def announce_new_signing_key(conn: Connection, keyring: Keyring, actor: str) -> str:
    """Make a new signing key and say so in the ledger; returns its vkey. Checkpoints of the old key stay valid."""
    keyring.replace_signing_key()
    vkey = verifier_of(keyring, organization_of(conn)).vkey
    _name_key(conn, keyring, vkey, actor)
    return vkey


def known_keys(conn: Connection) -> list[str]:
    """Every vkey that the ledger names as its own, oldest first. The chain vouches for them, not the table of checkpoints."""
    bodies = map(store.body_of, store.entries_of_kind(conn, CHECKPOINT_KEY))
    return [str(body["vkey"]) for body in bodies if "vkey" in body]


def named_verifiers(conn: Connection) -> list[note.Verifier]:
    """The keys that the ledger names, ready to verify with."""
    return [note.Verifier.from_vkey(vkey) for vkey in known_keys(conn)]


def opened_by_any(text: str, verifiers: Sequence[note.Verifier]) -> tuple[checkpoint.Checkpoint, note.Verifier]:
    """A checkpoint and the one of these keys that signed it. Raises IntegrityError for any other."""
    problems = []
    for verifier in reversed(verifiers):
        try:
            return checkpoint.open_checkpoint(text, verifier, origin=verifier.name), verifier
        except IntegrityError as refused:
            problems.append(refused.found)
    raise IntegrityError(
        "the checkpoint is not signed by this ledger",
        expected=" or ".join(verifier.vkey for verifier in verifiers) or "a key that the ledger names: it names none",
        found="; ".join(problems) or "no key to try",
        remedy="Ask for the checkpoint again where it was published, and run `compliance verify`.",
    )


def verifier_of_note(conn: Connection, text: str) -> note.Verifier:
    """The key that signed a checkpoint, of those that the ledger names: it may have been replaced since."""
    return opened_by_any(text, named_verifiers(conn))[1]


def _newest_key(conn: Connection) -> str | None:
    keys = known_keys(conn)
    return keys[-1] if keys else None


def _name_key_once(conn: Connection, keyring: Keyring, vkey: str) -> None:
    """The first checkpoint's key becomes part of the chain. Afterwards another key signs nothing unless it was announced."""
    newest = _newest_key(conn)
    if newest is None:
        _name_key(conn, keyring, vkey, ACTOR)
    elif newest != vkey:
        raise IntegrityError(
            "the signing key is not the one that the ledger names",
            expected=newest,
            found=vkey,
            remedy="Restore keys/checkpoint.key from its backup; `compliance rotate-key --signing` changes it on the record.",
        )


def _name_key(conn: Connection, keyring: Keyring, vkey: str, actor: str) -> None:
    store.append(
        conn,
        keyring,
        NewEntry(NO_YEAR, CHECKPOINT_KEY, rfc3339(system_clock()), actor, vkey.partition("+")[0], {"vkey": vkey}),
    )


def _refuse_fork(conn: Connection, latest: SignedCheckpoint | None, tree: GrowingTree) -> None:
    if latest is None or tree.size < latest.size:
        if latest is not None:
            raise _fork(latest, f"{tree.size} entries")
        return
    proof = consistency_of(conn, latest.size, tree.size)
    if not merkle.verify_consistency(latest.size, tree.size, latest.root, tree.root(), proof):
        raise _fork(latest, f"{tree.size} entries that it is not the beginning of")


def _fork(latest: SignedCheckpoint, found: str) -> IntegrityError:
    return IntegrityError(
        "the ledger does not go on from its last checkpoint",
        expected=f"the {latest.size} entries with root {latest.root.hex()}",
        found=found,
        remedy="Nothing was signed. Run `compliance verify`; restore the newest backup.",
    )


def _signed(row: tuple[int, str, str, datetime]) -> SignedCheckpoint:
    size, root, text, signed_at = row
    return SignedCheckpoint(size, bytes.fromhex(root), text, signed_at)

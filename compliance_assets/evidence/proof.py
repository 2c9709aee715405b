"""The proof that a decision stands in the ledger, as an outsider takes it home."""

import base64
from typing import Any

from compliance_assets.audit_ledger import checkpoints
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import Entry, placed_leaf
from compliance_assets.evidence import store
from compliance_assets.evidence.archive import Archive
from resources.postgres import Connection


def proof_of_decision(archive: Archive, response_id: str) -> dict[str, Any]:
    """A decision's leaf, its inclusion proof and the checkpoint that both lead to."""
    with archive.postgres.connect() as conn:
        entry = store.decision_entry(conn, response_id)
        signed = checkpoints.covering_checkpoint(conn, archive.keyring, entry.seq)
        found = {
            "response_id": response_id,
            "seq": entry.seq,
            **inclusion(conn, entry, signed.size),
            "leaf_hash": placed_leaf(entry, ledger.amendments(conn)).hex(),
            "root": signed.root.hex(),
            "checkpoint": signed.note,
            "public_key": checkpoints.verifier_of_note(conn, signed.note).vkey,
        }
    with archive.postgres.connect() as conn:
        checkpoints.publish(conn, archive.checkpoint_log)
    return found


def inclusion(conn: Connection, entry: Entry, size: int) -> dict[str, Any]:
    """Leaf index, tree size and the hashes of the proof in base64 (RFC 9162 2.1.3)."""
    hashes = checkpoints.proof_of(conn, entry.seq, size)
    return {
        "leaf_index": entry.seq - 1,
        "tree_size": size,
        "hashes": [base64.b64encode(h).decode() for h in hashes],
    }

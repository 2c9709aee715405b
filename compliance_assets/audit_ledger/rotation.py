"""Rotation of keys, on the record: the old key's last word, the new key's name."""

from compliance_assets.audit_ledger import checkpoints, store
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.contracts.ledger_entry import NO_YEAR
from resources.checkpoint_log import CheckpointLog
from resources.clock import rfc3339, system_clock
from resources.keyring import Keyring
from resources.postgres import Postgres

MASTER_KEY = "master_key"


def rotate(postgres: Postgres, keyring: Keyring, log: CheckpointLog, actor: str, *, signing: bool) -> str:
    """Make a new master key or signing key; returns its id or vkey. Raises InvalidInput where a secret store holds it."""
    checkpoints.checkpoint_ledger(postgres, keyring, log)  # the old key's last word covers all that came before
    with postgres.connect() as conn:
        if signing:
            return checkpoints.announce_new_signing_key(conn, keyring, actor)
        previous = keyring.active_key_id
        key_id = keyring.rotate()
        body: dict[str, object] = {"key_id": key_id, "previous": previous}
        store.append(
            conn, keyring, NewEntry(NO_YEAR, MASTER_KEY, rfc3339(system_clock()), actor, f"master_key/{key_id}", body)
        )
        return key_id

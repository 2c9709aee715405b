"""Pointers of record: which version of something is in force. None moves without an entry, in the mover's transaction."""

from compliance_assets.audit_ledger.chain import Entry, NewEntry
from compliance_assets.audit_ledger.store import append, body_of, entries_of_kind
from resources.clock import rfc3339, system_clock
from resources.keyring import Keyring
from resources.postgres import Connection

POINTER = "pointer"
ACTOR = "compliance-assets"


def move_pointer(
    conn: Connection, keyring: Keyring, pointer: str, value: str, previous: str | None, year: int, actor: str = ACTOR
) -> Entry:
    """Record in the caller's transaction that a pointer moves."""
    body: dict[str, object] = {"pointer": pointer, "value": value, "previous": previous}
    return append(conn, keyring, NewEntry(year, POINTER, rfc3339(system_clock()), actor, pointer, body))


def recorded_pointers(conn: Connection) -> dict[str, tuple[str, int]]:
    """pointer -> (the value that the ledger says it has, the entry that says so)."""
    bodies = ((body_of(entry), entry.seq) for entry in entries_of_kind(conn, POINTER))
    return {
        str(body["pointer"]): (str(body["value"]), seq) for body, seq in bodies if {"pointer", "value"} <= body.keys()
    }

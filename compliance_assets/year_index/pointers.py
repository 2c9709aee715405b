"""The pointers of year_index: which version of a year's index is live."""

from compliance_assets.audit_ledger.pointers import move_pointer, recorded_pointers
from compliance_assets.year_index.store import live_versions
from resources.keyring import Keyring
from resources.postgres import Connection


def pointer_of(year: int) -> str:
    """The name under which the ledger records a year's live index."""
    return f"year_index/{year}"


def adopt_pointers(conn: Connection, keyring: Keyring) -> None:
    """Record the indexes of a ledger that is older than its pointers, once: no pointer of a kind is recorded yet."""
    if recorded_pointers(conn):
        return
    for year, version in live_versions(conn).items():
        move_pointer(conn, keyring, pointer_of(year), version, None, year)

"""Verifies an organisation's ledger against its key and against the decisions it records."""

import time
from dataclasses import asdict, dataclass

from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.chain import ChainFinding, walk
from resources.keyring import Keyring
from resources.postgres import Connection


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of a walk over the whole ledger."""

    verified: bool
    entries: int
    head: str
    findings: tuple[ChainFinding, ...]
    unmatched_decisions: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return asdict(self)


def verify_ledger(conn: Connection, keyring: Keyring, organization_id: str) -> Verification:
    """Walk every entry from the first to the head. One snapshot: entries written meanwhile are not missed, but later."""
    started = time.monotonic()
    conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    head = store.head(conn)
    findings = tuple(walk(store.entries(conn), head, keyring.chain_key(organization_id)))
    unmatched = tuple(store.unmatched_decisions(conn))
    return Verification(
        verified=not findings and not unmatched,
        entries=head.seq,
        head=head.entry_hash,
        findings=findings,
        unmatched_decisions=unmatched,
        seconds=round(time.monotonic() - started, 3),
    )

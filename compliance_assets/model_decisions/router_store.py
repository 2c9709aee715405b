"""All SQL of the router map's approvals. Each is a row and an entry of the ledger, in one transaction."""

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.wording import clear_text
from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.model_decisions.router_map import (
    SHIPPED_DEFAULT,
    SHIPPED_DIGEST,
    Approval,
    RouterMap,
)
from resources.clock import Clock, rfc3339
from resources.keyring import Keyring
from resources.postgres import Connection

KIND = "router_map_approval"
#: An approval belongs to no year.
YEAR = 0


def approvals(conn: Connection) -> list[Approval]:
    """Every approval of the organisation, in order."""
    rows = conn.execute(
        "SELECT digest, approver, approved_at FROM compliance.router_map_approvals ORDER BY approved_at, approver, digest"
    ).fetchall()
    return [Approval(*row) for row in rows]


def approve(conn: Connection, keyring: Keyring, router_map: RouterMap, approver: str, clock: Clock) -> Approval:
    """A person answers for a map. The entry holds the whole map: what was approved can be read for ever. Twice is once.

    Raises InvalidInput for an approver that is empty or a CPF, and for `shipped-default` under any other map than that.
    """
    by, digest = clear_text(approver, "approver"), router_map.digest
    if by == SHIPPED_DEFAULT and digest != SHIPPED_DIGEST:
        raise InvalidInput(
            f"{SHIPPED_DEFAULT} stands for the map that came with the product alone",
            expected="the name of the person who answers for this map",
            found=digest,
            remedy="Give --approver NAME.",
        )
    moment = clock()
    added = conn.execute(
        "INSERT INTO compliance.router_map_approvals (organization_id, digest, approver, approved_at)"
        " VALUES (compliance.current_organization(), %s, %s, %s) ON CONFLICT DO NOTHING RETURNING approved_at",
        [digest, by, moment],
    ).fetchone()
    if added is None:
        return next(a for a in approvals(conn) if (a.digest, a.approver) == (digest, by))
    body: dict[str, object] = {"digest": digest, "approver": by, "router_map": router_map.model_dump(mode="json")}
    ledger.append(conn, keyring, NewEntry(YEAR, KIND, rfc3339(moment), by, f"router_map:{digest}", body))
    return Approval(digest, by, added[0])


def approve_shipped(conn: Connection, keyring: Keyring, router_map: RouterMap, clock: Clock) -> Approval | None:
    """The product's own approval of the map that came with it, on the record; None for any other map. Idempotent."""
    if router_map.digest != SHIPPED_DIGEST:
        return None
    return approve(conn, keyring, router_map, SHIPPED_DEFAULT, clock)

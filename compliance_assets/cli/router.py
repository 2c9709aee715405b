"""Verbs of who answers for the models: which workload is asked of which, and the approval of that."""

from functools import partial
from typing import TYPE_CHECKING

import click

from compliance_assets import terminal
from compliance_assets.cli.verb import Result, compliance, verb_of

if TYPE_CHECKING:
    from compliance_assets.deployment import Deployment


@compliance.group()
def router() -> None:
    """The map of workloads to models: show, approve."""


router_verb = partial(verb_of, router)


@router_verb
def show(deployment: "Deployment") -> Result:
    """The routes as they are configured, their digest, who approved them, and whether the release in production has them."""
    from compliance_assets.model_decisions.releases.store import production
    from compliance_assets.model_decisions.router_map import approval_of
    from compliance_assets.model_decisions.router_store import approvals

    routes = deployment.router_map
    with deployment.postgres.connect() as conn:
        approval = approval_of(routes, approvals(conn))
        release = production(conn, deployment.keyring)
    found = {
        "digest": routes.digest,
        "in_production": release is not None and release.bundle.router_map.digest == routes.digest,
        "approver": approval.approver if approval else None,
        "approved_at": approval.approved_at if approval else None,
        "routes": routes.model_dump(mode="json")["routes"],
    }
    return found, lambda: terminal.show_routes(found), 0 if approval else 1


@router_verb
@click.option("--approver", required=True, metavar="NAME", help="Who answers for the map; kept for ever.")
def approve(deployment: "Deployment", approver: str) -> Result:
    """Answer for the map as it is configured now: the first release may have it, and a candidate."""
    from compliance_assets.model_decisions import router_store
    from resources.clock import system_clock

    with deployment.postgres.connect() as conn:
        made = router_store.approve(conn, deployment.keyring, deployment.router_map, approver, system_clock)
    return (
        {"digest": made.digest, "approver": made.approver, "approved_at": made.approved_at},
        terminal.say(f"Approved by {made.approver}: {made.digest}"),
        0,
    )

"""Checks of `router_map`."""

import dagster as dg

from compliance_assets import keys
from compliance_assets.model_decisions import router_store
from compliance_assets.model_decisions.router_map import RouterMap, approval_of, unrouted, untemplated
from compliance_assets.model_decisions.workloads import workload_named, workload_names
from resources.postgres import Postgres


@dg.asset_check(asset=keys.ROUTER_MAP, blocking=True)
def router_map_approved(
    routes: dg.ResourceParam[RouterMap], postgres: dg.ResourceParam[Postgres]
) -> dg.AssetCheckResult:
    """Somebody answers for exactly this map: a named person, or the product for the map that came with it."""
    with postgres.connect() as conn:
        approval = approval_of(routes, router_store.approvals(conn))
    return dg.AssetCheckResult(
        passed=approval is not None,
        metadata={"digest": routes.digest, "approver": approval.approver if approval else "nobody"},
    )


@dg.asset_check(asset=keys.ROUTER_MAP, blocking=True)
def every_workload_routed(routes: dg.ResourceParam[RouterMap]) -> dg.AssetCheckResult:
    """Every workload has a route, no route is for a workload that does not exist, none asks for a template that is not there."""
    astray = unrouted(routes, workload_names())
    without = untemplated(routes, map(workload_named, workload_names()))
    return dg.AssetCheckResult(
        passed=not astray and not without,
        metadata={
            "routes": len(routes.routes),
            "astray": ", ".join(astray) or "none",
            "without_the_template_they_ask_for": ", ".join(without) or "none",
        },
    )

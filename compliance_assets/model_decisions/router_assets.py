"""The asset `router_map`: which models each workload is asked of, and who answers for that."""

import dagster as dg

from compliance_assets import keys, metadata, policies
from compliance_assets.model_decisions import router_store
from compliance_assets.model_decisions.router_map import CODE_VERSION, RouterMap, approval_of
from resources.postgres import Postgres


@dg.asset(
    key=keys.ROUTER_MAP,
    group_name=keys.CONTROL_PLANE,
    kinds={"python", "postgres"},
    owners=policies.OWNERS,
    code_version=CODE_VERSION,
)
def router_map(routes: dg.ResourceParam[RouterMap], postgres: dg.ResourceParam[Postgres]) -> dg.MaterializeResult[None]:
    """Workload to primary and fallback models, as configured and overridden here; it serves only once a person approved it."""
    with postgres.connect() as conn:
        approvals = router_store.approvals(conn)
    approval = approval_of(routes, approvals)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(routes.digest),
        metadata={
            "dagster/row_count": len(routes.routes),
            "digest": routes.digest,
            "approver": approval.approver if approval else "nobody",
            "approved_at": approval.approved_at.isoformat() if approval else "never",
            "routes": metadata.table(
                [
                    {
                        "workload": workload,
                        "primary": route.primary,
                        "fallbacks": ", ".join(route.fallbacks),
                        "max_context": route.max_context,
                        "temperature": route.temperature,
                        "flags": ", ".join(name for name, wanted in route.flags if wanted),
                    }
                    for workload, route in sorted(routes.routes.items())
                ],
                ["workload", "primary", "fallbacks", "max_context", "temperature", "flags"],
            ),
            "approvals": metadata.table(
                [
                    {"digest": a.digest, "approver": a.approver, "approved_at": a.approved_at.isoformat()}
                    for a in reversed(approvals)
                ],
                ["digest", "approver", "approved_at"],
            ),
        },
    )

"""The sensor `candidate_changes`: another prompt, threshold, route or policy in the working tree -> one run that evaluates it."""

import dagster as dg

from compliance_assets.contracts.errors import ComplianceError
from compliance_assets.governance.policy import POLICIES
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, bundle_of
from compliance_assets.model_decisions.releases.store import production
from compliance_assets.model_decisions.router_map import router_map_of
from jobs.evaluate import evaluate_candidate
from resources.keyring import Keyring
from resources.policy_bundle import PolicyBundle
from resources.postgres import Postgres
from resources.settings import Settings


@dg.sensor(job=evaluate_candidate, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.STOPPED)
def candidate_changes(
    context: dg.SensorEvaluationContext,
    postgres: dg.ResourceParam[Postgres],
    keyring: dg.ResourceParam[Keyring],
    settings: dg.ResourceParam[Settings],
) -> dg.SensorResult | dg.SkipReason:
    """Compares the files as they stand now with those of the release in production. The cursor is the digest of those that were
    looked at last: without a change nothing is asked for, and files that come back are evaluated again, from the cache.
    """
    try:
        candidate = working_tree(settings)
    except ComplianceError as problem:
        context.log.warning(str(problem))
        return dg.SkipReason(f"What stands here is no candidate: {problem.problem}.")
    if candidate.digest == context.cursor:
        return dg.SkipReason("Nothing changed since the last look.")
    with postgres.connect() as conn:
        serving = production(conn, keyring)
    if serving is None:
        return dg.SkipReason("Nothing is in production yet: the first release is installed with the first decision.")
    if candidate.digest == serving.bundle.digest:
        context.update_cursor(candidate.digest)
        return dg.SkipReason("What stands here is what is in production.")
    tags = {"trigger": "sensor", "compliance/candidate": candidate.digest}
    return dg.SensorResult(run_requests=[dg.RunRequest(tags=tags)], cursor=candidate.digest)


def working_tree(settings: Settings) -> ReleaseBundle:
    """The files as they stand on disk at this moment: the code location may have been loaded long ago.

    Raises InvalidInput for files that make no bundle.
    """
    routes = router_map_of(settings.organization_id, settings.router_map)
    return bundle_of(routes, PolicyBundle.read(settings.policy_folder or POLICIES))

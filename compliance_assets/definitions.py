"""The code location: composes assets, checks, jobs, sensors and resources. It alone imports every room."""

import dagster as dg

import compliance_assets.audit_ledger.assets
import compliance_assets.audit_ledger.checks
import compliance_assets.chunks.assets
import compliance_assets.chunks.checks
import compliance_assets.embeddings.assets
import compliance_assets.embeddings.checks
import compliance_assets.evidence.assets
import compliance_assets.evidence.checks
import compliance_assets.model_decisions.assets
import compliance_assets.model_decisions.checks
import compliance_assets.normalised_documents.assets
import compliance_assets.normalised_documents.checks
import compliance_assets.raw_pulls.assets
import compliance_assets.raw_pulls.checks
import compliance_assets.year_index.assets
import compliance_assets.year_index.checks
import evals.golden.assets
import evals.golden.checks
from compliance_assets.deployment import Deployment
from jobs import corpus_to_ledger, ledger, replicate
from jobs.siem_export import export_to_siem
from resources.settings import Settings
from resources.telemetry import contain
from sensors.ledger_watch import ledger_watch
from sensors.siem_export import siem_export
from sensors.source_changes import source_changes

ROOMS = (
    compliance_assets.raw_pulls,
    compliance_assets.normalised_documents,
    compliance_assets.chunks,
    compliance_assets.embeddings,
    compliance_assets.year_index,
    compliance_assets.model_decisions,
    compliance_assets.audit_ledger,
    compliance_assets.evidence,
    evals.golden,
)


def build_defs(deployment: Deployment | None = None) -> dg.Definitions:
    """The definitions over a deployment; without one, over the deployment that the environment describes."""
    deployment = deployment or Deployment(Settings.from_environment())
    contain(deployment.settings.data_dir)
    return dg.Definitions(
        assets=dg.load_assets_from_modules([room.assets for room in ROOMS]),
        asset_checks=dg.load_asset_checks_from_modules([room.checks for room in ROOMS]),
        jobs=[*corpus_to_ledger.JOBS, *ledger.JOBS, *replicate.JOBS, export_to_siem],
        schedules=[*ledger.SCHEDULES, *replicate.SCHEDULES],
        sensors=[source_changes, ledger_watch, siem_export],
        resources=deployment.resources(),
        executor=dg.in_process_executor,  # a year's steps follow each other: processes would only load the model again
    )


defs = build_defs()

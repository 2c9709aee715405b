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
import compliance_assets.governance.assets
import compliance_assets.governance.checks
import compliance_assets.model_decisions.assets
import compliance_assets.model_decisions.checks
import compliance_assets.normalised_documents.assets
import compliance_assets.normalised_documents.checks
import compliance_assets.raw_pulls.assets
import compliance_assets.raw_pulls.checks
import compliance_assets.review.assets
import compliance_assets.review.checks
import compliance_assets.year_index.assets
import compliance_assets.year_index.checks
import evals.ablation_assets
import evals.gate.assets
import evals.gate.checks
import evals.golden.assets
import evals.golden.checks
import evals.promotion.assets
import evals.promotion.checks
import evals.tracking.assets
import evals.tracking.checks
import evals.watch.assets
import evals.watch.checks
from compliance_assets.deployment import Deployment
from compliance_assets.model_decisions import router_assets, router_checks
from compliance_assets.model_decisions.irpf import assets as irpf_assets
from compliance_assets.model_decisions.irpf import checks as irpf_checks
from jobs import corpus_to_ledger, decide, evaluate, ledger, nightly_evaluation, prune, replicate, shadow_decisions
from jobs.ddq_batch import ddq_batch
from jobs.deliver_notifications import deliver_notifications
from jobs.siem_export import export_to_siem
from resources.settings import Settings
from resources.telemetry import contain
from sensors.candidate_changes import candidate_changes
from sensors.derived_data import derived_data
from sensors.ledger_watch import ledger_watch
from sensors.pending_filings import pending_filings
from sensors.pointer_drift import pointer_drift
from sensors.queue_recovery import queue_recovery
from sensors.review_pager import review_pager
from sensors.siem_export import siem_export
from sensors.source_changes import source_changes

ROOMS = (
    compliance_assets.raw_pulls,
    compliance_assets.normalised_documents,
    compliance_assets.chunks,
    compliance_assets.embeddings,
    compliance_assets.year_index,
    compliance_assets.governance,
    compliance_assets.model_decisions,
    compliance_assets.review,
    compliance_assets.audit_ledger,
    compliance_assets.evidence,
    evals.golden,
    evals.tracking,
    evals.gate,
    evals.promotion,
    evals.watch,
)


def build_defs(deployment: Deployment | None = None) -> dg.Definitions:
    """The definitions over a deployment; without one, over the deployment that the environment describes."""
    deployment = deployment or Deployment(Settings.from_environment())
    contain(deployment.settings.data_dir)
    return dg.Definitions(
        assets=dg.load_assets_from_modules(
            [*(room.assets for room in ROOMS), router_assets, irpf_assets, evals.ablation_assets]
        ),
        asset_checks=dg.load_asset_checks_from_modules([*(room.checks for room in ROOMS), router_checks, irpf_checks]),
        jobs=[
            *corpus_to_ledger.JOBS,
            *ledger.JOBS,
            *replicate.JOBS,
            *decide.JOBS,
            *evaluate.JOBS,
            *nightly_evaluation.JOBS,
            *shadow_decisions.JOBS,
            *prune.JOBS,
            ddq_batch,
            export_to_siem,
            deliver_notifications,
        ],
        schedules=[
            *ledger.SCHEDULES,
            *replicate.SCHEDULES,
            *nightly_evaluation.SCHEDULES,
            *shadow_decisions.SCHEDULES,
            *prune.SCHEDULES,
        ],
        sensors=[
            source_changes,
            derived_data,
            pending_filings,
            queue_recovery,
            review_pager,
            candidate_changes,
            pointer_drift,
            ledger_watch,
            siem_export,
        ],
        resources=deployment.resources(),
        executor=dg.in_process_executor,  # a year's steps follow each other: processes would only load the model again
    )


defs = build_defs()

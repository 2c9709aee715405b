"""A deployment: settings made into connections and clients, for the code location and the command line alike."""

import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from compliance_assets.audit_ledger import store as ledger_store
from compliance_assets.audit_ledger.checkpoints import known_keys
from compliance_assets.embeddings.ahead import WorkAhead
from compliance_assets.evidence.archive import Archive
from compliance_assets.governance.egress import DOCUMENT as EGRESS
from compliance_assets.governance.egress import EgressProfile, profile_named
from compliance_assets.governance.policy import POLICIES
from compliance_assets.migrations.runner import migrate
from compliance_assets.model_decisions.desk import Desk
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.irpf.model import IrpfModel
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle, bundle_of
from compliance_assets.model_decisions.router_map import RouterMap, router_map_of
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.review.notifications import Recipients, recipients_from
from compliance_assets.year_index.pointers import adopt_pointers
from evals.promotion.control import ChangeControl
from resources.checkpoint_log import CheckpointLog
from resources.clock import system_clock
from resources.embedder import Embedder, embedder_from
from resources.keyring import Keyring
from resources.object_store import ObjectStore
from resources.policy import OpaEngine, PolicyEngine, RegoEngine
from resources.policy_bundle import PolicyBundle
from resources.postgres import Postgres
from resources.progress import Progress, Silent
from resources.providers import Models, provider_specs
from resources.reranker import Reranker, reranker_from
from resources.settings import Settings
from resources.tracking import tracking_from

DAGSTER_YAML = Path(__file__).parents[1] / "deploy" / "dagster.yaml"


@dataclass(frozen=True)
class Deployment:
    """Building one does no I/O; `prepare` makes it usable."""

    settings: Settings
    progress: Progress = field(default_factory=Silent)

    def prepare(self) -> None:
        """Create what is missing: the data directory, Dagster's home, the master key, the schema. Idempotent."""
        self.settings.dagster_home.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DAGSTER_YAML, self.settings.dagster_home / "dagster.yaml")
        self.postgres.start()
        with self.postgres.connect() as conn:
            if ledger_store.head(conn).seq == 0:  # a new key would orphan the entries of a lost one
                self.keyring.create_if_missing()
            elif not known_keys(conn):
                self.keyring.create_signing_key_if_missing()
                adopt_pointers(conn, self.keyring)

    @cached_property
    def postgres(self) -> Postgres:
        """Sessions in the deployment's organisation, its schema current."""
        return Postgres(self.settings, prepare=lambda connect: migrate(connect, self.settings.years))

    @cached_property
    def objects(self) -> ObjectStore:
        """The content-addressed store of raw bytes."""
        return ObjectStore(self.settings.object_store_url)

    @cached_property
    def embedder(self) -> Embedder:
        """The configured embedding model."""
        return embedder_from(self.settings.embedder)

    @cached_property
    def reranker(self) -> Reranker | None:
        """The configured cross-encoder, None where the fused ranks decide."""
        return reranker_from(self.settings.reranker)

    @cached_property
    def ahead(self) -> WorkAhead:
        """What chunks and encodes beside the reading of documents."""
        return WorkAhead(self.postgres, self.embedder, self.settings.years, self.progress)

    @cached_property
    def ocr(self) -> OcrSettings:
        """How pages without text are read."""
        return OcrSettings(
            engine=self.settings.ocr_engine,
            minimum_confidence=self.settings.ocr_minimum_confidence,
            azure_endpoint=self.settings.azure_ocr_endpoint,
            azure_key=self.settings.azure_ocr_key,
        )

    @cached_property
    def keyring(self) -> Keyring:
        """The master keys and the signing key, outside Postgres."""
        return Keyring(
            self.settings.data_dir / "keys" / "master.key",
            environment_key=os.environ.get("COMPLIANCE_MASTER_KEY"),
            secret_url=os.environ.get("COMPLIANCE_MASTER_KEY_URL"),
            environment_signing_key=os.environ.get("COMPLIANCE_SIGNING_KEY"),
        )

    @cached_property
    def checkpoint_log(self) -> CheckpointLog:
        """Where checkpoints are published, outside Postgres."""
        return CheckpointLog(self.settings.checkpoint_url)

    @cached_property
    def models(self) -> Models:
        """The models that can be asked: those in this process, and those of the contracted providers."""
        specs = provider_specs(self.settings.providers) if self.settings.providers else ()
        return Models(specs, local=(ExtractiveModel(), IrpfModel()))

    @cached_property
    def policy(self) -> PolicyEngine:
        """What evaluates the policy: this process, or an OPA server over the same files."""
        bundle = PolicyBundle.read(self.settings.policy_folder or POLICIES)
        if self.settings.opa_url is None:
            return RegoEngine(bundle, self.settings.policy_mode)
        return OpaEngine(
            self.settings.opa_url, bundle, self.settings.policy_mode, token=self.settings.opa_token or None
        )

    @cached_property
    def router_map(self) -> RouterMap:
        """Which models each workload is asked of, in the deployment's organisation."""
        return router_map_of(self.settings.organization_id, self.settings.router_map)

    @cached_property
    def bundle(self) -> ReleaseBundle:
        """The files of the working tree: a candidate until a release with them is in production."""
        return bundle_of(self.router_map, self.policy.bundle)

    @cached_property
    def egress_profile(self) -> EgressProfile:
        """Where a model may be asked, as the policy's data says."""
        return profile_named(self.settings.egress_profile, self.policy.bundle.documents.get(EGRESS))

    @cached_property
    def desk(self) -> Desk:
        """Everything that deciding needs."""
        return Desk(
            self.postgres,
            self.embedder,
            self.models,
            self.policy,
            self.bundle,
            self.egress_profile,
            self.keyring,
            system_clock,
            self.progress,
            self.settings.deciders,
            self.recipients.kinds,
            self.reranker,
        )

    @cached_property
    def change_control(self) -> ChangeControl:
        """What every step of a release is held against. Raises InvalidInput for a deployment window that is none."""
        settings = self.settings
        return ChangeControl(self.desk, settings.change_board, settings.deployment_window, tracking_from(settings))

    @cached_property
    def recipients(self) -> Recipients:
        """Whom the deployment tells of what needs a person."""
        return recipients_from(self.settings.notify_urls, self.settings.webhooks, self.settings.webhook_secret)

    @cached_property
    def archive(self) -> Archive:
        """Everything that evidence is made from."""
        return Archive(
            self.settings, self.postgres, self.keyring, self.objects, self.checkpoint_log, self.models, system_clock
        )

    def resources(self) -> dict[str, object]:
        """By the names that assets, checks and sensors ask for."""
        return {
            "settings": self.settings,
            "postgres": self.postgres,
            "objects": self.objects,
            "ocr": self.ocr,
            "embedder": self.embedder,
            "ahead": self.ahead,
            "keyring": self.keyring,
            "checkpoint_log": self.checkpoint_log,
            "archive": self.archive,
            "desk": self.desk,
            "change_control": self.change_control,
            "policy": self.policy,
            "routes": self.router_map,
            "recipients": self.recipients,
            "progress": self.progress,
        }

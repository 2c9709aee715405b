"""The desk: everything that deciding needs, put together by a deployment."""

from dataclasses import dataclass, replace

from compliance_assets.governance.egress import DOCUMENT as EGRESS
from compliance_assets.governance.egress import EgressProfile, profile_named
from compliance_assets.model_decisions.releases.bundle import ReleaseBundle
from compliance_assets.model_decisions.router_map import RouterMap
from resources.clock import Clock
from resources.embedder import Embedder
from resources.keyring import Keyring
from resources.policy import PolicyEngine
from resources.postgres import Postgres
from resources.progress import Progress
from resources.providers import Models
from resources.reranker import Reranker


@dataclass(frozen=True, slots=True)
class Desk:
    """`bundle`: the files that are decided with. A deployment's desk has those of the working tree, which are a candidate until
    a release with them is in production. `deciders`: how many items are decided at once; with one, in the order they were asked.
    `told`: the events that anybody is told of. `reranker` orders what a search found; without one the fused ranks do.
    """

    postgres: Postgres
    embedder: Embedder
    models: Models
    policy: PolicyEngine
    bundle: ReleaseBundle
    egress_profile: EgressProfile
    keyring: Keyring
    clock: Clock
    progress: Progress
    deciders: int = 1
    told: frozenset[str] = frozenset()
    reranker: Reranker | None = None

    @property
    def router_map(self) -> RouterMap:
        """Which models each workload is asked of."""
        return self.bundle.router_map

    def with_bundle(self, bundle: ReleaseBundle) -> "Desk":
        """The desk with other files: the policy is evaluated by the same kind of engine."""
        policy = self.policy if self.policy.bundle == bundle.policy else self.policy.over(bundle.policy)
        profile = profile_named(self.egress_profile.name, bundle.policy.documents.get(EGRESS))
        return replace(self, bundle=bundle, policy=policy, egress_profile=profile)

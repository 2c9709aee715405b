"""Release: everything a decision was made with. Its id is the digest of the manifest."""

from functools import lru_cache

from compliance_assets.contracts.base import Contract, Sha256
from compliance_assets.contracts.canonical import Canonical


class Release(Contract):
    """The manifest that every decision pins. A part that the deployment does not have yet is null."""

    prompt_version: str
    threshold_version: str | None
    router_map: str
    policy_bundle: str | None
    chunker: str
    embedder_digest: Sha256
    index_parameters: str
    golden_set: str | None
    code_version: str

    @property
    def canonical(self) -> Canonical:
        """The canonical JSON of the manifest."""
        return _canonical(self)

    @property
    def release_id(self) -> str:
        """SHA-256 of the canonical JSON of the manifest."""
        return self.canonical.sha256


@lru_cache(maxsize=64)  # every decision of a release asks for it
def _canonical(release: Release) -> Canonical:
    return Canonical.of(release.model_dump(mode="json"))

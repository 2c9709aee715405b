"""Release: everything a decision was made with. Its id is the digest of the manifest."""

from compliance_assets.contracts.base import Contract, Sha256
from compliance_assets.contracts.canonical import digest_of


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
    def release_id(self) -> str:
        """SHA-256 of the canonical JSON of the manifest."""
        return digest_of(self.model_dump(mode="json"))

"""HNSW parameters, and the identity of an index version. Pure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from compliance_assets.contracts.canonical import content_id, digest_of

CODE_VERSION = "1"


@dataclass(frozen=True, slots=True)
class HnswParameters:
    """Build and search width (Malkov & Yashunin 2018). 16/100 with a search of 200 holds recall above 0.98 at 10^5 rows."""

    m: int = 16
    ef_construction: int = 100
    ef_search: int = 200

    def as_json(self) -> dict[str, int]:
        """As stored with the version."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class IndexIdentity:
    """What an index is made of. The same ingredients give the same version; any other ingredient another."""

    organization_id: str
    year: int
    embedder: str
    embedder_digest: str
    dimension: int
    chunker_version: str
    corpus_digest: str
    parameters: HnswParameters

    @property
    def version(self) -> str:
        """For example `ix_4f…`."""
        return content_id(
            "ix", CODE_VERSION, self.organization_id, self.year, self.embedder_digest, self.dimension,
            self.chunker_version, self.corpus_digest, digest_of(self.parameters.as_json()),
        )  # fmt: skip


def corpus_digest_of(doc_ids: Sequence[str], salt: bytes) -> str:
    """Digest of a year's live documents, whatever the order they came in. The salt lasts until one of them is erased."""
    return digest_of([salt.hex(), *sorted(doc_ids)])

"""How an index is built and searched: the rule, what one index got by it, and the identity of an index version. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from compliance_assets.contracts.canonical import content_id, digest_of

#: Changes with what a build makes of the same chunks: its vectors, or how their words are analysed (`lexical.py`).
CODE_VERSION = "2"
MAX_HNSW_DIMENSION = 4_000  # of a halfvec under HNSW; one of bits holds 64,000
MAX_EF_SEARCH = 1_000

Kind = Literal["exact", "hnsw", "binary"]


@dataclass(frozen=True, slots=True)
class IndexParameters:
    """What one index is searched with. `rescored`: how many candidates a binary graph proposes to the exact distance.

    The defaults stand for what versions without a kind recorded.
    """

    kind: Kind = "hnsw"
    m: int = 0
    ef_construction: int = 0
    ef_search: int = 0
    rescored: int = 0


@dataclass(frozen=True, slots=True)
class IndexRule:
    """Which index a year gets from its size, and how its search is widened until it finds what the exact scan finds.

    Up to `exact_up_to` rows none is needed: a scan takes a millisecond or two. From `binary_from_bytes` of vectors on the graph
    (HNSW, Malkov & Yashunin 2018) is one over their signs, a quarter of the size at 384 dimensions and less above, whose
    candidates are put in order by the exact distance; the whole vectors' graph would no longer stay in memory. Measured by
    `make bench-index`.
    """

    exact_up_to: int = 2_000
    binary_from_bytes: int = 4 * 2**30
    m: int = 16
    ef_construction: int = 200
    ef_search: tuple[int, ...] = (64, 100, 160, 250, 400, 640, MAX_EF_SEARCH)
    rescored: tuple[int, ...] = (200, 400, 800, 1_600, 3_200)

    @property
    def digest(self) -> str:
        """What a release pins, and an index version is made of."""
        return digest_of({"code_version": CODE_VERSION, **asdict(self)})

    def kind_for(self, rows: int, dimension: int) -> Kind:
        """The kind of index for so many vectors."""
        if rows <= self.exact_up_to:
            return "exact"
        if dimension > MAX_HNSW_DIMENSION or rows * dimension * 2 >= self.binary_from_bytes:
            return "binary"
        return "hnsw"

    def steps(self, rows: int, dimension: int) -> tuple[IndexParameters, ...]:
        """What to search the index with, the quickest first."""
        kind = self.kind_for(rows, dimension)
        if kind == "exact":
            return (IndexParameters(kind),)
        if kind == "binary":
            return tuple(
                IndexParameters(kind, self.m, self.ef_construction, min(count, MAX_EF_SEARCH), count)
                for count in self.rescored
            )
        return tuple(IndexParameters(kind, self.m, self.ef_construction, width) for width in self.ef_search)


RULE = IndexRule()


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
    rule_digest: str

    @property
    def version(self) -> str:
        """For example `ix_4f…`."""
        return content_id(
            "ix", CODE_VERSION, self.organization_id, self.year, self.embedder_digest, self.dimension,
            self.chunker_version, self.corpus_digest, self.rule_digest,
        )  # fmt: skip

    def recorded(self, parameters: IndexParameters) -> dict[str, object]:
        """What is stored as the version's parameters: what it got, the rule that gave it, and the code of both."""
        return {**asdict(parameters), "rule": self.rule_digest, "code_version": CODE_VERSION}


def parameters_of(recorded: Mapping[str, Any]) -> IndexParameters:
    """What a version is searched with, from what is stored of it."""
    return IndexParameters(**{name: value for name, value in recorded.items() if name not in ("rule", "code_version")})


def code_version_of(recorded: object) -> str:
    """The code that a version was made with, from what is stored as its parameters; the first did not say."""
    return str(recorded.get("code_version", "1")) if isinstance(recorded, Mapping) else "1"


def corpus_digest_of(doc_ids: Sequence[str], salt: bytes) -> str:
    """Digest of a year's live documents, whatever the order they came in. The salt lasts until one of them is erased."""
    return digest_of([salt.hex(), *sorted(doc_ids)])

"""What holds a year's vectors and finds those near a query: the interface. `pgvector_store.py` is the one that is shipped.

A store of another make fills this. It reads a year's entries through `store.entries_of_year`, and what it does becomes visible
with the caller's transaction: the version that searches use is a row of compliance.index_versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from compliance_assets.year_index.findings import IndexMeasurements
from compliance_assets.year_index.parameters import IndexIdentity, IndexParameters, IndexRule
from resources.postgres import Connection


class Neighbour(NamedTuple):
    """An entry found near a vector. `similarity` is the cosine as the store computed it, in single precision: it orders, and
    `exact.similarity` is what is recorded. A tuple: every search makes dozens."""

    year: int
    chunk_id: str
    doc_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Built:
    """A year's vectors under a name of the store's own. `steps`: what they may be searched with, the quickest first."""

    name: str
    rows: int
    steps: tuple[IndexParameters, ...]


@dataclass(frozen=True, slots=True)
class LiveIndex:
    """The version that searches of a year use."""

    year: int
    index_version: str
    embedder: str
    embedder_digest: str
    dimension: int
    chunker_version: str
    corpus_digest: str
    chunk_count: int
    parameters: IndexParameters
    lexical_digest: str | None


class VectorStore(Protocol):
    """Builds beside what is live, and answers from what is live."""

    @property
    def rule(self) -> IndexRule:
        """Which index a year gets from its size."""

    def build(self, conn: Connection, identity: IndexIdentity) -> Built:
        """A candidate from the year's chunks. No search sees it."""

    def measure(self, conn: Connection, index: IndexIdentity | LiveIndex, built: Built) -> IndexMeasurements:
        """Count its rows and compare what it finds with the exact scan, by the first of its steps that is wide enough."""

    def swap_in(self, conn: Connection, year: int, candidate: Built) -> None:
        """Put a candidate in the place of what is live, which goes: a search sees the one or the other."""

    def drop(self, conn: Connection, candidate: Built) -> None:
        """Take a candidate away."""

    def live(self, conn: Connection, index: LiveIndex) -> Built | None:
        """What searches of the year use; None where it is gone."""

    def nearest(
        self, conn: Connection, index: LiveIndex, category: str | None, vectors: Sequence[np.ndarray], depth: int
    ) -> list[list[Neighbour]]:
        """For each vector the `depth` entries nearest to it in the category, or all where there are fewer; nearest first."""

    def sample(self, conn: Connection, year: int, limit: int) -> list[tuple[np.ndarray, str | None]]:
        """(vector, category) of live entries spread evenly over the year, the same ones every time."""

"""Hit: one retrieved chunk, with how it was found."""

from typing import Literal

from pydantic import Field

from compliance_assets.contracts.base import CharRange, Contract, Sha256


class RetrievalScope(Contract):
    """Where a search may look. `opt_in_years` widens it beyond `year`, explicitly and on the record."""

    year: int
    filer_category: str | None = None
    opt_in_years: tuple[int, ...] = ()

    @property
    def years(self) -> tuple[int, ...]:
        """Every year that a hit may come from, the requested one first."""
        return (self.year, *(year for year in self.opt_in_years if year != self.year))


class RetrievalMethod(Contract):
    """What produced a hit: enough to say later which model and which index it came from."""

    embedder: str
    embedder_digest: Sha256
    index_version: str
    mode: Literal["dense"]
    scope: RetrievalScope
    opt_in_years: tuple[int, ...]


class Hit(Contract):
    """One retrieved chunk. `embedding_score` is the cosine similarity."""

    rank: int = Field(ge=1)
    chunk_id: str
    doc_id: str
    doc_title: str
    page: int = Field(ge=1)
    char_range: CharRange
    embedding_score: float
    lexical_score: float | None
    score: float
    method: RetrievalMethod

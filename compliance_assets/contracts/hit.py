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
    """What produced a hit: enough to say later which model and which index it came from.

    `mode`: `dense` by the vectors of the index version alone, `hybrid` by these and its lexical index. `reranker` is the model
    that ordered what they found, None where the fused ranks did. `scope_from`: who said the scope. These two are written only
    where they differ from what always held before they were there: a hit set from then keeps its digest.
    """

    embedder: str
    embedder_digest: Sha256
    index_version: str
    mode: Literal["dense", "hybrid"]
    scope: RetrievalScope
    opt_in_years: tuple[int, ...]
    reranker: str | None = Field(default=None, exclude_if=lambda reranker: reranker is None)
    scope_from: Literal["caller", "question"] = Field(default="caller", exclude_if=lambda who: who == "caller")


class Hit(Contract):
    """One retrieved chunk. `embedding_score` is the exact cosine of question and chunk, `lexical_score` its BM25 where its words
    were what found it; `score` is what it was ranked by.
    """

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

"""ResponseEnvelope: what a decision hands to its reader."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, model_validator

from compliance_assets.contracts.base import CharRange, Contract


class RetrievedChunk(Contract):
    """A chunk that stood in the prompt."""

    chunk_id: str
    doc_id: str
    doc_title: str
    page: int = Field(ge=1)
    char_range: CharRange
    embedding_score: float


class ResponseSegment(Contract):
    """A piece of the answer and the chunks it rests on."""

    text: str
    cited_chunk_ids: tuple[str, ...]


class Citation(Contract):
    """A span that exists: `document.raw_text[char_range] == quote`, on that page."""

    doc_id: str
    page: int = Field(ge=1)
    char_range: CharRange
    quote: str = Field(min_length=1)


class ExtractedField(Contract):
    """A field that the model read, with the citation (by its place in `citations`) that states it."""

    name: str = Field(min_length=1)
    value: str
    citation: int = Field(ge=0)


class Anomaly(Contract):
    """Something wrong in the document, for a person: what kind, why, and the citations (by their places) that show it."""

    kind: str = Field(min_length=1)
    explanation: str
    citations: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)


class ResponseEnvelope(Contract):
    """`approver` and `approved_at` stay null until a person signs."""

    response_id: str = Field(pattern=r"^rsp_[0-9A-HJKMNP-TV-Z]{26}$")
    workload: str
    model: str
    prompt_hash: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    retrieved_chunks: tuple[RetrievedChunk, ...]
    response_segments: tuple[ResponseSegment, ...]
    decision: str
    confidence: float = Field(ge=0, le=1)
    citations: tuple[Citation, ...]
    fields: tuple[ExtractedField, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    approver: str | None = None
    approved_at: datetime | None = None

    @model_validator(mode="after")
    def _segments_cite_retrieved_chunks(self) -> "ResponseEnvelope":
        retrieved = {chunk.chunk_id for chunk in self.retrieved_chunks}
        for segment in self.response_segments:
            unknown = set(segment.cited_chunk_ids) - retrieved
            if unknown:
                raise ValueError(
                    f"cited_chunk_ids must be among the retrieved chunks; not retrieved: {sorted(unknown)}"
                )
        for place in (*(f.citation for f in self.fields), *(c for a in self.anomalies for c in a.citations)):
            if place >= len(self.citations):
                raise ValueError(f"a field or anomaly names citation {place} of {len(self.citations)}")
        return self

"""ResponseEnvelope: what a decision hands to its reader."""

from datetime import datetime

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
        return self

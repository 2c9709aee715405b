"""Chunk: a window of one document with exact offsets."""

from pydantic import Field

from compliance_assets.contracts.base import Contract, Sha256


class Chunk(Contract):
    """`document.raw_text[char_start:char_end] == text`, in Unicode code points, always.

    `header` says where the chunk stands (title, year, section path, page heading). It is embedded and searched with the text,
    and is no part of it.
    """

    chunk_id: str = Field(pattern=r"^ck_[0-9a-f]{40}$")
    doc_id: str
    year: int
    filer_category: str | None
    ordinal: int = Field(ge=0)
    page: int = Field(ge=1)
    char_start: int = Field(ge=0)
    char_end: int = Field(gt=0)
    section: str
    text: str = Field(min_length=1)
    token_count: int = Field(ge=0)
    text_sha256: Sha256
    chunker_version: str
    header: str = ""
    header_sha256: Sha256 | None = None

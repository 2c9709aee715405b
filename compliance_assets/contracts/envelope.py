"""Envelope: what every document becomes, whatever it came as."""

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from compliance_assets.contracts.base import Contract, Sha256

SCHEMA_VERSION: Literal["1"] = "1"


class DocumentState(StrEnum):
    """What normalisation made of a document."""

    OK = "ok"
    NEEDS_HUMAN = "needs_human"
    REJECTED = "rejected"


class RawPage(Contract):
    """One page of `raw_text`: pages count from 1, `[char_start, char_end)` in Unicode code points."""

    page: int = Field(ge=1)
    char_start: int = Field(ge=0)
    char_end: int = Field(ge=0)
    origin: Literal["text_layer", "ocr", "markup"]


class FieldSpan(Contract):
    """Where `raw_text` states a field: `[char_start, char_end)` on a page, and how sure OCR was of its characters."""

    page: int = Field(ge=1)
    char_start: int = Field(ge=0)
    char_end: int = Field(ge=0)
    certainty: float = Field(default=1.0, ge=0, le=1)


DocumentFormat = Literal["pdf", "scan", "xml", "fixed_width", "email", "office", "html", "text", "unknown"]


class EnvelopeMetadata(Contract):
    """Where the text came from and how it was read.

    `fields` are what deterministic parsing found, `field_spans` where it stands for those that the text states. `findings`
    are the rules that the stated values break. `attachments` are the ids of the documents inside this one, `parent_id` is
    that of the document that this one lies in.
    """

    title: str
    doc_type: str | None
    language: str | None
    media_type: str
    source: str
    source_uri: str
    source_version: str
    object_sha256: Sha256
    normaliser: str
    normaliser_version: str
    ocr_engine: str | None = None
    ocr_confidence: float | None = None
    xsd_sha256: Sha256 | None = None
    document_format: DocumentFormat = "unknown"
    layout: str | None = None
    fields: dict[str, str] = Field(default_factory=dict)
    field_spans: dict[str, FieldSpan] = Field(default_factory=dict)
    findings: tuple[str, ...] = ()
    needs_human: tuple[str, ...] = ()
    parent_id: str | None = None
    attachments: tuple[str, ...] = ()


class Envelope(Contract):
    """A canonical document. The page ranges tile `raw_text` without gap or overlap."""

    schema_version: Literal["1"] = SCHEMA_VERSION
    filing_id: str
    year: int | None
    filer_category: str | None
    raw_text: str
    raw_pages: tuple[RawPage, ...]
    metadata: EnvelopeMetadata

    @model_validator(mode="after")
    def _pages_tile_the_text(self) -> "Envelope":
        position = 0
        for number, page in enumerate(self.raw_pages, start=1):
            if page.page != number or page.char_start != position or page.char_end < page.char_start:
                raise ValueError(
                    f"raw_pages must tile raw_text: expected page {number} from {position}, "
                    f"found page {page.page} [{page.char_start}, {page.char_end})"
                )
            position = page.char_end
        if position != len(self.raw_text):
            raise ValueError(f"raw_pages must tile raw_text: they end at {position} of {len(self.raw_text)}")
        return self

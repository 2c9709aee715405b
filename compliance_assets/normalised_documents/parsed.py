"""What a parser hands on: the text with its pages, or the reason why there is none. No parser lives here."""

from dataclasses import dataclass
from typing import Literal

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.contracts.text import storable
from compliance_assets.normalised_documents.filings.fields import Filing

MAX_PAGES = 5_000
MAX_CHARACTERS = 20_000_000


@dataclass(frozen=True, slots=True)
class Recognition:
    """How OCR read a document: the engine, its mean certainty in 0..1, and the pages (from 1) that it read."""

    engine: str
    confidence: float
    pages: frozenset[int]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a document, to become a document of its own. `name` is what its sender called it."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Parsed:
    """Canonical text. `page_ends` are the end offsets of the pages in code points; the last is `len(text)`.

    `origin` is that of the pages that no OCR read. `filing` is what the document states as an income-tax filing, None if
    it is none. `needs_human` are reasons, `code: detail`, without a person's data.
    """

    text: str
    page_ends: tuple[int, ...]
    origin: Literal["text_layer", "markup"]
    media_type: str
    normaliser: str
    title: str | None
    needs_human: tuple[str, ...] = ()
    recognition: Recognition | None = None
    xsd_sha256: str | None = None
    filing: Filing | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document has no text: `reason` is a snake_case code, with `: detail` where there is more to say."""

    state: Literal[DocumentState.NEEDS_HUMAN, DocumentState.REJECTED]
    reason: str
    media_type: str
    normaliser: str


Outcome = Parsed | Refusal


def clean(text: str) -> str:
    """Canonical text: LF line ends, and only characters that a Postgres text column can store."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\ufffe", "-")  # pdfium's marker for a hyphen that ends a line
    return storable(text)

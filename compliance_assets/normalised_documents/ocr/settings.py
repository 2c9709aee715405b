"""Which OCR engine reads, and what one document may cost it. No engine lives here."""

from dataclasses import dataclass, field
from typing import Literal

EngineChoice = Literal["auto", "tesseract", "rapidocr", "azure", "none"]


@dataclass(frozen=True, slots=True)
class OcrSettings:
    """How pages without text are read. Picklable: it travels to the worker processes.

    `auto` is Tesseract where it is installed with Portuguese, with RapidOCR for the pages that it is unsure of, else
    RapidOCR alone; nothing leaves the machine unless `azure` is chosen. `minimum_confidence` is in 0..1: a document below
    it waits for a person. `dpi` is the resolution in which a PDF's pages are drawn. Limits: pages per document, seconds
    per page and per document; the last should lie below the worker's own limit, so that what was read until then is kept.
    """

    engine: EngineChoice = "auto"
    minimum_confidence: float = 0.6
    dpi: int = 300
    page_limit: int = 40
    page_seconds: float = 20
    document_seconds: float = 45
    azure_endpoint: str = ""
    azure_key: str = field(default="", repr=False)

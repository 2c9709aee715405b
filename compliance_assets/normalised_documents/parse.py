"""Bytes to an outcome: the content decides which parser reads them, and what reads as a filing is judged by the rules."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from compliance_assets.contracts.envelope import DocumentFormat, DocumentState
from compliance_assets.normalised_documents import fixed_width, html, image, mail, pdf, plain_text, xml
from compliance_assets.normalised_documents.filings import in_mail, on_page
from compliance_assets.normalised_documents.filings.rules import judged
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.office import legacy, opendocument, rich_text, slides, word, workbook
from compliance_assets.normalised_documents.parsed import Outcome, Parsed, Refusal
from compliance_assets.normalised_documents.sniff import UNKNOWN, media_type_of

NORMALISER_VERSION = "2"
NORMALISER = "parse"

Parser = Callable[[bytes], Outcome]
Reader = Callable[[bytes, OcrSettings], Outcome]

# What a person wrote freely has to be understood, not only read.
_FREE_TEXT = frozenset({mail.MEDIA_TYPE})

NO_OCR = OcrSettings(engine="none")


def _text(parser: Parser) -> Reader:
    return lambda data, ocr: parser(data)


_READERS: Mapping[str, tuple[DocumentFormat, Reader]] = {
    "application/pdf": ("pdf", partial(pdf.parse, read_filing=on_page.read_filing)),
    **{media_type: ("scan", partial(image.parse, read_filing=on_page.read_filing)) for media_type in image.MEDIA_TYPES},
    "application/xml": ("xml", _text(xml.parse)),
    fixed_width.MEDIA_TYPE: ("fixed_width", _text(fixed_width.parse)),
    mail.MEDIA_TYPE: ("email", _text(partial(mail.parse, read_filing=in_mail.read_filing))),
    word.MEDIA_TYPE: ("office", _text(word.parse)),
    workbook.MEDIA_TYPE: ("office", _text(workbook.parse)),
    slides.MEDIA_TYPE: ("office", _text(slides.parse)),
    "application/rtf": ("office", _text(rich_text.parse)),
    **{media_type: ("office", _text(opendocument.parse)) for media_type in opendocument.MEDIA_TYPES},
    opendocument.FLAT_MEDIA_TYPE: ("office", _text(opendocument.parse_flat)),
    **{media_type: ("office", _text(legacy.parse)) for media_type in legacy.MEDIA_TYPES},
    "text/html": ("html", _text(html.parse)),
    "text/plain": ("text", _text(plain_text.parse)),
    "text/markdown": ("text", _text(plain_text.parse)),
}


def parser_with(ocr: OcrSettings) -> Parser:
    """The parser for worker processes."""
    return partial(parse, ocr=ocr)


def parse(data: bytes, ocr: OcrSettings = NO_OCR) -> Outcome:
    """The text of a document and what it states as a filing, or why a person has to look at it."""
    if not data:
        return Refusal(DocumentState.REJECTED, "empty", UNKNOWN, NORMALISER)
    media_type = media_type_of(data)
    if media_type not in _READERS:
        return Refusal(DocumentState.NEEDS_HUMAN, f"unsupported_media_type: {media_type}", media_type, NORMALISER)
    _, read = _READERS[media_type]
    outcome = read(data, ocr)
    return _judged(outcome) if isinstance(outcome, Parsed) else outcome


def format_of(outcome: Outcome) -> DocumentFormat:
    """The format that a document is counted under: a PDF whose pages OCR had to read is a scan."""
    if isinstance(outcome, Parsed) and outcome.recognition is not None:
        return "scan"
    return _READERS[outcome.media_type][0] if outcome.media_type in _READERS else "unknown"


def _judged(parsed: Parsed) -> Parsed:
    if parsed.filing is None:
        return parsed
    filing = judged(parsed.filing, certain=parsed.recognition is None and parsed.media_type not in _FREE_TEXT)
    return replace(parsed, filing=filing, needs_human=(*parsed.needs_human, *filing.doubts))

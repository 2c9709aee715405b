"""The text of a PDF, page by page: its text layer, and where a page has none, what OCR reads on the page as it is drawn."""

import math
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate

import pypdfium2
import pypdfium2.raw
from PIL.Image import Image

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.ocr.engine import EngineFailed
from compliance_assets.normalised_documents.ocr.page_text import PageText
from compliance_assets.normalised_documents.ocr.reading import NO_TEXT_FOUND, Reading
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, MAX_PAGES, Outcome, Parsed, Refusal, clean
from compliance_assets.normalised_documents.pdf_words import words_of
from compliance_assets.normalised_documents.words import ReadFiling, Word

MEDIA_TYPE = "application/pdf"
NORMALISER = "pypdfium2"

_ENCRYPTED = {
    pypdfium2.raw.FPDF_ERR_PASSWORD: "encrypted: a user password is needed",
    pypdfium2.raw.FPDF_ERR_SECURITY: "encrypted: the security handler is not supported",
}
_LONGEST_TITLE = 200
_POINTS_PER_INCH = 72
# An A3 page in 300 dpi.
_MOST_DRAWN_PIXELS = 18_000_000
# What authoring tools write when nobody gave a title: a product, a file name, or no word at all.
_NO_TITLE = re.compile(
    r"untitled|microsoft (?:word|excel|powerpoint)\b.*|[\W\d_]*"
    r"|.*\.(?:pdf|docx?|xlsx?|pptx?|rtf|txt|html?|indd|qxd|tex|dvi|e?ps|tmp)",
    re.IGNORECASE,
)


def parse(data: bytes, ocr: OcrSettings | None = None, *, read_filing: ReadFiling | None = None) -> Outcome:
    """The text of every page; owner-only encryption is readable, a user password is not guessed.

    Without `ocr` a page without a text layer stays empty. `read_filing` is asked what the text states while the document
    is open, since the places of its words are looked up in it.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return _unopened(error)
    with closing(document):
        return _read(document, Reading(ocr) if ocr and ocr.engine != "none" else None, read_filing)


def _unopened(error: pypdfium2.PdfiumError) -> Refusal:
    encrypted = _ENCRYPTED.get(error.err_code)
    if encrypted is not None:
        return Refusal(DocumentState.NEEDS_HUMAN, encrypted, MEDIA_TYPE, NORMALISER)
    return _rejected(f"damaged: {error}")


def _read(document: pypdfium2.PdfDocument, reading: Reading | None, read_filing: ReadFiling | None) -> Outcome:
    if len(document) > MAX_PAGES:
        return _rejected(f"too_large: {len(document)} pages, at most {MAX_PAGES}")
    pages: list[str] = []
    recognised: dict[int, tuple[Word, ...]] = {}
    unreadable: list[int] = []
    characters = 0
    for number, opened in enumerate(_opened_pages(document), start=1):
        text = opened[1] if opened else ""
        if opened is None:
            unreadable.append(number)
        elif reading and not text.strip() and (shown := _recognised(opened[0], reading, number, characters)):
            text, recognised[number] = shown.text, shown.words
        pages.append(_ended(text))
        characters += len(pages[-1])
        if characters > MAX_CHARACTERS:
            return _rejected(f"too_large: more than {MAX_CHARACTERS} characters")
    if len(unreadable) == len(pages):
        return _rejected("damaged: no page can be read")
    if not any(page.strip() for page in pages):
        reason = (*reading.reasons, NO_TEXT_FOUND)[0] if reading else "no_text_layer"
        return Refusal(DocumentState.NEEDS_HUMAN, reason, MEDIA_TYPE, NORMALISER)
    text, page_ends = "".join(pages), tuple(accumulate(map(len, pages)))
    return Parsed(
        text=text,
        page_ends=page_ends,
        origin="text_layer",
        media_type=MEDIA_TYPE,
        normaliser=NORMALISER,
        title=_title(document),
        needs_human=(*(f"page_unreadable: {number}" for number in unreadable), *(reading.reasons if reading else ())),
        recognition=reading.recognition if reading else None,
        filing=read_filing(text, page_ends, lambda: words_of(document, pages, recognised)) if read_filing else None,
    )


def _opened_pages(document: pypdfium2.PdfDocument) -> Iterator[tuple[pypdfium2.PdfPage, str] | None]:
    """Each page with its text, None where pdfium cannot load it. One page is open at a time: memory stays bounded."""
    for index in range(len(document)):
        try:
            with closing(document[index]) as page, closing(page.get_textpage()) as text_page:
                yield page, clean(text_page.get_text_range(errors="surrogatepass"))
        # pypdfium2 recurses once per character that pdfium leaves out at a page's edge.
        except (pypdfium2.PdfiumError, RecursionError):
            yield None


def _recognised(page: pypdfium2.PdfPage, reading: Reading, number: int, start: int) -> PageText | None:
    if not (pypdfium2.raw.FPDFPage_CountObjects(page) or pypdfium2.raw.FPDFPage_GetAnnotCount(page)):
        return None
    return reading.read(lambda: drawn(page, reading.settings.dpi), page=number, start=start)


def drawn(page: pypdfium2.PdfPage, dpi: int) -> Image:
    """The page in grey in `dpi`, in less where it is larger than any sheet."""
    width, height = page.get_size()
    scale = min(dpi / _POINTS_PER_INCH, math.sqrt(_MOST_DRAWN_PIXELS / max(1.0, width * height)))
    try:
        with closing(page.render(scale=scale, grayscale=True)) as bitmap:
            image: Image = bitmap.to_pil().copy()
            return image
    except (pypdfium2.PdfiumError, ValueError) as error:
        raise EngineFailed("ocr_failed: a page cannot be drawn") from error


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _title(document: pypdfium2.PdfDocument) -> str | None:
    title = " ".join(clean(document.get_metadata_value("Title")).replace("\ufffd", " ").split())
    return None if len(title) > _LONGEST_TITLE or _NO_TITLE.fullmatch(title) else title


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, MEDIA_TYPE, NORMALISER)

"""The text layer of a PDF, page by page. A page without one waits for OCR, which is not done here."""

import re
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate

import pypdfium2
import pypdfium2.raw

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, MAX_PAGES, Outcome, Parsed, Refusal, clean

MEDIA_TYPE = "application/pdf"
NORMALISER = "pypdfium2"

_ENCRYPTED = {
    pypdfium2.raw.FPDF_ERR_PASSWORD: "encrypted: a user password is needed",
    pypdfium2.raw.FPDF_ERR_SECURITY: "encrypted: the security handler is not supported",
}
_LONGEST_TITLE = 200
# What authoring tools write when nobody gave a title: a product, a file name, or no word at all.
_NO_TITLE = re.compile(
    r"untitled|microsoft (?:word|excel|powerpoint)\b.*|[\W\d_]*"
    r"|.*\.(?:pdf|docx?|xlsx?|pptx?|rtf|txt|html?|indd|qxd|tex|dvi|e?ps|tmp)",
    re.IGNORECASE,
)


def parse(data: bytes) -> Outcome:
    """The text of every page; owner-only encryption is readable, a user password is not guessed."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        return _unopened(error)
    with closing(document):
        return _read(document)


def _unopened(error: pypdfium2.PdfiumError) -> Refusal:
    encrypted = _ENCRYPTED.get(error.err_code)
    if encrypted is not None:
        return Refusal(DocumentState.NEEDS_HUMAN, encrypted, MEDIA_TYPE, NORMALISER)
    return _rejected(f"damaged: {error}")


def _read(document: pypdfium2.PdfDocument) -> Outcome:
    if len(document) > MAX_PAGES:
        return _rejected(f"too_large: {len(document)} pages, at most {MAX_PAGES}")
    pages: list[str] = []
    unreadable: list[int] = []
    characters = 0
    for number, text in enumerate(_page_texts(document), start=1):
        if text is None:
            unreadable.append(number)
        pages.append(_ended(text or ""))
        characters += len(pages[-1])
        if characters > MAX_CHARACTERS:
            return _rejected(f"too_large: more than {MAX_CHARACTERS} characters")
    if len(unreadable) == len(pages):
        return _rejected("damaged: no page can be read")
    if not any(page.strip() for page in pages):
        return Refusal(DocumentState.NEEDS_HUMAN, "no_text_layer", MEDIA_TYPE, NORMALISER)
    return Parsed(
        text="".join(pages),
        page_ends=tuple(accumulate(map(len, pages))),
        origin="text_layer",
        media_type=MEDIA_TYPE,
        normaliser=NORMALISER,
        title=_title(document),
        needs_human=tuple(f"page_unreadable: {number}" for number in unreadable),
    )


def _page_texts(document: pypdfium2.PdfDocument) -> Iterator[str | None]:
    """The text of each page, None where pdfium cannot load it. One page is open at a time: memory stays bounded."""
    for index in range(len(document)):
        try:
            with closing(document[index]) as page, closing(page.get_textpage()) as text_page:
                yield clean(text_page.get_text_range(errors="surrogatepass"))
        # pypdfium2 recurses once per character that pdfium leaves out at a page's edge.
        except (pypdfium2.PdfiumError, RecursionError):
            yield None


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _title(document: pypdfium2.PdfDocument) -> str | None:
    title = " ".join(clean(document.get_metadata_value("Title")).replace("\ufffd", " ").split())
    return None if len(title) > _LONGEST_TITLE or _NO_TITLE.fullmatch(title) else title


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, MEDIA_TYPE, NORMALISER)

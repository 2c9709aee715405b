"""Bytes to an outcome: the content decides which parser reads them."""

from collections.abc import Callable, Mapping

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents import html, pdf, plain_text
from compliance_assets.normalised_documents.parsed import Outcome, Refusal
from compliance_assets.normalised_documents.sniff import UNKNOWN, media_type_of

NORMALISER_VERSION = "1"
NORMALISER = "parse"

Parser = Callable[[bytes], Outcome]

_PARSERS: Mapping[str, Parser] = {
    "application/pdf": pdf.parse,
    "text/html": html.parse,
    "text/plain": plain_text.parse,
}


def parse(data: bytes) -> Outcome:
    """The text of a document, or why a person has to look at it."""
    if not data:
        return Refusal(DocumentState.REJECTED, "empty", UNKNOWN, NORMALISER)
    media_type = media_type_of(data)
    parser = _PARSERS.get(media_type)
    if parser is None:
        return Refusal(DocumentState.NEEDS_HUMAN, f"unsupported_media_type: {media_type}", media_type, NORMALISER)
    return parser(data)

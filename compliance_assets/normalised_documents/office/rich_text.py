"""Rich Text Format: the text without its formatting, as one page."""

import re

from compliance_assets.normalised_documents.office.contents import Contents, Unreadable, outcome
from compliance_assets.normalised_documents.parsed import Outcome

MEDIA_TYPE = "application/rtf"
NORMALISER = "office.rich_text"

_MAX_BYTES = 8 * 1024 * 1024  # the reader goes character by character, about a million a second
_HEXADECIMAL_RUN = re.compile(rb"[0-9A-Fa-f\r\n]{512,}")  # pictures and embedded objects


def parse(data: bytes) -> Outcome:
    """The text in the code page that the document names."""
    return outcome(_read, data, MEDIA_TYPE, NORMALISER)


def _read(data: bytes) -> Contents:
    from striprtf.striprtf import rtf_to_text

    text_bytes = _HEXADECIMAL_RUN.sub(b"\n", data)
    if len(text_bytes) > _MAX_BYTES:
        raise Unreadable(f"too_large: {len(text_bytes)} bytes without pictures, at most {_MAX_BYTES}")
    text = rtf_to_text(text_bytes.decode("cp1252", "replace"), errors="replace")  # type: ignore[no-untyped-call]
    lines = (line.rstrip("| ") for line in text.splitlines())
    return Contents([[line for line in lines if line.strip()]])

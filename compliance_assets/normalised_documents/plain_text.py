"""Plain text and Markdown. The text is kept as it came, only decoded and cleaned: offsets stay true to the source."""

import re

from charset_normalizer import CharsetMatch, from_bytes

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parsed import MAX_CHARACTERS, MAX_PAGES, Outcome, Parsed, Refusal, clean
from compliance_assets.normalised_documents.sniff import encoding_from_bom, is_binary

NORMALISER = "plain_text"

_DETECTION_SAMPLE = 64 * 1024
_CLEARLY = 0.06
# A capital or a symbol between small letters: what Windows-1252 makes of DOS or Central European text.
_MISREAD_WORD = re.compile(r"[a-zß-ÿ][¡-©«-ÞŒŠŽŸ†‡][a-zß-ÿ]")
_ATX_HEADING = re.compile(r"^#{1,6} +\S", re.MULTILINE)


def parse(data: bytes) -> Outcome:
    """The decoded text; form feeds end pages."""
    decoded = decode(data)
    if decoded is None or is_binary(decoded):
        return _rejected("not_text")
    text = clean(decoded)
    if not text.strip():
        return _rejected("empty")
    if len(text) > MAX_CHARACTERS:
        return _rejected(f"too_large: {len(text)} characters, at most {MAX_CHARACTERS}")
    page_ends = _page_ends(text)
    if len(page_ends) > MAX_PAGES:
        return _rejected(f"too_large: {len(page_ends)} pages, at most {MAX_PAGES}")
    media_type = "text/markdown" if _ATX_HEADING.search(text) else "text/plain"
    return Parsed(text, page_ends, "markup", media_type, NORMALISER, title=None)


def decode(data: bytes) -> str | None:
    """Text by byte order mark, as UTF-8, or in the encoding that its statistics suggest; None if nothing fits."""
    encoding = encoding_from_bom(data)
    if encoding is not None:
        return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        encoding = _likely_encoding(data[:_DETECTION_SAMPLE])
        return None if encoding is None else data.decode(encoding, errors="replace")


def _likely_encoding(sample: bytes) -> str | None:
    """The most plausible encoding; Windows-1252 unless another is clearly better.

    Statistics alone cannot tell the accented letters of Western Europe from those of its neighbours.
    """
    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        return None
    western = next((match for match in matches if "cp1252" in match.could_be_from_charset), None)
    if western is None or _plausibility(western) < _plausibility(best) - _CLEARLY:
        return best.encoding
    return best.encoding if _MISREAD_WORD.search(sample.decode("cp1252", errors="replace")) else "cp1252"


def _plausibility(match: CharsetMatch) -> float:
    return match.coherence - match.chaos


def _page_ends(text: str) -> tuple[int, ...]:
    ends = [match.end() for match in re.finditer("\f", text)]
    if not ends or ends[-1] < len(text):
        ends.append(len(text))
    return tuple(ends)


def _rejected(reason: str) -> Refusal:
    return Refusal(DocumentState.REJECTED, reason, "text/plain", NORMALISER)

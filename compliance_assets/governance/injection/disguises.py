"""Text that says something else when read in another way: encodings, digits for letters, spaced letters. Pure.

Each disguise that is found gives a span and the text behind it; the detector reads that text like any other.
"""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from compliance_assets.governance.redaction.folding import Folded

_BASE64 = re.compile(r"(?<![\w+/=-])[A-Za-z0-9+/_-]{20,}={0,2}(?![\w+/=])")
_HEX = re.compile(r"\b(?:[0-9a-f]{2}[\s,]?){16,}", re.IGNORECASE)
_MARKED_HEX = re.compile(r"(?:(?:0x|\\x)[0-9a-f]{2}[\s,]{0,2}){8,}", re.IGNORECASE)
_PERCENT = re.compile(r"(?:%[0-9a-f]{2}[\w.~-]{0,40}){4,}", re.IGNORECASE)
_ENTITIES = re.compile(r"(?:&#x?[0-9a-f]{2,6};[\w ]{0,2}){6,}", re.IGNORECASE)
_ESCAPES = re.compile(r"(?:\\u[0-9a-f]{4}){6,}", re.IGNORECASE)
_BINARY = re.compile(r"(?:\b[01]{8}\b\s?){8,}")
_LEET_WORD = re.compile(r"(?<![\w.,/@$!-])(?=[\w@$!]*[a-z])(?=[\w@$!]*[013457@$!])[a-z013457@$!]{4,}(?![\w/-])")
_LEET = str.maketrans("013457@$!", "oieastasi")
_SPACED = re.compile(r"(?<![^\W_])[a-z]([ .*_|~-])\1{0,2}[a-z](?:\1{1,3}[a-z])+(?![^\W_])")
_FEWEST_SPACED = 8
_FEWEST_LEET = 3
_READABLE = re.compile(r"[\w\s.,;:!?'\"()\[\]{}<>/@#$%&*+=|\\`~^-]+")
_KEY_WORDS = ("ignore", "disregard", "instruction", "system prompt", "previous", "password", "override", "confidence")
_TURNED = re.compile("|".join([codecs.encode(word, "rot13") for word in _KEY_WORDS if word != "override"]))
_BACKWARDS = re.compile("|".join(word[::-1] for word in _KEY_WORDS if len(word) > 7))


@dataclass(frozen=True, slots=True)
class Disguised:
    """`[start, end)` of the raw text, the text behind it, and how much the disguise alone says."""

    start: int
    end: int
    text: str
    weight: float


def encoded_in(text: str) -> Iterator[Disguised]:
    """Readable text in base64, hexadecimal, binary, percent escapes, HTML entities or Unicode escapes."""
    for found in _BASE64.finditer(text):
        yield from _readable(found, _from_base64(found[0]), 0.45)
    for found in _HEX.finditer(text):
        yield from _readable(found, _from_hex(found[0]), 0.45)
    if "0x" in text or "\\x" in text:
        for found in _MARKED_HEX.finditer(text):
            yield from _readable(found, _from_hex(found[0]), 0.45)
    if "%" in text:
        for found in _PERCENT.finditer(text):
            yield from _readable(found, unquote(found[0], errors="replace"), 0.1)
    if "&#" in text:
        for found in _ENTITIES.finditer(text):
            yield from _readable(found, html.unescape(found[0]), 0.3)
    if "\\u" in text:
        for found in _ESCAPES.finditer(text):
            yield from _readable(found, re.sub(r"\\u(.{4})", lambda m: chr(int(m[1], 16)), found[0]), 0.3)
    for found in _BINARY.finditer(text):
        yield from _readable(found, _from_binary(found[0]), 0.45)


def turned_in(folded: Folded) -> Iterator[Disguised]:
    """The whole text read by rot13 or from its end, where key words of an injection appear in it."""
    if found := _TURNED.search(folded.lower):
        yield Disguised(*folded.origin(*found.span()), codecs.encode(folded.lower, "rot13"), 0.45)
    if found := _BACKWARDS.search(folded.lower):
        yield Disguised(*folded.origin(*found.span()), folded.lower[::-1], 0.45)


def unleeted(folded: Folded) -> Folded | None:
    """The text with letters for the digits of `1gn0r3`, in words that have both; None where fewer than three such words are.

    Same length, same offsets. Codes such as `FY2021` or `10K` change too: what is read in it counts only if it says something.
    """
    found = list(_LEET_WORD.finditer(folded.lower))
    if len(found) < _FEWEST_LEET:
        return None
    lower = _replaced(folded.lower, [(m.start(), m.end(), m[0].translate(_LEET)) for m in found])
    return Folded(lower, lower, folded.offsets, folded.has_digits)


def despaced(folded: Folded) -> list[Disguised]:
    """`i g n o r e` and `i.g.n.o.r.e` as words; two separators or three part words, or nothing does."""
    made = []
    for found in _SPACED.finditer(folded.lower):
        words = [word.replace(found[1], "") for word in re.split(rf"{re.escape(found[1])}{{2,}}", found[0])]
        if sum(map(len, words)) >= _FEWEST_SPACED:
            made.append(Disguised(*folded.origin(*found.span()), " ".join(words), 0.0))
    return made


def _readable(found: re.Match[str], decoded: str | None, weight: float) -> Iterator[Disguised]:
    if decoded is not None and len(decoded) >= 8 and " " in decoded.strip() and _READABLE.fullmatch(decoded):
        yield Disguised(found.start(), found.end(), decoded, weight)


def _from_base64(run: str) -> str | None:
    if not (any(c.islower() for c in run) and any(c.isupper() or c.isdigit() for c in run)):
        return None
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    return _decoded(lambda: base64.b64decode(body + "=" * (-len(body) % 4)))


def _from_hex(run: str) -> str | None:
    return _decoded(lambda: bytes.fromhex(re.sub(r"0x|\\x|[\s,]", "", run, flags=re.IGNORECASE)))


def _from_binary(run: str) -> str | None:
    return _decoded(lambda: bytes(int(octet, 2) for octet in run.split()))


def _decoded(decode: Callable[[], bytes]) -> str | None:
    try:
        return decode().decode("utf-8")
    except (ValueError, binascii.Error):
        return None


def _replaced(text: str, changes: list[tuple[int, int, str]]) -> str:
    parts, position = [], 0
    for start, end, new in changes:
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])

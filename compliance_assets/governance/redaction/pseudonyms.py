"""Pseudonyms: keyed, of the length of what they stand for, and reversible for whoever made them.

`CPF_K3F2A7M4XQ` is the kind and RFC 4648 base32 of HMAC-SHA-256(key, kind, value, counter). One value has one pseudonym in
every spelling of the same length; of those the first one met is what comes back.
"""

import base64
import hashlib
import hmac
import re

from compliance_assets.governance.redaction.spans import TAGS

_FEWEST_CODE_CHARACTERS = 4  # after the kind and its underscore: else the kind is left out
_AMBIGUOUS_BELOW = 6  # a pseudonym this short is only recognised as a word of its own
_TRIES = 256
_PRIVATE = 0xF0000  # Supplementary Private Use Area-A, for spans too short to hold a code: one character for each value
_PRIVATE_SIZE = 0xFFFD
_LINE_END = re.compile("[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")


class Pseudonyms:
    """The pseudonyms of one decision. Deterministic for the key and the order of what is asked."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._made: dict[tuple[str, str, int, tuple[int, ...]], str] = {}
        self._originals: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def of(self, kind: str, value: str, original: str, text: str) -> str:
        """The pseudonym of a normalised value that is written as `original` in `text`. Line ends stay where they are."""
        ends = tuple(match.start() for match in _LINE_END.finditer(original))
        identity = (kind, value, len(original), ends)
        made = self._made.get(identity)
        if made is None:
            made = self._made[identity] = self._new(kind, value, original, ends, text)
            self._originals[made] = original
            self._pattern = None
        return made

    def restore(self, text: str) -> str:
        """The text with the originals of all the pseudonyms that were made here; others are left."""
        if not self._originals:
            return text
        if self._pattern is None:
            self._pattern = re.compile("|".join(map(_in_text, sorted(self._originals, key=lambda p: (-len(p), p)))))
        return self._pattern.sub(lambda match: self._originals[match[0]], text)

    def _new(self, kind: str, value: str, original: str, ends: tuple[int, ...], text: str) -> str:
        counter = 0
        while True:
            code = self._code(kind, value, counter, len(original))
            made = _shaped(kind, code, len(original), private=counter >= _TRIES)
            for at in ends:
                made = made[:at] + original[at] + made[at + 1 :]
            if made not in self._originals and made not in text:
                return made
            counter += 1

    def _code(self, kind: str, value: str, counter: int, length: int) -> bytes:
        """At least `length` characters of base32: blocks of HMAC in counter mode."""
        code, block = b"", 0
        while len(code) < length:
            message = b"\x00".join((kind.encode(), _bytes(value), b"%d" % counter, b"%d" % block))
            code += base64.b32encode(hmac.digest(self._key, message, hashlib.sha256)).rstrip(b"=")
            block += 1
        return code


def _shaped(kind: str, code: bytes, length: int, *, private: bool) -> str:
    if private or length == 1:
        return chr(_PRIVATE + int.from_bytes(code[:8], "big") % _PRIVATE_SIZE) * length
    tag = f"{TAGS.get(kind, kind)}_"
    tag = tag if length >= len(tag) + _FEWEST_CODE_CHARACTERS else "_"
    return tag + code[: length - len(tag)].decode()


def _in_text(pseudonym: str) -> str:
    escaped = re.escape(pseudonym)
    return rf"(?<!\w){escaped}(?!\w)" if len(pseudonym) < _AMBIGUOUS_BELOW else escaped


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")

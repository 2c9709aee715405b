"""Text as a recogniser reads it: one spelling for all the characters that look alike, with the way back to the original.

Digits of any script and style become ASCII digits, dashes and dots their ASCII forms, spaces U+0020; diacritics go and
characters without a width are dropped. Letters that only look Latin (Cyrillic, Greek) become the Latin ones.
"""

import unicodedata
from dataclasses import dataclass

_DOTS = dict.fromkeys("\u00b7\u2024\u2027\u2219\u22c5\u3002\u30fb\uff61\u06d4\u2e33", ".")
_SLASHES = dict.fromkeys("\u2044\u2215\u29f8\u2571", "/")
_DASHES = dict.fromkeys("\u2212\u2043\u02d7\u2796\u30fc", "-")
_LINES = dict.fromkeys("\u2028\u2029\u0085", "\n")
_SIGNS = {
    "\u00b0": "o",
    "\u066b": ",",
    "\u066c": ".",
    "\u201a": ",",
    "\uff0c": ",",
    "\u2236": ":",
    "\ua789": ":",
    "\u2019": "'",
}
_LETTERS = dict(zip("øØłŁđĐıħŋ", "oOlLdDihn", strict=True))
_LOOK_ALIKES = dict(
    zip("АВЕКМНОРСТУХаеорсухіѕјІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEKMHOPCTYXaeopcyxisjISJABEZHIKMNOPTYXo", strict=True)
)
_SINGLE = _DOTS | _SLASHES | _DASHES | _LINES | _SIGNS | _LETTERS | _LOOK_ALIKES
_NO_WIDTH = frozenset({"Cf", "Mn", "Me"})


class _Folding(dict[int, str]):
    """Code point to its folded form, worked out when first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _folded(chr(code))
        return folded


_FOLDING = _Folding()


@dataclass(frozen=True, slots=True)
class Folded:
    """`text` is folded and keeps its case, `lower` is the same in lower case; `offsets[i]` is where character i stood.

    `offsets` is None where nothing moved. Both texts have the same length.
    """

    text: str
    lower: str
    offsets: tuple[int, ...] | None
    has_digits: bool

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original that the folded characters [start, end) come from."""
        if self.offsets is None:
            return start, end
        return self.offsets[start], self.offsets[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text. Any text has a folded form."""
    folded, offsets = (text, None) if text.isascii() else _fold(text)
    lower = folded.lower()
    if len(lower) != len(folded):  # a letter whose lower case is two characters
        lower = "".join(c if len(c.lower()) != 1 else c.lower() for c in folded)
    return Folded(folded, lower, offsets, any(digit in folded for digit in "0123456789"))


def _fold(text: str) -> tuple[str, tuple[int, ...] | None]:
    forms = list(map(_FOLDING.__getitem__, map(ord, text)))
    if all(map(len, forms)) and sum(map(len, forms)) == len(text):
        return "".join(forms), None
    return "".join(forms), tuple(i for i, form in enumerate(forms) for _ in form)


def _folded(character: str) -> str:
    if character.isascii():
        return character
    if (digit := unicodedata.digit(character, None)) is not None:
        return str(digit)
    if character in _SINGLE:
        return _SINGLE[character]
    category = unicodedata.category(character)
    if category in _NO_WIDTH:
        return ""
    if category in ("Pd", "Zs"):
        return "-" if category == "Pd" else " "
    parts = unicodedata.normalize("NFKD", character)
    plain = "".join(_SINGLE.get(c, c) for c in parts if not unicodedata.combining(c))
    return plain if plain and plain.isascii() else character

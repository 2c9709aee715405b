"""Text as it is compared: lower case, no diacritics, and as long as the original, so that no offset moves. Pure."""

import unicodedata


class _Plain(dict[int, str]):
    """Code point to its plain character, worked out when first met."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = _plain(chr(code))
        return plain


_PLAIN = _Plain()
_DASHES = frozenset("\u2010\u2011\u2012\u2013\u2014\u2212")


def plain(text: str) -> str:
    """The same number of characters, each the plain form of the one at its place."""
    return text.translate(_PLAIN)


def _plain(character: str) -> str:
    if character in _DASHES:
        return "-"
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    base = "".join(c for c in folded if not unicodedata.combining(c))
    return base[0] if base else character

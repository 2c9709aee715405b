"""Where a quote stands in a text: verbatim or not at all. Pure.

A quote stands where its characters do, code point for code point and in their order. Nothing is folded: neither case nor
accents nor Unicode forms, no quotation marks, no dashes. White space alone is read freely, a run of it as any other run: a
model that writes a line break or a column's gap as one space has quoted truthfully. Where there is none none is read, and
where there is some it may not be left out. What is kept are the text's own characters.

- **Whole words.** A quote that begins or ends inside a word is widened to the word: "limited", cut out of "unlimited", is
  kept as "unlimited", so that no reader is shown half a word. Half a number is another number, and refused. A run of more
  digits than any printed number has is a record of fixed width, whose fields stand with nothing between them.
- **One place.** A quote that stands at several places of its passage must mean the same at each: it names something in
  words (two of them beside a number), or it is the number of a person or firm. "0,00", "2021", "NÃO" mean what stands
  before them, which has to be quoted with them.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum

from compliance_assets.normalised_documents.filings.values import folded, is_valid_taxpayer_id

Span = tuple[int, int]

_LONGEST_WORD = 40  # letters; a longer run is a script without spaces, where a word's end is not seen
_LONGEST_NUMBER = 14  # digits without a mark between them: those of a CNPJ
_IN_A_WORD = "-'’\u2010\u2011"  # between two letters
_IN_A_NUMBER = ".,"  # between two digits
_SIGNS = "-\u2212\u2013"
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"\d+(?:[.,/-]\d+)*")
_IDENTIFIER_DIGITS = (11, 14)  # CPF, CNPJ
_IDENTIFIER_MARKS = frozenset("-/")
_YES_OR_NO = frozenset({"sim", "nao", "yes", "no", "not"})


class Misquoted(StrEnum):
    """Why a quote stands nowhere."""

    BLANK = "quote_blank"
    NOT_VERBATIM = "quote_not_verbatim"
    CUTS_NUMBER = "quote_cuts_number"
    AMBIGUOUS = "quote_ambiguous"


def place_of(quote: str, text: str) -> Span | Misquoted:
    """`[start, end)` of the quote in the text, without white space around it, its first place where it has several."""
    if not any(character.isalnum() for character in quote):
        return Misquoted.BLANK
    places = list(places_of(quote, text))
    if not places:
        return Misquoted.NOT_VERBATIM
    uncut = [place for place in places if not cuts_number(text, place)]
    if not uncut:
        return Misquoted.CUTS_NUMBER
    whole = [place for place in uncut if widened(text, place) == place] or uncut
    exact = [place for place in whole if text[slice(*place)] == quote.strip()]
    if len(whole) > 1 and not means_the_same_anywhere(quote):
        return Misquoted.AMBIGUOUS
    return widened(text, (exact or whole)[0])


def places_of(quote: str, text: str) -> Iterator[Span]:
    """Every place of the quote's characters, white space read freely, overlapping ones too."""
    parts = quote.split()
    if not parts or sum(map(len, parts)) > len(text):
        return
    start = text.find(parts[0])
    while start >= 0:
        end = _end_of(parts, text, start)
        if end is not None:
            yield start, end
        start = text.find(parts[0], start + 1)


def _end_of(parts: Sequence[str], text: str, start: int) -> int | None:
    """Where the parts end that begin at `start`, each after white space; None where one of them does not follow."""
    at = start + len(parts[0])
    for part in parts[1:]:
        space = _SPACE.match(text, at)
        if space is None or not text.startswith(part, space.end()):
            return None
        at = space.end() + len(part)
    return at


def cuts_number(text: str, place: Span) -> bool:
    """Whether the place begins or ends inside a number."""
    return any(_splits_number(text, at) and not _in_a_record(text, at) for at in place)


def is_whole(text: str, place: Span) -> bool:
    """Whether the place begins and ends with whole words and numbers, those of records too."""
    return widened(text, place) == place and not any(_splits_number(text, at) for at in place)


def widened(text: str, place: Span) -> Span:
    """The place with the whole of the words that it begins and ends in."""
    start, end = place
    left, right = start, end
    while start - left <= _LONGEST_WORD and _splits_word(text, left):
        left -= 1
    while right - end <= _LONGEST_WORD and _splits_word(text, right):
        right += 1
    return left if start - left <= _LONGEST_WORD else start, right if right - end <= _LONGEST_WORD else end


def means_the_same_anywhere(quote: str) -> bool:
    """Whether a quote says by itself what it is about, wherever it stands."""
    words = sum(folded(word) not in _YES_OR_NO for word in _WORD.findall(quote))
    numbers = _NUMBER.findall(quote)
    if not numbers:
        return words >= 1
    return words >= 2 or any(_names_somebody(number) for number in numbers)


def _names_somebody(number: str) -> bool:
    digits = re.sub(r"\D", "", number)
    return len(digits) in _IDENTIFIER_DIGITS and is_valid_taxpayer_id(digits)


def is_signed(text: str, at: int) -> bool:
    """Whether the number that begins here has a sign before it; a hyphen or a rule is none."""
    if at == 0 or not text[at : at + 1].isdigit() or text[at - 1] not in _SIGNS:
        return False
    return at == 1 or not (text[at - 2].isalnum() or text[at - 2] in _SIGNS)


def _splits_number(text: str, at: int) -> bool:
    before, after = text[max(at - 2, 0) : at], text[at : at + 2]
    if not before or not after:
        return False
    inside = before[-1].isdigit() and after[0].isdigit()
    after_mark = before[-1] in _IN_A_NUMBER and before[0].isdigit() and after[0].isdigit() and len(before) == 2
    before_mark = before[-1].isdigit() and after[0] in _IN_A_NUMBER and after[1:].isdigit()
    return inside or after_mark or before_mark or is_signed(text, at) or _splits_identifier(text, at)


def _splits_identifier(text: str, at: int) -> bool:
    """Whether the place lies in the number of a person or firm, whose hyphen and stroke belong to it."""
    if not _IDENTIFIER_MARKS.intersection(text[max(at - 1, 0) : at + 1]):
        return False
    low = max(at - 20, 0)
    numbers = ((m.start() + low, m.end() + low, m[0]) for m in _NUMBER.finditer(text[low : at + 20]))
    return any(a < at < b and len(re.sub(r"\D", "", number)) in _IDENTIFIER_DIGITS for a, b, number in numbers)


def _in_a_record(text: str, at: int) -> bool:
    left = right = at
    while left > 0 and at - left <= _LONGEST_NUMBER and text[left - 1].isdigit():
        left -= 1
    while right < len(text) and right - at <= _LONGEST_NUMBER and text[right].isdigit():
        right += 1
    return right - left > _LONGEST_NUMBER


def _splits_word(text: str, at: int) -> bool:
    before, after = text[max(at - 2, 0) : at], text[at : at + 2]
    if not before or not after:
        return False
    if unicodedata.combining(after[0]):
        return True  # an accent of its own belongs to the letter before it
    inside = _in_letters(before[-1]) and after[0].isalpha()
    after_mark = before[-1] in _IN_A_WORD and before[:-1].isalpha() and after[0].isalpha()
    before_mark = _in_letters(before[-1]) and after[0] in _IN_A_WORD and after[1:].isalpha()
    return inside or after_mark or before_mark


def _in_letters(character: str) -> bool:
    return character.isalpha() or bool(unicodedata.combining(character))

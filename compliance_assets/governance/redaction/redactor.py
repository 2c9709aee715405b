"""Redaction before a model sees a text, and its way back inside the tenancy.

The redacted text has as many characters as the original, so an offset into one is an offset into the other: a quote that
stands at [start, end) of what the model read is cut from the original at [start, end). `restore` is for prose that the
model wrote itself.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

from compliance_assets.contracts.errors import InvalidInput
from compliance_assets.governance.redaction import accounts, addresses, contacts, identifiers, persons, phones
from compliance_assets.governance.redaction.folding import Folded, fold
from compliance_assets.governance.redaction.pseudonyms import Pseudonyms
from compliance_assets.governance.redaction.rules import Scanner, compact
from compliance_assets.governance.redaction.segments import next_cut, segments
from compliance_assets.governance.redaction.spans import (
    ADDRESS,
    CNPJ,
    CPF,
    EMAIL,
    KINDS,
    KNOWN,
    PERSON,
    URL,
    Rank,
    Recogniser,
    Span,
    settle,
)

CODE_VERSION = "redaction-1"

_RULES = (*identifiers.RULES, *phones.RULES, *contacts.RULES, *accounts.RULES, *addresses.RULES, *persons.RULES)
_LETTER = r"[^\W\d_]"
_SHORTEST_KEY = 16
_SHORTEST_EMBEDDED = 5  # known digits that are sought inside longer runs too


@dataclass(frozen=True, slots=True)
class RedactedSpan:
    """Characters [start, end) of both texts: a value of the kind in the original, its pseudonym in the redacted one."""

    start: int
    end: int
    kind: str
    pseudonym: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text of the original's length in which the spans, in order and without overlap, are pseudonyms."""

    text: str
    spans: tuple[RedactedSpan, ...]


class Redactor:
    """Redacts the texts of one decision. The same key and texts in the same order give the same result.

    `kinds` are those redacted, all of them by default. `known` are values that the caller has from elsewhere (a filing's
    fields): they are redacted wherever they stand, digits with or without separators and also inside longer runs of digits,
    words as whole words in any case. `recognisers` add to the rules. Raises InvalidInput for a key under 128 bits.
    """

    def __init__(
        self,
        key: bytes,
        kinds: Collection[str] | None = None,
        *,
        known: Sequence[str] = (),
        recognisers: Sequence[Recogniser] = (),
    ) -> None:
        if len(key) < _SHORTEST_KEY:
            raise InvalidInput(
                "the key of the pseudonyms is short",
                expected=f"at least {_SHORTEST_KEY} bytes",
                found=f"{len(key)} bytes",
                remedy="Derive it from the organisation's key.",
            )
        self._kinds = None if kinds is None else frozenset(kinds)
        self._scanner = _scanner(self._kinds)
        self._known = _pattern_of(known)
        self._recognisers = tuple(recognisers)
        self._pseudonyms = Pseudonyms(key)
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How many spans of each kind were redacted so far."""
        return dict(sorted(self._counts.items()))

    def redact(self, text: str) -> Redacted:
        """The text with a pseudonym for everything found in it."""
        parts, spans, offset = [], [], 0
        for segment in segments(text):
            part = self.redact_segment(segment)
            parts.append(part.text)
            spans += [RedactedSpan(s.start + offset, s.end + offset, s.kind, s.pseudonym) for s in part.spans]
            offset += len(segment)
        return Redacted("".join(parts), tuple(spans))

    def restore(self, text: str) -> str:
        """The text with the original for every pseudonym that this redactor made; unknown ones are left.

        A value that was met in several spellings of one length comes back in the first of them.
        """
        return self._pseudonyms.restore(text)

    def redact_segment(self, text: str) -> Redacted:
        """As `redact`, for a text that is searched in one piece (see `segments`)."""
        folded = fold(text)
        spans, pieces, at = [], [], 0
        for found in settle(text, self._found(text, folded)):
            original = text[found.start : found.end]
            pseudonym = self._pseudonyms.of(found.kind, _value(found.kind, original), original, text)
            spans.append(RedactedSpan(found.start, found.end, found.kind, pseudonym))
            pieces += [text[at : found.start], pseudonym]
            at = found.end
            self._counts[found.kind] += 1
        return Redacted("".join((*pieces, text[at:])), tuple(spans))

    def _found(self, text: str, folded: Folded) -> Iterator[Span]:
        """Everything found, as spans of the original."""
        for span in chain(self._scanner.find(folded), self._known_in(folded)):
            yield Span(*folded.origin(span.start, span.end), span.kind, span.rank)
        for recogniser in self._recognisers:
            yield from (s for s in recogniser.find(text) if self._wanted(s.kind) and 0 <= s.start < s.end <= len(text))

    def _known_in(self, folded: Folded) -> Iterator[Span]:
        for match in self._known.finditer(folded.lower) if self._known else ():
            yield Span(match.start(), match.end(), _kind_of_known(match[0]), Rank.KNOWN)

    def _wanted(self, kind: str) -> bool:
        return self._kinds is None or kind in self._kinds


class StreamRedactor:
    """Redacts a text that comes in parts: what `feed` and `flush` return is together what `redact` makes of the whole.

    Held back is at most one segment, up to the end of a paragraph or sentence.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, chunk: str) -> str:
        """The part that can no longer change, redacted; often empty."""
        self._held += chunk
        done = []
        while (cut := next_cut(self._held, 0, final=False)) is not None:
            done.append(self._redactor.redact_segment(self._held[:cut]).text)
            self._held = self._held[cut:]
        return "".join(done)

    def flush(self) -> str:
        """The rest. The redactor of the stream is then ready for another text."""
        rest, self._held = self._redactor.redact(self._held).text, ""
        return rest


@cache
def _scanner(kinds: frozenset[str] | None) -> Scanner:
    return Scanner([each for each in _RULES if kinds is None or each.kind in kinds])


def _value(kind: str, original: str) -> str:
    """One form of a value for all its spellings."""
    folded = fold(original).lower
    if kind in (EMAIL, URL):
        return folded
    return " ".join(folded.split()) if kind in (PERSON, ADDRESS) or kind not in KINDS else compact(folded)


def _pattern_of(known: Sequence[str]) -> re.Pattern[str] | None:
    """One pattern over folded lower case for all the values, the longest first."""
    values = sorted({fold(value.strip()).lower for value in known} - {""}, key=lambda v: (-len(v), v))
    return re.compile("|".join(map(_known_value, values))) if values else None


def _known_value(value: str) -> str:
    digits = re.sub(r"[\s.\-/]", "", value)
    if digits.isascii() and digits.isdigit():
        spaced = r"[\s.\-/]{0,2}".join(digits)
        return spaced if len(digits) >= _SHORTEST_EMBEDDED else rf"(?<!\w){spaced}(?!\w)"
    words = r"\s+".join(map(re.escape, value.split()))
    return rf"(?<!{_LETTER}){words}(?!{_LETTER})"  # a fixed-width record has a number right before a name


def _kind_of_known(value: str) -> str:
    digits = compact(value)
    if digits.isascii() and digits.isdigit():
        return {11: CPF, 14: CNPJ}.get(len(digits), KNOWN)
    return KNOWN if any(map(str.isdigit, value)) else PERSON

"""What was found in a text, and which of the findings that overlap stands."""

from bisect import bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

CPF, CNPJ, PIS, RG, VOTER, LICENCE, HEALTH_CARD = "CPF", "CNPJ", "PIS", "RG", "VOTER", "LICENCE", "SUS"
SSN, NHS, PASSPORT = "SSN", "NHS", "PASSPORT"
IBAN, CARD, ACCOUNT, AGENCY, PIX = "IBAN", "CARD", "ACCOUNT", "AGENCY", "PIX"
EMAIL, URL, IP, PHONE, ZIP = "EMAIL", "URL", "IP", "PHONE", "ZIP"
PERSON, ADDRESS, BIRTH, AGE, KNOWN = "PERSON", "ADDRESS", "BIRTH", "AGE", "ID"

#: Every kind that the rules of this package find.
KINDS = frozenset(
    {CPF, CNPJ, PIS, RG, VOTER, LICENCE, HEALTH_CARD, SSN, NHS, PASSPORT, IBAN, CARD, ACCOUNT, AGENCY, PIX}
    | {EMAIL, URL, IP, PHONE, ZIP, PERSON, ADDRESS, BIRTH, AGE, KNOWN}
)
#: What a pseudonym begins with where that is not the kind: the shorter, the more spans have room for it.
TAGS = {PERSON: "NAME", PHONE: "TEL", ACCOUNT: "ACCT", AGENCY: "AG", ADDRESS: "ADDR", EMAIL: "MAIL", PASSPORT: "PASS"}


class Rank(IntEnum):
    """How sure a finding is of its kind; where two overlap the lower rank stands and the other keeps what is left of it."""

    KNOWN = 0  # an exact value that the caller named
    LABELLED_AND_CHECKED = 1
    LABELLED = 2
    CHECKED = 3  # by check digits, without a label
    SHAPED = 4  # by a shape that little else has
    LOOSE = 5  # by a shape that other things have too
    WORDED = 6  # by the words around it: persons, addresses
    FOREIGN = 7  # by a recogniser from outside this package


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a text are of a kind."""

    start: int
    end: int
    kind: str
    rank: Rank = Rank.FOREIGN


class Recogniser(Protocol):
    """Finds personal data in a text. This is where a trained model for names and addresses comes in.

    It must be deterministic, for a decision is replayed. It is given a segment of at most
    `segments.LONGEST` characters and answers with spans into it; they may overlap, also with those of the rules.
    """

    @property
    def name(self) -> str:
        """The name and version that the ledger shows."""
        ...

    def find(self, text: str) -> Iterable[Span]:
        """Spans of the text as it was written, in any order."""
        ...


def settle(text: str, found: Iterable[Span]) -> list[Span]:
    """Spans that do not overlap, in order, which together hold every character of those found.

    The surer finding stands whole, then the longer, then the earlier; another one keeps the pieces of it that are not covered.
    """
    taken: list[tuple[int, int]] = []
    settled: list[Span] = []
    for span in sorted(found, key=lambda s: (s.rank, s.start - s.end, s.start, s.kind)):
        for start, end in _free(span, taken):
            insort(taken, (start, end))
            settled.append(Span(start, end, span.kind, span.rank))
    trimmed = (_trimmed(text, span) for span in settled)
    return sorted((span for span in trimmed if span is not None), key=lambda span: span.start)


def _free(span: Span, taken: list[tuple[int, int]]) -> list[tuple[int, int]]:
    free, at = [], span.start
    for start, end in taken[max(0, bisect_right(taken, (span.start, span.start)) - 1) :]:
        if start >= span.end:
            break
        if end <= at:
            continue
        if start > at:
            free.append((at, start))
        at = end
    if at < span.end:
        free.append((at, span.end))
    return free


def _trimmed(text: str, span: Span) -> Span | None:
    """Without white space and punctuation at its ends, None if nothing else is in it. What a caller named stays whole."""
    if span.rank in (Rank.KNOWN, Rank.FOREIGN) or (text[span.start].isalnum() and text[span.end - 1].isalnum()):
        return span
    piece = text[span.start : span.end]
    if not any(map(str.isalnum, piece)):
        return None
    start = len(piece) - len(piece.lstrip(" \t\r\n,;:.-–/)"))
    end = len(piece.rstrip(" \t\r\n,;:.-–/()"))
    return Span(span.start + start, span.start + end, span.kind, span.rank)

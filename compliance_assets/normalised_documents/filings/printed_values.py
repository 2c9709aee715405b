"""Values as they stand in print behind or under a label: where one ends, and what it means.

What a text layer says is taken as it is. Where OCR read, the marks inside a number may be another mark or a space, as
scanners and engines confuse them; a digit is never supplied. Check digits and sums decide afterwards.
"""

import re
from dataclasses import dataclass

from compliance_assets.normalised_documents.filings.fields import Kind
from compliance_assets.normalised_documents.filings.values import amount_of_cents, canonical

_LEADERS = re.compile(r"[\s.,:;_·…|=>%?!ºª)\]-]*")
_LONGEST_TERM = 4  # words

_NAME = re.compile(r"[^\W\d_][^\d:|_=]+")
_EXACT = {
    Kind.AMOUNT: re.compile(r"(?:R\$ ?)?\d{1,3}(?:\.\d{3})*,\d{2}(?![\d.,])"),
    Kind.CPF: re.compile(r"\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)"),
    Kind.CPF_OR_CNPJ: re.compile(r"(?:\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}|\d{3}\.?\d{3}\.?\d{3}-?\d{2})(?!\d)"),
    Kind.YEAR: re.compile(r"(?:19|20)\d\d(?!\d)"),
    Kind.RECEIPT: re.compile(r"\d[\d.\-/]{8,20}\d(?!\d)"),
    Kind.COUNT: re.compile(r"\d{1,2}(?![\d.,/-])"),
}
_MARK = r"\s?[.,\-/]?\s?"
_RECOGNISED = _EXACT | {
    Kind.AMOUNT: re.compile(r"(?:R\$ ?)?\d{1,3}(?:\s?[.,]\s?\d{3})*\s?[.,]\s?\d{2}(?![\d.,])"),
    Kind.CPF: re.compile(rf"\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{2}}(?!\d)"),
    Kind.CPF_OR_CNPJ: re.compile(
        rf"(?:\d{{2}}{_MARK}\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{4}}{_MARK}\d{{2}}"
        rf"|\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{2}})(?!\d)"
    ),
    Kind.COUNT: re.compile(r"(?:\d{1,2}|[oO])(?![\w.,/-])"),
}
_TERMS = (Kind.CATEGORY, Kind.RETURN_TYPE)


@dataclass(frozen=True, slots=True)
class PrintedValue:
    """A canonical value and the span `[start, end)` of the text that prints it."""

    value: str
    start: int
    end: int


def after_leaders(text: str, start: int, end: int) -> int:
    """Where the marks end that lead from a label to its value."""
    leaders = _LEADERS.match(text, start, end)
    return leaders.end() if leaders else start


def value_at(text: str, start: int, end: int, kind: Kind, *, recognised: bool) -> PrintedValue | None:
    """The value of a kind that stands first in `text[start:end]`, None if something else does."""
    start = after_leaders(text, start, end)
    if kind in _TERMS:
        return _term(text, start, end, kind, recognised)
    if kind is Kind.TEXT:  # a name that runs into the next label is not cut by guess
        match = _NAME.fullmatch(text, start, end)
    else:
        match = (_RECOGNISED if recognised else _EXACT)[kind].match(text, start, end)
    if match is None:
        return None
    value = _mended(kind, match[0]) if recognised else canonical(kind, match[0])
    return None if value is None else PrintedValue(value, *match.span())


def _term(text: str, start: int, end: int, kind: Kind, recognised: bool) -> PrintedValue | None:
    """The longest run of words that is a term of the kind. OCR sees marks between words that are specks."""
    ends = [start + match.end() for match in re.finditer(r"\S+", text[start:end])][:_LONGEST_TERM]
    for stop in reversed(ends):
        printed = re.sub(r"[^\w\s]", " ", text[start:stop]) if recognised else text[start:stop]
        if (value := canonical(kind, printed)) is not None:
            return PrintedValue(value, start, stop)
    return None


def _mended(kind: Kind, printed: str) -> str | None:
    digits = re.sub(r"\D", "", printed)
    match kind:
        case Kind.AMOUNT:
            return amount_of_cents(digits)
        case Kind.CPF | Kind.CPF_OR_CNPJ:
            return canonical(kind, digits)
        case Kind.COUNT:
            return canonical(kind, digits or "0")
        case _:
            return canonical(kind, printed)

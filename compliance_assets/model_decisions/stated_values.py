"""Whether a quote states a field's value: as it stands there, or in the canonical form of the field's kind. Pure.

A value stands in a quote as a whole: "46.007,47" does not stand in "246.007,47", "12,00" not in "-12,00". A field of a
filing may be given in its canonical form (values.py) and stand in print (`246007.47` as `246.007,47`, `original` as `NÃO`
behind the question whether it corrects). In a record of fixed width it stands at the positions that the layout gives it,
and a code of the official program behind the attribute's name.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from compliance_assets.model_decisions.quotes import is_signed, is_whole, places_of
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.locator_map import Place, locator_map
from compliance_assets.normalised_documents.filings.printed_values import value_at
from compliance_assets.normalised_documents.filings.values import amount_of_cents, canonical, folded

#: Characters of the document before a quote in which the line that it stands in begins: longer than any record.
LONGEST_RECORD = 8_000

_LONGEST_TERM = 4  # words
_NUMBER = re.compile(r"\d+(?:[.,/-]\d+)*")
_YEARS = re.compile(r"\d{4}(?:[/-]\d{4})*")
_EMPTY_LIST = re.compile(r"\b(?:sem (?:informacoes|dependentes)|nao ha|nenhum|nada a declarar)\b")
_TERMS = (Kind.CATEGORY, Kind.RETURN_TYPE)
_ANSWERS: Mapping[str, str] = {"sim": "retificadora", "nao": "original"}  # to: is this a declaração retificadora?
_FIXED_WIDTH, _XML = "fixed_width", "xml"
_CODES: Mapping[tuple[str, Kind], Mapping[str, str]] = {  # as the readers of these formats know them
    (_FIXED_WIDTH, Kind.CATEGORY): {"S": "completa", "N": "simplificada"},
    (_FIXED_WIDTH, Kind.RETURN_TYPE): {"0": "original", "1": "retificadora"},
    (_XML, Kind.CATEGORY): {"0": "completa", "1": "simplificada"},
    (_XML, Kind.RETURN_TYPE): {"0": "original", "1": "retificadora"},
}


@dataclass(frozen=True, slots=True)
class Quoted:
    """`[start, end)` of a passage's text, quoted. `line_before` gives the document's characters before the quote, as far back
    as its line may begin; it is asked for only where nothing else states a value. `years` are those that may be cited.
    """

    text: str
    start: int
    end: int
    line_before: Callable[[], str]
    years: Collection[int]

    @property
    def quote(self) -> str:
        """The characters themselves."""
        return self.text[self.start : self.end]

    def holds(self, start: int, end: int) -> bool:
        """Whether a place of the text lies in the quote."""
        return self.start <= start and end <= self.end


def states(name: str, value: str, quoted: Quoted) -> bool:
    """Whether the quote states the value of the field."""
    if not value.strip():
        return False
    field = _field_named(name)
    if field is None:
        return _verbatim(value, quoted)
    kind = kind_of(field)
    signed = (
        kind is not Kind.AMOUNT and not value.strip()[0].isalnum()
    )  # the number of a person has no sign to leave out
    wanted = value if signed else canonical(kind, value) or value
    if kind in _TERMS:
        stated = _term(kind, quoted.quote) == wanted
    elif kind is Kind.TEXT:
        stated = _verbatim(value, quoted)
    else:
        stated = wanted in _printed(kind, quoted) or _verbatim(value, quoted)
    if field is Field.DEPENDANTS and not stated:
        stated = wanted == _listed(quoted)
    return stated or _in_attribute(field, wanted, quoted) or _in_record(field, wanted, quoted)


def canonical_value(name: str, value: str) -> str:
    """A field's value in the canonical form of its kind; as it is where it has none."""
    field = _field_named(name)
    return value if field is None else canonical(kind_of(field), value) or value


def _field_named(name: str) -> Field | None:
    try:
        return Field(name.partition("[")[0])
    except ValueError:
        return None


def _verbatim(value: str, quoted: Quoted) -> bool:
    text = quoted.text
    return any(quoted.holds(*place) and is_whole(text, place) for place in places_of(value, text))


def _printed(kind: Kind, quoted: Quoted) -> Iterator[str]:
    """Every value of the kind that stands in the quote. The marks in a number may be those that OCR confuses."""
    for number in _NUMBER.finditer(quoted.text, max(quoted.start - 64, 0), quoted.end + 64):
        if not quoted.holds(*number.span()) or is_signed(quoted.text, number.start()):
            continue
        if kind is Kind.YEAR:
            yield from re.split("[/-]", number[0]) if _YEARS.fullmatch(number[0]) else ()
        elif kind is Kind.COUNT:
            yield from filter(None, [canonical(kind, number[0])])
        else:  # to its own end, or where OCR put spaces into it, further
            for end in dict.fromkeys((number.end(), quoted.end)):
                if found := value_at(quoted.text, number.start(), end, kind, recognised=True):
                    yield found.value
                    break


def _term(kind: Kind, quote: str) -> str | None:
    """The one value that the words of the quote name; None where they name none, or both."""
    words = re.findall(r"[\w-]+", quote)
    runs = (
        " ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, min(a + _LONGEST_TERM, len(words)) + 1)
    )
    found = {value for run in runs if (value := canonical(kind, run)) is not None}
    if kind is Kind.RETURN_TYPE and len(found) > 1:  # "retificadora: não" answers a question
        found = {_ANSWERS[word] for word in map(folded, words) if word in _ANSWERS} or found
    return found.pop() if len(found) == 1 else None


def _listed(quoted: Quoted) -> str | None:
    """How many persons a list names, each by a CPF; 0 where it says that it is empty; None where it is no list."""
    persons = len(list(_printed(Kind.CPF, quoted)))
    return str(persons) if persons or _EMPTY_LIST.search(folded(quoted.quote)) else None


def _in_attribute(field: Field, wanted: str, quoted: Quoted) -> bool:
    """Whether the quote has the value behind the name of an attribute that states the field."""
    for place in _places(_XML, field, quoted.years):
        for stated in re.findall(rf"(?<!\w){re.escape(place.label)}:\s*(\S+)", quoted.quote) if place.label else ():
            value = _recorded(_XML, kind_of(field), stated)
            if value is not None and wanted == (str(int(value) - 1) if place.place == "exercise" else value):
                return True
    return False


def _in_record(field: Field, wanted: str, quoted: Quoted) -> bool:
    """Whether a line of the quote has the value where the layout of a year that may be cited has the field."""
    places = _places(_FIXED_WIDTH, field, quoted.years)
    if not places or quoted.end - quoted.start > LONGEST_RECORD:
        return False
    before = quoted.text[: quoted.start]
    begun = (before if "\n" in before else quoted.line_before()).rpartition("\n")[2]
    first, *further = quoted.quote.split("\n")
    lines = [(begun + first, len(begun)), *((line, 0) for line in further)]
    return any(_at_position(place, line, seen) == wanted for place in places for line, seen in lines)


def _at_position(place: Place, line: str, quoted_from: int) -> str | None:
    """What a record, quoted from there on, has at the place."""
    first, last = map(int, place.place.split("-"))
    if not line.startswith(place.section) or not quoted_from < first <= last <= len(line):
        return None
    return _recorded(_FIXED_WIDTH, kind_of(place.field), line[first - 1 : last].strip())


def _recorded(document_format: str, kind: Kind, printed: str) -> str | None:
    if kind is Kind.AMOUNT and document_format == _FIXED_WIDTH:
        return amount_of_cents(printed)
    codes = _CODES.get((document_format, kind))
    return canonical(kind, printed) if codes is None else codes.get(printed)


def _places(document_format: str, field: Field, years: Collection[int]) -> list[Place]:
    """Where the layouts of these years have the field."""
    found = _rows(document_format, field)
    return [place for place in found if any(place.first_year <= year <= place.last_year for year in years)]


@cache
def _rows(document_format: str, field: Field) -> tuple[Place, ...]:
    return tuple(place for place in locator_map(document_format) if place.field is field)

"""What the model reads from a return, whatever its format: values in canonical form and where they stand. Pure.

A number of a person or firm that redaction has replaced is its pseudonym, as it stands in the text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from compliance_assets.model_decisions.irpf.passages import HIDDEN_NUMBER
from compliance_assets.normalised_documents.filings.fields import DEDUCTIONS, REPEATED, Field, Kind
from compliance_assets.normalised_documents.filings.values import canonical

Format = Literal["page", "outline", "records", "letter"]
_CODE = re.compile(r"[A-Z]{0,6}_([A-Z2-7]+)")
_FEWEST_CODE = 5  # characters of a code that two pseudonyms of one person share, however long each is


@dataclass(frozen=True, slots=True)
class Stated:
    """A value and the span `[start, end)` of the filing's text that prints it; `context` is that with its label."""

    field: Field
    value: str
    start: int
    end: int
    context: tuple[int, int]
    ordinal: int = 1

    @property
    def key(self) -> str:
        """The field's name in an answer; a repeated field's with its ordinal."""
        return f"{self.field}[{self.ordinal}]" if self.field in REPEATED else str(self.field)


@dataclass(frozen=True, slots=True)
class Return:
    """A return as read. `unread` are fields whose label stands there with a value that cannot be read, or with two.

    `lists` are the repeated fields that the format has a place for; `empty` is where a list says that it has no rows.
    """

    format: Format
    fields: tuple[Stated, ...]
    lists: frozenset[Field]
    unread: frozenset[Field] = frozenset()
    empty: Mapping[Field, tuple[int, int]] = field(default_factory=dict)

    def one(self, name: Field) -> Stated | None:
        """A field that is not repeated; None where it was not read."""
        return next((stated for stated in self.fields if stated.field is name), None)

    def all(self, name: Field) -> tuple[Stated, ...]:
        """Every value of a field, as the return lists them."""
        return tuple(stated for stated in self.fields if stated.field is name)


def gathered(
    found: Iterable[Stated],
    format_: Format,
    lists: Iterable[Field],
    unread: Iterable[Field] = (),
    empty: Mapping[Field, tuple[int, int]] | None = None,
) -> Return:
    """A return of what was found: the first statement of each field, without those that contradict or the category has not."""
    single: dict[Field, list[Stated]] = {}
    repeated: list[Stated] = []
    for one in found:
        if one.field in REPEATED:
            repeated.append(one)
        else:
            single.setdefault(one.field, []).append(one)
    contradicted = {name for name, several in single.items() if _contradict(several)}
    firsts = {name: several[0] for name, several in single.items() if name not in contradicted}
    category = firsts[Field.FILER_CATEGORY].value if Field.FILER_CATEGORY in firsts else None
    outside = _not_of(category)
    kept = (*(one for name, one in firsts.items() if name not in outside), *_numbered(repeated))
    missed = (frozenset(unread) | contradicted) - (firsts.keys() | outside)
    return Return(format_, kept, frozenset(lists), missed, empty or {})


def value_of(kind: Kind, printed: str) -> str | None:
    """The canonical value of what is printed, a pseudonym as it is; None if it is no value of the kind."""
    if kind in (Kind.CPF, Kind.CPF_OR_CNPJ, Kind.RECEIPT) and HIDDEN_NUMBER.fullmatch(printed.strip()):
        return printed.strip()
    if kind in (Kind.CPF, Kind.CPF_OR_CNPJ):  # OCR takes one mark for another; a digit is never supplied
        return canonical(kind, re.sub(r"\D", "", printed))
    return canonical(kind, printed)


def is_hidden(value: str) -> bool:
    """Whether a value is a pseudonym."""
    return "_" in value


def same_person(one: str, other: str) -> bool:
    """Whether two numbers are of one person; a pseudonym's code is the same at any length, and cut to it."""
    if one == other:
        return True
    codes = [_CODE.fullmatch(number) for number in (one, other)]
    if not all(codes):
        return False
    first, second = (code[1] for code in codes if code)
    shared = min(len(first), len(second))
    return shared >= _FEWEST_CODE and first[:shared] == second[:shared]


def _contradict(several: Sequence[Stated]) -> bool:
    """Whether two statements of a field differ. What is hidden in one place and clear in another cannot be compared."""
    clear = {"".join(one.value.split()).casefold() for one in several if not is_hidden(one.value)}
    hidden = [one.value for one in several if is_hidden(one.value)]
    return len(clear) > 1 or any(not same_person(hidden[0], other) for other in hidden)


def _numbered(found: Iterable[Stated]) -> Iterable[Stated]:
    counts: dict[Field, int] = {}
    for one in found:
        counts[one.field] = counts.get(one.field, 0) + 1
        yield Stated(one.field, one.value, one.start, one.end, one.context, counts[one.field])


def _not_of(category: str | None) -> frozenset[Field]:
    """Fields that a return of the category does not have."""
    if category == "completa":
        return frozenset({Field.SIMPLIFIED_DISCOUNT})
    return frozenset({*DEDUCTIONS, Field.TOTAL_DEDUCTIONS}) if category == "simplificada" else frozenset()

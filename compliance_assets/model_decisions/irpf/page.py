"""Reads a return that is printed on pages, from its lines of text alone: labels, values beside or under them, tables. Pure.

Where on a page a word stands is not known here, only the order of lines and of what is in them. A line of labels alone has
its values in the line below, in the same order, or in the one after that where the line between says nothing; of several
amounts beside a label the one under the return's year counts.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from compliance_assets.model_decisions.irpf.plain import plain
from compliance_assets.model_decisions.irpf.stated import Return, Stated, gathered, value_of
from compliance_assets.model_decisions.irpf.wording import (
    LEADERS,
    SPECKLED,
    VALUES,
    Label,
    labels_in,
    mended,
    value_pattern,
)
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of

_TERMS = (Kind.CATEGORY, Kind.RETURN_TYPE)
_Part = Literal["form", "payers", "dependants", "other"]
_NUMBERED = r"(?:ficha\s+[ivxl|1]{1,4}\s*-\s*|\d{1,2}\s*[.)]\s*)?"
# Headings by what they open. Any other heading of a return opens its form again.
_HEADINGS: tuple[tuple[_Part, re.Pattern[str]], ...] = (
    ("payers", re.compile(rf"{_NUMBERED}rendimentos\s+(?:tributaveis\s+)?(?:recebidos\s+)?de\s+pessoas?\s+juridicas?\b[^\d]*")),
    ("payers", re.compile(rf"{_NUMBERED}fontes?\s+pagadoras?")),
    ("dependants", re.compile(rf"{_NUMBERED}dependentes")),
    ("other", re.compile(rf"{_NUMBERED}(?:pagamentos|doacoes)\s+(?:e\s+doacoes\s+)?efetuad[oa]s")),
    ("other", re.compile(rf"{_NUMBERED}(?:comparativo\b[^\d]*|bens\s+e\s+direitos|dividas\s+e\s+onus\s+reais|alimentandos)")),
    ("form", re.compile(
        rf"{_NUMBERED}(?:identificacao\b[^\d]*|rendimentos(?:\s+tributaveis)?(?:\s+e\s+(?:deducoes|desconto)[^\d]*)?|deducoes"
        r"|resumo\b[^\d]*|calculo\s+do\s+imposto|imposto(?:\s+devido|\s+pago)?|resultado\b[^\d]*|recibo\b[^\d]*|assinatura)"
    )),
)  # fmt: skip
# What a table's header says it is, where the heading above was misread; a header states no value.
_HEADERS: tuple[tuple[_Part, re.Pattern[str]], ...] = (
    ("other", re.compile(r"beneficiario|valor\s+pago|nao\s+ded")),
    ("payers", re.compile(r"fonte\s+pagadora|nome\s+empresarial|nome\s+da\s+fonte")),
    ("dependants", re.compile(r"(?=.*\bcpf\b)(?=.*\bnome\b)(?=.*\b(?:nascimento|nascido|data\s+de\s+nasc))")),
)
_EMPTY = re.compile(r"(?:sem\s+(?:informac|dependent)|nao\s+ha|nenhum|nada\s+a\s+declarar)[^\d]*")
_YEARS = re.compile(r"(?:19|20)\d\d(?:\s+(?:19|20)\d\d)+")
_COUNTED = re.compile(r"(?:numero|quantidade)\s+de\s+dependentes")
_VALUE_UNDER = {Field.CORRECTED_RECEIPT: rf"(?:{VALUES[Kind.RECEIPT]}|-+)"}  # a receipt may be lacking
_LIST_OF = {"payers": Field.PAYER_ID, "dependants": Field.DEPENDANT_ID}
_SPECKS = " .:-_|'\"*,`\u2018\u2019\u201c\u201d"
_TABLES = frozenset({*_LIST_OF, "other"})
_FARTHEST = 2  # lines from labels to their values: one may have got in between
_FEWEST_RECEIPT_DIGITS = 4  # fewer are the mark for none, misread
_FEWEST_ID_DIGITS = 9  # in a row of a table whose number cannot be read
_DECIMALS = re.compile(r"\d,\d{2}")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line and its plain form; it begins at `start` of the filing's text."""

    text: str
    plain: str
    start: int


@dataclass(slots=True)
class _Reading:
    """What was found so far, and where the reading stands."""

    found: list[Stated] = field(default_factory=list)
    lists: set[Field] = field(default_factory=set)
    unread: set[Field] = field(default_factory=set)
    empty: dict[Field, tuple[int, int]] = field(default_factory=dict)
    part: _Part = "form"
    years: tuple[str, ...] = ()


def read(text: str) -> Return:
    """The return as far as its labels and tables are known."""
    lines = list(_lines(text))
    reading = _Reading()
    read_before = -1  # the line of values that was read with its labels
    for number, line in enumerate(lines):
        if number == read_before:
            pass
        elif heading := _heading(line):
            _open(reading, heading, line)
        elif reading.part in _TABLES and (table := _header(line)) is not None:
            _enter(reading, table, line)
        elif reading.part == "other":
            pass
        elif reading.part in _LIST_OF and not _COUNTED.search(line.plain):
            _read_row(reading, line)
        else:
            under = _read_line(reading, line, lines[number + 1 : number + 1 + _FARTHEST])
            read_before = read_before if under is None else number + 1 + under
    _count_dependants(reading)
    return gathered(reading.found, "page", reading.lists, reading.unread, reading.empty)


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        if _is_something(line):  # a speck is no line
            yield _Line(line, mended(plain(line)), start)
        start += len(line) + 1


def _heading(line: _Line) -> _Part | None:
    stripped = line.plain.strip(_SPECKS)
    return next((part for part, pattern in _HEADINGS if pattern.fullmatch(stripped)), None)


def _header(line: _Line) -> _Part | None:
    """Which table a line of column names begins."""
    if any(map(str.isdigit, line.plain)):
        return None
    return next((part for part, pattern in _HEADERS if pattern.search(line.plain)), None)


def _open(reading: _Reading, part: _Part, line: _Line) -> None:
    _enter(reading, part, line)
    for label in labels_in(line.plain):  # a heading may name the category
        if label.field is Field.FILER_CATEGORY:
            _take(reading, line, label, len(line.text))


def _enter(reading: _Reading, part: _Part, line: _Line) -> None:
    reading.part, reading.years = part, ()
    if part in _LIST_OF:
        reading.lists.add(_LIST_OF[part])


# --- tables ---


def _read_row(reading: _Reading, line: _Line) -> None:
    """The first number of a row; a header has none, and what a page begins with is no row."""
    name = _LIST_OF[reading.part]
    if _EMPTY.fullmatch(line.plain.strip()):
        reading.empty[name] = _span(line, 0, len(line.text))
        return
    if re.search(r"\bcpf\s*:|ano-?calendario", line.plain):
        for label in labels_in(line.plain):
            _take(reading, line, label, _next_label(line, label))
        return
    kind = kind_of(name)
    for match in value_pattern(kind).finditer(line.plain):
        value = value_of(kind, _printed(line, match.span()))
        if value is not None:
            start, end = _span(line, *match.span())
            reading.found.append(Stated(name, value, start, end, _span(line, 0, len(line.text))))
            return
    if sum(map(str.isdigit, line.text)) >= _FEWEST_ID_DIGITS:
        reading.unread.add(name)


def _count_dependants(reading: _Reading) -> None:
    """How many rows the table has, where the return does not say the number itself."""
    name = Field.DEPENDANT_ID
    if name not in reading.lists or any(one.field is Field.DEPENDANTS for one in reading.found):
        return
    rows = [one for one in reading.found if one.field is name]
    span = (rows[0].context[0], rows[-1].context[1]) if rows else reading.empty.get(name)
    if span is not None and name not in reading.unread:
        reading.found.append(Stated(Field.DEPENDANTS, str(len(rows)), *span, span))


# --- lines of the form ---


def _read_line(reading: _Reading, line: _Line, below: Sequence[_Line]) -> int | None:
    """Which of the lines below was read with this one, as the values under its labels; None where none was."""
    if years := _YEARS.fullmatch(line.plain.strip()):
        reading.years = tuple(years[0].split())
        return None
    labels = list(labels_in(line.plain))
    if not labels:
        return None
    taken_to = 0
    beside = False
    for index, label in enumerate(labels):
        if label.start < taken_to:
            continue  # words of the value before
        end = labels[index + 1].start if index + 1 < len(labels) else len(line.text)
        stop = _take(reading, line, label, end)
        if stop is not None:
            beside, taken_to = True, stop
        elif _is_something(line.plain[label.end : end]):
            beside = True
            if label.field is not None and _may_state(label.field, line.plain[label.end : end]):
                reading.unread.add(label.field)
    if beside or not below or not _only_labels(line, labels):
        return None
    for under, values in enumerate(below):
        if _read_under(reading, line, labels, values, apart=under > 0):
            return under
        if not _says_nothing(values):
            break
    if len(labels) > 1:  # a row of boxes, and one of them cannot be read
        reading.unread.update(label.field for label in labels if label.field is not None)
    return None


def _says_nothing(line: _Line) -> bool:
    """Whether a line states nothing that a return states: neither a label nor a heading, and no amount."""
    if _heading(line) or _header(line) or any(True for _ in labels_in(line.plain)):
        return False
    return value_pattern(Kind.AMOUNT).search(line.plain) is None


def _take(reading: _Reading, line: _Line, label: Label, end: int) -> int | None:
    """Reads the value beside a label, before `end`; where it ends, None if there is none."""
    if label.field is None:
        return None
    kind = kind_of(label.field)
    leaders = (SPECKLED if kind in _TERMS else LEADERS).match(line.plain, label.end)
    begin = leaders.end() if leaders else label.end
    if kind in _TERMS:
        end = len(line.text)  # the words of a category are labels too
    match = value_pattern(kind).match(line.plain, begin, end)
    if match is None:
        return None
    span = match.span()
    if kind is Kind.AMOUNT:
        span = _of_the_year(reading, line, begin, end) or span
    value = value_of(kind, _printed(line, span))
    if value is None or (kind is Kind.TEXT and not _is_name(value)):
        return None
    start, stop = _span(line, *span)
    reading.found.append(Stated(label.field, value, start, stop, _span(line, label.start, span[1])))
    return span[1]


def _of_the_year(reading: _Reading, line: _Line, begin: int, end: int) -> tuple[int, int] | None:
    """Of amounts in columns the one under the return's year; None where the columns have no years."""
    year = next((one.value for one in reading.found if one.field is Field.CALENDAR_YEAR), None)
    if year not in reading.years:
        return None
    amounts = [match.span() for match in value_pattern(Kind.AMOUNT).finditer(line.plain, begin, end)]
    column = reading.years.index(year)
    return amounts[column] if len(amounts) == len(reading.years) else None


def _read_under(reading: _Reading, line: _Line, labels: Sequence[Label], below: _Line, *, apart: bool) -> bool:
    """Whether the line has a value for each label. Where it stands `apart` from them the values are cited without them."""
    match = _values_under(tuple(label.field for label in labels)).fullmatch(below.plain)
    if match is None:
        return False
    for number, label in enumerate(labels):
        if label.field is None or match[f"v{number}"] is None:
            continue
        kind, span = kind_of(label.field), match.span(f"v{number}")
        value = value_of(kind, _printed(below, span))
        if value is None:
            continue
        start, stop = _span(below, *span)
        context = (below.start if apart else line.start + label.start, stop)
        reading.found.append(Stated(label.field, value, start, stop, context))
    return True


def _may_state(name: Field, beside: str) -> bool:
    """Whether what stands beside a label may be its value, misread."""
    if kind_of(name) is Kind.AMOUNT:
        return _DECIMALS.search(beside) is not None
    return kind_of(name) is Kind.RECEIPT and sum(map(str.isdigit, beside)) >= _FEWEST_RECEIPT_DIGITS


@cache
def _values_under(fields: tuple[Field | None, ...]) -> re.Pattern[str]:
    """A line with a value for each label, in their order; of what is not wanted any words."""
    parts = [
        rf"(?P<v{n}>{_VALUE_UNDER.get(name) or VALUES[kind_of(name)] if name else '.+?'})"
        for n, name in enumerate(fields)
    ]
    return re.compile(r"\s*" + r"\s+".join(parts) + r"\s*")


def _only_labels(line: _Line, labels: Sequence[Label]) -> bool:
    rest, at = "", 0
    for label in labels:
        rest += line.plain[at : label.start]
        at = label.end
    return not _is_something(rest + line.plain[at:])


def _is_something(between: str) -> bool:
    return any(character.isalnum() for character in between)


def _next_label(line: _Line, label: Label) -> int:
    return next((other.start for other in labels_in(line.plain) if other.start >= label.end), len(line.text))


def _is_name(value: str) -> bool:
    words = value.split()
    return len(value) > 1 and all(word[0].isupper() or word[0] == "_" or len(word) <= 3 for word in words)


def _printed(line: _Line, span: tuple[int, int]) -> str:
    return line.text[slice(*span)].strip()


def _span(line: _Line, start: int, end: int) -> tuple[int, int]:
    return line.start + start, line.start + end

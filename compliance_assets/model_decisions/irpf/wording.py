"""The words for the fields of a return in print and in letters (`labels.csv`), and what their values look like. Pure.

A row of `labels.csv` is a wording in plain characters; a space in it is any white space, or none, as OCR has it, and a
hyphen may be missing. A row without a field is a label that ends the value before it and states nothing that is wanted.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from compliance_assets.model_decisions.irpf.passages import NUMBER_TAGS
from compliance_assets.normalised_documents.filings.fields import Field, Kind

#: Between a label and its value: dots, colons, what OCR makes of a rule.
LEADERS = re.compile(r"[\s.,:;·…|=>_?!*º]*(?:-(?![\d]))?[\s.,:;·…|=>_?!*º]*")
#: The same with a speck that OCR took for a letter.
SPECKLED = re.compile(LEADERS.pattern + r"(?:\w\s{1,3})?")
_HIDDEN = r"[a-z]{0,6}_[a-z0-9]{4,}"
_HIDDEN_NUMBER = rf"(?<![a-z_])(?:{'|'.join(NUMBER_TAGS).lower()})_[a-z2-7]{{6,}}"
_MARK = r"\s?[.,\-/]?\s?"
_CPF = rf"\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{2}}(?!\d)"
_CNPJ = rf"\d{{2}}{_MARK}\d{{3}}{_MARK}\d{{3}}{_MARK}\d{{4}}{_MARK}\d{{2}}(?!\d)"
_NAME_WORD = rf"(?:{_HIDDEN}|[^\W\d_][^\s\d:|=,;()]*)"

_WORD = re.compile(r"[a-z]{4,}")
_LONG = 7  # letters of a word in which any one may be misread
_ALIKE = ({"l", "i", "t", "f"}, {"o", "c", "e", "a"}, {"r", "n"}, {"u", "v"})

#: What a value of a kind looks like, in plain characters.
VALUES = {
    Kind.AMOUNT: r"(?:r\$\s{0,2})?\d{1,3}(?:\.\d{3})*,\d{2}(?![\d])(?![.,]\d)",
    Kind.CPF: rf"(?:{_HIDDEN_NUMBER}|(?<![\d.]){_CPF})",
    Kind.CPF_OR_CNPJ: rf"(?:{_HIDDEN_NUMBER}|(?<![\d.])(?:{_CNPJ}|{_CPF}))",
    Kind.YEAR: r"(?:19|20)\d\d(?!\d)",
    Kind.RECEIPT: rf"(?:{_HIDDEN_NUMBER}|\d[\d.\- /]{{8,20}}\d(?!\d))",
    Kind.COUNT: r"\d{1,2}(?![\d.,/])",
    Kind.CATEGORY: (
        r"(?:(?:modelo )?(?:complet[ao]|simplificad[ao])|(?:utilizando |por )?(?:as )?deducoes\s?legais"
        r"|(?:utilizando |por )?(?:o )?desconto\s?simplificado)(?![a-z])"
    ),
    Kind.RETURN_TYPE: r"(?:declaracao )?(?:original|retificadora)(?![a-z?])|(?:nao|sim)(?![a-z])",
    Kind.TEXT: rf"{_NAME_WORD}(?:[ \t]{{1,3}}{_NAME_WORD}){{0,9}}",
}


@dataclass(frozen=True, slots=True)
class Label:
    """A label in a text: `field` is None for one that states nothing that is wanted."""

    field: Field | None
    start: int
    end: int


def labels_in(plain_text: str) -> Iterator[Label]:
    """The labels of a text in plain characters, in order, the longest at each place."""
    pattern, fields = _labels()
    for match in pattern.finditer(plain_text):
        assert match.lastgroup is not None
        yield Label(fields[match.lastgroup], *match.span())


def mended(plain_text: str) -> str:
    """Plain characters with the words of labels that OCR misread in one letter spelled right; no offset moves."""
    return _WORD.sub(_mended_word, plain_text)


def _mended_word(match: re.Match[str]) -> str:
    word, (known, by_shape) = match[0], _vocabulary()
    if word in known:
        return word
    candidates = {right for at in range(len(word)) for right in by_shape.get((at, word[:at] + word[at + 1 :]), ())}
    likely = {right for right in candidates if len(word) >= _LONG or _look_alike(word, right)}
    return likely.pop() if len(likely) == 1 else word


def _look_alike(word: str, right: str) -> bool:
    return any({a, b} <= group for a, b in zip(word, right, strict=True) if a != b for group in _ALIKE)


@cache
def _vocabulary() -> tuple[frozenset[str], dict[tuple[int, str], tuple[str, ...]]]:
    """The words of labels, and each of them by what is left of it without one letter."""
    known = frozenset(word for row in _rows() for word in _WORD.findall(row["wording"]))
    by_shape: dict[tuple[int, str], tuple[str, ...]] = {}
    for word in sorted(known):
        for at in range(len(word)):
            shape = (at, word[:at] + word[at + 1 :])
            by_shape[shape] = (*by_shape.get(shape, ()), word)
    return known, by_shape


@cache
def value_pattern(kind: Kind) -> re.Pattern[str]:
    """What a value of the kind looks like, compiled."""
    return re.compile(VALUES[kind])


@cache
def _labels() -> tuple[re.Pattern[str], dict[str, Field | None]]:
    rows = _rows()
    names = sorted({row["field"] for row in rows})
    groups = {name or "other": Field(name) if name else None for name in names}
    rows = sorted(rows, key=lambda row: -len(row["wording"]))
    # One alternative a wording, so that the longest wins; a group of the same name cannot stand twice.
    fields: dict[str, Field | None] = {}
    parts = []
    for number, row in enumerate(rows):
        fields[f"w{number}"] = groups[row["field"] or "other"]
        parts.append(f"(?P<w{number}>{_spelling(row['wording'])})")
    return re.compile(rf"(?<![a-z0-9_])(?:{'|'.join(parts)})(?![a-z0-9_])"), fields


@cache
def _rows() -> list[dict[str, str]]:
    file = resources.files(__package__) / "labels.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def _spelling(wording: str) -> str:
    escaped = re.escape(wording).replace(r"\ ", r"\s*").replace(r"\-", r"\s?-?\s?")
    return escaped.removesuffix(r"\?") + (r"(?=\s*\?)" if wording.endswith("?") else "")

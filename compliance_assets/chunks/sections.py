"""Finds section dividers: the lines that no window may cross. Pure."""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

MAX_TITLE = 160

# One line each: a numbered unit of a contract, an act or an annual report, or a markdown heading.
_NUMBERED = r"""
    \#{1,6}[ \t]+\S
  | (?:PART|Part|ITEM|Item|ARTICLE|Article|SECTION|Section|CHAPTER|Chapter|TITLE|Title|ANNEX|Annex|SCHEDULE|Schedule|EXHIBIT|Exhibit
      |APPENDIX|Appendix|NOTE|Note)[ \t]+(?:\d{1,3}[A-Z]?|[IVXLC]{1,6})(?:\b|\.)
  | (?:CAP[ÍI]TULO|Cap[íi]tulo|SE[ÇC][ÃA]O|Se[çc][ãa]o|T[ÍI]TULO|T[íi]tulo|ANEXO|Anexo|CL[ÁA]USULA|Cl[áa]usula|ARTIGO|Artigo)
      [ \t]+(?:\d{1,3}|[IVXLC]{1,6}|[A-ZÇÃÁÉÍÓÚ]{4,})\b
  | Art\.[ \t]*\d{1,3}
"""

# The fichas of the Brazilian return. A ficha stands in the form from its first to its last calendar year.
_FICHAS: tuple[tuple[str, int, int], ...] = (
    ("IDENTIFICAÇÃO DO CONTRIBUINTE", 0, 9999),
    ("DEPENDENTES", 0, 9999),
    ("ALIMENTANDOS", 0, 9999),
    ("RENDIMENTOS TRIBUTÁVEIS RECEBIDOS", 0, 9999),
    ("RENDIMENTOS ISENTOS E NÃO TRIBUTÁVEIS", 0, 9999),
    ("RENDIMENTOS SUJEITOS À TRIBUTAÇÃO EXCLUSIVA", 0, 9999),
    ("RENDIMENTOS RECEBIDOS ACUMULADAMENTE", 2010, 9999),
    ("IMPOSTO PAGO", 0, 9999),
    ("PAGAMENTOS EFETUADOS", 0, 9999),
    ("DOAÇÕES EFETUADAS", 0, 9999),
    ("CONTRIBUIÇÃO PATRONAL", 0, 2018),  # allowed only until calendar year 2018
    ("BENS E DIREITOS", 0, 9999),
    ("DÍVIDAS E ÔNUS REAIS", 0, 9999),
    ("ESPÓLIO", 0, 9999),
    ("ATIVIDADE RURAL", 0, 9999),
    ("GANHOS DE CAPITAL", 0, 9999),
    ("RENDA VARIÁVEL", 0, 9999),
    ("RESUMO", 0, 9999),
)


# How far in a unit lies, outermost first, by the first word of its line without accents; a markdown heading says it itself.
_LEVELS = (
    ("part", "title", "titulo"),
    ("chapter", "annex", "schedule", "exhibit", "appendix", "capitulo", "anexo"),
    ("item", "section", "secao"),
    ("article", "art", "note", "artigo", "clausula"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """`[start, end)` of the text, code points, under the divider that opens it; the first has an empty title.

    `path` are the titles that it lies under, outermost first, its own last.
    """

    start: int
    end: int
    title: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Divider:
    start: int
    title: str
    opens: bool  # not directly below another one: those together open one section

    @property
    def level(self) -> int:
        if self.title.startswith("#"):
            return len(self.title) - len(self.title.lstrip("#"))
        letters = "".join(c for c in unicodedata.normalize("NFD", self.title.lower()) if not unicodedata.combining(c))
        word = re.match("[a-z]*", letters)
        return next((level for level, words in enumerate(_LEVELS, start=1) if word and word[0] in words), 1)


def sections_of(text: str, year: int) -> list[Section]:
    """Tile the text into sections. Dividers that follow each other without a body (a table of contents) open one section."""
    dividers = _dividers(text, year)
    opening = {divider.start: divider.title for divider in dividers if divider.opens}
    paths = _paths(dividers)
    bounds = sorted({0, *opening, len(text)})
    return [
        Section(start, end, opening.get(start, ""), paths.get(start, ())) for start, end in itertools.pairwise(bounds)
    ]


def _dividers(text: str, year: int) -> list[_Divider]:
    found: list[_Divider] = []
    last_end = -1
    for match in _pattern(year).finditer(text):
        if not match[0].lstrip().startswith("#") and _continues_a_sentence(text, match.start()):
            continue
        directly_below = last_end >= 0 and not text[last_end : match.start()].strip()
        title = match[0].strip()[:MAX_TITLE]
        found.append(_Divider(match.start(), title, opens=not directly_below))
        last_end = match.end()
    return found


def _paths(dividers: Sequence[_Divider]) -> dict[int, tuple[str, ...]]:
    """start of a section -> its path: of the dividers that open it together, and of those that it lies under."""
    paths: dict[int, tuple[str, ...]] = {}
    above: list[_Divider] = []
    opened = 0
    for divider in dividers:
        above = [*(outer for outer in above if outer.level < divider.level), divider]
        opened = divider.start if divider.opens else opened
        paths[opened] = tuple(outer.title.lstrip("# ") for outer in above)
    return paths


def _continues_a_sentence(text: str, line_start: int) -> bool:
    """A line that a page layout broke off ("as described in / Note 5 below") opens nothing; below a page header one does."""
    above = text[max(0, line_start - 200) : line_start].rstrip().rpartition("\n")[2].strip()
    if not above or _is_header(above):
        return False
    return above[-1].islower() or above[-1] in ",;(&"


def _is_header(line: str) -> bool:
    """Words of a title: the first one and all longer ones begin with a capital, as in "Table of Contents"."""
    words = line.split()
    return words[0][0].isupper() and all(word[0].isupper() for word in words if len(word) > 3) and line[-1].isalpha()


@lru_cache
def _pattern(year: int) -> re.Pattern[str]:
    fichas = "|".join(
        re.escape(title).replace(r"\ ", r"[ \t]+") for title, first, last in _FICHAS if first <= year <= last
    )
    return re.compile(rf"^[ \t]*(?:{_NUMBERED}|(?:{fichas})\b)[^\n]*$".replace("\n", ""), re.MULTILINE | re.VERBOSE)

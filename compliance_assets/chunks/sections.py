"""Finds section dividers: the lines that no window may cross. Pure."""

import itertools
import re
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


@dataclass(frozen=True, slots=True)
class Section:
    """`[start, end)` of the text, code points, under the divider that opens it; the first has an empty title."""

    start: int
    end: int
    title: str


def sections_of(text: str, year: int) -> list[Section]:
    """Tile the text into sections. Dividers that follow each other without a body (a table of contents) open one section."""
    starts = _divider_starts(text, year)
    bounds = sorted({0, *starts, len(text)})
    sections = []
    for start, end in itertools.pairwise(bounds):
        title = text[start:end].lstrip().split("\n", 1)[0].strip() if start in starts else ""
        sections.append(Section(start, end, title[:MAX_TITLE]))
    return sections


def _divider_starts(text: str, year: int) -> set[int]:
    """Where a section opens: at a divider that does not stand directly below another one."""
    starts: set[int] = set()
    last_divider_end = -1
    for match in _pattern(year).finditer(text):
        if not match[0].lstrip().startswith("#") and _continues_a_sentence(text, match.start()):
            continue
        directly_below = last_divider_end >= 0 and not text[last_divider_end : match.start()].strip()
        if not directly_below:
            starts.add(match.start())
        last_divider_end = match.end()
    return starts


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

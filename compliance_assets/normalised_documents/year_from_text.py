"""The year that a document states of itself, in English or Portuguese. It is read, never guessed."""

import re
import unicodedata

_SEARCHED_CHARACTERS = 20_000

_MONTH = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
# Every year of a list counts ("2021 and 2022"), and a span such as 2021-22 names no single year.
_AND = r"(?:\s*[,&/\u2013-]\s*|,?\s+(?:and|or|to|e|ou|a)\s+)"
_YEARS = rf"((?:19|20)\d\d(?:{_AND}(?:19|20)\d\d)*+)(?!\d|\s?[/\u2013-]\s?\d)"
_DATE = rf"(?:{_MONTH}\s+\d{{1,2}}\s*,?|\d{{1,2}}\s+{_MONTH}\s*,?|{_MONTH})\s+"
_STATEMENTS = re.compile(
    rf"\b(?:(?:fiscal|financial|tax|calendar)\s+years?|for\s+the\s+years?)\s+end(?:ed|ing)\s+(?:on\s+)?{_DATE}{_YEARS}"
    rf"|\b(?:fiscal|financial|tax)\s+years?\s+(?:of\s+)?{_YEARS}"
    rf"|\bFY\s?{_YEARS}"
    rf"|\banos?[-\s]+calend[aá]rio\s*:?\s*(?:de\s+)?{_YEARS}",
    re.IGNORECASE,
)
# A quarterly report cites "Form 10-K for the year ended ...": the year of another document. A cover breaks the line.
_CITATION = re.compile(r"\bform\s+\S+[ \xa0]+(?:for\s+(?:the|our|its)\s+)?$", re.IGNORECASE)
_CITATION_WITHIN = 40
_YEAR = re.compile(r"\d{4}")


def year_from_text(text: str) -> int | None:
    """The one fiscal, tax or calendar year that the opening of the text states; None if it states none or several.

    `exercício` is ignored on purpose: in Brazil it is the year after the `ano-calendário`.
    """
    opening = unicodedata.normalize("NFC", text[:_SEARCHED_CHARACTERS])
    years = {
        year
        for statement in _STATEMENTS.finditer(opening)
        if not _is_citation(opening, statement.start())
        for stated in statement.groups(default="")
        for year in _YEAR.findall(stated)
    }
    return int(years.pop()) if len(years) == 1 else None


def _is_citation(text: str, position: int) -> bool:
    return _CITATION.search(text[max(0, position - _CITATION_WITHIN) : position]) is not None

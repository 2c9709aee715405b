"""A question as it is searched: without what the scope says already, with what its terms rest on, and in its parts. Pure."""

import re
from collections.abc import Iterable, Sequence

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index.glossary import lines_behind

MOST_PARTS = 4
_POSSESSIVE = r"(?:['’]s?)?"
_YEAR = re.compile(r"\b(?:(?:FY|fiscal(?: year)?|Q[1-4](?: of)?(?: FY)?)[ ']*)?((?:19|20)\d\d)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[?.!;:])\s+")
#: Words that stand in half of all names and therefore in no name.
_SMALL_WORDS = {"the", "and", "for", "inc", "ltd", "plc", "corp", "company", "group"}


def searched_as(question: str, scope: RetrievalScope) -> tuple[str, ...]:
    """A question as texts to encode: all of it, then each of its parts where it asks for several things.

    The name of the scope's category and its years stand in every document inside the scope: as words of the question they
    only favour the pages that repeat them most.
    """
    whole = focused(question, scope)
    parts = [focused(part, scope) for part in parts_of(question)]
    return tuple(with_lines(text) for text in dict.fromkeys((whole, *parts)))


def parts_of(question: str) -> Sequence[str]:
    """The questions that a text is made of, where there are several; what is no question belongs to the one before it."""
    parts: list[str] = []
    for sentence in _SENTENCE_END.split(question.strip()):
        if sentence.endswith("?"):
            parts.append(sentence)
    return parts[:MOST_PARTS] if len(parts) > 1 else ()


def years_in(question: str) -> list[int]:
    """The years that a question names, each once, in its order: `2019`, `FY2019`, `FY19`, `Q2 2019`, `Q22019`."""
    spelt = re.sub(r"\bFY\s?'?(\d\d)\b", r"20\1", re.sub(r"\bQ[1-4](?=(?:19|20)\d\d\b)", " ", question))
    return list(dict.fromkeys(int(year) for year in _YEAR.findall(spelt)))


def focused(question: str, scope: RetrievalScope) -> str:
    """The question without the years that it names, and without the name of the scope's category."""
    text = question
    for name in _names_of(scope.filer_category):
        text = re.sub(rf"\b{re.escape(name)}\b{_POSSESSIVE}", " ", text, flags=re.IGNORECASE)
    text = " ".join(_YEAR.sub(" ", text).split())
    return text if re.search(r"[^\W\d_]{2}", text) else question


def _names_of(category: str | None) -> Iterable[str]:
    """A category that is a name, and each word of it, the longest first; one in lower case is a subject: no name."""
    if not category or not category[0].isupper():
        return ()
    words = (word for word in re.findall(r"[\w&.-]+", category) if len(word) > 2 and word.lower() not in _SMALL_WORDS)
    return sorted({category, *words}, key=lambda name: (-len(name), name))


def with_lines(text: str) -> str:
    """The text with the statement lines that its terms rest on."""
    return " ".join((text, *lines_behind(text)))

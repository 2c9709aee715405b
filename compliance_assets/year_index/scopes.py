"""The scope that a question itself names, for a caller who gives none. Pure."""

import re
from collections.abc import Iterable, Mapping

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index.question import years_in

_LONGEST_NAME = 6  # words


def scope_of(question: str, catalogue: Mapping[int, Iterable[str | None]]) -> RetrievalScope | None:
    """The scope that a question names. `catalogue`: year -> the categories of its documents. None where it is empty.

    The category is the one whose name the question says; of several, none. The year is the last that it names and that has
    documents in the category, the others that it names are opted into; where it names none, the last year and all others.
    """
    category = _category_in(question, {name for names in catalogue.values() for name in names if name})
    held = sorted((y for y, names in catalogue.items() if category is None or category in names), reverse=True)
    if not held:
        return None
    named = sorted(set(years_in(question)) & set(held), reverse=True)
    year, *others = named or held
    return RetrievalScope(year=year, filer_category=category, opt_in_years=tuple(others))


def _category_in(question: str, categories: Iterable[str]) -> str | None:
    """The longest of the names that stand in the question, however they are spaced; two that no other contains are none."""
    said = _spellings(question)
    named = [name for name in categories if _squashed(name) in said]
    longest = [
        name for name in named if not any(other != name and _squashed(name) in _squashed(other) for other in named)
    ]
    return longest[0] if len(longest) == 1 else None


def _spellings(question: str) -> set[str]:
    """Every run of a few words without its spaces, with and without the s of a possessive."""
    words = [_squashed(word) for word in re.split(r"[\s/,;:()?!\"“”]+", re.sub(r"['’]s?\b", "", question))]
    words = [word for word in words if word]
    return {
        "".join(words[start : start + length]) for start in range(len(words)) for length in range(1, _LONGEST_NAME + 1)
    }


def _squashed(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())

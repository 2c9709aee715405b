"""What the prompt tells the model to do, and what it does where the prompt does not say so. Pure.

Three things it does only because it is told to, as any model: it takes the amounts of the law from the passages of the year and
not from memory, it quotes what it states, and it leaves out what the return does not state. Not told, it computes with the
newest law that it knows, cites nothing, and fills what is missing with the likeliest value. So a prompt that lost one of these
sentences gives worse answers here too, and an evaluation can see it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from compliance_assets.model_decisions.irpf.law import Band, Law, Rule
from compliance_assets.model_decisions.prompt import QUESTION_MARK
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of
from compliance_assets.normalised_documents.filings.law import known_years, law_of

_OF_THE_YEAR = re.compile(
    r"from no other year|from nowhere else"
    r"|\b(?:only|alone)\b[^.]{0,60}\b(?:law|rules)\b[^.]{0,60}\b(?:year|scope)\b"
    r"|\b(?:law|rules)\b[^.]{0,60}\b(?:year|scope)\b[^.]{0,40}\b(?:only|alone)\b"
)
_QUOTED = re.compile(r"\b(?:is|are|be) quoted\b|\bquote is copied\b|\b(?:quote|cite) (?:each|every|what|where)\b")
_LEFT_OUT = re.compile(
    r"\b(?:never|not) guess\b|\bwhat is not stated is left out\b|\bleave out what\b[^.]{0,30}\bnot stated\b"
)
_LIKELIEST = "0.00"


@dataclass(frozen=True, slots=True)
class Instructions:
    """Whether the amounts of the law are those of the passages, whether statements are quoted, whether nothing is guessed."""

    law_of_the_year: bool
    quoted: bool
    nothing_guessed: bool


def read_instructions(prompt: str) -> Instructions:
    """What stands before the question. A text of a document comes after it and instructs nobody."""
    return _read(prompt.partition(QUESTION_MARK)[0])


@lru_cache(maxsize=64)  # the same for every filing of a year
def _read(told: str) -> Instructions:
    text = " ".join(told.lower().split())
    return Instructions(
        *(pattern.search(text) is not None for pattern in (_OF_THE_YEAR, _QUOTED, _LEFT_OUT)),
    )


def remembered(law: Law) -> Law:
    """The articles that the passages state, with the amounts of the newest year that the model knows."""
    newest = law_of(known_years()[-1])
    amounts: Mapping[Rule, tuple[Decimal, ...]] = {
        Rule.DEPENDANT: (newest.dependant,),
        Rule.EDUCATION: (newest.education_cap,),
        Rule.PRIVATE_PENSION: (newest.private_pension_share * 100,),
        Rule.SIMPLIFIED: (newest.simplified_share * 100, newest.simplified_cap),
    }
    bands = tuple(Band(band.up_to, band.rate, band.parcel) for band in newest.bands)
    return replace(law, numbers={**law.numbers, **amounts}, bands=bands)


def guesses(fields: Sequence[Mapping[str, object]]) -> Iterator[dict[str, object]]:
    """The amounts that were not read, as the likeliest value, each with a quote that shows such a value, or else the first."""
    read = {str(field["name"]) for field in fields}
    shown = next((field["citation"] for field in fields if field["value"] == _LIKELIEST), 0)
    for name in Field:
        if kind_of(name) is Kind.AMOUNT and name not in read:
            yield {"name": str(name), "value": _LIKELIEST, "citation": shown}

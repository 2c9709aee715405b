"""Groundedness by what numbers are worth, not how they are written: a second way, held beside the house's. Pure.

A number of an answer is grounded where the evidence or the question has its value, whatever the unit and to the digits that
the answer gives ("$1.6 billion", "1,577 million" and "1,577" in a table headed "in millions"), or where it follows by one step
of arithmetic from two numbers of the answer or the question that are: an answer that shows its sums is followed through them.
The score is the mean of two shares, grounded numbers and grounded words; of one where there is no other.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"(?<![\w.,])\(?-?[$€£]?\s?(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\d])")
_WORD = re.compile(r"[^\W\d_]{4,}")
#: Factors between how two texts may write one value: units of a thousand, and hundredths.
_SCALES = (1.0, 1e3, 1e6, 1e9, 1e-3, 1e-6, 1e-9, 1e2, 1e-2)
#: Words that are part of a number.
_UNITS = frozenset({"thousand", "thousands", "million", "millions", "billion", "billions", "percent", "percentage"})
_ENUMERATION = re.compile(r"(?m)^\s*\d{1,2}[.)]\s")


@dataclass(frozen=True, slots=True)
class _Number:
    value: float
    half_digit: float  # half a unit of the last digit that is written


def value_grounding(answer: str, evidence: Sequence[str], question: str) -> float | None:
    """In [0, 1]; None for an answer with neither numbers nor words."""
    source = " ".join((*evidence, question))
    shares = [s for s in (_numbers_share(answer, source, question), _words_share(answer, source)) if s is not None]
    return sum(shares) / len(shares) if shares else None


def _numbers_share(answer: str, source: str, question: str) -> float | None:
    asked = _numbers(_ENUMERATION.sub("\n", answer))
    if not asked:
        return None
    known = sorted({number.value for number in _numbers(source)})
    grounded = [number for number in asked if _stands(number, known)]
    waiting = [number for number in asked if number not in grounded]
    while newly := [n for n in waiting if _follows(n, [g.value for g in grounded] + _values(question))]:
        grounded += newly
        waiting = [number for number in waiting if number not in newly]
    return len(grounded) / len(asked)


def _stands(number: _Number, known: Sequence[float]) -> bool:
    return any(_same(number, value) for value in known)


def _follows(number: _Number, terms: Sequence[float]) -> bool:
    return any(_same(number, value) for a in terms for b in terms for value in _results(a, b))


def _results(a: float, b: float) -> Iterator[float]:
    yield from (a + b, abs(a - b), (a + b) / 2, a * b)
    if b:
        yield from (a / b, abs(a - b) / b)


def _same(number: _Number, value: float) -> bool:
    return any(abs(number.value - value * scale) <= number.half_digit * 1.0001 for scale in _SCALES)


def _numbers(text: str) -> list[_Number]:
    found = []
    for match in _NUMBER.finditer(text):
        written = match[1].replace(",", "")
        found.append(_Number(float(written), 0.5 * 10.0 ** -len(written.partition(".")[2])))
    return found


def _values(text: str) -> list[float]:
    return [number.value for number in _numbers(text)]


def _words_share(answer: str, source: str) -> float | None:
    words, there = (set(_WORD.findall(_folded(text))) - _UNITS for text in (answer, source))
    return len(words & there) / len(words) if words else None


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))

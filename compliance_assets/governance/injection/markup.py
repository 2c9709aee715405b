"""Signs that are not words: forged turns and marks, hidden text, commands. Pure. Read on the raw text.

The patterns are those of `markup.json`: the marks of the chat formats of common models (ChatML, Llama, Alpaca, Vicuna), of
this house's own prompt, of Markdown and HTML, and the commands of shells and programs. A pattern is tried only where one of
the strings that it `needs` stands in the lower-case text; none has an unbounded repetition that could start anywhere.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from compliance_assets.governance.injection.flags import InjectionFlag, Kind

_FILE = Path(__file__).with_name("markup.json")
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}


@dataclass(frozen=True, slots=True)
class MarkupRule:
    """A pattern, what a match of it says, and strings of which one must be there."""

    kind: Kind
    weight: float
    needs: tuple[str, ...]
    pattern: re.Pattern[str]


_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]+")
_NO_WIDTH_INSIDE = re.compile("(?<=[^\\W\\d_])[\u200b-\u200d\u2060\ufeff](?=[^\\W\\d_])")
_TAGS = re.compile("[\U000e0020-\U000e007e]{2,}")
_MIXED = re.compile(r"[^\W\d_]{3,}")
_MANY_NO_WIDTH = 3
_NARROW_LETTERS = frozenset("аеорсухіѕјвАВЕКМНОРСТХІЅЈΑΒΕΖΗΙΚΜΝΟΡΤΥΧο")


def markup_flags(text: str) -> Iterator[InjectionFlag]:
    """Forged marks, code and markup in a text."""
    lower = text.lower()
    for rule in _rules():
        for need in rule.needs:
            if need in lower:
                for found in rule.pattern.finditer(text):
                    yield InjectionFlag(rule.kind, found.start(), found.end(), rule.weight)
                break


def hidden_flags(text: str) -> Iterator[InjectionFlag]:
    """Characters that show nothing or something else than they are: of direction, without a width, look-alikes, tags."""
    if text.isascii():
        return
    for found in _TAGS.finditer(text):
        yield InjectionFlag("hidden", found.start(), found.end(), 0.9)
    for found in _BIDI.finditer(text):
        yield InjectionFlag("hidden", found.start(), found.end(), 0.3)
    inside = [found.start() for found in _NO_WIDTH_INSIDE.finditer(text) if _is_latin(text[found.start() - 1])]
    if len(inside) >= _MANY_NO_WIDTH:
        yield InjectionFlag("hidden", inside[0], inside[-1] + 1, 0.5)
    if not _NARROW_LETTERS.isdisjoint(text):
        mixed = [found for found in _MIXED.finditer(text) if _mixes_scripts(found[0])]
        for found in mixed:
            yield InjectionFlag("encoded", found.start(), found.end(), 0.3 if len(mixed) == 1 else 0.6)


def tagged_text(text: str) -> Iterator[tuple[int, int, str]]:
    """Text written in the invisible tag characters of Unicode, as (start, end, what it says)."""
    for found in _TAGS.finditer(text):
        yield found.start(), found.end(), "".join(chr(ord(c) - 0xE0000) for c in found[0])


@lru_cache(maxsize=1)
def _rules() -> tuple[MarkupRule, ...]:
    return tuple(map(_rule, json.loads(_FILE.read_text(encoding="utf-8"))))


def _rule(entry: dict[str, Any]) -> MarkupRule:
    flags = sum(_FLAGS[letter] for letter in entry["flags"])
    return MarkupRule(entry["kind"], entry["weight"], tuple(entry["needs"]), re.compile(entry["pattern"], flags))


def _mixes_scripts(word: str) -> bool:
    letters = set(word)
    return not letters.isdisjoint(_NARROW_LETTERS) and any(map(_is_latin, letters))


def _is_latin(character: str) -> bool:
    return character.isascii() or unicodedata.name(character, "").startswith("LATIN")

"""Rules over classes of words, as `lexicon.json` has them: which words, in which order, how far apart. Pure.

A class lists words without accents, in every language at once; `*` ends a stem. A rule's pattern is class names with the
most words that may stand between two: `override <4 prior <3 instruction`. `^` is the beginning of a sentence. No match
crosses a sentence's end. A `narrated` rule counts little where the words before it tell of somebody who may or shall do it,
as contracts and laws do, unless that somebody is "you".
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from compliance_assets.governance.injection.flags import InjectionFlag, Kind
from compliance_assets.governance.injection.tokens import Words

_FILE = Path(__file__).with_name("lexicon.json")
_NARRATED = 0.2
_LOOK_BACK = 3
_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """`steps` are (class bit, most words before it); the first step's gap is None unless a sentence's beginning is asked for."""

    kind: Kind
    weight: float
    steps: tuple[tuple[int, int | None], ...]
    needs: int
    narrated: bool


class Lexicon:
    """The classes and rules, ready to match. A class is a bit; a word's classes are a sum of bits."""

    def __init__(self, content: str) -> None:
        data = json.loads(content)
        bits = {name: 1 << position for position, name in enumerate(data["classes"])}
        self._words: dict[str, int] = {}
        self._stems: dict[str, int] = {}
        for name, members in data["classes"].items():
            for member in members:
                table = self._stems if member.endswith("*") else self._words
                key = member.rstrip("*")
                table[key] = table.get(key, 0) | bits[name]
        self._narrator, self._you = bits["narrator"], bits["you"]
        self._rules = tuple(_rule(entry, bits) for entry in data["rules"])
        self._classes_of = lru_cache(maxsize=65536)(self._look_up)

    def flags(self, words: Words) -> Iterator[InjectionFlag]:
        """Every match of every rule, spans in the original text; of a rule the first match from each place."""
        classes = [self._classes_of(word) for word in words.words]
        for first, end in words.sentences:
            there = 0
            for position in range(first, end):
                there |= classes[position]
            if there:
                for rule in self._rules:
                    if rule.needs & there == rule.needs:
                        yield from self._matches(rule, words, classes, first, end)

    def _matches(
        self, rule: Rule, words: Words, classes: Sequence[int], first: int, end: int
    ) -> Iterator[InjectionFlag]:
        bit, gap = rule.steps[0]
        after = first
        for position in range(first, end if gap is None else min(end, first + gap + 1)):
            if position < after or not classes[position] & bit:
                continue
            last = _last(rule.steps, 1, position, classes, end)
            if last is not None:
                told = rule.narrated and self._is_told(classes, first, position)
                weight = rule.weight * _NARRATED if told else rule.weight
                yield InjectionFlag(rule.kind, *words.origin(position, last), round(weight, 4))
                after = last + 1

    def _is_told(self, classes: Sequence[int], first: int, position: int) -> bool:
        before = classes[max(first, position - _LOOK_BACK) : position]
        around = classes[max(first, position - _LOOK_BACK - 1) : position]
        return any(c & self._narrator for c in before) and not any(c & self._you for c in around)

    def _look_up(self, word: str) -> int:
        found = self._words.get(word, 0)
        for length in range(_SHORTEST_STEM, len(word) + 1):
            found |= self._stems.get(word[:length], 0)
        return found


@lru_cache(maxsize=1)
def shipped() -> Lexicon:
    """The lexicon beside this module."""
    return Lexicon(_FILE.read_text(encoding="utf-8"))


def _rule(entry: dict[str, object], bits: dict[str, int]) -> Rule:
    parts = str(entry["pattern"]).split()
    gap: int | None = None
    steps: list[tuple[int, int | None]] = []
    for part in parts:
        if part.startswith("<"):
            gap = int(part[1:])
        elif part != "^":
            steps.append((bits[part], gap))
    needs = 0
    for bit, _ in steps:
        needs |= bit
    kind: Kind = entry["kind"]  # type: ignore[assignment]
    return Rule(kind, float(str(entry["weight"])), tuple(steps), needs, bool(entry.get("narrated")))


def _last(
    steps: Sequence[tuple[int, int | None]], step: int, position: int, classes: Sequence[int], end: int
) -> int | None:
    """The word that the last step matches, from a place where the steps before `step` did."""
    if step == len(steps):
        return position
    bit, gap = steps[step]
    for nxt in range(position + 1, min(end, position + 2 + (gap or 0))):
        if classes[nxt] & bit and (last := _last(steps, step + 1, nxt, classes, end)) is not None:
            return last
    return None

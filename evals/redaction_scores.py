"""How found spans are held against true ones.

A true span is found if a span of the same type overlaps it, a found span is right if it overlaps a true span of its type; a
found span of a type that has no truth in the set is counted apart. Without types: the share of the characters (letters and
digits) of true spans that any found span covers, whatever its type, and the share of the found characters that are true.
F2 weighs recall twice: a person's number that stays is worse than a word that goes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Typed:
    """Characters [start, end) of a text are of a type."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Of `true` spans `hit` were found, of `found` spans `right` were true. Rates are None where there is nothing to rate."""

    true: int
    hit: int
    found: int
    right: int

    @property
    def recall(self) -> float | None:
        """Share of the true spans that were found."""
        return self.hit / self.true if self.true else None

    @property
    def precision(self) -> float | None:
        """Share of the found spans that were true."""
        return self.right / self.found if self.found else None

    @property
    def f2(self) -> float | None:
        """The harmonic mean with recall at twice the weight."""
        if self.recall is None or self.precision is None:
            return None
        weighed = 4 * self.precision + self.recall
        return 5 * self.precision * self.recall / weighed if weighed else 0.0

    def as_json(self) -> dict[str, float | int | None]:
        """Counts and rates."""
        return {
            "true": self.true,
            "hit": self.hit,
            "found": self.found,
            "right": self.right,
            "precision": self.precision,
            "recall": self.recall,
            "f2": self.f2,
        }


@dataclass(slots=True)
class Tally:
    """Adds texts up."""

    true: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)

    def add(self, text: str, truth: Sequence[Typed], found: Sequence[Typed]) -> None:
        """Add one text."""
        for gold in truth:
            self.true[gold.type] += 1
            self.hit[gold.type] += any(_same(gold, span) for span in found)
        for span in found:
            self.found[span.type] += 1
            self.right[span.type] += any(_same(gold, span) for gold in truth)
        gold_characters, found_characters = _characters(text, truth), _characters(text, found)
        self.characters["true"] += len(gold_characters)
        self.characters["found"] += len(found_characters)
        self.characters["both"] += len(gold_characters & found_characters)

    def of(self, types: Iterable[str]) -> Rates:
        """The rates over these types together."""
        names = tuple(types)
        return Rates(*(sum(counts[name] for name in names) for counts in (self.true, self.hit, self.found, self.right)))

    def of_characters(self) -> Rates:
        """Without types, by character."""
        true, found, both = (self.characters[name] for name in ("true", "found", "both"))
        return Rates(true, both, found, both)


def _same(a: Typed, b: Typed) -> bool:
    return a.type == b.type and a.start < b.end and b.start < a.end


def _characters(text: str, spans: Iterable[Typed]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end) if text[at].isalnum()}

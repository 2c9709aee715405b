"""A folded text as words and sentences, the units that rules and the linear model read. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compliance_assets.governance.redaction.folding import Folded, fold

_TOKEN = re.compile(r"([^\W_]+(?:'[^\W_]+)?)|([.!?](?=[\s\"')\]]|$)|\n\s*\n)|(\n(?=[ \t]{0,20}[A-Z]))")
_FEWEST_WORDS = 4
_MOST_WORDS = 40


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text in lower case; word i stands at `[starts[i], ends[i])` of the folded text.

    `sentences` are index ranges; `closed_by[i]` is the punctuation that ends sentence i, often nothing. `lines` are the words
    that begin a line with a capital letter: it may be a sentence of its own, or a line that was too long.
    """

    folded: Folded
    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    sentences: tuple[tuple[int, int], ...]
    closed_by: tuple[str, ...]
    lines: tuple[int, ...]

    def origin(self, first: int, last: int) -> tuple[int, int]:
        """Where the words first to last stand in the original text, as `[start, end)`."""
        return self.folded.origin(self.starts[first], self.ends[last])


def words_of(text: str) -> Words:
    """Fold and split a text. Any text can be split."""
    return words_of_folded(fold(text))


def words_of_folded(folded: Folded) -> Words:
    """Split a text that is folded already."""
    spans: list[tuple[int, int]] = []
    sentences: list[tuple[int, int]] = []
    closed_by: list[str] = []
    lines: list[int] = []
    first = 0
    for found in _TOKEN.finditer(folded.text):
        kind = found.lastindex
        if kind == 1:
            spans.append(found.span())
        elif kind == 3:
            lines.append(len(spans))
        elif len(spans) > first:
            sentences.append((first, len(spans)))
            closed_by.append(found[2] if found[2] in ".!?" else "")
            first = len(spans)
    if len(spans) > first:
        sentences.append((first, len(spans)))
        closed_by.append("")
    lower = folded.lower
    return Words(
        folded,
        tuple(lower[start:end] for start, end in spans),
        tuple(start for start, _ in spans),
        tuple(end for _, end in spans),
        tuple(sentences),
        tuple(closed_by),
        tuple(lines),
    )


def stretches_of(words: Words) -> tuple[tuple[int, int, str], ...]:
    """What the linear model reads at once, as (first word, end, closing mark): sentences, cut at the lines within them.

    What has fewer than 4 words goes with what stands before it, at the beginning with what follows; 40 words are the most.
    """
    merged: list[tuple[int, int, str]] = []
    for first, end, mark in _lines_of(words):
        short = end - first < _FEWEST_WORDS or (merged and merged[-1][1] - merged[-1][0] < _FEWEST_WORDS)
        if merged and short:
            first = merged.pop()[0]
        merged.append((first, end, mark))
    return tuple(
        (start, min(start + _MOST_WORDS, end), mark if start + _MOST_WORDS >= end else "")
        for first, end, mark in merged
        for start in range(first, end, _MOST_WORDS)
    )


def _lines_of(words: Words) -> Iterator[tuple[int, int, str]]:
    breaks = iter((*words.lines, len(words.words)))
    at = next(breaks)
    for (first, end), mark in zip(words.sentences, words.closed_by, strict=True):
        while at < end:
            if at > first:
                yield first, at, ""
                first = at
            at = next(breaks)
        yield first, end, mark

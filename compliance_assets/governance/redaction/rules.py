"""A rule: a pattern over the folded text, where it is tried, and what confirms a match.

A text is read once: words and runs of digits are looked up, and only the rules that can begin there are tried. Patterns are
written for adversarial text: every repetition is bounded or possessive, so that no text takes more than linear time.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from compliance_assets.governance.redaction.folding import Folded
from compliance_assets.governance.redaction.spans import Rank, Span

#: Between two groups of one number.
SEP = r"[\s.\-/]{0,3}"
#: Finds what begins at a place of the folded text.
Finder = Callable[[Folded, int], Iterable[Span]]


def gap_of(words: str) -> str:
    """Punctuation and these words, at most 24 of them. An opening bracket of the number itself is left to it."""
    return rf"(?:[\s.:,;=#)\-*\"'/|]|\((?![0-9+])|(?:{words})(?![a-z])){{0,24}}+"


#: Between a label and its number: punctuation and the small words of a form, nothing else.
GAP = gap_of(
    r"numero|number|num|no|nr|n|is|of|e|eh|sob|o|a|do|da|de|the|my|foi|era|was|mf"
    r"|inscrito|inscrita|cadastro|informado|informada|abaixo|seguinte|atual|titular|meu|minha"
)

#: The same where check digits confirm the number: any words, as long as they are few and no number is among them.
WIDE_GAP = r"[^0-9]{0,40}+"


def label(words: str, gap: str = GAP) -> str:
    """A label, not inside another word, and the gap after it."""
    return rf"(?<![a-z])(?:{words})(?![a-z]){gap}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `find` is tried: at the words that it `starts` with, at runs of digits of the lengths `runs`.

    A rule with neither is asked once for the whole text, if that has one of the strings that it `needs`.
    """

    kind: str
    find: Finder
    starts: frozenset[str] = frozenset()
    runs: frozenset[int] = frozenset()
    needs: tuple[str, ...] = ()


def rule(
    kind: str,
    rank: Rank,
    pattern: str,
    *,
    starts: str = "",
    runs: Sequence[int] = (),
    needs: str = "",
    check: Callable[[str], bool] | None = None,
    confirm: Callable[[str], bool] | None = None,
    cased: bool = False,
) -> Rule:
    """A rule for a pattern over lower case (unless `cased`). The span is the group `v` where there is one, else the match.

    `starts` and `needs` are words with a bar between them. `check` sees the letters and digits of the span, `confirm` all of it.
    """
    if check is not None:
        confirm = _without_separators(check)
    compiled = re.compile(pattern)
    once = bool(starts or runs)
    find = _at(compiled, kind, rank, confirm, cased) if once else _everywhere(compiled, kind, rank, confirm, cased)
    return Rule(kind, find, _words(starts), frozenset(runs), tuple(_words(needs)))


def rule_at_words(kind: str, starts: str, find: Finder) -> Rule:
    """A rule that is a function, tried at words."""
    return Rule(kind, find, _words(starts))


def rule_at_runs(kind: str, runs: Sequence[int], find: Finder) -> Rule:
    """A rule that is a function, tried at runs of digits."""
    return Rule(kind, find, runs=frozenset(runs))


def rule_of_text(kind: str, needs: str, find: Callable[[Folded], Iterator[Span]]) -> Rule:
    """A rule that is a function over the whole text."""
    return Rule(kind, lambda folded, _: find(folded), needs=tuple(_words(needs)))


class Scanner:
    """Applies rules to texts. Made once for a set of rules."""

    _TOKEN = re.compile(r"[a-z]+|[0-9]+")
    _LONGEST_RUN = 32

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_word: dict[str, list[Finder]] = defaultdict(list)
        by_run: list[list[Finder]] = [[] for _ in range(self._LONGEST_RUN + 1)]
        for each in rules:
            for word in sorted(each.starts):
                self._by_word[word].append(each.find)
            for length in sorted(each.runs):
                by_run[length].append(each.find)
        self._by_word = dict(self._by_word)
        self._by_run = dict(enumerate(by_run))
        self._whole = [each for each in rules if not each.starts and not each.runs]

    def find(self, folded: Folded) -> Iterator[Span]:
        """What the rules find, as spans of the folded text, in no order; they may overlap."""
        lower = folded.lower
        for each in self._whole:
            if not each.needs or any(needed in lower for needed in each.needs):
                yield from each.find(folded, 0)
        by_word, by_run = self._by_word, self._by_run
        for token in self._TOKEN.finditer(lower):
            found = token[0]
            finders = by_run.get(len(found)) if found[0] <= "9" else by_word.get(found)
            for find in finders or ():
                yield from find(folded, token.start())


def compact(text: str) -> str:
    """Letters and digits only."""
    return "".join(filter(str.isalnum, text))


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split("|")) if words else frozenset()


def _without_separators(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda text: check(compact(text))


def _at(pattern: re.Pattern[str], kind: str, rank: Rank, confirm: Callable[[str], bool] | None, cased: bool) -> Finder:
    group = pattern.groupindex.get("v", 0)

    def find(folded: Folded, at: int) -> Iterable[Span]:
        match = pattern.match(folded.text if cased else folded.lower, at)
        if match is None:
            return ()
        start, end = match.span(group)
        return (Span(start, end, kind, rank),) if confirm is None or confirm(folded.lower[start:end]) else ()

    return find


def _everywhere(
    pattern: re.Pattern[str], kind: str, rank: Rank, confirm: Callable[[str], bool] | None, cased: bool
) -> Finder:
    group = pattern.groupindex.get("v", 0)

    def find(folded: Folded, _: int) -> Iterator[Span]:
        for match in pattern.finditer(folded.text if cased else folded.lower):
            start, end = match.span(group)
            if confirm is None or confirm(folded.lower[start:end]):
                yield Span(start, end, kind, rank)

    return find

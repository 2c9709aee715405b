"""Where a text may be cut so that both parts are searched by themselves.

A whole text and a stream are cut by the same rule, which looks only at what stands before the cut and at the one character
after it; so a stream finds exactly what the whole text finds.
"""

import re
from collections.abc import Iterator

#: Characters. A cut costs a search of its own, so none comes before the first; the second bounds what a stream holds back.
SHORTEST, LONGEST = 256, 16_384

_BARRIER = re.compile(
    r"(?<=\S)[^\S\n]*+\n[^\S\n]*+\n\s*+(?=\S)"  # an empty line
    r"|(?<=[a-zß-öø-ÿ]{6})[.!?][\"')]?\s++(?=[A-ZÀ-ÖØ-Þ])"  # the end of a sentence, which no abbreviation is as long as
)
#: Between two words, neither of them a number or a capitalised name.
_QUIET = re.compile(r"(?<=[a-zß-öø-ÿ]{4}) (?=[a-zß-öø-ÿ]{4})")
_WORDS_OF_A_SENTENCE = 5  # a shorter line before an empty one is a label or a closing, which looks at what follows


def segments(text: str) -> Iterator[str]:
    """The parts of a whole text, in order; together they are the text."""
    start = 0
    while start < len(text):
        end = next_cut(text, start, final=True)
        assert end is not None
        yield text[start:end]
        start = end


def next_cut(text: str, start: int, *, final: bool) -> int | None:
    """Where the segment that begins at `start` ends; None if that depends on characters still to come (never if `final`)."""
    limit = start + LONGEST
    for match in _BARRIER.finditer(text, start + SHORTEST):
        if match.end() > limit:
            break
        if _stands(text, start, match):
            return match.end()
    if len(text) > limit:
        return _forced(text, start, limit)
    return len(text) if final else None


def _stands(text: str, start: int, match: re.Match[str]) -> bool:
    if text[match.start()] in ".!?":
        return True
    line = text[max(start, text.rfind("\n", start, match.start()) + 1) : match.start()]
    return line[-1] not in ":,;" and (line[-1] in ".!?" or len(line.split()) >= _WORDS_OF_A_SENTENCE)


def _forced(text: str, start: int, limit: int) -> int:
    """The last quiet place of the second half, else the last end of a line, else of a word, else the limit."""
    half = start + LONGEST // 2
    quiet = [match.end() for match in _QUIET.finditer(text, half, limit)]
    if quiet:
        return quiet[-1]
    for blank in ("\n", " "):
        if (at := text.rfind(blank, half, limit)) >= 0:
            return at + 1
    return limit

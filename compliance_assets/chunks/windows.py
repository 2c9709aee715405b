"""Sentence windows over a tokenised text: whole sentences up to a token limit, overlapping by whole sentences. Pure."""

import bisect
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

TokenSpans = Sequence[tuple[int, int]]

# A sentence ends after its terminator and closing quotes, before white space; a line break ends one as well, because
# tables, forms and lists have no terminators. The terminators include the full-width and Devanagari ones.
_SENTENCE_END = re.compile(r"[.!?…。！？।][\"'”’»)\]]*\s+|\n\s*|(?<=[。！？])")
#: A run of characters that the tokenizer sees as few tokens (a long base64 line is one) still has to fit a prompt.
MAX_WINDOW_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class WindowSize:
    """Both in tokens of the embedder's own tokenizer, special tokens not counted."""

    tokens: int = 300
    overlap: int = 50


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` in code points, and how many tokens lie in it."""

    start: int
    end: int
    tokens: int


def windows_of(
    text: str, start: int, end: int, token_spans: TokenSpans, size: WindowSize, tables: Sequence[tuple[int, int]] = ()
) -> list[Span]:
    """Windows over `text[start:end]`, which together hold every character of it that is not white space.

    `token_spans` are the tokens of the whole text, sorted. A sentence longer than a window is cut at token boundaries. One of
    the `tables` (start and end offsets, sorted) that does not fit into what is left of a window begins one of its own.
    """
    token_starts = [token[0] for token in token_spans]
    sentences = [
        piece
        for sentence in _sentences(text, start, end)
        for piece in _fitting_pieces(text, sentence, token_starts, size)
    ]
    return _group(sentences, size, _room_for_tables(sentences, tables))


def _room_for_tables(pieces: Sequence[Span], tables: Sequence[tuple[int, int]]) -> dict[int, int]:
    """index of the piece that a table begins with -> tokens of the table."""
    starts = [piece.start for piece in pieces]
    found = {}
    for start, end in tables:
        first, after = bisect.bisect_left(starts, start), bisect.bisect_left(starts, end)
        if first < after:
            found[first] = sum(piece.tokens for piece in pieces[first:after])
    return found


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Sentence spans without the white space around them."""
    bounds = [start, *(m.end() for m in _SENTENCE_END.finditer(text, start, end)), end]
    trimmed = (_trim(text, a, b) for a, b in itertools.pairwise(bounds))
    return [(a, b) for a, b in trimmed if a < b]


def _fitting_pieces(text: str, sentence: tuple[int, int], token_starts: Sequence[int], size: WindowSize) -> list[Span]:
    start, end = sentence
    first, last = bisect.bisect_left(token_starts, start), bisect.bisect_left(token_starts, end)
    if last - first <= size.tokens and end - start <= MAX_WINDOW_CHARACTERS:
        return [Span(start, end, last - first)]
    # Pieces the size of the overlap let neighbouring windows of one long sentence overlap too.
    stride = size.overlap or size.tokens
    cuts = token_starts[first + stride : last : stride]
    bounds = [start, *cuts, end]
    pieces = []
    for a, b in itertools.pairwise(bounds):
        for c in range(a, b, MAX_WINDOW_CHARACTERS):
            left, right = _trim(text, c, min(c + MAX_WINDOW_CHARACTERS, b))
            if left < right:
                count = bisect.bisect_left(token_starts, right) - bisect.bisect_left(token_starts, left)
                pieces.append(Span(left, right, count))
    return pieces


def _group(pieces: Sequence[Span], size: WindowSize, tables: Mapping[int, int]) -> list[Span]:
    """Fill windows greedily; each next one starts with the last pieces of the one before, as far as the overlap allows."""
    windows: list[Span] = []
    first = after = 0
    while first < len(pieces):
        after = _fill(pieces, first, after, size, tables)
        window = pieces[first:after]
        windows.append(Span(window[0].start, window[-1].end, sum(piece.tokens for piece in window)))
        if after == len(pieces):
            break
        first = _overlap_start(pieces, first, after, size, tables)
    return windows


def _fill(pieces: Sequence[Span], first: int, fresh: int, size: WindowSize, tables: Mapping[int, int]) -> int:
    """The index after the last piece that still fits a window that starts at `first`, or before a table that does not.

    What begins at `fresh` no window holds yet: it is taken, a table or not.
    """
    tokens, after = pieces[first].tokens, first + 1
    while (
        after < len(pieces)
        and tokens + pieces[after].tokens <= size.tokens
        and (after <= fresh or tokens + tables.get(after, 0) <= size.tokens)
        and pieces[after].end - pieces[first].start <= MAX_WINDOW_CHARACTERS
    ):
        tokens += pieces[after].tokens
        after += 1
    return after


def _overlap_start(pieces: Sequence[Span], first: int, after: int, size: WindowSize, tables: Mapping[int, int]) -> int:
    """Where the next window starts: as far back as the overlap allows, but with room for what did not fit.

    That is the piece, or the whole of a table that begins with it; a table longer than a window is cut wherever it starts.
    """
    table = tables.get(after, 0)
    room = min(size.overlap, size.tokens - (table if 0 < table <= size.tokens else pieces[after].tokens))
    start, tokens = after, 0
    while (
        start - 1 > first
        and tokens + pieces[start - 1].tokens <= room
        and pieces[after].end - pieces[start - 1].start <= MAX_WINDOW_CHARACTERS
    ):
        start -= 1
        tokens += pieces[start].tokens
    return start


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end

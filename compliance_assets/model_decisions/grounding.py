"""How much of an answer stands in what it cites: the signal of a hallucination. Pure.

Of each segment the numbers and the words of four letters and more are looked up in the quotes and passages that it cites,
folded (no case, no accents). A number that stands nowhere weighs as much as all its words: an invented amount is worse than
a new adjective. What the question itself says may be said again.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from compliance_assets.contracts.response_envelope import ResponseSegment

CODE_VERSION = "1"
_NUMBER = re.compile(r"\d+(?:[.,/\-]\d+)*")
_WORD = re.compile(r"[^\W\d_]{4,}")


def grounding_of(segments: Sequence[ResponseSegment], passages: Mapping[str, str], question: str) -> float | None:
    """In [0, 1], of the least grounded segment; None for an answer without segments. `passages`: chunk id -> text."""
    return min((_grounding(s, [passages[c] for c in s.cited_chunk_ids], question) for s in segments), default=None)


def _grounding(segment: ResponseSegment, cited: Sequence[str], question: str) -> float:
    source = _folded(" ".join((*cited, question)))
    text = _folded(segment.text)
    known = set(_NUMBER.findall(source))
    if any(number not in known for number in _NUMBER.findall(text)):
        return 0.0
    words, there = set(_WORD.findall(text)), set(_WORD.findall(source))
    return len(words & there) / len(words) if words else 1.0


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))

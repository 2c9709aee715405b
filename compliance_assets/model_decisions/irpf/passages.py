"""What the model sees: the passages of a rendered prompt, and the filing's text put together from its windows. Pure.

Of a passage line `chunk_id`, `part` and `text` are read; the title and the page are not. Windows are in order and
neighbours overlap, so that the text is the windows less what they share.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from compliance_assets.governance.redaction import spans
from compliance_assets.model_decisions.prompt import PASSAGES_MARK, SENT_BACK_MARK

#: A code that stands for a number or a name. In a record of fixed width letters of the next field may follow it directly.
PSEUDONYM = re.compile(r"[A-Z]{0,6}_[A-Z2-7]{4,}")
#: What redaction may take the number of a person, a firm or a receipt for; the other kinds are words or addresses.
NUMBER_TAGS = tuple(
    spans.TAGS.get(kind, kind)
    for kind in (
        spans.CPF, spans.CNPJ, spans.KNOWN, spans.PIS, spans.RG, spans.VOTER, spans.LICENCE, spans.HEALTH_CARD, spans.SSN,
        spans.NHS, spans.PASSPORT, spans.IBAN, spans.CARD, spans.ACCOUNT, spans.AGENCY, spans.PIX, spans.PHONE,
    )
)  # fmt: skip
#: A pseudonym of a number. Where the number was too short for its kind, the kind is left out.
HIDDEN_NUMBER = re.compile(rf"(?:{'|'.join(NUMBER_TAGS)})?_[A-Z2-7]{{4,}}")
_FILING, _RULES = "filing", "rules"
_LONGEST_GROWTH = 400  # characters that a quote may grow by until it stands in its passage once
_STEP = 24  # characters of a word that a quote grows by at a time: more are a record without words
_SHORT = 14  # characters: as many as the longest number that is hidden
_WORD = re.compile(r"[^\W\d_]{2,}")
_SURELY_SHARED = 24  # characters; as many are no coincidence
_BEGINS = re.compile(r"(?:\n\s*|[.!?…]\S?\s+|\S)\Z")  # what stands before a sentence, or before a piece of a long one
_FEWEST_SHARED = 2  # characters; fewer are no overlap


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as it stands in the prompt."""

    chunk_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Characters of a passage, verbatim, which stand in it once."""

    chunk_id: str
    text: str


@dataclass(frozen=True, slots=True)
class FilingText:
    """The filing in one piece; `starts[i]` is where window i begins in `text`."""

    text: str
    windows: tuple[Passage, ...]
    starts: tuple[int, ...]

    def quote(self, start: int, end: int) -> Quote | None:
        """`text[start:end]` without the white space around it, from the first window that holds all of it; None if none does.

        It is grown word by word where the same characters stand in the filing more than once.
        """
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        if start == end:
            return None
        for index in range(bisect_right(self.starts, start)):
            window, at = self.windows[index].text, self.starts[index]
            if end - at <= len(window) and window[start - at : end - at] == self.text[start:end]:
                return Quote(self.windows[index].chunk_id, once(window, start - at, end - at, self.text))
        return None


def read_passages(prompt: str) -> tuple[tuple[Passage, ...], tuple[Passage, ...]]:
    """The filing's windows in order, and the law's passages, best first. An answer that was sent back is not looked at."""
    asked, _, _ = prompt.partition(SENT_BACK_MARK)
    lines = [json.loads(line) for line in asked.rpartition(PASSAGES_MARK)[2].split("\n") if line.strip()]
    return _of_part(lines, _FILING), _of_part(lines, _RULES)


def joined(windows: Sequence[Passage]) -> FilingText:
    """The text that the windows are of. Between two that share nothing a line ends."""
    pieces: list[str] = []
    starts: list[int] = []
    length, previous = 0, ""
    for window in windows:
        shared = _shared(previous, window.text) if previous else 0
        if previous and not shared:
            pieces.append("\n")
            length += 1
        starts.append(length - shared)
        pieces.append(window.text[shared:])
        length += len(window.text) - shared
        previous = window.text
    return FilingText("".join(pieces), tuple(windows), tuple(starts))


def once(text: str, start: int, end: int, whole: str = "") -> str:
    """`text[start:end]` with the whole of the pseudonyms it touches, grown by words until it stands in the text once.

    It grows as well while it stands more than once in the `whole` that the text is a window of: what is cited does then not
    hang on where windows begin. A short number is grown too: it may stand in what is hidden.
    """
    start, end = _whole(text, start, end)
    lowest, highest = max(start - _LONGEST_GROWTH, 0), min(end + _LONGEST_GROWTH, len(text))

    def again() -> bool:
        return any(_stands_again(there, text[start:end]) for there in (text, whole))

    while again() and start > lowest:
        start, _ = _whole(text, _word_before(text, start), end)
    while again() and end < highest:
        _, end = _whole(text, start, _word_after(text, end))
    return text[start:end].strip()


def _of_part(lines: Sequence[dict[str, str]], part: str) -> tuple[Passage, ...]:
    return tuple(Passage(line["chunk_id"], line["text"]) for line in lines if line.get("part") == part)


def _shared(before: str, after: str) -> int:
    """How many characters the end of one window and the begin of the next have in common.

    A few that begin no sentence are a coincidence. A number that one window holds in part only is hidden in the other and
    clear in this one: such characters agree.
    """
    sizes = range(min(len(before), len(after)) - 1, _FEWEST_SHARED - 1, -1)
    exact = next((size for size in sizes if before.endswith(after[:size])), 0)
    if exact < _SURELY_SHARED and not _BEGINS.search(before, 0, len(before) - exact):
        exact = 0
    if exact >= _SURELY_SHARED:
        return exact
    hidden = [frozenset(i for m in PSEUDONYM.finditer(text) for i in range(*m.span())) for text in (before, after)]
    if not any(hidden):
        return exact
    return next((size for size in sizes if size > max(exact, _SHORT) and _agree(before, after[:size], hidden)), exact)


def _agree(before: str, after: str, hidden: Sequence[frozenset[int]]) -> bool:
    clear, offset = 0, len(before) - len(after)
    for i, character in enumerate(after):
        if before[offset + i] == character:
            clear += 1
        elif offset + i not in hidden[0] and i not in hidden[1]:
            return False
    return 2 * clear > len(after)


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    for match in PSEUDONYM.finditer(text):
        if match.start() < start < match.end():
            start = match.start()
        if match.start() < end < match.end():
            end = match.end()
    return start, end


def _stands_again(text: str, quote: str) -> bool:
    short = len(quote) < _SHORT and _WORD.search(quote) is None
    return short or text.find(quote, text.find(quote) + 1) >= 0


def _word_before(text: str, at: int) -> int:
    while at > 0 and text[at - 1].isspace():
        at -= 1
    stop = at
    while at > 0 and not text[at - 1].isspace() and stop - at < _STEP:
        at -= 1
    return at


def _word_after(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    start = at
    while at < len(text) and not text[at].isspace() and at - start < _STEP:
        at += 1
    return at

"""Reads a return that somebody tells in a letter: lists of labels and values, or sentences. Pure.

What the letter quotes from another one is not its own statement. In a list the value stands behind the label's mark, in a
sentence anywhere behind the label, before the sentence ends or another label begins.
"""

import re
from collections.abc import Iterator

from compliance_assets.model_decisions.irpf.plain import plain
from compliance_assets.model_decisions.irpf.stated import Return, Stated, gathered, value_of
from compliance_assets.model_decisions.irpf.wording import Label, labels_in, value_pattern
from compliance_assets.normalised_documents.filings.fields import Field, Kind, kind_of

HEADERS = re.compile(r"(?:(?:From|To|Cc|Date|Subject): [^\n]*\n+)+")
_HISTORY = re.compile(
    r"^[ \t*]*(?:-{2,} ?(?:mensagem|original message|forwarded)"
    r"|(?:em|no dia|on)\b[^\n]{5,200}(?:\n[^\n]{0,200})?(?:escreveu|wrote) ?:)",
    re.MULTILINE,
)
_QUOTED = re.compile(r"^[ \t]*>[^\n]*$", re.MULTILINE)
_MARK = re.compile(r"[*_ \t]*(?:[:=|\t]|\.{2,})[\s:=|*_.]*")
_SENTENCE_END = re.compile(r"[.!?;](?=\s)|\n\s*\n|\0")
_COUNT_BEFORE = re.compile(r"(?<![\d.,])(\d{1,2})\s+dependentes?\b")
_FARTHEST = 120  # characters from a label to its value in a sentence
_TERMS = (Kind.CATEGORY, Kind.RETURN_TYPE)
_NAME = re.compile(r"(?:[A-ZÀ-Ý_][^\s]*|d[aeo]s?|e)(?:\s(?:[A-ZÀ-Ý_][^\s]*|d[aeo]s?|e))*")


def own_words(text: str) -> str:
    """The letter in plain characters, as long as it is, with NUL for headers and for what it quotes."""
    own = plain(text)
    if headers := HEADERS.match(text):
        own = "\0" * headers.end() + own[headers.end() :]
    history = _HISTORY.search(own)
    if history:
        own = own[: history.start()] + "\0" * (len(own) - history.start())
    return _QUOTED.sub(lambda match: "\0" * len(match[0]), own)


def read(text: str) -> Return:
    """The return as far as the letter's words for its fields are known. A letter lists neither payers nor dependants."""
    own = own_words(text)
    labels = list(labels_in(own))
    found = [*_counts(own, text)]
    unread: set[Field] = set()
    taken = 0
    for index, label in enumerate(labels):
        if label.start < taken or label.field is None:
            continue
        limit = labels[index + 1].start if index + 1 < len(labels) else len(own)
        stated = _stated(own, text, label, limit)
        if stated is None:
            unread |= {label.field} if _MARK.match(own, label.end) else set()
        else:
            found.append(stated)
            taken = stated.end
    found.sort(key=lambda stated: stated.start)
    return gathered(found, "letter", (), unread)


def sentences(own: str) -> Iterator[tuple[int, int]]:
    """The spans of what the letter says itself, a line of a list or a sentence each."""
    for match in re.finditer(r"(?:[^.!?;\0\n]|[.!?;](?!\s)|\n(?!\s*\n))+[.!?;]?", own):
        start, end = match.span()
        while start < end and own[start].isspace():
            start += 1
        if end - start > 3:
            yield start, end


def _stated(own: str, text: str, label: Label, limit: int) -> Stated | None:
    assert label.field is not None
    kind = kind_of(label.field)
    if kind in _TERMS:
        limit = len(own)  # the words of a category are labels too
    mark = _MARK.match(own, label.end)
    if mark is not None:
        end = own.find("\n", mark.end())
        match = value_pattern(kind).match(own, mark.end(), min(limit, end if end >= 0 else len(own)))
    else:
        match = _in_sentence(own, label, limit, kind)
    if match is None:
        return None
    start, end = match.span()
    if kind is Kind.TEXT:  # a name ends with its capitals
        name = _NAME.match(text, start, end)
        end = name.end() if name else start
    value = value_of(kind, text[start:end])
    return None if value is None else Stated(label.field, value, start, end, (label.start, end))


def _in_sentence(own: str, label: Label, limit: int, kind: Kind) -> re.Match[str] | None:
    stop = _SENTENCE_END.search(own, label.end)
    end = min(limit, label.end + _FARTHEST, stop.start() if stop else len(own))
    if kind is Kind.COUNT:
        return None  # in a sentence the number stands before the word
    if kind in (Kind.TEXT, *_TERMS):  # words may only follow directly
        start = label.end + len(own[label.end :]) - len(own[label.end :].lstrip())
        return value_pattern(kind).match(own, start, end)
    return value_pattern(kind).search(own, label.end, end)


def _counts(own: str, text: str) -> Iterator[Stated]:
    for match in _COUNT_BEFORE.finditer(own):
        yield Stated(Field.DEPENDANTS, str(int(match[1])), *match.span(1), match.span())

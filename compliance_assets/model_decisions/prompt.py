"""Renders the prompt: everything that a model gets to see. Pure."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.model_decisions.citations import reprompt_text
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload

QUESTION_MARK = "QUESTION (JSON text)\n"
PASSAGES_MARK = "PASSAGES (one JSON object a line)\n"
SENT_BACK_MARK = "\nYOUR ANSWER (JSON text), WHICH DOES NOT HOLD\n"

_WORD = re.compile(r" ?[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as the model sees it; `part` tells the document that the work is about from what it is held against."""

    chunk_id: str
    title: str
    page: int
    part: Literal["filing", "rules"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt and the template it came from."""

    text: str
    template: str
    template_version: str
    template_sha256: str

    @classmethod
    def none(cls, workload: Workload) -> "Prompt":
        """Of a decision that ended before a prompt was made."""
        return cls("", workload.template, workload.template_version, _digest(workload.template_text))

    @property
    def prompt_hash(self) -> str:
        """As it stands in the response envelope."""
        return f"sha256:{sha256_hex(self.text)}"


def render(workload: Workload, item: WorkItem, question: str, passages: Sequence[Passage]) -> Prompt:
    """Question and passages go in as JSON, so that no text of a document can end its passage or start another part."""
    return _rendered(workload, item, question, [_line(passage, item) for passage in passages])


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt within a limit. It shows the first `shown` of the passages. Where `too_long` is a number, so many tokens are the
    least that a prompt can have, and the limit is less.
    """

    prompt: Prompt
    shown: int
    too_long: int | None = None


def render_within(
    workload: Workload, item: WorkItem, question: str, passages: Sequence[Passage], max_tokens: int | None
) -> Fitted:
    """The prompt with as many passages as fit: the last go first, which are the least similar ones.

    Those of the document that the work is about are never left out; a question keeps its nearest passage. `max_tokens` are
    counted as `tokens_at_most` counts; None is no limit.
    """
    lines = [_line(passage, item) for passage in passages]
    whole, shown = _rendered(workload, item, question, lines), len(lines)
    if max_tokens is None:
        return Fitted(whole, shown)
    least = max(sum(passage.part == "filing" for passage in passages), min(1, shown))
    needed = tokens_at_most(whole.text)
    while needed > max_tokens and shown > least:
        shown -= 1
        needed -= tokens_at_most(f"\n{lines[shown]}")
    if needed > max_tokens:
        return Fitted(Prompt.none(workload), 0, too_long=needed)
    return Fitted(_rendered(workload, item, question, lines[:shown]), shown)


def tokens_at_most(text: str) -> int:
    """An estimate from above of how many tokens a text is, for any model: tokenizers differ, and those of providers stay there.

    Two letters of a word of ASCII letters are a token, the space before it among them, half a pair a whole one; every other
    character is as many tokens as it has bytes in UTF-8. Prose comes out at about twice what tokenizers make of it, and no text
    in words falls short. Words that nobody writes may: of those, no tokenizer makes more tokens than they have bytes.
    """
    pairs = letters = 0
    for word in _WORD.finditer(text):
        length = word.end() - word.start()
        pairs += (length + 1) // 2
        letters += length
    return len(text.encode()) - letters + pairs


def sent_back(prompt: Prompt, answer: str, problems: Sequence[str]) -> str:
    """The prompt with an answer that does not hold and what is wrong with it, for another try."""
    return f"{prompt.text}{SENT_BACK_MARK}{json.dumps(answer, ensure_ascii=False)}\n\n{reprompt_text(problems)}\n"


def _rendered(workload: Workload, item: WorkItem, question: str, lines: Sequence[str]) -> Prompt:
    template = workload.template_text
    text = template.format(
        scope=_scope_in_words(item.scope), question=json.dumps(question, ensure_ascii=False), passages="\n".join(lines)
    )
    return Prompt(text, workload.template, workload.template_version, _digest(template))


def _line(passage: Passage, item: WorkItem) -> str:
    part = {} if item.document_id is None else {"part": passage.part}
    shown = {"chunk_id": passage.chunk_id, "title": passage.title, "page": passage.page, **part, "text": passage.text}
    return json.dumps(shown, ensure_ascii=False)


@lru_cache(maxsize=64)  # the same template for every item of a batch
def _digest(template: str) -> str:
    return sha256_hex(template)


def _scope_in_words(scope: RetrievalScope) -> str:
    years = ", ".join(str(year) for year in scope.years)
    category = " ".join((scope.filer_category or "").split())  # one line: a name must not start another part
    return f"{years}, {category}" if category else years

"""Renders the prompt: everything that a model gets to see. Pure."""

import json
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
    template = workload.template_text
    text = template.format(
        scope=_scope_in_words(item.scope),
        question=json.dumps(question, ensure_ascii=False),
        passages="\n".join(json.dumps(_shown(passage, item), ensure_ascii=False) for passage in passages),
    )
    return Prompt(text, workload.template, workload.template_version, _digest(template))


def sent_back(prompt: Prompt, answer: str, problems: Sequence[str]) -> str:
    """The prompt with an answer that does not hold and what is wrong with it, for another try."""
    return f"{prompt.text}{SENT_BACK_MARK}{json.dumps(answer, ensure_ascii=False)}\n\n{reprompt_text(problems)}\n"


def _shown(passage: Passage, item: WorkItem) -> dict[str, object]:
    part = {} if item.document_id is None else {"part": passage.part}
    return {"chunk_id": passage.chunk_id, "title": passage.title, "page": passage.page, **part, "text": passage.text}


@lru_cache(maxsize=64)  # the same template for every item of a batch
def _digest(template: str) -> str:
    return sha256_hex(template)


def _scope_in_words(scope: RetrievalScope) -> str:
    years = ", ".join(str(year) for year in scope.years)
    category = " ".join((scope.filer_category or "").split())  # one line: a name must not start another part
    return f"{years}, {category}" if category else years

"""Renders the prompt: everything that a model gets to see. Pure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload
from compliance_assets.year_index.retrieved import Retrieved

QUESTION_MARK = "QUESTION (JSON text)\n"
PASSAGES_MARK = "PASSAGES (one JSON object a line)\n"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt and the template it came from."""

    text: str
    template: str
    template_version: str
    template_sha256: str

    @property
    def prompt_hash(self) -> str:
        """As it stands in the response envelope."""
        return f"sha256:{sha256_hex(self.text)}"


def render(workload: Workload, item: WorkItem, retrieved: Sequence[Retrieved]) -> Prompt:
    """Question and passages go in as JSON, so that no text of a document can end its passage or start another part."""
    template = workload.template_text
    passages = [
        {"chunk_id": r.hit.chunk_id, "title": r.hit.doc_title, "page": r.hit.page, "text": r.text} for r in retrieved
    ]
    text = template.format(
        scope=_scope_in_words(item.scope),
        question=json.dumps(item.question, ensure_ascii=False),
        passages="\n".join(json.dumps(passage, ensure_ascii=False) for passage in passages),
    )
    return Prompt(text, workload.template, workload.template_version, sha256_hex(template))


def _scope_in_words(scope: RetrievalScope) -> str:
    years = ", ".join(str(year) for year in scope.years)
    category = " ".join((scope.filer_category or "").split())  # one line: a name must not start another part
    return f"{years}, {category}" if category else years

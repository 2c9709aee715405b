"""Small makers of what deciding needs, and providers that behave as told."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from compliance_assets.contracts.canonical import content_id
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.contracts.release import Release
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.year_index.retrieved import Retrieved
from resources.providers import Completion

SCOPE = RetrievalScope(year=2021, filer_category="Northwind")
METHOD = RetrievalMethod(
    embedder="hash-384", embedder_digest="e" * 64, index_version="ix_1", mode="dense", scope=SCOPE, opt_in_years=()
)
RELEASE = Release(
    prompt_version="p@1",
    threshold_version=None,
    router_map="r" * 64,
    policy_bundle=None,
    chunker="c",
    embedder_digest="e" * 64,
    index_parameters="i" * 64,
    golden_set=None,
    code_version="1",
)
NOW = datetime(2021, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
PREFIX = "Before the passage there is 𝔬𝔱𝔥𝔢𝔯 text. "  # its astral letters tell code points from UTF-16 units


def item(question: str = "Where are the assets of Northwind held?", **fields: object) -> WorkItem:
    return WorkItem("ddq.draft_response", 2021, question, **fields)  # type: ignore[arg-type]


def passages(*texts: str, score: float = 0.8) -> list[Retrieved]:
    """Hits 1, 2, … with these texts; each in a document of its own, behind PREFIX."""
    return [
        Retrieved(
            Hit(
                rank=rank,
                chunk_id=content_id("ck", rank),
                doc_id=f"doc_{rank}",
                doc_title=f"Title {rank}",
                page=rank,
                char_range=(len(PREFIX), len(PREFIX) + len(text)),
                embedding_score=score,
                lexical_score=None,
                score=score,
                method=METHOD,
            ),
            text,
        )
        for rank, text in enumerate(texts, start=1)
    ]


def source_of(retrieved: Sequence[Retrieved]) -> Callable[[str, int, int], str]:
    """The documents that `passages` were taken from."""
    documents = {r.hit.doc_id: PREFIX + r.text + " And after it." for r in retrieved}
    return lambda doc_id, start, end: documents[doc_id][start:end]


class Saying:
    """A provider that always says the same, and counts."""

    model = "fake/saying"

    def __init__(self, text: str) -> None:
        self.text = text
        self.prompts: list[str] = []

    def complete(self, prompt: str) -> Completion:
        self.prompts.append(prompt)
        return Completion(self.text, self.model, "fake", 1, 0.01)


class Scripted:
    """The extractive model, except for questions that hold a word of the script: those get its text, or no answer."""

    model = "fake/scripted"

    def __init__(self, script: Mapping[str, str | None] | None = None) -> None:
        self.script = dict(script or {})
        self.calls = 0
        self._lock = threading.Lock()

    def complete(self, prompt: str) -> Completion:
        with self._lock:
            self.calls += 1
        question = prompt.split("QUESTION (JSON text)\n", 1)[1].split("\n", 1)[0]
        for word, text in self.script.items():
            if word in question:
                if text is None:
                    raise DependencyUnavailable("the model is away", expected="it", found="nobody", remedy="Wait.")
                return Completion(text, self.model, "fake", 1, 0.01)
        return ExtractiveModel().complete(prompt)

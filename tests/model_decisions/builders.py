"""Small makers of what deciding needs, and providers that behave as told."""

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from compliance_assets.contracts.canonical import content_id
from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.contracts.release import Release
from compliance_assets.governance.egress import profile_named
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.decide import Circumstances, Egress, Evidence, Parsed, SourceDocument
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.prompt import Passage, Prompt, render
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload, workload_named
from compliance_assets.year_index.retrieved import Retrieved
from resources.providers import Completion, ModelRequest

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


def rendered(workload: Workload, asked: WorkItem, retrieved: Sequence[Retrieved]) -> Prompt:
    """The prompt of a question, nothing hidden in it."""
    shown = [Passage(r.hit.chunk_id, r.hit.doc_title, r.hit.page, "rules", r.text) for r in retrieved]
    return render(workload, asked, asked.question, shown)


ALLOWED = PolicyDecision(
    allow=True, reason="allowed", policy_hash=f"sha256:{'0' * 64}", engine="regopy", mode="enforce"
)


def circumstances(**fields: object) -> Circumstances:
    """Those of a question under the shipped workload, its model in the tenancy."""
    made = Circumstances(
        organization_id="00000000-0000-4000-8000-000000000001",
        workload=workload_named("ddq.draft_response"),
        egress_profile=profile_named("tenancy"),
        release=RELEASE,
        index_version="ix_1",
        call=CallParameters(("local/fake",)),
        regions={"local/fake": None},
        pseudonym_key_id="k1",
        pseudonym_key=b"k" * 32,
        now=NOW,
        salt=b"salt" * 4,
    )
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


class OneModel(Protocol):
    """What a fake model is: its name and what it says to a prompt."""

    model: str

    def complete(self, prompt: str) -> Completion: ...


def document_of(retrieved: Retrieved) -> SourceDocument:
    """A document of the year in which its hit was searched."""
    hit = retrieved.hit
    return SourceDocument(hit.doc_id, hit.method.scope.year, hit.doc_title, "c" * 64, "a" * 64)


@dataclasses.dataclass
class FakeWorld:
    """A world that answers as told and notes what it was asked for, in order."""

    provider: OneModel
    retrieved: Sequence[Retrieved]
    documents: Sequence[SourceDocument] = ()
    decision: PolicyDecision = ALLOWED
    parsed: Parsed | None = None
    steps: list[str] = dataclasses.field(default_factory=list)
    asked: list[tuple[ModelRequest, tuple[str, ...]]] = dataclasses.field(default_factory=list)

    def policy(self, asked: PolicyInput) -> PolicyDecision:
        self.steps.append("policy")
        return self.decision

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> Evidence:
        self.steps.append("retrieval")
        documents = self.documents or [document_of(r) for r in self.retrieved]
        return Evidence(tuple(self.retrieved), tuple(documents), "ix_1", "AAA=", self.parsed)

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        self.steps.append("model")
        self.asked.append((request, egress.models))
        return self.provider.complete(request.prompt)

    def source(self, doc_id: str, start: int, end: int) -> str:
        self.steps.append("source")
        return source_of(self.retrieved)(doc_id, start, end)

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        return next((r.hit.page for r in self.retrieved if r.hit.doc_id == doc_id), None)


@dataclasses.dataclass(frozen=True)
class Only:
    """Models of which there is one, whatever route is asked."""

    provider: OneModel
    regions: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    def regions_of(self, models: Iterable[str]) -> dict[str, str | None]:
        return dict.fromkeys(models)

    def any_reachable(self, models: Sequence[str]) -> bool:
        return True

    def ask(self, request: ModelRequest, models: Sequence[str], **restrictions: object) -> Completion:
        return self.provider.complete(request.prompt)


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

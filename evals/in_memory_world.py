"""The world that evaluations decide in: real documents, chunks, policy and models; no database, no clock, no chance.

What is decided here went through `decide` as everything else does. How passages are found is the evaluation's own, so that it
can search with other laws, or not at all; and nothing is stored.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.contracts.chunk import Chunk
from compliance_assets.contracts.data_subject import data_subjects_in
from compliance_assets.contracts.hit import Hit, RetrievalMethod, RetrievalScope
from compliance_assets.contracts.policy import PolicyDecision, PolicyInput
from compliance_assets.contracts.release import Release
from compliance_assets.governance.egress import DOCUMENT, profile_named
from compliance_assets.governance.policy import POLICIES, CallParameters
from compliance_assets.model_decisions.decide import Circumstances, Egress, Evidence, Parsed, SourceDocument
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import Workload
from compliance_assets.year_index.retrieved import Retrieved, ranked
from resources.policy import PolicyEngine, RegoEngine
from resources.policy_bundle import PolicyBundle
from resources.providers import Completion, ModelRequest, Models

#: (redacted question, scope, how many) -> what is found, beside the document that the work is about.
Search = Callable[[str, RetrievalScope, int], Sequence[Retrieved]]

_INDEX = "in-memory"
_DIGEST = sha256_hex(_INDEX)
_KEY = b"an evaluation's key, 32 bytes ok"
#: What an evaluation decides belongs to no release: its parts are handed in one by one.
_NO_RELEASE = Release(
    prompt_version=_INDEX, threshold_version=None, router_map=_INDEX, policy_bundle=None, chunker=_INDEX,
    embedder_digest=_DIGEST, index_parameters=_INDEX, golden_set=None, code_version=_INDEX,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its chunks. `page_ends` are the end offsets of its pages in code points; the last is `len(text)`."""

    pinned: SourceDocument
    text: str
    page_ends: tuple[int, ...]
    chunks: tuple[Chunk, ...]

    def page_of(self, start: int, end: int) -> int | None:
        """The page that holds all of `[start, end)`, from 1."""
        first, last = bisect_right(self.page_ends, start), bisect_left(self.page_ends, end)
        return first + 1 if first == last < len(self.page_ends) else None


def document(
    doc_id: str, year: int, title: str, text: str, page_ends: tuple[int, ...], chunks: Sequence[Chunk], *values: str
) -> Document:
    """A document as it is kept: with the persons that its text states, or the `values` that were read from it."""
    persons = data_subjects_in("\n".join((text, *values)))
    digest = sha256_hex(text)
    return Document(SourceDocument(doc_id, year, title, digest, digest, persons), text, page_ends, tuple(chunks))


def retrieved(
    chunk: Chunk,
    scope: RetrievalScope,
    cosine: float,
    title: str,
    score: float | None = None,
    bm25: float | None = None,
) -> Retrieved:
    """A chunk as a search gives it that ranked it by `score`; without that as a reading of its document gives it."""
    method = RetrievalMethod(
        embedder=_INDEX,
        embedder_digest=_DIGEST,
        index_version=_INDEX,
        mode="dense" if score is None else "hybrid",
        scope=scope,
        opt_in_years=scope.opt_in_years,
    )
    hit = Hit(
        rank=1,
        chunk_id=chunk.chunk_id,
        doc_id=chunk.doc_id,
        doc_title=title,
        page=chunk.page,
        char_range=(chunk.char_start, chunk.char_end),
        embedding_score=cosine,
        lexical_score=bm25,
        score=cosine if score is None else score,
        method=method,
    )
    return Retrieved(hit, chunk.text)


@dataclass(frozen=True)
class InMemoryWorld:
    """The World of decisions under one workload. `parsed` is what deterministic reading made of the document that the work is
    about. The documents come from no source: a policy that restricts those leaves them all in.
    """

    workload: Workload
    documents: Mapping[str, Document]
    search: Search
    engine: PolicyEngine
    models: Models
    parsed: Parsed | None = None

    def policy(self, asked: PolicyInput) -> PolicyDecision:
        """The engine's decision."""
        return self.engine.evaluate(asked)

    def retrieve(
        self, item: WorkItem, question: str, scope: RetrievalScope, sources: tuple[str, ...] | None
    ) -> Evidence:
        """The document that the work is about, whole, and what is found within the workload's context."""
        hits = ranked(self._hits(item, question, scope), item.document_id)
        found = dict.fromkeys(r.hit.doc_id for r in hits)
        return Evidence(tuple(hits), tuple(self.documents[doc_id].pinned for doc_id in found), _INDEX, "", self.parsed)

    def ask(self, request: ModelRequest, egress: Egress) -> Completion:
        """The first of the models that answers. Raises DependencyUnavailable where none does."""
        return self.models.ask(
            request, egress.models, allowed_regions=egress.regions, provider_constraints=egress.providers
        )

    def source(self, doc_id: str, start: int, end: int) -> str:
        """Characters of a document."""
        return self.documents[doc_id].text[start:end]

    def page_of(self, doc_id: str, start: int, end: int) -> int | None:
        """The page that characters of a document stand on."""
        return self.documents[doc_id].page_of(start, end)

    def _hits(self, item: WorkItem, question: str, scope: RetrievalScope) -> list[Retrieved]:
        if item.document_id is None:
            return list(self.search(question, scope, self.workload.top_k))
        about = self.documents[item.document_id]
        if not about.chunks:
            return []
        categories = self.workload.context_categories
        scopes = [scope.model_copy(update={"filer_category": category}) for category in categories]
        return [
            *(retrieved(chunk, scope, 0.0, about.pinned.title) for chunk in about.chunks),
            *(one for inside in scopes for one in self.search(question, inside, self.workload.top_k)),
        ]


def circumstances(workload: Workload, engine: PolicyEngine, models: Models, call: CallParameters) -> Circumstances:
    """Those of a deployment that lets nothing leave. The same every time: salt, key and moment are constants."""
    return Circumstances(
        organization_id="00000000-0000-4000-8000-000000000001",
        workload=workload,
        egress_profile=profile_named("tenancy", engine.bundle.documents.get(DOCUMENT)),
        release=_NO_RELEASE,
        index_version=_INDEX,
        call=call,
        regions={**models.regions, **models.regions_of(call.model_chain)},
        pseudonym_key_id="k1",
        pseudonym_key=_KEY,
        now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        salt=b"salt" * 4,
    )


def shipped_policy() -> RegoEngine:
    """The shipped policy, in process, enforced."""
    return RegoEngine(PolicyBundle.read(POLICIES))

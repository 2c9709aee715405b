from dataclasses import replace

import pytest

from compliance_assets.chunks.chunker import DocumentText, chunker_for
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.governance.policy import CallParameters
from compliance_assets.model_decisions.decide import decide
from compliance_assets.model_decisions.extractive import ExtractiveModel
from compliance_assets.model_decisions.work import WorkItem
from compliance_assets.model_decisions.workloads import workload_named
from compliance_assets.year_index.retrieved import Retrieved
from evals.in_memory_world import Document, InMemoryWorld, circumstances, document, retrieved, shipped_policy
from resources.embedder import HashEmbedder
from resources.providers import Models

CHUNKER = chunker_for(HashEmbedder())
MODELS = Models(local=(ExtractiveModel(),))
QUESTION = "Who holds the assets of Northwind?"


def paged(*pages: str) -> Document:
    text = "".join(pages)
    ends = tuple(len("".join(pages[: place + 1])) for place in range(len(pages)))
    return document("d1", 2022, "Report", text, ends, CHUNKER.chunk(DocumentText("d1", 2022, "funds", text, ends)))


DOCUMENT = paged("Northwind was founded in 1999.\n", "The assets of Northwind are held by Harbour Bank.\n")


def world(**changed: object) -> InMemoryWorld:
    def everything(question: str, scope: RetrievalScope, top_k: int) -> list[Retrieved]:
        return [retrieved(chunk, scope, 0.9, "Report") for chunk in DOCUMENT.chunks][:top_k]

    made = InMemoryWorld(workload_named("ddq.draft_response"), {"d1": DOCUMENT}, everything, shipped_policy(), MODELS)
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_question_is_decided_over_what_is_found() -> None:
    asked = world()
    at = circumstances(asked.workload, asked.engine, MODELS, CallParameters((ExtractiveModel.model,)))
    made = decide(WorkItem("ddq.draft_response", 2022, QUESTION), at, asked)

    assert made.governance.policy.allow
    assert made.governance.policy.policy_hash == asked.engine.bundle_hash
    (citation, *_) = made.envelope.citations
    assert (citation.doc_id, citation.page) == ("d1", 2)
    assert DOCUMENT.text[slice(*citation.char_range)] == citation.quote


def test_the_document_that_the_work_is_about_stands_whole_before_what_is_found() -> None:
    rules = replace(paged("Article 1.\n"), pinned=replace(DOCUMENT.pinned, doc_id="law"))

    def law(question: str, scope: RetrievalScope, top_k: int) -> list[Retrieved]:
        assert scope.filer_category == "legislacao"
        hit = retrieved(rules.chunks[0], scope, 0.9, "Law")
        return [Retrieved(hit.hit.model_copy(update={"doc_id": "law"}), hit.text)]

    about = world(workload=workload_named("irpf.triage"), documents={"d1": DOCUMENT, "law": rules}, search=law)
    item = WorkItem("irpf.triage", 2022, QUESTION, document_id="d1")

    found = about.retrieve(item, QUESTION, item.scope, None)
    assert [hit.hit.doc_id for hit in found.hits] == ["d1"] * len(DOCUMENT.chunks) + ["law"]
    assert [one.doc_id for one in found.documents] == ["d1", "law"]

    empty = replace(about, documents={"d1": paged()})
    assert empty.retrieve(item, QUESTION, item.scope, None).hits == ()


@pytest.mark.parametrize(("span", "page"), [((0, 30), 1), ((31, 40), 2), ((25, 40), None), ((500, 510), None)])
def test_a_span_stands_on_one_page_or_on_none(span: tuple[int, int], page: int | None) -> None:
    assert DOCUMENT.page_of(*span) == page


def test_every_chunk_stands_on_its_page() -> None:
    assert {chunk.page for chunk in DOCUMENT.chunks} == {1, 2}
    assert all(DOCUMENT.page_of(c.char_start, c.char_end) == c.page for c in DOCUMENT.chunks)


def test_a_document_states_the_persons_of_its_text_and_of_what_was_read_from_it() -> None:
    stated = document("d", 2022, "t", "CPF 529.982.247-25", (18,), (), "111.444.777-35")

    assert stated.pinned.data_subjects == ("cpf:11144477735", "cpf:52998224725")

from dataclasses import replace
from random import Random

import pytest

from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.model_decisions.answer import AnswerCitation
from evals.citation_attacks import KINDS, Attack, Material, attacks, is_bad, quotable
from evals.citation_material import SHARED, Document, annotated, answers_not_verbatim, filings, missing_folders
from evals.eval_citations import MARKED, ONE_PLACE, _upstream, measured, tables
from resources.embedder import HashEmbedder

CHUNKER = chunker_for(HashEmbedder())


@pytest.fixture(scope="module")
def own() -> list[Document]:
    return list(filings(CHUNKER, "calibration", 12))


@pytest.fixture(scope="module")
def material(own: list[Document]) -> Material:
    return Material(own, [one for document in own for one in quotable(document)], Random(1))


@pytest.mark.parametrize("kind", KINDS)
def test_every_attack_is_bad_and_a_true_quote_in_its_place_is_not(kind: str, material: Material) -> None:
    made, _ = attacks(kind, material, 10)

    assert len(made) == 10
    assert all(attack.kind == kind and is_bad(attack) for attack in made)
    document, hit, marked = material.draw()
    cited = AnswerCitation(chunk_id=hit.hit.chunk_id, quote=document.text[marked.start : marked.end])
    assert not is_bad(Attack(kind, "", "", cited, (hit,), document.year, {document.doc_id: document}))


def test_what_is_bad_is_told_from_the_document(material: Material) -> None:
    document, hit, marked = material.draw()
    cited = AnswerCitation(chunk_id=hit.hit.chunk_id, quote=document.text[marked.start : marked.end])
    true = Attack("", "", "", cited, (hit,), document.year, {document.doc_id: document})
    first, last = hit.hit.char_range

    def with_hit(**fields: object) -> Attack:
        return replace(true, hits=(replace(hit, hit=hit.hit.model_copy(update=fields)),))

    assert is_bad(replace(true, year=document.year + 1))
    assert is_bad(with_hit(page=hit.hit.page + 1))
    assert is_bad(with_hit(char_range=(first + 1, last + 1)))
    assert is_bad(with_hit(chunk_id="ck_other"))


def test_the_same_seed_gives_the_same_report_without_a_bad_one_let_through(own: list[Document]) -> None:
    report = measured(own, [], 4, Random(1))

    assert [(row["kind"], row["injected"], row["accepted"]) for row in report["injected"]] == [(k, 4, 0) for k in KINDS]
    by_how = {row["how"]: row for row in report["true"]}
    assert by_how[ONE_PLACE]["quotes"] == by_how[MARKED]["quotes"] > 200
    assert by_how[ONE_PLACE]["refused"] == by_how[ONE_PLACE]["misplaced"] == 0
    (values,) = report["values"]
    assert values["true"] > 200
    assert values["true_refused"] == values["wrong_accepted"] == 0
    assert measured(own, [], 4, Random(1))["injected"] == report["injected"]
    assert "Bad citations" in tables(report)


def test_a_value_that_marks_no_place_of_its_own_is_refused_and_shown(own: list[Document]) -> None:
    report = measured(own, [], 2, Random(1))
    marked = next(row for row in report["true"] if row["how"] == MARKED)

    assert marked["refused"] == marked["ambiguous"] == marked["codes"]["quote_ambiguous"] > 0
    assert marked["first_refused"][0]["reason"] == "quote_ambiguous"


@pytest.mark.skipif(bool(missing_folders()), reason=f"the annotated documents are not at {SHARED}")
def test_what_its_source_misplaces_is_no_citation_there_and_one_where_it_stands() -> None:
    documents = [document for document in annotated(CHUNKER) if document.misplaced]

    found = _upstream(documents)

    assert found["positions"] == 30
    assert found["positions_accepted"] == found["quotes_misplaced"] == found["not_verbatim_accepted"] == 0
    assert found["quotes_placed"] >= 29
    assert found["not_verbatim"] == len(list(answers_not_verbatim())) == 11

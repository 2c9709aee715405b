from collections.abc import Sequence

import pytest

from compliance_assets.model_decisions.answer import AnswerCitation, AnswerSegment, ModelAnswer
from compliance_assets.model_decisions.citations import resolve
from tests.model_decisions.builders import PREFIX, passages, source_of

RETRIEVED = passages(
    "The assets are held by Harbour Bank 𝕏 in “segregated” accounts.",
    "The fund keeps a reserve. The fund keeps a reserve.",
)
FIRST, SECOND = (r.hit.chunk_id for r in RETRIEVED)


def answer(*citations: tuple[str, str], segments: Sequence[tuple[str, ...]] | None = None) -> ModelAnswer:
    cited = [(chunk_id,) for chunk_id, _ in citations] if segments is None else segments
    return ModelAnswer(
        decision="answered",
        confidence=1.0,
        segments=tuple(AnswerSegment(text="x", cited_chunk_ids=ids) for ids in cited),
        citations=tuple(AnswerCitation(chunk_id=chunk_id, quote=quote) for chunk_id, quote in citations),
    )


def problems(given: ModelAnswer) -> tuple[str, ...]:
    return resolve(given, RETRIEVED, source_of(RETRIEVED)).problems


@pytest.mark.parametrize(
    "quote",
    [
        "held by Harbour Bank",
        "𝕏",
        "𝕏 in “segregated” accounts.",
        "T",
        "The assets are held by Harbour Bank 𝕏 in “segregated” accounts.",
    ],
)
def test_a_verbatim_quote_becomes_the_span_where_it_stands(quote: str) -> None:
    source = source_of(RETRIEVED)
    resolved = resolve(answer((FIRST, quote)), RETRIEVED, source)

    assert resolved.problems == ()
    assert resolved.chunk_ids == (FIRST,)
    (citation,) = resolved.citations
    assert (citation.doc_id, citation.page, citation.quote) == ("doc_1", 1, quote)
    assert source("doc_1", *citation.char_range) == quote
    assert citation.char_range[0] == len(PREFIX) + RETRIEVED[0].text.index(quote)


def test_a_quote_that_stands_twice_is_cited_where_it_stands_first() -> None:
    (citation,) = resolve(answer((SECOND, "keeps")), RETRIEVED, source_of(RETRIEVED)).citations

    assert citation.char_range == (len(PREFIX) + 9, len(PREFIX) + 14)


def test_citations_keep_the_order_of_the_answer() -> None:
    resolved = resolve(answer((SECOND, "reserve"), (FIRST, "Harbour")), RETRIEVED, source_of(RETRIEVED))

    assert resolved.chunk_ids == (SECOND, FIRST)
    assert [citation.doc_id for citation in resolved.citations] == ["doc_2", "doc_1"]


@pytest.mark.parametrize(
    "quote",
    [
        "held by Meadow Bank",
        "Assets are held by Harbour Bank",
        "held  by Harbour Bank",
        'in "segregated" accounts',
        "The fund keeps a reserve.",
        "segregated accounts",
        "accounts. And after it.",
        "other text. The assets",
    ],
    ids=[
        "made up",
        "other case",
        "other spacing",
        "other quotation marks",
        "from another passage",
        "words left out",
        "beyond the end",
        "before the start",
    ],
)
def test_a_quote_that_is_not_verbatim_in_its_passage_is_a_problem(quote: str) -> None:
    assert problems(answer((FIRST, quote))) == (f"citation 1: the quote does not stand in {FIRST}",)


@pytest.mark.parametrize("quote", [" ", "\n", "\u00a0"])
def test_white_space_is_no_quote(quote: str) -> None:
    assert problems(answer((FIRST, quote))) == (f"citation 1: the quote from {FIRST} is white space",)


def test_a_passage_that_was_not_retrieved_is_a_problem() -> None:
    assert problems(answer(("ck_made_up", "held"))) == ("citation 1: ck_made_up was not retrieved",)


def test_a_segment_that_rests_on_a_passage_without_a_quote_is_a_problem() -> None:
    given = answer((FIRST, "Harbour Bank"), segments=[(FIRST,), (FIRST, SECOND)])

    assert problems(given) == (f"segment 2: rests on chunks that are not quoted: {SECOND}",)


def test_an_answer_without_a_segment_is_a_problem() -> None:
    assert problems(answer(segments=[])) == ("answered without a segment",)


def test_a_document_that_changed_since_is_a_problem() -> None:
    resolved = resolve(answer((FIRST, "Harbour")), RETRIEVED, lambda doc_id, start, end: "Meadows")

    assert resolved.citations == ()
    assert "the document has other characters" in resolved.problems[0]


def test_every_problem_is_named_and_the_sound_citations_stay() -> None:
    resolved = resolve(
        answer((FIRST, "Harbour Bank"), (FIRST, "no"), ("ck_x", "held")), RETRIEVED, source_of(RETRIEVED)
    )

    assert [citation.quote for citation in resolved.citations] == ["Harbour Bank"]
    assert [problem.split(":")[0] for problem in resolved.problems] == ["citation 2", "citation 3"]

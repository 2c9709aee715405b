from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.model_decisions.answer import (
    AnswerAnomaly,
    AnswerCitation,
    AnswerField,
    AnswerSegment,
    ModelAnswer,
)
from compliance_assets.model_decisions.citations import Resolved, resolve
from compliance_assets.year_index.retrieved import Retrieved
from tests.model_decisions.builders import METHOD, PREFIX, passages, source_of

YEARS = (2021,)
RETRIEVED = passages(
    "The assets are held by Harbour Bank 𝕏 in “segregated” accounts.",
    "The fund keeps a reserve. The fund keeps a reserve.",
)
FIRST, SECOND = (r.hit.chunk_id for r in RETRIEVED)


def answer(
    *citations: tuple[str, str],
    segments: Sequence[tuple[str, ...]] | None = None,
    fields: Sequence[tuple[str, str, int]] = (),
    anomalies: Sequence[tuple[int, ...]] = (),
    decision: str = "answered",
) -> ModelAnswer:
    cited = [(chunk_id,) for chunk_id, _ in citations] if segments is None else segments
    return ModelAnswer(
        decision=decision,
        confidence=1.0,
        segments=tuple(AnswerSegment(text="x", cited_chunk_ids=ids) for ids in cited),
        citations=tuple(AnswerCitation(chunk_id=chunk_id, quote=quote) for chunk_id, quote in citations),
        fields=tuple(AnswerField(name=name, value=value, citation=place) for name, value, place in fields),
        anomalies=tuple(AnswerAnomaly(kind="k", explanation="x", citations=places) for places in anomalies),
    )


def resolved(given: ModelAnswer, retrieved: Sequence[Retrieved] = RETRIEVED, **more: object) -> Resolved:
    return resolve(given, retrieved, source_of(retrieved), YEARS, **more)  # type: ignore[arg-type]


def codes(given: ModelAnswer, retrieved: Sequence[Retrieved] = RETRIEVED, **more: object) -> list[str]:
    return [problem.partition(": ")[0] for problem in resolved(given, retrieved, **more).problems]


def changed(retrieved: Retrieved, **fields: object) -> Retrieved:
    return replace(retrieved, hit=retrieved.hit.model_copy(update=fields))


@pytest.mark.parametrize(
    "quote",
    [
        "held by Harbour Bank",
        "𝕏",
        "𝕏 in “segregated” accounts.",
        "The",
        "The assets are held by Harbour Bank 𝕏 in “segregated” accounts.",
    ],
)
def test_a_verbatim_quote_becomes_the_span_where_it_stands(quote: str) -> None:
    found = resolved(answer((FIRST, quote)))

    assert found.problems == ()
    assert found.chunk_ids == (FIRST,)
    (citation,) = found.citations
    assert (citation.doc_id, citation.page, citation.quote) == ("doc_1", 1, quote)
    assert source_of(RETRIEVED)("doc_1", *citation.char_range) == quote
    assert citation.char_range[0] == len(PREFIX) + RETRIEVED[0].text.index(quote)


def test_citations_keep_the_order_of_the_answer() -> None:
    found = resolved(answer((SECOND, "keeps a reserve"), (FIRST, "Harbour")))

    assert found.chunk_ids == (SECOND, FIRST)
    assert [citation.doc_id for citation in found.citations] == ["doc_2", "doc_1"]


@pytest.mark.parametrize(
    "quote",
    [
        "held by Meadow Bank",
        "Assets are held by Harbour Bank",
        "heldby Harbour Bank",
        "he ld by Harbour Bank",
        'in "segregated" accounts',
        "The fund keeps a reserve.",
        "segregated accounts",
        "held … Bank",
        "accounts. And after it.",
        "other text. The assets",
        "h\u0435ld by Harbour Bank",
        "held by Harbour\u200b Bank",
    ],
    ids=[
        "made up",
        "other case",
        "white space left out",
        "white space put in",
        "other quotation marks",
        "from another passage",
        "marks left out",
        "the middle left out",
        "beyond the end",
        "before the start",
        "a letter of another alphabet",
        "something invisible",
    ],
)
def test_a_quote_that_is_not_verbatim_in_its_passage_is_a_problem(quote: str) -> None:
    assert resolved(answer((FIRST, quote))).problems == (
        f"quote_not_verbatim: citations[0]: the quote does not stand in {FIRST}, character by character",
    )


def test_a_passage_that_was_not_retrieved_is_a_problem_and_its_name_is_not_repeated() -> None:
    assert resolved(answer(("ck_made_up", "held"))).problems == (
        "chunk_not_retrieved: citations[0] names a chunk_id that no passage has",
    )


def test_every_problem_is_named_and_the_sound_citations_stay() -> None:
    found = resolved(answer((FIRST, "Harbour Bank"), (FIRST, "no"), ("ck_x", "held")))

    assert [citation.quote for citation in found.citations] == ["Harbour Bank"]
    assert [problem.split(":")[0] for problem in found.problems] == ["quote_not_verbatim", "chunk_not_retrieved"]


# ── year, page, document ─────────────────────────────────────────────────────────────────────────────────────────────

HELD = answer((FIRST, "held by Harbour Bank"))


def test_a_passage_found_in_another_year_is_refused_although_it_is_in_the_list() -> None:
    scope = RetrievalScope(year=2020)
    stray = changed(RETRIEVED[0], method=METHOD.model_copy(update={"scope": scope}))

    assert codes(HELD, [stray]) == ["wrong_year"]
    assert resolve(HELD, [stray], source_of(RETRIEVED), (2021, 2020)).problems == ()


@pytest.mark.parametrize("year", [2020, None])
def test_a_passage_of_a_document_of_another_year_is_refused_whatever_its_hit_says(year: int | None) -> None:
    assert codes(HELD, document_years={"doc_1": year}) == ["wrong_year"]
    assert codes(HELD, document_years={}) == ["wrong_year"]
    assert codes(HELD, document_years={"doc_1": 2021}) == []


def test_a_search_that_looked_into_a_year_that_is_not_open_is_refused() -> None:
    scope = RetrievalScope(year=2021, opt_in_years=(2020,))
    wide = changed(RETRIEVED[0], method=METHOD.model_copy(update={"scope": scope}))

    assert codes(HELD, [wide], document_years={"doc_1": 2021}) == ["wrong_year"]


@pytest.mark.parametrize("page", [2, None])
def test_a_page_that_the_document_does_not_confirm_is_refused(page: int | None) -> None:
    assert codes(HELD, page_of=lambda doc_id, start, end: page) == ["wrong_page"]
    assert codes(HELD, page_of=lambda doc_id, start, end: 1) == []


@pytest.mark.parametrize(
    ("first_page", "second_page", "second_range", "expected"),
    [
        (1, 1, (60, 80), []),
        (1, 2, (200, 220), []),
        (2, 1, (200, 220), ["wrong_page"]),
        (1, 2, (60, 80), ["wrong_page"]),
        (2, 1, (0, 20), []),
        (1, 2, (0, 20), ["wrong_page"]),
    ],
)
def test_pages_follow_each_other_as_the_passages_of_a_document_do(
    first_page: int, second_page: int, second_range: tuple[int, int], expected: list[str]
) -> None:
    first = changed(RETRIEVED[0], page=first_page)
    second = changed(RETRIEVED[1], doc_id="doc_1", page=second_page, char_range=second_range)

    found = resolve(HELD, [first, second], source_of(RETRIEVED), YEARS)

    assert [problem.partition(": ")[0] for problem in found.problems] == expected


@pytest.mark.parametrize("by", [-1, 1, 20])
def test_a_passage_that_does_not_stand_where_its_hit_says_is_refused(by: int) -> None:
    first, last = RETRIEVED[0].hit.char_range

    assert codes(HELD, [changed(RETRIEVED[0], char_range=(first + by, last + by))]) == ["document_differs"]
    assert codes(HELD, [changed(RETRIEVED[0], char_range=(first, last + by))]) == ["document_differs"]


def test_a_document_that_changed_since_is_a_problem() -> None:
    found = resolve(HELD, RETRIEVED, lambda doc_id, start, end: "Meadows", YEARS)

    assert found.citations == ()
    assert found.problems[0].startswith("document_differs: ")


# ── what rests on citations ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_segment_that_rests_on_a_passage_without_a_quote_is_a_problem() -> None:
    given = answer((FIRST, "Harbour Bank"), segments=[(FIRST,), (FIRST, SECOND)])

    assert resolved(given).problems == ("chunk_not_quoted: segments[1] rests on a passage that is not quoted",)


def test_a_field_is_stated_by_its_quote() -> None:
    assert codes(answer((FIRST, "by Harbour Bank"), fields=[("custodian", "Harbour Bank", 0)])) == []
    assert codes(answer((FIRST, "by Harbour"), fields=[("custodian", "Harbour Bank", 0)])) == ["value_not_in_quote"]


def test_a_section_that_was_written_need_not_stand_in_its_quote() -> None:
    given = answer((FIRST, "by Harbour"), fields=[("recommendation", "Stay with the bank.", 0)])

    assert codes(given, values_in_quotes=False) == []


def test_fields_and_anomalies_name_citations_that_are_there() -> None:
    given = answer((FIRST, "Harbour Bank"), fields=[("custodian", "Harbour Bank", 1)], anomalies=[(0, 7)])

    assert resolved(given).problems == (
        "no_such_citation: fields[0] names citation 1 of 1, counted from 0",
        "no_such_citation: anomalies[0] names citation 7 of 1, counted from 0",
    )


def test_what_decides_says_something_and_quotes_it() -> None:
    nothing = answer(segments=[])

    assert codes(nothing) == ["says_nothing", "no_citation"]
    assert codes(nothing, require_citations=False) == ["says_nothing"]
    assert codes(answer((FIRST, "Harbour Bank"), segments=[], fields=[("custodian", "Harbour", 0)])) == []
    assert codes(answer(segments=[], decision="insufficient_evidence")) == []


# ── always ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(alphabet="ab é7.,-\n\u00a0\u0301中Ж", min_size=1, max_size=40)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, TEXTS)
def test_whatever_is_accepted_stands_in_the_document_and_holds_the_quote(text: str, quote: str) -> None:
    retrieved = passages(text)
    source: Callable[[str, int, int], str] = source_of(retrieved)

    for citation in resolve(answer((FIRST, quote)), retrieved, source, YEARS).citations:
        assert source("doc_1", *citation.char_range) == citation.quote
        assert citation.quote in text
        assert squeezed(quote) in squeezed(citation.quote)


@given(
    st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "10,00"]), min_size=3, max_size=8, unique=True),
    st.data(),
)
def test_every_run_of_whole_words_is_accepted_however_its_spaces_are_written(
    words: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first + 1, len(words)))
    spaces = st.sampled_from([" ", "\n", "  ", "\u00a0"])
    text = "".join(word + data.draw(spaces) for word in words)
    quote = "".join(word + data.draw(spaces) for word in words[first:last])

    (citation,) = resolved(answer((FIRST, quote)), passages(text)).citations

    assert citation.quote.split() == words[first:last]

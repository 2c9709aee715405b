import itertools
from collections.abc import Sequence

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index import store
from compliance_assets.year_index.exact import half, similarity
from compliance_assets.year_index.pgvector_store import leaf_of
from compliance_assets.year_index.question import searched_as
from compliance_assets.year_index.ranking import DEPTH, NEIGHBOURHOOD
from compliance_assets.year_index.retrieved import Retrieved
from compliance_assets.year_index.search import RERANKED, ask, read_document, refuse_out_of_scope, search
from resources.embedder import HashEmbedder
from resources.postgres import enter_organization
from tests.small_corpus import SmallCorpus
from tests.year_index.conftest import WORDS

YEARS = st.integers(2018, 2024)
QUESTION = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)
RESERVE = "The fund keeps a reserve."


class OtherEmbedder(HashEmbedder):
    """Another model of the same dimension."""

    name = "other"
    digest = "f" * 64


class Prefers:
    """A reranker that puts the passages with a word first. `read` is what it was given."""

    name = "prefers@0123456789ab"

    def __init__(self, word: str) -> None:
        self.word = word
        self.read: list[str] = []

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        self.read += passages
        return [float(self.word in passage) for passage in passages]


def doc_ids(hits: Sequence[Retrieved]) -> list[str]:
    return [one.hit.doc_id for one in hits]


def places(corpus: SmallCorpus, hits: list[Retrieved]) -> set[tuple[int, str | None]]:
    """(year, category) of the documents behind hits, as normalisation found them."""
    with corpus.deployment.postgres.connect() as conn:
        return set(store.years_of_documents(conn, doc_ids(hits)).values())


# ── scope ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_search_stays_in_its_year(indexed: SmallCorpus) -> None:
    hits = indexed.find("custody and collateral", RetrievalScope(year=2022))

    assert len(hits) == 8
    assert {year for year, _ in places(indexed, hits)} == {2022}


def test_a_search_stays_in_its_category(indexed: SmallCorpus) -> None:
    hits = indexed.find("custody of Southwind", RetrievalScope(year=2022, filer_category="Northwind"))

    assert len(hits) == 8
    assert places(indexed, hits) == {(2022, "Northwind")}


def test_a_category_with_fewer_rows_than_asked_for_gives_all_of_them(indexed: SmallCorpus) -> None:
    hits = indexed.find("custody", RetrievalScope(year=2023, filer_category="Southwind"))

    assert len(hits) == 3
    assert places(indexed, hits) == {(2023, "Southwind")}


@pytest.mark.parametrize("category", ["Nobody", "", "' OR true --"])
def test_a_category_that_is_not_there_gives_nothing(indexed: SmallCorpus, category: str) -> None:
    assert indexed.find("custody", RetrievalScope(year=2023, filer_category=category)) == []


def test_a_year_that_was_opted_into_is_searched_and_recorded(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021, opt_in_years=(2023,))
    hits = indexed.find("custody and collateral", scope, top_k=30)

    assert {year for year, _ in places(indexed, hits)} == {2021, 2023}
    assert {r.hit.method.opt_in_years for r in hits} == {(2023,)}
    assert {r.hit.method.scope for r in hits} == {scope}
    assert len({r.hit.method.index_version for r in hits}) == 2


def test_the_category_holds_in_a_year_that_was_opted_into(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021, filer_category="Southwind", opt_in_years=(2022, 2021, 2020))
    hits = indexed.find("custody", scope)

    assert len(hits) == 6
    assert places(indexed, hits) == {(2021, "Southwind"), (2022, "Southwind")}


def test_of_equal_passages_the_one_of_the_year_that_was_asked_for_comes_first(corpus: SmallCorpus) -> None:
    ids = {year: corpus.add(year, RESERVE, title="Fund") for year in (2021, 2022, 2023)}
    for year in ids:
        corpus.build(year)

    for year in ids:
        others = tuple(set(ids) - {year})
        assert doc_ids(corpus.find("reserve", RetrievalScope(year=year, opt_in_years=others)))[0] == ids[year]


@settings(max_examples=60, deadline=None)
@given(question=QUESTION, year=YEARS, opted=st.lists(YEARS, max_size=3), category=st.sampled_from([None, "Southwind"]))
def test_no_search_ever_leaves_its_scope(
    indexed: SmallCorpus, question: str, year: int, opted: list[int], category: str | None
) -> None:
    scope = RetrievalScope(year=year, filer_category=category, opt_in_years=tuple(opted))
    hits = indexed.find(question, scope)
    allowed = {(y, c) for y in (year, *opted) for c in ([category] if category else ["Northwind", "Southwind"])}

    assert places(indexed, hits) <= allowed
    indexed_years = {year, *opted} & {2021, 2022, 2023}
    assert len(hits) == min(8, len(indexed_years) * (3 if category else 17))


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("What did Northwind hold in custody in FY2022?", RetrievalScope(year=2022, filer_category="Northwind")),
        ("Which covenant of Southwind was breached?",
         RetrievalScope(year=2023, filer_category="Southwind", opt_in_years=(2022, 2021))),
        ("What was the reserve in 2021?", RetrievalScope(year=2021)),
    ],
)  # fmt: skip
def test_a_question_without_a_scope_is_searched_in_the_one_that_it_names(
    indexed: SmallCorpus, question: str, named: RetrievalScope
) -> None:
    hits = indexed.find(question)

    assert {(r.hit.method.scope, r.hit.method.scope_from) for r in hits} == {(named, "question")}
    categories = [named.filer_category] if named.filer_category else ["Northwind", "Southwind"]
    assert places(indexed, hits) <= {(year, category) for year in named.years for category in categories}


def test_a_question_without_a_scope_is_refused_where_there_is_nothing(corpus: SmallCorpus) -> None:
    with pytest.raises(InvalidInput, match="nothing to search"):
        corpus.find("What was the reserve in 2021?")


def test_a_year_without_an_index_gives_nothing(indexed: SmallCorpus) -> None:
    assert indexed.find("custody", RetrievalScope(year=2018)) == []


def test_a_year_beyond_those_served_gives_nothing(indexed: SmallCorpus) -> None:
    assert indexed.find("custody", RetrievalScope(year=1066)) == []


@pytest.mark.parametrize("opted", [(), (2020,)])
def test_a_row_of_a_year_that_was_not_asked_for_stops_the_answer(opted: tuple[int, ...]) -> None:
    scope = RetrievalScope(year=2021, opt_in_years=opted)

    refuse_out_of_scope([2021], scope)
    with pytest.raises(IntegrityError, match="2022"):
        refuse_out_of_scope([2021, 2022], scope)


# ── order, and how each was found ────────────────────────────────────────────────────────────────────────────────────


def test_hits_come_best_first_and_each_says_how_it_was_found(indexed: SmallCorpus) -> None:
    hits = [r.hit for r in indexed.find("custody collateral", RetrievalScope(year=2021))]
    embedder = indexed.deployment.embedder

    assert [hit.rank for hit in hits] == list(range(1, 9))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hits[0].lexical_score is not None
    assert {(h.method.embedder, h.method.embedder_digest, h.method.mode) for h in hits} == {
        (embedder.name, embedder.digest, "hybrid")
    }
    assert {(h.method.reranker, h.method.scope_from) for h in hits} == {(None, "caller")}


def test_a_recorded_similarity_is_the_one_of_text_and_header_together(indexed: SmallCorpus) -> None:
    scope, embedder = RetrievalScope(year=2021, filer_category="Northwind"), indexed.deployment.embedder
    (first, *_) = indexed.find("custody collateral", scope)
    with indexed.deployment.postgres.connect() as conn:
        row = conn.execute("SELECT header FROM compliance.chunks WHERE chunk_id = %s", [first.hit.chunk_id]).fetchone()
    assert row is not None
    text, header = half(embedder.encode([first.text, row[0]]))
    (asked,) = half(embedder.encode(searched_as("custody collateral", scope)))

    assert first.hit.embedding_score == similarity(asked, text + header)


def test_what_only_a_header_says_is_found(corpus: SmallCorpus) -> None:
    corpus.add(2021, RESERVE, title="Liquidity policy")
    wanted = corpus.add(2021, RESERVE, title="Custody agreement")
    corpus.build(2021)
    hits = corpus.find("custody agreement", RetrievalScope(year=2021))

    assert hits[0].hit.doc_id == wanted
    assert hits[0].text == RESERVE


def test_what_is_near_in_words_alone_is_found_and_what_is_near_in_meaning_alone_too(corpus: SmallCorpus) -> None:
    for number in range(4):
        corpus.add(2021, f"Paragraph {number} speaks of something else.", title="Other")
    named = corpus.add(2021, "Clause ZX-81/b applies.", title="Fund")
    corpus.build(2021)
    hits = corpus.find("ZX-81/b", RetrievalScope(year=2021))

    assert hits[0].hit.doc_id == named
    assert hits[0].hit.lexical_score is not None
    assert len(hits) == 5
    assert [r.hit.lexical_score for r in hits[1:]] == [None] * 4


def test_both_parts_of_a_question_are_answered_before_what_answers_none(corpus: SmallCorpus) -> None:
    for number in range(20):
        corpus.add(2021, f"Agenda {number}: attendance, adjournment.", title="Minutes", embed=False)
    corpus.embed(2021)
    wanted = {
        corpus.add(2021, "The custodian is Harbour Bank.", title="Custody"),
        corpus.add(2021, "A reserve of ten percent is kept.", title="Reserve"),
    }
    corpus.build(2021)
    hits = corpus.find("Who is the custodian? Which reserve is kept?", RetrievalScope(year=2021), top_k=2)

    assert set(doc_ids(hits)) == wanted


def test_fewer_hits_are_the_first_of_more(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021)
    eight, three = indexed.find("custody", scope), indexed.find("custody", scope, top_k=3)

    assert three == eight[:3]


def test_a_hits_text_is_the_span_that_it_names(indexed: SmallCorpus) -> None:
    hits = indexed.find("custody", RetrievalScope(year=2021))
    with indexed.deployment.postgres.connect() as conn:
        for retrieved in hits:
            start, end = retrieved.hit.char_range
            row = conn.execute(
                "SELECT raw_text FROM compliance.documents WHERE filing_id = %s", [retrieved.hit.doc_id]
            ).fetchone()
            assert row is not None
            assert row[0][start:end] == retrieved.text


def test_twins_come_in_the_order_of_their_ids_every_time(corpus: SmallCorpus) -> None:
    for category in "ABCDE":
        corpus.add(2021, RESERVE, category, title="Fund")
    corpus.build(2021)
    first = [r.hit.chunk_id for r in corpus.find("reserve", RetrievalScope(year=2021))]
    corpus.build(2021, rebuild=True)
    second = [r.hit.chunk_id for r in corpus.find("reserve", RetrievalScope(year=2021))]

    assert first == second == sorted(first)
    assert len(first) == 5


def test_windows_beside_a_better_one_of_the_same_page_are_left_out(corpus: SmallCorpus) -> None:
    long = corpus.add(2021, " ".join(f"Sentence {number} is about custody and its fees." for number in range(400)))
    short = corpus.add(2021, "The weather was fine.")
    corpus.build(2021)
    hits = corpus.find("custody", RetrievalScope(year=2021), top_k=100)
    with corpus.deployment.postgres.connect() as conn:
        ordinals = dict(conn.execute("SELECT chunk_id, ordinal FROM compliance.chunks").fetchall())
    found = sorted(ordinals[r.hit.chunk_id] for r in hits if r.hit.doc_id == long)

    assert len(found) >= 3
    assert all(after - before > NEIGHBOURHOOD for before, after in itertools.pairwise(found))
    assert short in doc_ids(hits)


def test_a_question_without_a_word_is_searched_like_any_other(indexed: SmallCorpus) -> None:
    hits = indexed.find("?!", RetrievalScope(year=2021))

    assert len(hits) == 8
    assert all(np.isfinite(r.hit.score) for r in hits)


def test_a_reranker_decides_the_order_and_is_named(indexed: SmallCorpus) -> None:
    scope, reranker = RetrievalScope(year=2021), Prefers("Southwind")
    without = indexed.find("custody collateral", scope)
    hits = indexed.find("custody collateral", scope, reranker=reranker)

    assert [category for _, category in (place for hit in hits for place in places(indexed, [hit]))] == [
        *["Southwind"] * 3, *["Northwind"] * 5,
    ]  # fmt: skip
    assert doc_ids(hits) != doc_ids(without)
    assert {r.hit.method.reranker for r in hits} == {reranker.name}
    assert [r.hit.score for r in hits] == sorted((r.hit.score for r in hits), reverse=True)
    assert all(passage.startswith(("Northwind 2021\n", "Southwind 2021\n")) for passage in reranker.read)


def test_what_a_reranker_does_not_read_comes_after_what_it_reads(indexed: SmallCorpus) -> None:
    scope, reranker = RetrievalScope(year=2021, opt_in_years=(2022, 2023)), Prefers("no such word")
    first = indexed.find("custody collateral", scope, top_k=51)
    hits = indexed.find("custody collateral", scope, top_k=51, reranker=reranker)

    assert len(reranker.read) == RERANKED < len(hits) == 51
    assert doc_ids(hits)[RERANKED:] == doc_ids(first)[RERANKED:]
    assert {r.hit.score for r in hits[:RERANKED]} == {0.0}


# ── what is no longer there ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_document_that_is_not_live_is_not_found_whatever_the_index_holds(corpus: SmallCorpus) -> None:
    gone, stays = corpus.add(2021, RESERVE), corpus.add(2021, "The fund has a custodian.")
    corpus.build(2021)
    corpus.set_live(gone, False)

    for reranker in (None, Prefers("reserve")):
        assert doc_ids(corpus.find("reserve", RetrievalScope(year=2021), reranker=reranker)) == [stays]
    corpus.set_live(gone, True)
    assert doc_ids(corpus.find("reserve", RetrievalScope(year=2021))) == [gone, stays]


def test_of_twins_the_one_that_is_left_is_found(corpus: SmallCorpus) -> None:
    gone, stays = (corpus.add(2021, RESERVE, category, title="Fund") for category in "AB")
    corpus.build(2021)
    corpus.set_live(gone, False)
    before = corpus.find("reserve", RetrievalScope(year=2021))
    corpus.build(2021)

    assert doc_ids(before) == doc_ids(corpus.find("reserve", RetrievalScope(year=2021))) == [stays]


@pytest.mark.parametrize("years", [(2021,), (2021, 2022)])
def test_what_is_live_is_found_behind_more_dead_ones_than_a_list_holds(
    corpus: SmallCorpus, years: tuple[int, ...]
) -> None:
    each = DEPTH // len(years) + 8
    for year in years:
        gone = [corpus.add(year, "Reserve reserve.", title=f"Reserve {n}", embed=False) for n in range(each)]
        corpus.add(year, "The fund has a custodian, and a reserve beside it.", title="Custody", embed=False)
        corpus.embed(year)
        corpus.build(year)
        for doc_id in gone:
            corpus.set_live(doc_id, False)

    hits = corpus.find("reserve", RetrievalScope(year=years[0], opt_in_years=years[1:]))
    assert places(corpus, hits) == {(year, None) for year in years}
    assert {r.hit.doc_title for r in hits} == {"Custody"}


# ── indexes of another make ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_index_from_before_there_were_lexical_ones_is_searched_by_its_vectors(corpus: SmallCorpus) -> None:
    wanted = corpus.add(2021, RESERVE)
    corpus.add(2021, "The fund has a custodian.")
    corpus.build(2021)
    with corpus.deployment.postgres.connect() as conn:
        conn.execute("UPDATE compliance.index_versions SET lexical_digest = NULL")
    hits = corpus.find("reserve", RetrievalScope(year=2021))

    assert hits[0].hit.doc_id == wanted
    assert {(r.hit.method.mode, r.hit.lexical_score) for r in hits} == {("dense", None)}


def test_until_the_swap_an_index_answers_by_the_embedder_that_it_was_built_with(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021)
    with indexed.deployment.postgres.connect() as conn:
        asked = ask(conn, OtherEmbedder(), "custody", scope)
        hits = search(conn, asked)

    assert hits == indexed.find("custody", scope)
    assert {r.hit.method.embedder for r in hits} == {HashEmbedder.name}


def test_an_index_of_an_embedder_that_is_not_here_is_not_searched(corpus: SmallCorpus) -> None:
    corpus.add(2021, RESERVE)
    corpus.build(2021)
    with corpus.deployment.postgres.connect() as conn:
        conn.execute("UPDATE compliance.index_versions SET embedder = 'gone', embedder_digest = repeat('f', 64)")
    with pytest.raises(InvalidInput) as refused:
        corpus.find("reserve", RetrievalScope(year=2021))

    assert "gone" in refused.value.expected
    assert "hash-384" in refused.value.found


def test_years_of_different_embedders_are_not_searched_together(corpus: SmallCorpus) -> None:
    for year in (2021, 2022):
        corpus.add(year, RESERVE)
        corpus.build(year)
    with corpus.deployment.postgres.connect() as conn:
        conn.execute("UPDATE compliance.index_versions SET embedder_digest = repeat('f', 64) WHERE year = 2021")
    with pytest.raises(InvalidInput, match="the index of 2021"):
        corpus.find("reserve", RetrievalScope(year=2022, opt_in_years=(2021,)))

    assert len(corpus.find("reserve", RetrievalScope(year=2022))) == 1


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_document_is_read_whole_and_in_its_order(corpus: SmallCorpus) -> None:
    text = "# Custody\nThe bank holds it.\n# Reserve\nTen percent are kept.\n# Fees\nThere are none.\n"
    doc_id = corpus.add(2021, text, "Northwind")
    corpus.add(2021, RESERVE, "Northwind")
    corpus.build(2021)
    with corpus.deployment.postgres.connect() as conn:
        asked = ask(conn, corpus.deployment.embedder, "Which reserve is kept?", RetrievalScope(year=2021))
        read = read_document(conn, asked, doc_id)
        elsewhere = ask(conn, corpus.deployment.embedder, "Which reserve is kept?", RetrievalScope(year=2022))
        assert read_document(conn, elsewhere, doc_id) == []

    assert [text[slice(*r.hit.char_range)] for r in read] == [r.text for r in read]
    assert [r.text.splitlines()[0] for r in read] == ["# Custody", "# Reserve", "# Fees"]
    assert [r.hit.rank for r in read] == [1, 2, 3]
    assert max(read, key=lambda r: r.hit.embedding_score).text.startswith("# Reserve")
    assert {(r.hit.method.mode, r.hit.lexical_score) for r in read} == {("dense", None)}
    assert all(r.hit.score == r.hit.embedding_score for r in read)


# ── who may see it ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("organization", ["00000000-0000-4000-8000-00000000dead", ""])
def test_another_organisation_sees_no_entry_by_any_name(indexed: SmallCorpus, organization: str) -> None:
    with indexed.deployment.postgres.connect() as conn:
        leaf = leaf_of(conn, 2021)
        assert conn.execute("SELECT count(*) FROM year_index.entries WHERE year = 2021").fetchone() == (17,)
    with indexed.deployment.postgres.connect_as_owner() as conn:
        enter_organization(conn, organization)
        for table in ("entries", "entries_2021", leaf):
            row = conn.execute(f'SELECT count(*) FROM year_index."{table}"').fetchone()
            assert row == (0,), table


def test_an_auditor_reads_entries_of_his_organisation_and_writes_none(indexed: SmallCorpus) -> None:
    with indexed.deployment.postgres.connect_as_owner() as conn:
        enter_organization(conn, indexed.deployment.postgres.organization_id, role="compliance_auditor")
        assert conn.execute("SELECT count(*) FROM year_index.entries").fetchone() == (51,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("DELETE FROM year_index.entries")
        conn.rollback()

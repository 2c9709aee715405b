import dataclasses

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.contracts.errors import IntegrityError, InvalidInput
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index import store
from compliance_assets.year_index.retrieved import Retrieved
from compliance_assets.year_index.search import refuse_out_of_scope, search
from compliance_assets.year_index.store import Neighbour
from resources.embedder import HashEmbedder
from resources.postgres import enter_organization
from tests.small_corpus import SmallCorpus
from tests.year_index.conftest import WORDS

YEARS = st.integers(2018, 2024)
QUESTION = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join)


class OtherEmbedder(HashEmbedder):
    """Another model of the same dimension."""

    name = "other"
    digest = "f" * 64


def found(corpus: SmallCorpus, question: str, scope: RetrievalScope, top_k: int = 8) -> list[Retrieved]:
    embedder = corpus.deployment.embedder
    with corpus.deployment.postgres.connect() as conn:
        return search(conn, embedder, embedder.encode([question])[0], scope, top_k)


def places(corpus: SmallCorpus, hits: list[Retrieved]) -> set[tuple[int, str | None]]:
    """(year, category) of the documents behind hits, as normalisation found them."""
    with corpus.deployment.postgres.connect() as conn:
        return set(store.years_of_documents(conn, [r.hit.doc_id for r in hits]).values())


def test_a_search_stays_in_its_year(indexed: SmallCorpus) -> None:
    hits = found(indexed, "custody and collateral", RetrievalScope(year=2022))

    assert len(hits) == 8
    assert {year for year, _ in places(indexed, hits)} == {2022}


def test_a_search_stays_in_its_category(indexed: SmallCorpus) -> None:
    hits = found(indexed, "custody of Southwind", RetrievalScope(year=2022, filer_category="Northwind"))

    assert len(hits) == 8
    assert places(indexed, hits) == {(2022, "Northwind")}


def test_a_category_with_fewer_rows_than_asked_for_gives_all_of_them(indexed: SmallCorpus) -> None:
    hits = found(indexed, "custody", RetrievalScope(year=2023, filer_category="Southwind"))

    assert len(hits) == 3
    assert places(indexed, hits) == {(2023, "Southwind")}


@pytest.mark.parametrize("category", ["Nobody", "", "' OR true --"])
def test_a_category_that_is_not_there_gives_nothing(indexed: SmallCorpus, category: str) -> None:
    assert found(indexed, "custody", RetrievalScope(year=2023, filer_category=category)) == []


def test_a_year_that_was_opted_into_is_searched_and_recorded(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021, opt_in_years=(2023,))
    hits = found(indexed, "custody and collateral", scope, top_k=30)

    assert {year for year, _ in places(indexed, hits)} == {2021, 2023}
    assert {r.hit.method.opt_in_years for r in hits} == {(2023,)}
    assert {r.hit.method.scope for r in hits} == {scope}
    assert len({r.hit.method.index_version for r in hits}) == 2


def test_the_category_holds_in_a_year_that_was_opted_into(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021, filer_category="Southwind", opt_in_years=(2022, 2021, 2020))
    hits = found(indexed, "custody", scope)

    assert len(hits) == 6
    assert places(indexed, hits) == {(2021, "Southwind"), (2022, "Southwind")}


@settings(max_examples=60, deadline=None)
@given(question=QUESTION, year=YEARS, opted=st.lists(YEARS, max_size=3), category=st.sampled_from([None, "Southwind"]))
def test_no_search_ever_leaves_its_scope(
    indexed: SmallCorpus, question: str, year: int, opted: list[int], category: str | None
) -> None:
    scope = RetrievalScope(year=year, filer_category=category, opt_in_years=tuple(opted))
    hits = found(indexed, question, scope)
    allowed = {(y, c) for y in (year, *opted) for c in ([category] if category else ["Northwind", "Southwind"])}

    assert places(indexed, hits) <= allowed
    indexed_years = {year, *opted} & {2021, 2022, 2023}
    assert len(hits) == min(8, len(indexed_years) * (3 if category else 17))


def test_hits_come_best_first_and_each_says_how_it_was_found(indexed: SmallCorpus) -> None:
    hits = [r.hit for r in found(indexed, "custody collateral", RetrievalScope(year=2021))]
    embedder = indexed.deployment.embedder

    assert [hit.rank for hit in hits] == list(range(1, 9))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.embedding_score == hit.score and hit.lexical_score is None for hit in hits)
    assert {(h.method.embedder, h.method.embedder_digest, h.method.mode) for h in hits} == {
        (embedder.name, embedder.digest, "dense")
    }


def test_fewer_hits_are_the_first_of_more(indexed: SmallCorpus) -> None:
    scope = RetrievalScope(year=2021)
    eight, three = found(indexed, "custody", scope), found(indexed, "custody", scope, top_k=3)

    assert three == eight[:3]


def test_a_hits_text_is_the_span_that_it_names(indexed: SmallCorpus) -> None:
    hits = found(indexed, "custody", RetrievalScope(year=2021))
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
        corpus.add(2021, "The fund keeps a reserve.", category)
    corpus.build(2021)
    first = [r.hit.chunk_id for r in found(corpus, "reserve", RetrievalScope(year=2021))]
    corpus.build(2021, rebuild=True)
    second = [r.hit.chunk_id for r in found(corpus, "reserve", RetrievalScope(year=2021))]

    assert first == second == sorted(first)
    assert len(first) == 5


def test_a_year_without_an_index_gives_nothing(indexed: SmallCorpus) -> None:
    assert found(indexed, "custody", RetrievalScope(year=2018)) == []


def test_a_year_beyond_those_served_gives_nothing(indexed: SmallCorpus) -> None:
    assert found(indexed, "custody", RetrievalScope(year=1066)) == []


def test_an_index_of_another_embedder_is_not_searched(indexed: SmallCorpus) -> None:
    other = OtherEmbedder()
    with indexed.deployment.postgres.connect() as conn, pytest.raises(InvalidInput) as refused:
        search(conn, other, other.encode(["custody"])[0], RetrievalScope(year=2021))

    assert "hash-384" in refused.value.expected
    assert "other" in refused.value.found


@pytest.mark.parametrize("opted", [(), (2020,)])
def test_a_row_of_a_year_that_was_not_asked_for_stops_the_answer(opted: tuple[int, ...]) -> None:
    inside = Neighbour(2021, "ck_a", "doc_a", "ix_a", 0.9)
    stray = dataclasses.replace(inside, year=2022)
    scope = RetrievalScope(year=2021, opt_in_years=opted)

    refuse_out_of_scope([inside], scope)
    with pytest.raises(IntegrityError, match="2022"):
        refuse_out_of_scope([inside, stray], scope)


@pytest.mark.parametrize("organization", ["00000000-0000-4000-8000-00000000dead", ""])
def test_another_organisation_sees_no_entry_by_any_name(indexed: SmallCorpus, organization: str) -> None:
    with indexed.deployment.postgres.connect() as conn:
        leaf = store.leaf_of(conn, 2021)
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


def test_a_question_without_a_word_is_searched_like_any_other(indexed: SmallCorpus) -> None:
    hits = found(indexed, "?!", RetrievalScope(year=2021))

    assert len(hits) == 8
    assert all(np.isfinite(r.hit.score) for r in hits)

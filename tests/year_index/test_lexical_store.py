"""The lexical index beside the live version: what it is made of, what replaces it, who sees it."""

from pathlib import Path

import psycopg
import pytest

from compliance_assets.year_index import lexical_store
from compliance_assets.year_index.lexical import LexicalIndex, build, digest_of_pieces
from resources.postgres import Connection, enter_organization
from tests.small_corpus import SmallCorpus, new_deployment

YEAR = 2021


def documents_found(conn: Connection, question: str, year: int = YEAR) -> set[str]:
    """The documents that the stored index of a year finds."""
    live = lexical_store.live(conn, year)
    assert live is not None
    index = LexicalIndex(lexical_store.read(conn, year, live[0]), live[1])
    return {hit.doc_id for hit in index.search(question, None, 100)}


def swap_in(corpus: SmallCorpus, conn: Connection, version: str, year: int = YEAR) -> str:
    return lexical_store.swap_in(conn, year, version, lexical_store.built(conn, year, corpus.chunker.version))


def made_live(corpus: SmallCorpus, year: int = YEAR) -> str:
    """Build the year and put its lexical index beside it; returns the version."""
    version = corpus.build(year).index_version
    with corpus.deployment.postgres.connect() as conn:
        swap_in(corpus, conn, version, year)
    return version


def test_what_was_stored_is_read_back(corpus: SmallCorpus) -> None:
    custody = corpus.add(YEAR, "The custody of the fund.", "Northwind")
    corpus.add(YEAR, "The margin of the fund.", "Southwind")
    version = made_live(corpus)

    with corpus.deployment.postgres.connect() as conn:
        assert documents_found(conn, "custody") == {custody}
        assert lexical_store.live(conn, YEAR) == (version, digest_of_pieces(lexical_store.read(conn, YEAR, version)))


def test_an_index_is_made_of_the_live_documents_of_its_year(corpus: SmallCorpus) -> None:
    here = corpus.add(YEAR, "Custody, first.")
    gone = corpus.add(YEAR, "Custody, second.")
    corpus.add(YEAR + 1, "Custody, third.")
    corpus.set_live(gone, False)

    with corpus.deployment.postgres.connect() as conn:
        entries = list(lexical_store.entries_of(conn, YEAR, corpus.chunker.version))

    assert {entry.doc_id for entry in entries} == {here}


def test_entries_come_by_category_and_chunk_id_and_so_give_the_same_index(corpus: SmallCorpus) -> None:
    for number in range(20):
        corpus.add(YEAR, f"Custody, note {number}.", (None, "beta", "Alpha", "alpha")[number % 4], embed=False)

    with corpus.deployment.postgres.connect() as conn:
        entries = list(lexical_store.entries_of(conn, YEAR, corpus.chunker.version))
        built = lexical_store.built(conn, YEAR, corpus.chunker.version)

    assert entries == sorted(entries, key=lambda entry: (entry.filer_category or "", entry.chunk_id))
    assert built == build(entries)


def test_the_live_version_replaces_the_one_before_it(corpus: SmallCorpus) -> None:
    corpus.add(YEAR, "The custody of the fund.")
    before = made_live(corpus)
    margin = corpus.add(YEAR, "The margin of the fund.")
    after = made_live(corpus)

    with corpus.deployment.postgres.connect() as conn:
        assert documents_found(conn, "margin") == {margin}
        assert list(lexical_store.read(conn, YEAR, before)) == []
        digests = dict(conn.execute("SELECT index_version, lexical_digest FROM compliance.index_versions").fetchall())
    assert digests[before] is None  # it would tell what the replaced one held
    assert digests[after] is not None


def test_another_year_is_left_alone(corpus: SmallCorpus) -> None:
    corpus.add(YEAR, "The custody of the fund.")
    other = corpus.add(YEAR + 1, "The custody of the other fund.")
    made_live(corpus, YEAR + 1)
    made_live(corpus, YEAR)

    with corpus.deployment.postgres.connect() as conn:
        assert documents_found(conn, "custody", YEAR + 1) == {other}


def test_a_swap_that_is_undone_leaves_the_index_that_was_there(corpus: SmallCorpus) -> None:
    custody = corpus.add(YEAR, "The custody of the fund.")
    version = made_live(corpus)
    corpus.add(YEAR, "More custody.")

    with corpus.deployment.postgres.connect() as conn:
        swap_in(corpus, conn, version)
        conn.rollback()
        assert documents_found(conn, "custody") == {custody}


def test_a_rebuild_forgets_what_is_not_there_any_more(corpus: SmallCorpus) -> None:
    kept, erased = corpus.add(YEAR, "The custody of the fund."), corpus.add(YEAR, "The custody of Maria.")
    version = made_live(corpus)

    with corpus.deployment.postgres.connect() as conn:
        digest = lexical_store.live(conn, YEAR)
        conn.execute("UPDATE compliance.documents SET live = false WHERE filing_id = %s", [erased])
        lexical_store.rebuild(conn, YEAR)

    with corpus.deployment.postgres.connect() as conn:
        assert documents_found(conn, "custody") == {kept}
        assert documents_found(conn, "maria") == set()
        assert b"maria" not in b"".join(lexical_store.read(conn, YEAR, version))
        assert lexical_store.live(conn, YEAR) != digest


def test_a_year_without_a_lexical_index_is_not_given_one_by_a_rebuild(corpus: SmallCorpus) -> None:
    corpus.add(YEAR, "The custody of the fund.")
    version = corpus.build(YEAR).index_version

    with corpus.deployment.postgres.connect() as conn:
        conn.execute("DELETE FROM compliance.lexical_indexes")
        conn.execute("UPDATE compliance.index_versions SET lexical_digest = NULL")
        lexical_store.rebuild(conn, YEAR)
        lexical_store.rebuild(conn, YEAR + 1)

        assert lexical_store.live(conn, YEAR) is None
        assert list(lexical_store.read(conn, YEAR, version)) == []


def test_pieces_of_a_version_that_nobody_built_are_refused(corpus: SmallCorpus) -> None:
    with corpus.deployment.postgres.connect() as conn, pytest.raises(psycopg.errors.ForeignKeyViolation):
        lexical_store.swap_in(conn, YEAR, "ix_unknown", build([]))


def test_an_organisation_sees_its_own_index_alone(corpus: SmallCorpus, database_url: str, session_dir: Path) -> None:
    corpus.add(YEAR, "The custody of the fund.")
    version = made_live(corpus)
    stranger = new_deployment(database_url, session_dir)

    with stranger.postgres.connect() as conn:
        assert list(lexical_store.read(conn, YEAR, version)) == []
        assert conn.execute("DELETE FROM compliance.lexical_indexes").rowcount == 0
    with corpus.deployment.postgres.connect() as conn:
        assert documents_found(conn, "custody")


def test_the_auditor_reads_the_digest_and_not_the_pieces(corpus: SmallCorpus) -> None:
    corpus.add(YEAR, "The custody of the fund.")
    made_live(corpus)

    postgres = corpus.deployment.postgres
    with postgres.connect_as_owner() as conn:
        enter_organization(conn, postgres.organization_id, role="compliance_auditor")
        assert conn.execute("SELECT lexical_digest FROM compliance.index_versions").fetchone() != (None,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT piece FROM compliance.lexical_indexes")

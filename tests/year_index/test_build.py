import json
import os
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.year_index import store
from compliance_assets.year_index.backlog import stale_years
from compliance_assets.year_index.findings import findings_of
from compliance_assets.year_index.pgvector_store import PGVECTOR, leaf_of
from compliance_assets.year_index.search import ask, search
from tests.small_corpus import SmallCorpus

ALL = RetrievalScope(year=2021)


def tables_of(deployment: Deployment, version: str) -> list[str]:
    """The tables in schema year_index that any build of a version left."""
    with deployment.postgres.connect_as_owner() as conn:
        rows = conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'year_index' AND tablename LIKE %s ORDER BY 1",
            [f"%{version[:27]}%"],
        ).fetchall()
    return [name for (name,) in rows]


def leaf(deployment: Deployment, year: int = 2021) -> str | None:
    with deployment.postgres.connect() as conn:
        return leaf_of(conn, year)


def versions(deployment: Deployment) -> dict[str, tuple[str, int, list[str]]]:
    """index_version -> (state, chunk_count, findings)."""
    with deployment.postgres.connect() as conn:
        rows = conn.execute("SELECT index_version, state, chunk_count, findings FROM compliance.index_versions")
        return {version: (state, chunks, findings) for version, state, chunks, findings in rows}


def texts_found(corpus: SmallCorpus, question: str, scope: RetrievalScope = ALL) -> list[str]:
    embedder = corpus.deployment.embedder
    with corpus.deployment.postgres.connect() as conn:
        return [r.text for r in search(conn, ask(conn, embedder, question, scope))]


def test_a_first_build_goes_live_and_a_second_one_does_nothing(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    first = corpus.build(2021)
    table = leaf(corpus.deployment)
    second = corpus.build(2021)

    assert (first.documents, first.chunks, first.findings) == (1, 1, ())
    assert first.measurements is not None
    assert first.measurements.recall_at_8 == 1.0
    assert second.measurements is None
    assert second.index_version == first.index_version
    assert leaf(corpus.deployment) == table


def test_a_new_document_makes_another_version_and_the_old_table_is_gone(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    first = corpus.build(2021)
    corpus.add(2021, "The fund has a custodian.")
    second = corpus.build(2021)

    assert second.index_version != first.index_version
    assert tables_of(corpus.deployment, first.index_version) == []
    assert tables_of(corpus.deployment, second.index_version) == [leaf(corpus.deployment)]
    assert versions(corpus.deployment) == {
        first.index_version: ("superseded", 1, []),
        second.index_version: ("live", 2, []),
    }


def test_the_same_documents_again_give_the_same_version(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    passing = corpus.add(2021, "The fund has a custodian.")
    first = corpus.build(2021)
    corpus.set_live(passing, False)
    without = corpus.build(2021)
    corpus.set_live(passing, True)
    again = corpus.build(2021)

    assert first.index_version == again.index_version != without.index_version
    assert versions(corpus.deployment)[first.index_version] == ("live", 2, [])
    assert versions(corpus.deployment)[without.index_version][0] == "superseded"


def test_a_year_that_lost_its_last_document_gets_an_empty_index(corpus: SmallCorpus) -> None:
    only = corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    corpus.set_live(only, False)
    report = corpus.build(2021)

    assert (report.documents, report.chunks, report.findings) == (0, 0, ())
    assert texts_found(corpus, "What does the fund keep?") == []


def test_a_candidate_without_all_vectors_is_refused_and_the_old_index_stays(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    live = corpus.build(2021)
    table = leaf(corpus.deployment)
    corpus.add(2021, "The fund has a custodian.", embed=False)
    refused = corpus.build(2021)

    assert refused.findings == ("parity: expected 2 vectors, found 1",)
    assert leaf(corpus.deployment) == table
    assert tables_of(corpus.deployment, refused.index_version) == []
    assert texts_found(corpus, "What does the fund keep?") == ["The fund keeps a reserve."]
    assert versions(corpus.deployment) == {
        live.index_version: ("live", 1, []),
        refused.index_version: ("refused", 1, ["parity: expected 2 vectors, found 1"]),
    }


def test_a_refused_version_goes_live_with_its_true_count_once_its_vectors_are_there(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    corpus.add(2021, "The fund has a custodian.", embed=False)
    refused = corpus.build(2021)
    assert refused.findings
    corpus.embed(2021)
    report = corpus.build(2021)

    assert report.index_version == refused.index_version
    assert versions(corpus.deployment) == {report.index_version: ("live", 2, [])}


def test_a_refused_rebuild_of_the_live_version_leaves_it_live_and_keeps_the_reasons(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    corpus.add(2021, "The fund has a custodian.")
    live = corpus.build(2021)
    with corpus.deployment.postgres.connect_as_owner() as owner:
        owner.execute(
            "DELETE FROM compliance.embeddings e USING compliance.chunks c WHERE c.text = 'The fund has a custodian.'"
            " AND (e.organization_id, e.text_sha256) = (c.organization_id, c.text_sha256) AND e.organization_id = %s",
            [corpus.deployment.postgres.organization_id],
        )
    refused = corpus.build(2021, rebuild=True)

    assert refused.index_version == live.index_version
    assert versions(corpus.deployment) == {
        live.index_version: ("live", 2, ["parity: expected 2 vectors, found 1"]),
    }
    with corpus.deployment.postgres.connect() as conn:
        assert conn.execute("SELECT count(*) FROM year_index.entries").fetchone() == (2,)


def test_vectors_of_two_versions_in_one_table_are_a_finding(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    table = leaf(corpus.deployment)
    assert table is not None
    with corpus.deployment.postgres.connect() as conn:
        conn.execute(
            f'INSERT INTO year_index."{table}" SELECT organization_id, year, $$ix_other$$, chunk_id, doc_id,'
            f' filer_category, embedding FROM year_index."{table}"'
        )
        live = store.live_index(conn, 2021)
        assert live is not None
        built = PGVECTOR.live(conn, live)
        assert built is not None
        measured = PGVECTOR.measure(conn, live, built)
        conn.rollback()

    assert (measured.vectors, measured.models) == (2, 2)
    assert "models: expected vectors of one model, found 2" in findings_of(measured)


def test_a_row_of_another_year_cannot_enter_a_years_table(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    corpus.build(2021)
    with corpus.deployment.postgres.connect() as conn:
        statement = f'UPDATE year_index."{leaf(corpus.deployment)}" SET year = 2022'
        with pytest.raises(psycopg.errors.CheckViolation):
            conn.execute(statement)
        conn.rollback()


def test_stale_years_are_those_whose_documents_their_index_does_not_hold(corpus: SmallCorpus) -> None:
    deployment, version = corpus.deployment, corpus.chunker.version

    def stale() -> list[int]:
        with deployment.postgres.connect() as conn:
            return list(stale_years(conn, deployment.postgres.organization_id, deployment.embedder, version))

    assert stale() == []
    corpus.add(2021, "The fund keeps a reserve.")
    only = corpus.add(2022, "The fund keeps a reserve.")
    assert stale() == [2021, 2022]
    corpus.build(2021)
    assert stale() == [2022]
    corpus.build(2022)
    assert stale() == []
    corpus.set_live(only, False)
    assert stale() == [2022]
    corpus.build(2022)
    assert stale() == []


def test_the_version_that_a_stale_year_should_have_is_the_one_that_its_build_makes(corpus: SmallCorpus) -> None:
    deployment = corpus.deployment
    corpus.add(2021, "The fund keeps a reserve.")
    with deployment.postgres.connect() as conn:
        wanted = stale_years(conn, deployment.postgres.organization_id, deployment.embedder, corpus.chunker.version)

    assert wanted == {2021: corpus.build(2021).index_version}


def test_a_year_can_be_rebuilt_while_it_is_searched(corpus: SmallCorpus) -> None:
    for number in range(12):
        corpus.add(2021, f"Note {number}: the fund keeps reserve {number}.")
    first = corpus.build(2021)
    table = leaf(corpus.deployment)
    counts: list[int] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        reader = SmallCorpus(Deployment(corpus.deployment.settings))
        try:
            while not done.is_set():
                counts.append(len(texts_found(reader, "Which reserve is kept?")))
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        rebuilt = [corpus.build(2021, rebuild=True) for _ in range(5)]
    finally:
        done.set()
        thread.join(30)

    assert failures == []
    assert set(counts) == {8}
    assert {report.index_version for report in rebuilt} == {first.index_version}
    assert leaf(corpus.deployment) != table
    assert len(tables_of(corpus.deployment, first.index_version)) == 1


def test_two_builds_of_a_year_at_once_make_one_index(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    reports = []
    others = [SmallCorpus(Deployment(corpus.deployment.settings)) for _ in range(2)]
    threads = [threading.Thread(target=lambda c=c: reports.append(c.build(2021))) for c in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(report.measurements is None for report in reports) == [False, True]
    assert len(tables_of(corpus.deployment, reports[0].index_version)) == 1


KILLED_BUILD = """
import json, sys, time
from pathlib import Path
from compliance_assets.deployment import Deployment
from compliance_assets.year_index.pgvector_store import PgvectorStore
from resources.settings import Settings
from tests.small_corpus import SmallCorpus

def measure_for_ever(*_):
    print("built, not yet swapped in", flush=True)
    time.sleep(60)

PgvectorStore.measure = measure_for_ever
environment, data_dir = json.loads(sys.argv[1])
SmallCorpus(Deployment(Settings.from_environment(environment, data_dir=Path(data_dir)))).build(2021)
"""


def test_a_build_killed_before_its_swap_leaves_no_table_and_no_lock(corpus: SmallCorpus) -> None:
    settings = corpus.deployment.settings
    corpus.add(2021, "The fund keeps a reserve.")
    with corpus.deployment.postgres.connect() as conn:
        wanted = stale_years(conn, settings.organization_id, corpus.deployment.embedder, corpus.chunker.version)[2021]
    environment = {
        "COMPLIANCE_DATABASE_URL": settings.database_url,
        "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
        "COMPLIANCE_EMBEDDER": "hash",
        "COMPLIANCE_YEARS": "2018-2024",
    }
    arguments = json.dumps([environment, str(settings.data_dir)])
    builder = subprocess.Popen([sys.executable, "-c", KILLED_BUILD, arguments], stdout=subprocess.PIPE, cwd=os.getcwd())
    with builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == b"built, not yet swapped in\n"
        os.kill(builder.pid, signal.SIGKILL)

    deadline = time.monotonic() + 10  # the server notices the closed connection by itself
    while tables_of(corpus.deployment, wanted) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert tables_of(corpus.deployment, wanted) == []
    assert versions(corpus.deployment) == {}
    assert corpus.build(2021).findings == ()


def test_a_chunk_whose_header_has_no_vector_yet_is_missing(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    with corpus.deployment.postgres.connect() as conn:
        conn.execute(
            "UPDATE compliance.chunks SET header = 'Reserves', header_sha256 = 'not encoded' WHERE year = 2021"
        )

    assert corpus.build(2021).findings == ("parity: expected 1 vectors, found 0",)


def test_a_rebuild_records_what_it_was_tuned_to(corpus: SmallCorpus) -> None:
    corpus.add(2021, "The fund keeps a reserve.")
    version = corpus.build(2021).index_version
    with corpus.deployment.postgres.connect() as conn:
        conn.execute(
            "UPDATE compliance.index_versions SET parameters = jsonb_build_object('m', 1) WHERE index_version = %s",
            [version],
        )
    corpus.build(2021, rebuild=True)
    with corpus.deployment.postgres.connect() as conn:
        row = conn.execute(
            "SELECT parameters ->> 'kind', parameters ? 'rule' FROM compliance.index_versions"
        ).fetchone()

    assert row == ("exact", True)

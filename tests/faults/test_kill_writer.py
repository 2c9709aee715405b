"""kill -9 of who writes the ledger, and of who erases, at random moments: the record is whole, the erasure can be finished."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest

from compliance_assets.audit_ledger import checkpoints, merkle
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.checkpoint import Checkpoint
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.erasure import ERASURE, erase
from compliance_assets.evidence.verification import verify_all
from compliance_assets.model_decisions import store as decision_store
from compliance_assets.model_decisions.drain import drain_year
from compliance_assets.model_decisions.work import WorkItem
from resources.postgres import Connection
from tests.contracts.test_data_subject import cpf_of
from tests.small_corpus import SmallCorpus

KILLS = 200
ERASURES = 20
YEARS = (2021, 2022)
PERSONS = tuple(cpf_of(52998224 + number * 1001) for number in range(3 * ERASURES))  # some end before their kill

#: What may never be found: rows of each query are wrong.
WRONG = {
    "a gap in seq": "SELECT count(*), max(seq) FROM compliance.ledger_entries HAVING count(*) <> coalesce(max(seq), 0)",
    "a head that is not the end": "SELECT h.seq FROM compliance.ledger_heads h WHERE NOT EXISTS"
    " (SELECT FROM compliance.ledger_entries e WHERE e.seq = h.seq AND e.entry_hash = h.entry_hash)",
    "an entry without its decision": "SELECT subject_id FROM compliance.ledger_entries e WHERE kind = 'decision'"
    " AND NOT EXISTS (SELECT FROM compliance.decisions d WHERE d.response_id = e.subject_id AND d.year = e.year)",
    "a decision without its one entry": "SELECT d.response_id FROM compliance.decisions d LEFT JOIN"
    " compliance.ledger_entries e ON e.subject_id = d.response_id AND e.kind = 'decision' AND e.year = d.year"
    " GROUP BY 1 HAVING count(e.seq) <> 1",
    "a touched document without a decision": "SELECT response_id FROM compliance.decision_documents t"
    " WHERE NOT EXISTS (SELECT FROM compliance.decisions d WHERE d.response_id = t.response_id)",
    "an idempotency key twice": "SELECT idempotency_key FROM compliance.decisions GROUP BY 1 HAVING count(*) > 1",
    "a piece of work decided twice": "SELECT work_id FROM compliance.decisions WHERE work_id <> 'erased'"
    " GROUP BY 1 HAVING count(*) > 1",
    "work that is done without a decision": "SELECT work_id FROM compliance.work_items w WHERE (state = 'queued')"
    " <> (NOT EXISTS (SELECT FROM compliance.decisions d WHERE d.work_id = w.work_id"
    " AND d.response_id = w.response_id))",
    "a seal without its key's note": "SELECT e.seq FROM compliance.ledger_entries e,"
    " jsonb_array_elements_text(e.body::jsonb -> 'sealed_under') key WHERE NOT EXISTS"
    " (SELECT FROM compliance.sealed_entries s WHERE s.seq = e.seq AND s.key_id = key::uuid)",
    "a note without its seal": "SELECT seq FROM compliance.sealed_entries s WHERE NOT EXISTS"
    " (SELECT FROM compliance.ledger_entries e WHERE e.seq = s.seq AND e.body::jsonb -> 'sealed_under' ? s.key_id::text)",
}  # fmt: skip


@dataclass
class Killed:
    """What the kills came to."""

    landed: int = 0
    in_transaction: int = 0


def questioned(deployment: Deployment) -> SmallCorpus:
    """Two indexed years; some documents state a person, all state what is asked for."""
    corpus = SmallCorpus(deployment)
    for year in YEARS:
        for number in range(6):
            corpus.add(year, f"The assets of fund {number} are held by Harbour Bank in {year}.", embed=False)
        for number, person in enumerate(PERSONS):
            if number % 2 == year % 2:
                corpus.add(
                    year, f"Declaração de {person}: rendimentos de R$ {number + 1}.234,00 em {year}.", embed=False
                )
        corpus.embed(year)
        corpus.build(year)
    return corpus


def start(work: Callable[[Deployment], None], deployment: Deployment) -> int:
    """A process of its own, forked from all that is loaded here; returns once it is about to write."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            own = Deployment(deployment.settings)
            with own.postgres.connect():
                os.write(writing, b"1")
            work(own)
            os._exit(0)
        except BaseException as failure:
            print(f"the writer failed: {failure!r}", file=sys.stderr, flush=True)
            os._exit(1)
    os.close(writing)
    assert os.read(reading, 1) == b"1"
    os.close(reading)
    return pid


def kill(pid: int) -> bool:
    """False where it had ended by itself, well."""
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the writer failed by itself"
    return os.WIFSIGNALED(status)


def open_transactions(conn: Connection) -> int:
    row = conn.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        " AND backend_type = 'client backend'"
    ).fetchone()
    conn.rollback()
    return int(row[0]) if row else 0


def found_wrong(deployment: Deployment) -> dict[str, list[tuple[object, ...]]]:
    with deployment.postgres.connect() as conn:
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = {what: conn.execute(query).fetchall() for what, query in WRONG.items()}
    return {what: found[:5] for what, found in rows.items() if found}


def assert_checkpoints_are_one_log(deployment: Deployment) -> int:
    """Every signed tree begins every later one, and what was published is what is stored."""
    with deployment.postgres.connect() as conn:
        verifiers = checkpoints.named_verifiers(conn)
        notes = [note for _, _, note, _ in ledger.checkpoint_rows(conn)]
        heads: list[Checkpoint] = [checkpoints.opened_by_any(note, verifiers)[0] for note in notes]
        for old, new in pairwise(heads):
            proof = checkpoints.consistency_of(conn, old.size, new.size)
            assert merkle.verify_consistency(old.size, new.size, old.root, new.root, proof)
    assert set(deployment.checkpoint_log.notes(deployment.postgres.organization_id)) <= set(notes)
    return len(heads)


def asking(run: int) -> Callable[[Deployment], None]:
    """A writer that asks, decides and signs until it is killed."""

    def work(own: Deployment) -> None:
        for number in range(10_000):
            if (run + number) % 3 == 0:
                checkpoints.checkpoint_ledger(own.postgres, own.keyring, own.checkpoint_log)
            year = YEARS[(run + number) % 2]
            with own.postgres.connect() as conn:
                decision_store.enqueue(conn, [_questions(run, number, year)[run % 3]])
            drain_year(own.desk, year)

    return work


def _questions(run: int, number: int, year: int) -> list[WorkItem]:
    fund = f"Where are the assets of fund {number % 6} held?"
    person = f"Quais são os rendimentos de {PERSONS[(run + number) % len(PERSONS)]}?"
    return [
        WorkItem("ddq.draft_response", year, question, item_id=f"{run}/{number}/{at}")
        for at, question in enumerate((fund, person, "Who sailed around the cape in winter?"))
    ]


@pytest.mark.slow
def test_two_hundred_kills_of_writers_leave_a_whole_record(deployment: Deployment) -> None:
    questioned(deployment)
    seed = os.environ.get("KILL_SEED", "7")
    moments, killed, run = random.Random(seed), Killed(), 0
    with deployment.postgres.connect_as_owner() as watch:
        while killed.landed < KILLS:
            pids = [start(asking(run + at), deployment) for at in range(1 + (run % 5 == 0))]
            run += len(pids)
            time.sleep(moments.uniform(0, 0.080))  # the moment itself is what is tested
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)  # it stays where it is, to be looked at, until it is killed there
            killed.in_transaction += min(open_transactions(watch), len(pids))
            killed.landed += sum(kill(pid) for pid in pids)
            if run % 10 == 0:
                assert found_wrong(deployment) == {}, f"seed {seed}, run {run}"
            if run % 70 == 0:
                assert verify_all(deployment.archive).verified, f"seed {seed}, run {run}"

    for year in YEARS:
        assert drain_year(deployment.desk, year).postponed == {}
    checkpoints.checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)

    assert found_wrong(deployment) == {}, f"seed {seed}"
    with deployment.postgres.connect() as conn:
        work = conn.execute(
            "SELECT count(*), count(*) FILTER (WHERE state = 'queued') FROM compliance.work_items"
        ).fetchone()
        decided = conn.execute("SELECT count(DISTINCT work_id), count(*) FROM compliance.decisions").fetchone()
    assert work is not None
    assert decided == (work[0], work[0])
    assert work[1] == 0
    verification = verify_all(deployment.archive)
    assert verification.verified, (seed, verification.ledger.findings, verification.evidence.findings)
    assert verification.evidence.contents == work[0]
    signed = assert_checkpoints_are_one_log(deployment)
    assert killed.in_transaction >= KILLS // 3, f"seed {seed}: most kills fell between two transactions"
    print(
        f"{killed.landed} kills, {killed.in_transaction} inside of a transaction, {work[0]} decisions, {signed} checkpoints"
    )


@pytest.mark.slow
def test_an_erasure_that_is_killed_is_finished_by_running_it_again(deployment: Deployment) -> None:
    corpus = questioned(deployment)
    with deployment.postgres.connect() as conn:
        for year in YEARS:
            decision_store.enqueue(conn, [q for n in range(len(PERSONS)) for q in _questions(0, n, year)])
    for year in YEARS:
        drain_year(deployment.desk, year)
    checkpoints.checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log)
    seed = os.environ.get("KILL_SEED", "7")
    moments, landed, committed = random.Random(seed), 0, 0

    for number, person in enumerate(PERSONS):
        if landed == ERASURES:
            break
        order = f"LGPD-{number}"
        objects = _objects_of(deployment, person)
        assert objects
        pid = start(partial(_erase, person=person, order=order), deployment)
        time.sleep(moments.uniform(0, moments.choice((0.040, 0.200))))  # until its commit, and behind it
        killed = kill(pid)
        landed += killed
        committed += killed * _erasures(deployment, order)

        erase(deployment.archive, person, order, "test")

        assert _erasures(deployment, order) == 1, f"seed {seed}, {number}"
        assert _objects_of(deployment, person) == []
        assert not set(objects) & set(deployment.objects.digests())
        assert _kept_of(deployment, person) == []
    assert landed == ERASURES, f"seed {seed}: most erasures ended before their kill"

    assert found_wrong(deployment) == {}
    for year in YEARS:
        corpus.build(year)
    verification = verify_all(deployment.archive)
    assert verification.verified, (seed, verification.ledger.findings, verification.evidence.findings)
    assert verification.evidence.erased > ERASURES
    print(f"{landed} of {ERASURES} erasures killed, {committed} of them behind their commit")


def _erase(own: Deployment, person: str, order: str) -> None:
    erase(own.archive, person, order, "test")


def _objects_of(deployment: Deployment, person: str) -> list[str]:
    with deployment.postgres.connect() as conn:
        rows = conn.execute(
            "SELECT object_sha256 FROM compliance.documents WHERE data_subjects @> ARRAY[%s]", [f"cpf:{person}"]
        ).fetchall()
    return [digest for (digest,) in rows]


def _erasures(deployment: Deployment, order: str) -> int:
    with deployment.postgres.connect() as conn:
        return sum(ledger.body_of(e)["order_ref"] == order for e in ledger.entries_of_kind(conn, ERASURE))


def _kept_of(deployment: Deployment, person: str) -> list[str]:
    """What the rows and the opened contents still say of a person."""
    with deployment.postgres.connect() as conn:
        texts = [
            text
            for query in (
                "SELECT raw_text FROM compliance.documents",
                "SELECT text FROM compliance.chunks",
                "SELECT input FROM compliance.work_items",
            )
            for (text,) in conn.execute(query)
        ]
        sealed = [entry for entry in ledger.entries(conn) if entry.sealed is not None]
        opened = ledger.contents(conn, deployment.keyring, sealed)
        texts += [content.text for content in opened.values() if content]
    return [text[:80] for text in texts if person in text]

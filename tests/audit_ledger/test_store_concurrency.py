"""Writers at once: one chain without a gap, one key a person, and an erasure that waits for who seals."""

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier

import psycopg

from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.chain import NewEntry
from compliance_assets.audit_ledger.checkpoints import sign_checkpoint
from compliance_assets.deployment import Deployment
from resources.settings import Settings
from tests.audit_ledger.conftest import verify

FORK = multiprocessing.get_context("fork")
PERSONS = tuple(f"cpf:{number:011}" for number in range(6))
MOMENT = "2026-01-01T00:00:00.000000Z"


def entry(subject: str, persons: Sequence[str] = (), year: int = 2021) -> NewEntry:
    return NewEntry(year, "note", MOMENT, "test", subject, {"subject": subject}, {"said": subject}, tuple(persons))


def in_processes(work: Callable[..., None], count: int, *arguments: object) -> None:
    """Every one starts from the same moment and ends well."""
    together = FORK.Barrier(count)
    processes = [FORK.Process(target=work, args=(together, number, *arguments)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * count


def _append_batches(together: Barrier, writer: int, settings: Settings) -> None:
    own = Deployment(settings)
    together.wait()
    for batch in range(12):
        # Everybody's batches seal for the same persons, each in an order of its own.
        order = PERSONS[(writer + batch) % 6 :] + PERSONS[: (writer + batch) % 6]
        new = [entry(f"{writer}/{batch}/{n}", order[n : n + 2], 2018 + n % 7) for n in range(5)]
        with own.postgres.connect() as conn:
            store.append_all(conn, own.keyring, new)
        if batch % 5 == writer:
            with own.postgres.connect() as conn:
                sign_checkpoint(conn, own.keyring)


def test_four_processes_that_append_batches_make_one_chain_without_a_gap(deployment: Deployment) -> None:
    in_processes(_append_batches, 4, deployment.settings)

    result = verify(deployment)
    assert result.verified, result.findings
    with deployment.postgres.connect() as conn:
        entries = list(store.entries(conn))
        opened = store.contents(conn, deployment.keyring, [e for e in entries if e.sealed is not None])
        keys = conn.execute("SELECT count(*), count(DISTINCT subject_ref) FROM compliance.subject_keys").fetchone()
        noted = conn.execute("SELECT key_id::text, seq FROM compliance.sealed_entries").fetchall()
    notes = [e for e in entries if e.kind == "note"]
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    assert len(notes) == 240
    for first in range(0, 240):  # a batch is never torn apart by another writer's
        writer, batch, number = notes[first].subject_id.split("/")
        if number == "0":
            assert [e.subject_id for e in notes[first : first + 5]] == [f"{writer}/{batch}/{n}" for n in range(5)]
    assert Counter(e.subject_id.split("/")[0] for e in notes) == {str(writer): 60 for writer in range(4)}
    assert all(content and content.as_json() == {"said": e.subject_id} for e in notes for content in [opened[e.seq]])
    assert keys == (6, 6)
    assert sorted(noted) == sorted((key, e.seq) for e in notes for key in store.sealed_under(e))


def _seal_for_new_persons(together: Barrier, writer: int, settings: Settings) -> None:
    own = Deployment(settings)
    with own.postgres.connect() as conn:
        for number in range(15):
            together.wait()
            person = f"cpf:9{number:010}"
            store.append(conn, own.keyring, entry(f"{writer}/{number}", [person]))
            conn.commit()


def test_keys_that_two_writers_make_at_the_same_moment_are_one(deployment: Deployment) -> None:
    in_processes(_seal_for_new_persons, 2, deployment.settings)

    with deployment.postgres.connect() as conn:
        entries = list(store.entries(conn))
        under = {e.subject_id: store.sealed_under(e) for e in entries}
        opened = store.contents(conn, deployment.keyring, entries)
    assert len(entries) == 30
    assert all(opened.values())
    for number in range(15):
        assert under[f"0/{number}"] == under[f"1/{number}"]
    assert len(set(under.values())) == 15
    assert verify(deployment).verified


def test_a_key_made_by_a_transaction_that_is_rolled_back_is_made_again_by_who_waited(deployment: Deployment) -> None:
    with deployment.postgres.connect() as first:
        store.append(first, deployment.keyring, entry("undone", PERSONS[:1]))
        waiting = threading.Thread(target=_append, args=[deployment.settings, "kept"])
        waiting.start()
        _wait_until_somebody_waits(deployment)
        first.rollback()
        waiting.join(20)
    with deployment.postgres.connect() as conn:
        (kept,) = store.entries(conn)
        content = store.content_of(conn, deployment.keyring, kept)
    assert kept.subject_id == "kept"
    assert content
    assert content.as_json() == {"said": "kept"}


def test_an_erasure_waits_for_who_seals_and_who_seals_waits_for_an_erasure(deployment: Deployment) -> None:
    """In both orders: what is sealed under a destroyed key is of before, what comes behind lies under a new key."""
    with deployment.postgres.connect() as conn:
        store.append(conn, deployment.keyring, entry("before", PERSONS[:1]))
    with deployment.postgres.connect() as eraser:
        key = store.held_subject_key(eraser, deployment.keyring, PERSONS[0])
        assert key is not None
        sealing = threading.Thread(target=_append, args=[deployment.settings, "behind"])
        sealing.start()
        _wait_until_somebody_waits(deployment)
        assert store.entries_sealed_under(eraser, key) == [1]
        store.destroy_keys(eraser, [key])
        eraser.commit()
        sealing.join(20)
    with deployment.postgres.connect() as sealer:
        store.append(sealer, deployment.keyring, entry("last", PERSONS[:1]))
        found: list[list[int]] = []
        erasing = threading.Thread(target=lambda: found.append(_seqs_under(deployment.settings)))
        erasing.start()
        _wait_until_somebody_waits(deployment)
        sealer.commit()
        erasing.join(20)

    assert found == [[2, 3]]
    with deployment.postgres.connect() as conn:
        entries = list(store.entries(conn))
        opened = store.contents(conn, deployment.keyring, entries)
    assert [e.subject_id for e in entries] == ["before", "behind", "last"]
    assert [content is not None for content in opened.values()] == [False, True, True]
    assert store.sealed_under(entries[0]) != store.sealed_under(entries[1]) == store.sealed_under(entries[2])


def _append(settings: Settings, subject: str) -> None:
    own = Deployment(settings)
    with own.postgres.connect() as conn:
        store.append(conn, own.keyring, entry(subject, PERSONS[:1]))


def _seqs_under(settings: Settings) -> list[int]:
    own = Deployment(settings)
    with own.postgres.connect() as conn:
        key = store.held_subject_key(conn, own.keyring, PERSONS[0])
        assert key is not None
        return store.entries_sealed_under(conn, key)


def _wait_until_somebody_waits(deployment: Deployment) -> None:
    """Until a session waits for another's lock."""
    with psycopg.connect(str(deployment.settings.database_url), autocommit=True) as watch:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            row = watch.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            if row and row[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waited")

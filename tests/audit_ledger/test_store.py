import threading
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from compliance_assets.audit_ledger import store
from compliance_assets.audit_ledger.chain import GENESIS, NewEntry
from compliance_assets.deployment import Deployment
from resources.postgres import enter_organization
from tests.audit_ledger.conftest import (
    ENTRIES,
    FIRST,
    INDEX_IN_PLACE,
    MAP_APPROVED,
    RELEASE_INSTALLED,
    SECOND,
    THIRD,
    verify,
)
from tests.small_corpus import new_deployment

TABLES = ("ledger_entries", "ledger_entries_2021")
CHANGES = {
    "UPDATE": "UPDATE compliance.{} SET actor = 'somebody else'",
    "DELETE": "DELETE FROM compliance.{}",
    "TRUNCATE": "TRUNCATE compliance.{} CASCADE",
}


def entry(subject: str, year: int = 2021) -> NewEntry:
    return NewEntry(year, "note", "2021-01-01T00:00:00.000000Z", "test", subject, {"subject": subject})


def subjects(deployment: Deployment) -> list[str]:
    with deployment.postgres.connect() as conn:
        return [e.subject_id for e in store.entries(conn)]


def test_appended_entries_can_be_read_back_in_order(deployment: Deployment) -> None:
    with deployment.postgres.connect() as conn:
        appended = [
            store.append(conn, deployment.keyring, entry(s, y)) for s, y in (("a", 2022), ("b", 2021), ("c", 2022))
        ]
        read = list(store.entries(conn))

        assert read == appended
        assert [e.seq for e in read] == [1, 2, 3]
        assert read[0].prev_hash == GENESIS
        assert store.head(conn).entry_hash == appended[-1].entry_hash
        assert store.entry_of(conn, "b") == appended[1]
        assert store.entry_of(conn, "d") is None
        assert store.counts_by_kind(conn, 2022) == {"note": 2}
    assert verify(deployment).verified


def test_four_writers_at_once_make_one_chain_without_a_gap(deployment: Deployment) -> None:
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        own = Deployment(deployment.settings)
        try:
            for number in range(25):
                with own.postgres.connect() as conn:
                    store.append(conn, own.keyring, entry(f"{writer}/{number}", 2018 + number % 7))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    result = verify(deployment)
    assert result.verified, result.findings
    assert result.entries == 100
    written = subjects(deployment)
    assert len(set(written)) == 100
    for writer in range(4):
        assert [s for s in written if s.startswith(f"{writer}/")] == [f"{writer}/{number}" for number in range(25)]


def test_an_append_that_is_rolled_back_leaves_no_gap(deployment: Deployment) -> None:
    with deployment.postgres.connect() as conn:
        store.append(conn, deployment.keyring, entry("kept"))
    with deployment.postgres.connect() as conn:
        store.append(conn, deployment.keyring, entry("undone"))
        conn.rollback()
    with pytest.raises(psycopg.errors.CheckViolation), deployment.postgres.connect() as conn:
        store.append(conn, deployment.keyring, entry("a year without a partition", 1066))
    with deployment.postgres.connect() as conn:
        assert store.append(conn, deployment.keyring, entry("next")).seq == 2
    assert subjects(deployment) == ["kept", "next"]
    assert verify(deployment).verified


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", CHANGES)
def test_the_application_can_change_no_entry(filled: Deployment, verb: str, table: str) -> None:
    with filled.postgres.connect() as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(sql.SQL(CHANGES[verb]).format(sql.Identifier(table)))
        conn.rollback()
    assert verify(filled).verified


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("verb", CHANGES)
def test_a_superuser_can_change_no_entry_while_the_trigger_stands(filled: Deployment, verb: str, table: str) -> None:
    with filled.postgres.connect_as_owner() as owner:
        assert owner.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            owner.execute(sql.SQL(CHANGES[verb]).format(sql.Identifier(table)))
        owner.rollback()
    assert verify(filled).verified


def test_the_check_of_append_only_says_what_is_permitted(filled: Deployment) -> None:
    with filled.postgres.connect() as conn:
        assert store.permitted_changes(conn) == []
    with filled.postgres.connect_as_owner() as owner:
        owner.execute("GRANT UPDATE, DELETE, TRUNCATE ON compliance.ledger_entries TO compliance_app")
        owner.execute("ALTER TABLE compliance.ledger_entries DISABLE TRIGGER USER")
        enter = sql.SQL("SELECT set_config('app.organization_id', {}, true)").format(filled.postgres.organization_id)
        owner.execute(enter)
        owner.execute("SET LOCAL ROLE compliance_app")
        assert store.permitted_changes(owner) == ["UPDATE", "DELETE"]  # TRUNCATE stops at the trigger of a year
        owner.rollback()


def test_the_first_drain_puts_the_shipped_release_in_production_before_it_decides(filled: Deployment) -> None:
    with filled.postgres.connect() as conn:
        kinds = {entry.seq: entry.kind for entry in store.entries(conn)}
    assert kinds == {
        INDEX_IN_PLACE: "pointer",
        MAP_APPROVED: "router_map_approval",
        RELEASE_INSTALLED: "release_installed",
        **dict.fromkeys((FIRST, SECOND, THIRD), "decision"),
    }


def test_an_auditor_reads_entries_and_writes_none(filled: Deployment) -> None:
    with filled.postgres.connect_as_owner() as conn:
        enter_organization(conn, filled.postgres.organization_id, role="compliance_auditor")
        assert [e.seq for e in store.entries(conn)] == list(ENTRIES)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            store.append(conn, filled.keyring, entry("mine"))
        conn.rollback()


def test_another_organisation_reads_no_entry_and_has_a_chain_of_its_own(
    filled: Deployment, database_url: str, session_dir: Path
) -> None:
    other = new_deployment(database_url, session_dir)
    with other.postgres.connect() as conn:
        assert list(store.entries(conn)) == []
        assert store.head(conn).seq == 0
        assert store.append(conn, other.keyring, entry("theirs")).seq == 1
    assert verify(other).entries == 1
    assert verify(filled).entries == len(ENTRIES)


def test_an_entry_cannot_be_written_for_another_organisation(filled: Deployment) -> None:
    with filled.postgres.connect() as conn:
        (first, *_) = store.entries(conn)
        values = {**first._asdict(), "organization_id": "00000000-0000-4000-8000-00000000dead", "seq": len(ENTRIES) + 1}
        columns = sql.SQL(", ").join(map(sql.Identifier, values))
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            conn.execute(
                sql.SQL("INSERT INTO compliance.ledger_entries ({}) VALUES ({})").format(
                    columns, sql.SQL(", ").join(map(sql.Literal, values.values()))
                )
            )
        conn.rollback()

import json
from pathlib import Path

import pytest

from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.amendments import amend
from compliance_assets.audit_ledger.chain import NewEntry, leaf_of
from compliance_assets.audit_ledger.checkpoints import checkpoint_ledger
from compliance_assets.audit_ledger.verify import verify_and_record
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.watch import TOLD_AT_ONCE, Alarm, watch
from compliance_assets.review.incidents import Incident, change_incident, incidents
from resources.clock import system_clock
from resources.keyring import Keyring
from tests.audit_ledger.conftest import as_superuser_without_trigger, verify
from tests.small_corpus import SmallCorpus, new_deployment


@pytest.fixture
def watched(deployment: Deployment) -> Deployment:
    """The index of 2021 in place (entry 1), three entries more, a published checkpoint (its key is entry 5), all verified."""
    corpus = SmallCorpus(deployment)
    corpus.add(2021, "The fund keeps a reserve of ten percent.")
    corpus.build(2021)
    write(deployment, 3)
    sign(deployment)
    assert watch(deployment.archive) == ()
    return deployment


def write(deployment: Deployment, count: int = 1) -> None:
    moment = "2021-01-01T00:00:00.000000Z"
    with deployment.postgres.connect() as conn:
        entries = [NewEntry(2021, "note", moment, "test", "subject", {"number": n}) for n in range(count)]
        ledger.append_all(conn, deployment.keyring, entries)


def sign(deployment: Deployment) -> None:
    assert checkpoint_ledger(deployment.postgres, deployment.keyring, deployment.checkpoint_log) is not None


def rewrite(deployment: Deployment, seq: int, values: str) -> None:
    with as_superuser_without_trigger(deployment) as owner:
        done = owner.execute(
            f"UPDATE compliance.ledger_entries SET {values} WHERE organization_id = %s AND seq = %s",
            [deployment.postgres.organization_id, seq],
        )
        assert done.rowcount == 1


def as_owner(deployment: Deployment, statement: str) -> None:
    with deployment.postgres.connect_as_owner() as owner:
        done = owner.execute(f"{statement} organization_id = %s", [deployment.postgres.organization_id])
        assert done.rowcount == 1


def register(deployment: Deployment, state: str | None = None) -> list[Incident]:
    with deployment.postgres.connect() as conn:
        return incidents(conn, state)


def resolve_all(deployment: Deployment) -> None:
    for incident in register(deployment, "open"):
        change_incident(
            deployment.postgres,
            deployment.keyring,
            system_clock,
            incident.incident_id,
            "resolved",
            "officer",
            "Mended.",
        )


def verifications(deployment: Deployment) -> list[tuple[int, bool]]:
    with deployment.postgres.connect() as conn:
        return conn.execute(
            "SELECT since_size, verified FROM compliance.ledger_verifications ORDER BY verified_at"
        ).fetchall()  # type: ignore[return-value]


def raised_once(deployment: Deployment) -> list[Alarm]:
    """What two looks tell: the same alarms, each an incident that was opened once."""
    first, second = watch(deployment.archive), watch(deployment.archive)
    assert [(a.fingerprint, a.incident_id) for a in first] == [(a.fingerprint, a.incident_id) for a in second]
    assert sorted(str(a.incident_id) for a in first) == sorted(i.incident_id for i in register(deployment, "open"))
    return list(first)


def test_a_ledger_that_did_not_change_is_not_verified_again_and_one_that_did_only_from_its_checkpoint(
    watched: Deployment,
) -> None:
    assert verifications(watched) == [(0, True)]
    assert watch(watched.archive) == ()
    assert verifications(watched) == [(0, True)]

    write(watched)
    assert watch(watched.archive) == watch(watched.archive) == ()
    assert verifications(watched) == [(0, True), (5, True)]
    sign(watched)
    assert watch(watched.archive) == (), "a checkpoint over what was verified is nothing new"
    assert verifications(watched) == [(0, True), (5, True)]
    write(watched)
    assert watch(watched.archive) == ()
    assert verifications(watched)[2:] == [(6, True)]
    assert register(watched) == []


def test_an_empty_ledger_raises_nothing(deployment: Deployment) -> None:
    assert watch(deployment.archive) == watch(deployment.archive) == ()


def test_tampering_behind_the_checkpoint_is_raised_once_and_the_ledger_takes_the_incident_in(
    watched: Deployment,
) -> None:
    write(watched, 2)
    rewrite(watched, 6, "actor = 'somebody else'")

    (alarm,) = raised_once(watched)

    assert (alarm.kind, alarm.severity) == ("ledger_broken", "critical")
    assert alarm.summary == "entry 6: the entry's hash does not fit its fields"
    (incident,) = register(watched)
    assert (incident.kind, incident.severity, incident.detail) == (alarm.kind, alarm.severity, alarm.detail)
    with watched.postgres.connect() as conn:
        (entry,) = ledger.entries_of_kind(conn, "incident")
    assert json.loads(entry.body)["incident_id"] == incident.incident_id


def test_what_the_nightly_walk_found_before_the_checkpoint_is_raised_until_it_is_mended(watched: Deployment) -> None:
    with watched.postgres.connect() as conn:
        before = ledger.entry_at(conn, 2)
    assert before is not None
    rewrite(watched, 2, "actor = 'somebody else'")
    assert not verify_and_record(watched.postgres, watched.keyring, watched.checkpoint_log).verified

    alarms = raised_once(watched)
    assert {alarm.kind for alarm in alarms} == {"ledger_broken", "ledger_forked"}
    assert "entry 2: the entry's hash does not fit its fields" in {alarm.summary for alarm in alarms}

    rewrite(watched, 2, f"actor = '{before.actor}'")
    resolve_all(watched)
    assert watch(watched.archive) == ()
    assert verify(watched).verified


def test_an_amended_rewrite_is_no_alarm(watched: Deployment) -> None:
    write(watched)
    with watched.postgres.connect() as conn:
        entry = ledger.entry_at(conn, 6)
    assert entry is not None
    rewrite(watched, 6, "actor = 'by order of the court'")
    amend(
        watched.postgres, watched.keyring, system_clock, 6, "Order 17/2026", "Court", "officer",
        rewritten=True, was_leaf=leaf_of(entry).hex(),
    )  # fmt: skip
    assert watch(watched.archive) == ()


def test_a_resolved_incident_is_raised_again_when_it_recurs(watched: Deployment) -> None:
    write(watched)
    rewrite(watched, 6, "actor = 'somebody else'")
    (first,) = raised_once(watched)
    resolve_all(watched)  # by mistake: nothing was mended

    (second,) = raised_once(watched)
    assert second.incident_id == f"{first.incident_id}.2"


def test_a_published_checkpoint_that_the_ledger_does_not_go_on_from_is_a_fork(watched: Deployment) -> None:
    """A second history under the same key: the database was rolled back, and went on differently."""
    write(watched)
    sign(watched)
    (path,) = (watched.settings.data_dir / "checkpoints").rglob("*6.txt")
    other = path.read_text()
    with as_superuser_without_trigger(watched) as owner:
        own = [watched.postgres.organization_id]
        owner.execute("DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq = 6", own)
        owner.execute(
            "UPDATE compliance.ledger_heads h SET seq = 5, entry_hash = e.entry_hash FROM compliance.ledger_entries e"
            " WHERE h.organization_id = e.organization_id AND h.organization_id = %s AND e.seq = 5",
            own,
        )
        owner.execute("ALTER TABLE compliance.ledger_checkpoints DISABLE TRIGGER append_only")
        owner.execute("DELETE FROM compliance.ledger_checkpoints WHERE organization_id = %s AND tree_size = 6", own)
        owner.execute("ALTER TABLE compliance.ledger_checkpoints ENABLE TRIGGER append_only")
    with watched.postgres.connect() as conn:
        entry = NewEntry(2021, "note", "2021-01-01T00:00:00.000000Z", "test", "subject", {"another": "history"})
        ledger.append(conn, watched.keyring, entry)
    assert path.read_text() == other

    fork, gone = sorted(raised_once(watched), key=lambda alarm: "forked" not in alarm.summary)
    assert {(alarm.kind, alarm.severity) for alarm in (fork, gone)} == {("ledger_forked", "critical")}
    assert "forked" in fork.summary
    assert "a published checkpoint is not stored any more" in gone.summary


def test_a_checkpoint_of_another_key_put_among_the_published_is_raised_in_a_quiet_ledger(watched: Deployment) -> None:
    (path,) = (watched.settings.data_dir / "checkpoints").rglob("*5.txt")
    path.write_text(path.read_text().replace("\n5\n", "\n4\n"))

    (alarm,) = raised_once(watched)
    assert (alarm.kind, alarm.severity) == ("ledger_forked", "critical")
    assert alarm.summary == "a published checkpoint is not signed by the ledger's key"


def test_an_entry_without_its_decision_is_raised(watched: Deployment) -> None:
    with watched.postgres.connect() as conn:
        entry = NewEntry(2021, "decision", "2021-01-01T00:00:00.000000Z", "test", "rsp_forged", {})
        ledger.append(conn, watched.keyring, entry)
    (alarm,) = raised_once(watched)
    assert (alarm.kind, alarm.severity, alarm.fingerprint) == ("decision_unmatched", "critical", "rsp_forged")


def test_of_many_broken_entries_the_first_become_incidents(watched: Deployment) -> None:
    write(watched, 9)
    for seq in range(6, 15):
        rewrite(watched, seq, "actor = 'somebody else'")
    alarms = raised_once(watched)
    assert [alarm.detail["entry"] for alarm in alarms] == list(range(6, 6 + TOLD_AT_ONCE))
    assert {alarm.detail["entries_with_findings"] for alarm in alarms} == {9}


@pytest.mark.parametrize(
    ("statement", "stands", "summary"),
    [
        ("UPDATE compliance.index_versions SET index_version = 'ix_by_hand' WHERE state = 'live' AND", "ix_by_hand",
         "the pointer year_index/2021 is not where the ledger says"),
        ("UPDATE compliance.index_versions SET state = 'superseded' WHERE state = 'live' AND", None,
         "the pointer year_index/2021 is not where the ledger says"),
        ("INSERT INTO compliance.index_versions SELECT (v).* FROM (SELECT jsonb_populate_record(v,"
         " '{\"year\": 2022, \"index_version\": \"ix_new\"}') AS v FROM compliance.index_versions v) t WHERE (v).",
         "ix_new", "no entry records year_index/2022"),
    ],
    ids=["moved", "taken away", "set up"],
)  # fmt: skip
def test_a_pointer_moved_by_hand_is_raised_once_though_the_ledger_is_quiet(
    watched: Deployment, statement: str, stands: str | None, summary: str
) -> None:
    as_owner(watched, statement)
    (alarm,) = raised_once(watched)

    assert (alarm.kind, alarm.severity, alarm.summary) == ("pointer_moved", "high", summary)
    assert alarm.detail["stands"] == stands
    assert verify(watched).verified


def test_a_pointer_that_moves_by_the_book_is_no_alarm_and_one_moved_back_by_hand_is_another(
    watched: Deployment,
) -> None:
    corpus = SmallCorpus(watched)
    with watched.postgres.connect() as conn:
        (first,) = conn.execute("SELECT index_version FROM compliance.index_versions").fetchone() or ()
    corpus.add(2021, "The fund keeps a reserve of eleven percent.")
    corpus.build(2021)
    assert watch(watched.archive) == ()

    as_owner(watched, "UPDATE compliance.index_versions SET state = 'superseded' WHERE state = 'live' AND")
    (gone,) = raised_once(watched)
    as_owner(watched, f"UPDATE compliance.index_versions SET state = 'live' WHERE index_version = '{first}' AND")
    (moved, *_) = watch(watched.archive)
    assert (gone.detail["stands"], moved.detail["stands"]) == (None, first)
    assert gone.incident_id != moved.incident_id


def test_a_pointers_entry_that_cannot_be_read_is_raised(watched: Deployment) -> None:
    rewrite(watched, 1, "body = '{}'")
    alarm, *_ = raised_once(watched)
    assert (alarm.kind, alarm.summary) == ("pointer_moved", "no entry records year_index/2021")


def test_a_ledger_too_broken_to_be_walked_is_raised(watched: Deployment) -> None:
    rewrite(watched, 5, "body = '{}'")  # the entry that names the key of the checkpoints
    write(watched)
    alarms = raised_once(watched)
    assert {(alarm.kind, alarm.severity) for alarm in alarms} >= {("ledger_broken", "critical")}


@pytest.mark.parametrize("values", ["seq = 3", "seq = 4", "entry_hash = repeat('a', 64)"])
def test_nothing_is_written_behind_a_head_that_is_not_the_end_and_the_alarm_is_told_all_the_same(
    watched: Deployment, values: str
) -> None:
    as_owner(watched, f"UPDATE compliance.ledger_heads SET {values} WHERE")
    alarms = watch(watched.archive)
    assert alarms
    assert {alarm.incident_id for alarm in alarms} == {None}
    assert all("not_recorded" in alarm.detail for alarm in alarms)
    assert register(watched) == []
    with watched.postgres.connect() as conn:
        assert len(list(ledger.entries(conn))) == 5


def test_with_another_master_key_every_look_tells(watched: Deployment) -> None:
    watched.__dict__.pop("archive")
    watched.__dict__["keyring"] = Keyring(watched.settings.data_dir / "keys" / "master.key", environment_key="ab" * 32)
    write(watched)
    assert "critical" in {alarm.severity for alarm in watch(watched.archive)}


def test_another_organisations_alarms_are_not_ours(watched: Deployment, database_url: str, session_dir: Path) -> None:
    other = new_deployment(database_url, session_dir)
    write(watched)
    rewrite(watched, 6, "actor = 'somebody else'")
    assert len(watch(watched.archive)) == 1
    assert watch(other.archive) == ()
    assert register(other) == []

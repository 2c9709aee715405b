import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.audit_ledger import checkpoint, checkpoints, store
from compliance_assets.audit_ledger.chain import Draft, Entry, Head, NewEntry, leaf_of, link, unplaced
from compliance_assets.audit_ledger.merkle import root_of
from compliance_assets.audit_ledger.note import Signer
from compliance_assets.contracts.canonical import canonical_json, sha256_hex
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError
from compliance_assets.contracts.ledger_entry import NO_YEAR
from compliance_assets.deployment import Deployment
from compliance_assets.evidence import replica, replica_store
from compliance_assets.evidence.exports.records import read_records
from compliance_assets.evidence.replica import Replication, holdings, parity, replicate
from compliance_assets.evidence.replica_proof import (
    ParityFinding,
    ReplicaProof,
    Segment,
    checkpoint_name,
    checkpoint_named,
    cut,
    key_name,
    replica_line,
    retained_until,
    segment_named,
)
from resources.worm_store import WormStore, worm_store_from
from tests.worm_stores import AZURE_URL, local_azure, new_buckets, release, s3_client, s3_server, worm_folder

NOW = datetime(2026, 11, 26, 2, 30, tzinfo=UTC)
ORGANIZATION = "00000000-0000-4000-8000-000000000001"
SECRET = "Maria keeps her savings under the floor"
SIGNER = Signer("example.org/ledger", bytes(32))


# ── pure ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def chain(count: int, *, vkey: str = SIGNER.verifier.vkey) -> list[Entry]:
    """Entries of which the first names the signing key."""
    head, made = Head(), []
    for seq in range(1, count + 1):
        body: dict[str, object] = {"vkey": vkey} if seq == 1 else {"n": seq}
        new = NewEntry(
            NO_YEAR, "checkpoint_key" if seq == 1 else "incident", "2026-11-26T02:30:00.000000Z", "a", f"s{seq}", body
        )
        made.append(link(head, unplaced(Draft(new, canonical_json(body).decode()), ORGANIZATION, "k1"), b"key"))
        head = Head(made[-1].seq, made[-1].entry_hash)
    return made


def signed(entries: list[Entry]) -> tuple[str, str]:
    """The checkpoint over some entries, as an object."""
    head = checkpoint.Checkpoint(SIGNER.name, len(entries), root_of([leaf_of(entry) for entry in entries]))
    return checkpoint_name(len(entries)), checkpoint.sign(head, SIGNER)


def segment(entries: list[Entry]) -> tuple[str, bytes]:
    return Segment(entries[0].seq, entries[-1].seq).name, b"".join(map(replica_line, entries))


def proven(segments: list[tuple[str, bytes]], notes: list[tuple[str, str]]) -> list[str]:
    """Every problem, as `name: problem`."""
    proof = ReplicaProof()
    findings = [finding for name, data in segments for finding in proof.add(name, data)]
    findings += [*proof.unfit(), *proof.hold(notes)]
    return [f"{finding.name}: {finding.problem}" for finding in findings]


def test_five_years_are_never_shorter_where_the_leap_day_is_missing() -> None:
    leap = datetime(2024, 2, 29, 23, 59, tzinfo=UTC)
    assert retained_until(leap) == datetime(2029, 3, 1, 23, 59, tzinfo=UTC)
    assert retained_until(leap, 4) == datetime(2028, 2, 29, 23, 59, tzinfo=UTC)
    assert retained_until(NOW) == datetime(2031, 11, 26, 2, 30, tzinfo=UTC)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_any_day_is_kept_five_years_and_at_most_two_leap_days_more(moment: datetime) -> None:
    assert timedelta(days=5 * 365 + 1) <= retained_until(moment) - moment <= timedelta(days=5 * 365 + 2)


@given(st.integers(1, 10**12 - 1), st.integers(1, 10**12 - 1))
def test_names_sort_as_the_entries_do_and_are_read_back(first: int, last: int) -> None:
    assert segment_named(Segment(first, last).name) == Segment(first, last)
    assert checkpoint_named(checkpoint_name(first)) == first
    assert (checkpoint_name(first) < checkpoint_name(last)) == (first < last)
    assert segment_named(checkpoint_name(first)) is checkpoint_named(Segment(first, last).name) is None
    assert segment_named("entries/1-2.jsonl") is segment_named("key.txt") is None
    assert (key_name(1), key_name(2)) == ("key.txt", "key-2.txt")


def test_a_segment_is_cut_by_entries_or_by_bytes_and_never_empty() -> None:
    entries = chain(7)
    lines = [replica_line(entry) for entry in entries]
    assert cut(iter(entries), max_entries=3) == lines[:3]
    assert cut(iter(entries), max_bytes=len(lines[0]) + 1) == lines[:2]
    assert cut(iter(entries), max_bytes=1) == lines[:1]
    assert (cut(iter(entries)), cut(iter([]))) == (lines, [])


def test_the_clear_body_of_a_first_version_entry_stays_behind_and_its_leaf_stays_the_same() -> None:
    old = chain(1)[0]._replace(schema_version="1", kind="decision", body=json.dumps({"question": SECRET}))
    line = replica_line(old)
    (record,) = read_records([line])
    assert SECRET.encode() not in line
    assert (record.entry.body, record.leaf_hash, record.entry.body_sha256) == ("", leaf_of(old).hex(), old.body_sha256)


def test_a_replica_proves_itself_by_its_checkpoints() -> None:
    entries = chain(9)
    segments = [segment(entries[:4]), segment(entries[4:5]), segment(entries[5:])]
    assert proven(segments, [signed(entries[:size]) for size in (1, 4, 5, 8, 9)]) == []


def test_each_defect_of_a_replica_is_named() -> None:
    entries = chain(6)
    whole, (first, second) = segment(entries), (segment(entries[:3]), segment(entries[3:]))
    late = signed(entries)
    forged = [*entries[:4], entries[4]._replace(actor="b"), *entries[5:]]
    renamed = [*entries[:4], entries[4]._replace(body='{"n":99}'), *entries[5:]]
    stranger = Signer("example.org/ledger", b"x" * 32)
    other_root = checkpoint.sign(checkpoint.Checkpoint(SIGNER.name, 6, bytes(32)), SIGNER)
    unsigned = checkpoint.sign(checkpoint.Checkpoint.parse(late[1].partition("\n\n")[0] + "\n"), stranger)
    root = "the replica's entries do not give the checkpoint's root"
    assert proven([segment(forged)], [late]) == [f"{late[0]}: {root}"]
    assert proven([segment(renamed)], [late]) == [f"{whole[0]}: a record's body was changed"]
    assert proven([whole], [(late[0], other_root)]) == [f"{late[0]}: {root}"]
    assert proven([whole], [(late[0], unsigned)]) == [
        f"{late[0]}: the checkpoint is not signed by a key that the replica's entries name"
    ]
    assert proven([whole], [(checkpoint_name(5), late[1])]) == [
        f"{checkpoint_name(5)}: the checkpoint is another one than its name says"
    ]
    assert proven([first], [late]) == [f"{late[0]}: the entries under the checkpoint are missing"]
    assert proven([first, second], [late]) == []
    assert proven([second], [late])[0] == f"{second[0]}: the segments have a gap or overlap"
    assert f"{first[0]}: the segments have a gap or overlap" in proven([first, first, second], [late])
    assert proven([(whole[0], first[1])], [])[0] == f"{whole[0]}: the segment does not hold what its name says"
    assert f"{whole[0]}: the segment cannot be read" in proven([(whole[0], whole[1][:-9])], [late])
    assert proven([(whole[0], b"\xff\n{}\n")], [late])[0] == f"{whole[0]}: the segment cannot be read"


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_of_a_segment_is_found(at: int, flip: int) -> None:
    entries = chain(4)
    name, data = segment(entries)
    broken = bytearray(data)
    broken[at % len(data)] ^= flip
    assert proven([(name, data)], [signed(entries)]) == []
    found = proven([(name, bytes(broken))], [signed(entries)])
    # What stands beside an entry (its leaf, its index) repeats it and proves nothing.
    entry_of = [json.loads(line)["entry"] for line in data.splitlines()]
    try:
        unchanged = [json.loads(line)["entry"] for line in bytes(broken).splitlines()] == entry_of
    except (ValueError, LookupError, TypeError):
        unchanged = False
    assert bool(found) or unchanged


# ── with a ledger and a store ────────────────────────────────────────────────────────────────────────────────────────


def append(deployment: Deployment, count: int, **content: str) -> None:
    with deployment.postgres.connect() as conn:
        store.append_all(
            conn,
            deployment.keyring,
            [
                NewEntry(
                    2021,
                    "incident",
                    "2026-11-26T02:30:00.000000Z",
                    "tester",
                    f"inc_{n}",
                    {"n": n},
                    dict(content) or None,
                )
                for n in range(count)
            ],
        )


def sign(deployment: Deployment) -> int:
    with deployment.postgres.connect() as conn:
        made = checkpoints.sign_checkpoint(conn, deployment.keyring)
    assert made is not None
    return made.size


@pytest.fixture
def ledger(deployment: Deployment) -> Deployment:
    """Five entries and the one that names the key, under one checkpoint."""
    append(deployment, 5)
    assert sign(deployment) == 6
    return deployment


@pytest.fixture
def folder() -> Iterator[Path]:
    with worm_folder() as made:
        yield made / "worm"


@pytest.fixture
def worm(folder: Path) -> WormStore:
    return worm_store_from(str(folder))


def own(deployment: Deployment, folder: Path) -> Path:
    return folder / deployment.settings.organization_id


def problems(deployment: Deployment, worm: WormStore) -> list[str]:
    return [f"{finding.name}: {finding.problem}" for finding in parity(deployment.postgres, worm)]


FIRST, CHECKPOINT = "entries/000000000001-000000000006.jsonl", "checkpoints/000000000006.txt"


def test_entries_checkpoints_and_the_key_are_replicated_and_proven(
    ledger: Deployment, worm: WormStore, folder: Path
) -> None:
    done = replicate(ledger.postgres, ledger.keyring, worm)
    root = own(ledger, folder)
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert files == [CHECKPOINT, FIRST, "key.txt"]
    assert done == Replication(3, sum(path.stat().st_size for path in root.rglob("*") if path.is_file()), 6, 0)
    organization = ledger.settings.organization_id
    assert (root / "key.txt").read_text() == checkpoints.verifier_of(ledger.keyring, organization).vkey + "\n"
    assert parity(ledger.postgres, worm) == ()
    with ledger.postgres.connect() as conn:
        held = holdings(conn)
        assert (held.objects, held.bytes, held.up_to_seq) == (3, done.bytes, 6)
        assert held.retained_until is not None
        for noted in replica_store.noted(conn).values():
            assert noted.retain_until >= retained_until(noted.written_at) - timedelta(seconds=1)
            assert noted.sha256 == sha256_hex((root / noted.name).read_bytes())


def test_running_again_writes_nothing_and_what_is_new_comes_after(ledger: Deployment, worm: WormStore) -> None:
    replicate(ledger.postgres, ledger.keyring, worm)
    assert replicate(ledger.postgres, ledger.keyring, worm) == Replication(0, 0, 6, 3)
    append(ledger, 2)
    assert replicate(ledger.postgres, ledger.keyring, worm) == Replication(0, 0, 6, 3)  # under no checkpoint yet
    assert parity(ledger.postgres, worm) == ()
    assert sign(ledger) == 8
    done = replicate(ledger.postgres, ledger.keyring, worm)
    assert (done.written, done.up_to_seq, done.skipped) == (2, 8, 3)
    assert "entries/000000000007-000000000008.jsonl" in "".join(worm.names())
    assert parity(ledger.postgres, worm) == ()


def test_an_empty_or_unsigned_ledger_has_no_replica(deployment: Deployment, worm: WormStore) -> None:
    assert replicate(deployment.postgres, deployment.keyring, worm) == Replication(0, 0, 0, 0)
    append(deployment, 2)
    assert replicate(deployment.postgres, deployment.keyring, worm) == Replication(0, 0, 0, 0)
    assert parity(deployment.postgres, worm) == ()


def test_many_entries_make_several_segments(
    ledger: Deployment, worm: WormStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, 9)
    sign(ledger)
    monkeypatch.setattr(replica, "cut", lambda entries: cut(entries, max_entries=4))
    assert replicate(ledger.postgres, ledger.keyring, worm).up_to_seq == 15
    names = [name.rpartition("/")[2] for name in worm.names() if "/entries/" in name]
    assert names == [f"{a:012}-{b:012}.jsonl" for a, b in ((1, 4), (5, 6), (7, 10), (11, 14), (15, 15))]
    assert parity(ledger.postgres, worm) == ()


def test_only_ciphertext_leaves(ledger: Deployment, worm: WormStore) -> None:
    append(ledger, 3, question=SECRET)
    sign(ledger)
    replicate(ledger.postgres, ledger.keyring, worm)
    everything = b"".join(worm.get(name) for name in worm.names())
    assert (b'content_state":"sealed' in everything, b"floor" in everything) == (True, False)
    assert parity(ledger.postgres, worm) == ()


def test_whoever_is_killed_between_writing_and_noting_is_made_up_for(
    ledger: Deployment, worm: WormStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as killed:
        killed.setattr(replica_store, "note", die)
        with pytest.raises(Killed):
            replicate(ledger.postgres, ledger.keyring, worm)
    assert problems(ledger, worm) == [f"{FIRST}: an object that nobody noted"]
    append(ledger, 3)
    sign(ledger)  # the ledger has gone on: the object that is left is cut as it was
    assert replicate(ledger.postgres, ledger.keyring, worm).up_to_seq == 9
    assert parity(ledger.postgres, worm) == ()


def test_a_store_that_fails_half_way_leaves_what_was_done(
    ledger: Deployment, worm: WormStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = type(worm).put, []

    def fails_at_second(self: WormStore, name: str, data: bytes, retain_until: datetime) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise DependencyUnavailable("gone", expected="a store", found="none", remedy="Wait.")
        whole(self, name, data, retain_until)  # type: ignore[arg-type]

    monkeypatch.setattr(type(worm), "put", fails_at_second)
    with pytest.raises(DependencyUnavailable):
        replicate(ledger.postgres, ledger.keyring, worm)
    assert replicate(ledger.postgres, ledger.keyring, worm).written == 2
    assert (len(calls), parity(ledger.postgres, worm)) == (4, ())


def test_two_runs_at_once_do_the_work_once(ledger: Deployment, folder: Path) -> None:
    done: list[Replication] = []
    threads = [
        threading.Thread(
            target=lambda: done.append(replicate(ledger.postgres, ledger.keyring, worm_store_from(str(folder))))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.written for each in done) == [0, 0, 3]


def test_a_new_signing_key_is_replicated_beside_the_first(ledger: Deployment, worm: WormStore) -> None:
    replicate(ledger.postgres, ledger.keyring, worm)
    with ledger.postgres.connect() as conn:
        checkpoints.announce_new_signing_key(conn, ledger.keyring, "tester")
    sign(ledger)
    replicate(ledger.postgres, ledger.keyring, worm)
    keys = [name for name in worm.names() if "key" in name]
    assert [name.rpartition("/")[2] for name in keys] == ["key-2.txt", "key.txt"]
    assert worm.get(keys[0]) != worm.get(keys[1])
    assert parity(ledger.postgres, worm) == ()


def test_a_ledger_that_lost_entries_is_not_replicated(ledger: Deployment, worm: WormStore) -> None:
    noted = replica_store.Noted("entries/000000000001-000000000099.jsonl", "0" * 64, 1, NOW, NOW)
    with ledger.postgres.connect() as conn:
        replica_store.note(conn, noted)
    with pytest.raises(IntegrityError, match="the ledger is shorter than its replica"):
        replicate(ledger.postgres, ledger.keyring, worm)
    assert list(worm.names()) == []


# ── what parity finds ────────────────────────────────────────────────────────────────────────────────────────────────


def change_a_byte(root: Path) -> None:
    path = root / FIRST
    data = bytearray(path.read_bytes())
    data[data.index(b'"tester"') + 1] ^= 1
    path.write_bytes(data)


def swap_checkpoints(root: Path) -> None:
    one, other = root / CHECKPOINT, root / "checkpoints/000000000008.txt"
    text = one.read_text()
    one.write_text(other.read_text())
    other.write_text(text)


SECOND = "entries/000000000007-000000000008.jsonl"


@pytest.mark.parametrize(
    ("mutate", "found"),
    [
        (change_a_byte, (f"{FIRST}: the object was changed", f"{FIRST}: entry 1 of the replica is not the ledger's")),
        (lambda root: (root / FIRST).unlink(), (f"{FIRST}: the object is missing",
                                                f"{SECOND}: the segments have a gap or overlap")),
        (lambda root: (root / SECOND).unlink(), (f"{SECOND}: the object is missing",)),
        (lambda root: (root / "key.txt").unlink(), ("key.txt: the object is missing",)),
        (lambda root: (root / "extra.txt").write_text("x"), ("extra.txt: an object that nobody noted",)),
        (swap_checkpoints, (f"{CHECKPOINT}: the object was changed",
                            f"{CHECKPOINT}: the checkpoint is another one than its name says")),
        (lambda root: (root / "key.txt").write_text("x"), ("key.txt: the key is not the one that the replica's entries name",)),
        (lambda root: None, (f"{FIRST}: the object is not protected", f"{CHECKPOINT}: the object is not protected")),
        (lambda root: (root / FIRST).write_bytes(b""), (f"{FIRST}: the segment does not hold what its name says",)),
    ],
    ids=["byte", "first segment", "last segment", "key gone", "extra", "swapped", "key changed", "opened", "emptied"],
)  # fmt: skip
def test_every_change_of_the_folder_is_found_and_named(
    ledger: Deployment, worm: WormStore, folder: Path, mutate: Callable[[Path], object], found: tuple[str, ...]
) -> None:
    append(ledger, 2)
    sign(ledger)
    replicate(ledger.postgres, ledger.keyring, worm)
    assert parity(ledger.postgres, worm) == ()
    release(folder)
    mutate(own(ledger, folder))
    assert set(found) <= set(problems(ledger, worm))


def test_a_segment_that_is_missing_leaves_every_checkpoint_over_it_without_proof(
    ledger: Deployment, worm: WormStore, folder: Path
) -> None:
    with ledger.postgres.connect() as conn:
        checkpoints.announce_new_signing_key(conn, ledger.keyring, "tester")
    sign(ledger)
    append(ledger, 2)
    sign(ledger)
    replicate(ledger.postgres, ledger.keyring, worm)
    release(folder)
    (own(ledger, folder) / FIRST).unlink()
    over_it = {finding.name: finding.problem for finding in parity(ledger.postgres, worm) if "checkpoint" in finding.name
               and "protected" not in finding.problem}  # fmt: skip
    assert over_it == {
        CHECKPOINT: "the checkpoint is not signed by a key that the replica's entries name",  # it was in that segment
        "checkpoints/000000000007.txt": "the replica's entries do not give the checkpoint's root",
        "checkpoints/000000000009.txt": "the replica's entries do not give the checkpoint's root",
    }


def test_a_note_that_somebody_took_away_is_found(ledger: Deployment, worm: WormStore) -> None:
    replicate(ledger.postgres, ledger.keyring, worm)
    with ledger.postgres.connect_as_owner() as owner:
        owner.execute(
            "DELETE FROM compliance.replica_objects WHERE name LIKE 'checkpoints/%%' AND organization_id = %s",
            [ledger.settings.organization_id],
        )
    assert problems(ledger, worm) == [
        f"{CHECKPOINT}: an object that nobody noted",
        f"{CHECKPOINT}: the object was not replicated",
    ]
    replicate(ledger.postgres, ledger.keyring, worm)
    assert parity(ledger.postgres, worm) == ()


def test_the_application_cannot_change_its_notes(ledger: Deployment, worm: WormStore) -> None:
    import psycopg

    replicate(ledger.postgres, ledger.keyring, worm)
    for statement in (
        "UPDATE compliance.replica_objects SET sha256 = ''",
        "DELETE FROM compliance.replica_objects",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), ledger.postgres.connect() as conn:
            conn.execute(statement)


def rewrite(deployment: Deployment, seq: int) -> tuple[str, str]:
    """An entry rewritten by a superuser; returns its leaf before and after."""
    organization = deployment.settings.organization_id
    with deployment.postgres.connect() as conn:
        before = store.entry_at(conn, seq)
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("ALTER TABLE compliance.ledger_entries DISABLE TRIGGER append_only")
        owner.execute(
            "UPDATE compliance.ledger_entries SET actor = 'nobody' WHERE seq = %s AND organization_id = %s",
            [seq, organization],
        )
        owner.execute("ALTER TABLE compliance.ledger_entries ENABLE TRIGGER append_only")
    with deployment.postgres.connect() as conn:
        after = store.entry_at(conn, seq)
    assert before is not None
    assert after is not None
    return leaf_of(before).hex(), leaf_of(after).hex()


def amend(deployment: Deployment, seq: int, was: str, now: str) -> None:
    body: dict[str, object] = {"seq": seq, "was_leaf": was, "now_leaf": now, "reason": "order 7"}
    with deployment.postgres.connect() as conn:
        store.append(
            conn,
            deployment.keyring,
            NewEntry(NO_YEAR, "amendment", "2026-11-26T02:30:00.000000Z", "tester", f"a{seq}", body),
        )


def test_what_does_not_hold_is_never_written_where_it_cannot_be_taken_away(ledger: Deployment, worm: WormStore) -> None:
    rewrite(ledger, 3)
    with pytest.raises(IntegrityError, match=r"the ledger does not hold: entry 3.*Nothing was replicated"):
        replicate(ledger.postgres, ledger.keyring, worm)
    assert list(worm.names()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE compliance.ledger_checkpoints SET note = replace(note, E'\n6\n', E'\n5\n')", "signed by a key"),
        ("UPDATE compliance.ledger_checkpoints SET tree_size = 5", "signed by a key"),
        ("DELETE FROM compliance.ledger_entries WHERE seq = 6", "signed by a key"),  # the entry that names the key
        ("DELETE FROM compliance.ledger_entries WHERE seq = 4", "entry 5: the sequence has a gap"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_never_written(
    ledger: Deployment, worm: WormStore, change: str, says: str
) -> None:
    tables = ("ledger_checkpoints", "ledger_entries")
    with ledger.postgres.connect_as_owner() as owner:
        for table in tables:
            owner.execute(f"ALTER TABLE compliance.{table} DISABLE TRIGGER append_only")
        owner.execute(
            f"{change} {'AND' if 'WHERE' in change else 'WHERE'} organization_id = %s",
            [ledger.settings.organization_id],
        )
        for table in tables:
            owner.execute(f"ALTER TABLE compliance.{table} ENABLE TRIGGER append_only")
    with pytest.raises(IntegrityError, match=says):
        replicate(ledger.postgres, ledger.keyring, worm)
    assert list(worm.names()) == []


def test_an_entry_rewritten_after_its_replica_was_made_is_found_unless_an_amendment_documents_it(
    ledger: Deployment, worm: WormStore
) -> None:
    replicate(ledger.postgres, ledger.keyring, worm)
    leaves = rewrite(ledger, 3)
    assert problems(ledger, worm) == [f"{FIRST}: entry 3 of the replica is not the ledger's"]
    amend(ledger, 3, *leaves)
    assert parity(ledger.postgres, worm) == ()


def test_an_amended_entry_is_replicated_as_it_stands_and_keeps_its_place_in_the_tree(
    ledger: Deployment, worm: WormStore
) -> None:
    append(ledger, 260)
    sign(ledger)
    leaves = rewrite(ledger, 3)
    amend(ledger, 3, *leaves)
    assert sign(ledger) == 267
    replicate(ledger.postgres, ledger.keyring, worm)
    assert parity(ledger.postgres, worm) == ()


def test_a_newer_way_to_write_records_is_no_difference(
    ledger: Deployment, worm: WormStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicate(ledger.postgres, ledger.keyring, worm)
    monkeypatch.setattr(replica, "replica_line", lambda entry: b" " + replica_line(entry))
    assert parity(ledger.postgres, worm) == ()


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


# ── stores of others ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bucket_holds_a_replica_and_whoever_wrote_over_it_is_found(
    ledger: Deployment, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = new_buckets(s3_endpoint, monkeypatch)
    with s3_client() as anybody:
        worm = worm_store_from(s3.url)
        replicate(ledger.postgres, ledger.keyring, worm)
        assert parity(ledger.postgres, worm) == ()
        key = f"replica/{ledger.settings.organization_id}/{FIRST}"
        anybody.put_object(Bucket=s3.locking, Key=key, Body=b"another")
        anybody.delete_object(Bucket=s3.locking, Key=key)
        found = parity(ledger.postgres, worm)
        assert set(found) == {
            ParityFinding(FIRST, "somebody tried to change the object", "one version", "it was marked as deleted"),
            ParityFinding(
                FIRST, "somebody tried to change the object", "one version", "it was written over: it has 2 versions"
            ),
        }
        assert replicate(ledger.postgres, ledger.keyring, worm).written == 0
        worm.close()


def test_a_lock_that_was_shortened_is_found_since_the_local_s3_does_not_refuse_it(
    ledger: Deployment, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = new_buckets(s3_endpoint, monkeypatch)
    with s3_client() as anybody:
        worm = worm_store_from(s3.url)
        replicate(ledger.postgres, ledger.keyring, worm)
        key = f"replica/{ledger.settings.organization_id}/{CHECKPOINT}"
        (version,) = anybody.list_object_versions(Bucket=s3.locking, Prefix=key)["Versions"]
        anybody.put_object_retention(
            Bucket=s3.locking,
            Key=key,
            VersionId=version["VersionId"],
            Retention={"Mode": "GOVERNANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days=9)},
        )
        assert problems(ledger, worm) == [
            f"{CHECKPOINT}: the object is kept too short",
            f"{CHECKPOINT}: the object is not protected",
        ]
        worm.close()


def test_an_azure_container_holds_a_replica_and_whoever_wrote_over_it_is_found(
    ledger: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    with local_azure(monkeypatch) as azure:
        worm = worm_store_from(AZURE_URL)
        replicate(ledger.postgres, ledger.keyring, worm)
        assert parity(ledger.postgres, worm) == ()
        azure.write(f"replica/{ledger.settings.organization_id}/{FIRST}", b"another")
        assert problems(ledger, worm) == [f"{FIRST}: somebody tried to change the object"]
        azure.behaviour = "HTTP 503 ServerBusy"
        with pytest.raises(DependencyUnavailable):
            parity(ledger.postgres, worm)
        worm.close()

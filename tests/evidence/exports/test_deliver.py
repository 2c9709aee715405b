"""Delivery from a real ledger: every entry at least once, in order, without a gap, whatever breaks."""

import dataclasses
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from base64 import b64decode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from compliance_assets.audit_ledger import checkpoints, merkle
from compliance_assets.audit_ledger import store as ledger
from compliance_assets.audit_ledger.chain import NewEntry, Walk
from compliance_assets.contracts.canonical import canonical_json
from compliance_assets.contracts.errors import DependencyUnavailable, IntegrityError, InvalidInput
from compliance_assets.deployment import Deployment
from compliance_assets.evidence.exports import deliver as delivery
from compliance_assets.evidence.exports import store
from compliance_assets.evidence.exports.deliver import Delivery, deliver, waiting, write_events, write_jsonl
from compliance_assets.evidence.exports.records import entry_from_record, read_records
from compliance_assets.evidence.exports.sinks import Patience
from resources.postgres import Connection
from resources.settings import Settings
from tests.evidence.exports import builders
from tests.evidence.exports.receivers import http_receiver, syslog_receiver

QUICK = Patience(seconds=2.0, attempts=1, first_pause=0.01, longest_pause=0.05)


def fill(deployment: Deployment, count: int, *, content: bool = False) -> None:
    """Append decisions."""
    entries = [
        NewEntry(
            year=2021,
            kind="decision",
            occurred_at=builders.MOMENT,
            actor="compliance",
            subject_id=f"rsp_{i}",
            body={k: v for k, v in builders.DECISION_BODY.items() if k != "sealed_under"},
            content={"input": {"question": builders.QUESTION}, "answer": "é 𝄞\n"} if content else None,
            data_subjects=("12345678909",) if content else (),
        )
        for i in range(count)
    ]
    with deployment.postgres.connect() as conn:
        ledger.append_all(conn, deployment.keyring, entries)


def cursor_of(deployment: Deployment, key: str) -> int:
    with deployment.postgres.connect() as conn:
        return store.cursor(conn, key)


def seqs(lines: Iterable[bytes | str]) -> list[int]:
    return [json.loads(line)["metadata"]["sequence"] for line in lines]


def until_all_is_told(attempt: Callable[[], Delivery], head: int, failures: int) -> None:
    """Deliver again and again; just so many attempts fail."""
    failed = 0
    for _ in range(20):
        try:
            if attempt().to_seq == head:
                break
        except DependencyUnavailable:
            failed += 1
    assert failed == failures


def first_arrivals(arrived: list[int]) -> list[int]:
    return list(dict.fromkeys(arrived))


# ── at least once, in order, without a gap ───────────────────────────────────────────────────────────────────────────


def test_a_thousand_entries_reach_a_syslog_receiver_across_five_failures(deployment: Deployment) -> None:
    fill(deployment, 1000)
    with syslog_receiver() as receiver:
        receiver.moods = ["drop 30", "good", "greet", "good", "good", "leave 60", "good", "drop 0", "hang"]
        url = f"syslog+tcp://127.0.0.1:{receiver.port}"
        until_all_is_told(lambda: deliver(deployment.postgres, url, "ocsf", batch=100, patience=QUICK), 1000, 5)
        arrived = seqs(message.partition(b"] ")[2] for message in receiver.messages)
    assert first_arrivals(arrived) == list(range(1, 1001))
    assert len(arrived) >= 1000
    assert cursor_of(deployment, f"ocsf|{url}") == 1000


def test_a_thousand_entries_reach_an_http_receiver_across_five_failures(deployment: Deployment) -> None:
    fill(deployment, 1000)
    with http_receiver() as receiver:
        receiver.answers = [500, 200, 200, 429, 200, "drop", 200, 400, 200, "hang"]
        quick = dataclasses.replace(QUICK, seconds=0.5)
        until_all_is_told(
            lambda: deliver(deployment.postgres, receiver.url, "ocsf", batch=100, patience=quick), 1000, 5
        )
        posts = [seqs(post.body.splitlines()) for post in receiver.posts]
        accepted = [seq for body in receiver.accepted for seq in seqs(body.splitlines())]
    assert accepted == list(range(1, 1001))
    assert first_arrivals([seq for post in posts for seq in post]) == list(range(1, 1001))


def test_a_process_killed_between_the_acknowledgement_and_the_cursor_repeats_a_batch_and_leaves_none_out(
    deployment: Deployment, tmp_path: Path
) -> None:
    fill(deployment, 30)
    file = tmp_path / "ledger.ocsf"
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from compliance_assets.deployment import Deployment
        from compliance_assets.evidence.exports import deliver, store
        from resources.settings import Settings
        advance = store.advance
        def killed_at_the_second(conn, key, since, to):
            if since:
                os.kill(os.getpid(), signal.SIGKILL)
            advance(conn, key, since, to)
        store.advance = killed_at_the_second
        settings = Settings.from_environment(data_dir=Path(sys.argv[1]))
        deliver.deliver(Deployment(settings).postgres, sys.argv[2], "ocsf", batch=10)
    """)
    settings = deployment.settings
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "COMPLIANCE_DATABASE_URL": settings.database_url,
        "COMPLIANCE_ORGANIZATION_ID": settings.organization_id,
        "COMPLIANCE_YEARS": "2018-2024",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    arguments = [sys.executable, "-c", program, str(settings.data_dir), file.as_uri()]
    assert subprocess.run(arguments, env=environment, timeout=60).returncode == -signal.SIGKILL
    assert cursor_of(deployment, f"ocsf|{file.as_uri()}") == 10
    with file.open("ab") as torn:
        torn.write(b'{"metadata":')

    assert deliver(deployment.postgres, file.as_uri(), "ocsf", batch=10) == Delivery(11, 30, 20)
    assert seqs(file.read_text().splitlines()) == [*range(1, 21), *range(11, 31)]


def test_what_is_appended_later_is_delivered_later_and_nothing_twice(deployment: Deployment, tmp_path: Path) -> None:
    url = (tmp_path / "ledger.ocsf").as_uri()
    assert deliver(deployment.postgres, url, "ocsf") == Delivery(1, 0, 0)
    fill(deployment, 5)
    assert deliver(deployment.postgres, url, "ocsf", batch=2, limit=3) == Delivery(1, 3, 3)
    fill(deployment, 2)
    assert deliver(deployment.postgres, url, "ocsf", batch=2) == Delivery(4, 7, 4)
    assert deliver(deployment.postgres, url, "ocsf") == Delivery(8, 7, 0)
    assert seqs((tmp_path / "ledger.ocsf").read_text().splitlines()) == list(range(1, 8))


def test_two_deliverers_at_once_serve_a_sink_one_after_the_other(deployment: Deployment, tmp_path: Path) -> None:
    fill(deployment, 60)
    url, done = (tmp_path / "ledger.ocsf").as_uri(), []
    start = threading.Barrier(3)

    def serve() -> None:
        start.wait()
        done.append(deliver(Deployment(deployment.settings).postgres, url, "ocsf", batch=5).count)

    threads = [threading.Thread(target=serve) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [0, 0, 60]
    assert seqs((tmp_path / "ledger.ocsf").read_text().splitlines()) == list(range(1, 61))


def test_a_sink_that_somebody_else_serves_too_long_is_left_to_him(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(deployment, 1)
    monkeypatch.setattr(delivery, "LOCK_SECONDS", 0.2)
    url = (tmp_path / "ledger.cef").as_uri()
    with deployment.postgres.connect() as conn:
        store.lock(conn, f"cef|{url}", 1)
        with pytest.raises(DependencyUnavailable, match="another process serves this sink"):
            deliver(deployment.postgres, url, "cef")
        assert deliver(deployment.postgres, url, "ocsf").count == 1, "another format is another sink"
    assert deliver(deployment.postgres, url, "cef").count == 1


def test_a_cursor_that_was_moved_under_a_delivery_is_not_moved_back(deployment: Deployment, tmp_path: Path) -> None:
    fill(deployment, 2)
    url = (tmp_path / "ledger.cef").as_uri()
    deliver(deployment.postgres, url, "cef")
    with deployment.postgres.connect() as conn, pytest.raises(IntegrityError, match="moved by somebody else"):
        store.advance(conn, f"cef|{url}", 1, 2)
    assert cursor_of(deployment, f"cef|{url}") == 2


def test_a_gap_in_the_ledger_stops_the_delivery_before_it(deployment: Deployment, tmp_path: Path) -> None:
    fill(deployment, 10)
    url = (tmp_path / "ledger.ocsf").as_uri()
    as_owner(deployment, "DELETE FROM compliance.ledger_entries WHERE organization_id = %s AND seq IN (6, 7, 8, 9, 10)")
    with pytest.raises(IntegrityError, match="has a gap"):
        deliver(deployment.postgres, url, "ocsf", batch=5)
    assert seqs((tmp_path / "ledger.ocsf").read_text().splitlines()) == [1, 2, 3, 4, 5]


def as_owner(deployment: Deployment, statement: Any) -> None:
    """A superuser's way around the triggers."""
    with deployment.postgres.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(statement, [deployment.settings.organization_id])


# ── whose, and under what name ───────────────────────────────────────────────────────────────────────────────────────


def test_entries_of_another_organisation_never_appear(
    deployment: Deployment, settings: Settings, tmp_path: Path
) -> None:
    other = Deployment(
        dataclasses.replace(
            settings,
            organization_id="99999999-0000-4000-8000-" + settings.organization_id[-12:],
            data_dir=settings.data_dir.with_name(settings.data_dir.name + "-other"),
        )
    )
    other.prepare()
    fill(deployment, 7)
    fill(other, 4)
    for owner, name, count in ((deployment, "ours", 7), (other, "theirs", 4)):
        for format in ("jsonl", "ocsf", "cef"):
            file = tmp_path / f"{name}.{format}"
            assert deliver(owner.postgres, file.as_uri(), format).count == count
            strangers = (other if owner is deployment else deployment).settings.organization_id
            assert owner.settings.organization_id in file.read_text()
            assert strangers not in file.read_text()
    with other.postgres.connect() as conn:
        assert set(store.cursors(conn).values()) == {4}


def test_the_cursor_outlives_a_change_of_password_and_holds_none(deployment: Deployment) -> None:
    fill(deployment, 3)
    with http_receiver() as receiver:
        before, after = (receiver.url.replace("http://", f"http://siem:{word}@") for word in ("secret1", "secret2"))
        assert deliver(deployment.postgres, before, "cef").count == 3
        assert deliver(deployment.postgres, after, "cef").count == 0
    with deployment.postgres.connect() as conn:
        assert list(store.cursors(conn)) == [f"cef|{receiver.url}"]


def test_only_sinks_that_are_behind_wait(deployment: Deployment, tmp_path: Path) -> None:
    served, behind = ((tmp_path / name).as_uri() for name in ("served", "behind"))
    sinks = [("cef", served), ("ocsf", behind)]
    with deployment.postgres.connect() as conn:
        assert waiting(conn, sinks) == []
    fill(deployment, 2)
    deliver(deployment.postgres, served, "cef")
    with deployment.postgres.connect() as conn:
        (found,) = waiting(conn, sinks)
    assert (found.format, found.sink, found.cursor, found.head) == ("ocsf", behind, 0, 2)


def test_an_unknown_format_is_refused_with_those_that_are_known(deployment: Deployment, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="jsonl, ocsf, cef"):
        deliver(deployment.postgres, (tmp_path / "x").as_uri(), "leef")


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def exported(conn: Connection, deployment: Deployment, **arguments: Any) -> bytes:
    file = io.BytesIO()
    count = write_jsonl(conn, deployment.keyring, file, **arguments)
    assert file.getvalue().count(b"\n") == count
    return file.getvalue()


def test_from_the_exported_file_an_auditor_walks_the_chain_and_computes_the_signed_root(deployment: Deployment) -> None:
    fill(deployment, 300, content=True)
    with deployment.postgres.connect() as conn:
        signed = checkpoints.sign_checkpoint(conn, deployment.keyring)
        file = exported(conn, deployment)
        head = ledger.head(conn)
    assert signed is not None
    organization, leaves = deployment.settings.organization_id, list[bytes]()
    walk = Walk(keys=lambda key_id: deployment.keyring.chain_key(organization, key_id), leaves=leaves.append)
    records = list(read_records(builders.lines_of(file)))
    assert list(walk.over(map(entry_from_record, records))) == []
    assert walk.head == head
    assert merkle.root_of([bytes.fromhex(record.leaf_hash) for record in records[: signed.size]]) == signed.root
    assert leaves == [bytes.fromhex(record.leaf_hash) for record in records]
    assert b"123.456.789-09" not in file


def test_an_opened_file_holds_content_and_salt_and_says_what_was_erased(deployment: Deployment) -> None:
    fill(deployment, 3, content=True)
    with deployment.postgres.connect() as conn:
        records = list(read_records(builders.lines_of(exported(conn, deployment, open_content=True))))
        assert [record.content_state for record in records] == ["opened"] * 3
        for record in records:
            assert record.content is not None
            assert record.salt is not None
            assert record.content["input"] == {"question": builders.QUESTION}
            committed = hashlib.sha256(b64decode(record.salt) + canonical_json(record.content)).hexdigest()
            assert committed == record.entry.content_commitment

        assert conn.execute("DELETE FROM compliance.subject_keys").rowcount == 1
        records = list(read_records(builders.lines_of(exported(conn, deployment, open_content=True))))
    assert [record.content_state for record in records] == ["erased"] * 3
    assert all(record.content is None and record.salt is None for record in records)


def test_a_part_of_the_ledger_is_asked_for_by_its_ends(deployment: Deployment) -> None:
    fill(deployment, 10)
    with deployment.postgres.connect() as conn:
        records = read_records(builders.lines_of(exported(conn, deployment, after=3, upto=6)))
        assert [record.entry.seq for record in records] == [4, 5, 6]
        file = io.BytesIO()
        assert write_events(conn, "ocsf", file, after=8) == 2
    assert seqs(file.getvalue().splitlines()) == [9, 10]

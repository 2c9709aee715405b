"""Sinks against receivers that speak the protocol and break off in the middle of it."""

import json
import re
import socket
import threading
import time
from pathlib import Path

import pytest

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from compliance_assets.evidence.exports.meaning import Event, Severity
from compliance_assets.evidence.exports.sinks import Batch, HttpSink, Patience, sink_from, syslog_message
from tests.evidence.exports.receivers import Authority, HttpReceiver, http_receiver, syslog_receiver

QUICK = Patience(seconds=1.0, attempts=4, first_pause=0.01, longest_pause=0.05)


def batch(first: int = 1, last: int = 20, text: str = '{"seq":%d}') -> Batch:
    events = [
        Event(seq, "org", "decision", "2026-01-02T03:04:05.678901Z", Severity.INFORMATIONAL, text % seq)
        for seq in range(first, last + 1)
    ]
    return Batch(events, "application/x-ndjson")


# ── which sink a URL is ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    ["", "ledger.cef", "ftp://host/x", "syslog+tcp://host", "syslog+tcp://host:1?ca=x", "syslog+tls://host:1?key=x",
     "syslog+udp://host:514", "file://elsewhere/x", "file:///folder/", "http://", "syslog+tcp://host:99999", "http://[::1"],
)  # fmt: skip
def test_a_url_that_is_no_sink_is_refused_with_a_list_of_those_that_are(url: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape("file, syslog+tcp, syslog+tls, http, https")):
        sink_from(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("file:///var/log/ledger%20a.cef", "file:///var/log/ledger%20a.cef"),
        ("syslog+tcp://siem:601", "syslog+tcp://siem:601"),
        ("syslog+tls://siem:6514?ca=/etc/ca.pem", "syslog+tls://siem:6514"),
        ("syslog+tcp://[::1]:601", "syslog+tcp://[::1]:601"),
        ("https://user:secret@siem:8443/in", "https://siem:8443/in"),
        ("https://siem/in", "https://siem/in"),
    ],
)
def test_the_name_of_a_sink_holds_nothing_secret(url: str, name: str) -> None:
    sink = sink_from(url)
    assert sink.name == name
    assert "secret" not in f"{sink!r}{sink.name}"


def test_a_token_in_a_query_tells_sinks_apart_without_being_told() -> None:
    one, other = sink_from("https://siem/in?token=tell"), sink_from("https://siem/in?token=nobody")
    assert one.name != other.name
    assert "tell" not in f"{one!r}{one.name}"


def test_a_refused_url_does_not_give_its_password_away() -> None:
    with pytest.raises(InvalidInput) as refused:
        sink_from("gopher://user:secret@siem/in?token=secret")
    assert "secret" not in str(refused.value)


# ── file ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_gets_a_line_an_event_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    sink = sink_from(file.as_uri())
    sink.deliver(batch(1, 3))
    sink.deliver(batch(4, 5))
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2, 3, 4, 5]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b'{"seq":', b"x" * 200_000])
def test_a_line_that_a_crash_tore_off_is_cut_away_before_the_next_is_written(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "ledger.jsonl"
    sink = sink_from(file.as_uri())
    sink.deliver(batch(1, 2))
    with file.open("ab") as crashed:
        crashed.write(torn)
    sink.deliver(batch(2, 3))
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2, 2, 3]


def test_a_file_of_nothing_but_a_torn_line_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(b'{"se')
    sink_from(file.as_uri()).deliver(batch(1, 1))
    assert file.read_bytes() == b'{"seq":1}\n'


def test_a_folder_that_is_not_there_is_a_dependency_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable, match="FileNotFoundError"):
        sink_from((tmp_path / "none" / "ledger.cef").as_uri()).deliver(batch())


# ── syslog ───────────────────────────────────────────────────────────────────────────────────────────────────────────

RFC_5424 = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48})"
    rb" (?P<proc>[!-~]{1,128}) (?P<msgid>[!-~]{1,32}) \[meta sequenceId=\"(?P<seq>\d+)\"\] (?P<msg>.*)",
    re.DOTALL,
)


def test_a_message_is_what_rfc_5424_says() -> None:
    event = Event(7, "org", "hold released", "2026-01-02T03:04:05.678901Z", Severity.CRITICAL, "CEF:0|a=b")
    read = RFC_5424.fullmatch(syslog_message(event))
    assert read is not None
    assert divmod(int(read["pri"]), 8) == (13, 2), "log audit, critical"
    assert (read["app"], read["proc"], read["msgid"], read["seq"]) == (
        b"compliance-assets",
        b"-",
        b"hold_released",
        b"7",
    )
    assert read["msg"] == b"CEF:0|a=b"


def test_text_beyond_ascii_is_announced_by_a_byte_order_mark_and_the_sequence_begins_anew_where_it_must() -> None:
    event = Event(2**31, "org", "incident", "2026-01-02T03:04:05.678901Z", Severity.LOW, "ação")
    read = RFC_5424.fullmatch(syslog_message(event))
    assert read is not None
    assert read["msg"] == b"\xef\xbb\xbf" + "ação".encode()
    assert read["seq"] == b"1"


def seqs(messages: list[bytes]) -> list[int]:
    found = []
    for message in messages:
        read = RFC_5424.fullmatch(message)
        assert read is not None, message
        found.append(int(read["seq"]))
    return found


def test_a_receiver_gets_every_message_even_with_newlines_in_it() -> None:
    with syslog_receiver() as receiver:
        sink_from(f"syslog+tcp://127.0.0.1:{receiver.port}", QUICK).deliver(batch(1, 300, "two\nlines %d"))
        assert seqs(receiver.messages) == list(range(1, 301))
        assert receiver.messages[0].endswith(b"two\nlines 1")


@pytest.mark.parametrize("mood", ["drop 3", "leave 3", "drop 0", "leave 0", "greet"])
@pytest.mark.parametrize("length", [10, 200_000])
def test_a_batch_that_was_not_read_to_its_end_is_not_acknowledged(mood: str, length: int) -> None:
    with syslog_receiver() as receiver:
        receiver.moods = [mood]
        sink = sink_from(f"syslog+tcp://127.0.0.1:{receiver.port}", QUICK)
        with pytest.raises(DependencyUnavailable, match="did not take a batch"):
            sink.deliver(batch(1, 20, "%d" + "x" * length))


def test_a_receiver_that_is_not_there_or_does_nothing_is_given_up_in_time() -> None:
    with syslog_receiver() as receiver:
        port = receiver.port
        receiver.moods = ["hang", "hang"]
        sink = sink_from(f"syslog+tcp://127.0.0.1:{port}", QUICK)
        for text in ("%d", "%d" + "x" * 1_000_000):
            started = time.monotonic()
            with pytest.raises(DependencyUnavailable, match=r"[Tt]imed? ?out"):
                sink.deliver(batch(1, 20, text))
            assert time.monotonic() - started < 3
    with pytest.raises(DependencyUnavailable, match="ConnectionRefusedError"):
        sink.deliver(batch())


def test_over_tls_a_receiver_with_a_known_authority_gets_everything(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with syslog_receiver(authority.server_context()) as receiver:
        sink = sink_from(f"syslog+tls://127.0.0.1:{receiver.port}?ca={authority.ca_file}", QUICK)
        sink.deliver(batch(1, 300))
        assert seqs(receiver.messages) == list(range(1, 301))


@pytest.mark.parametrize("mood", ["drop 3", "leave 3", "greet", "hang"])
def test_over_tls_too_a_broken_connection_acknowledges_nothing(mood: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with syslog_receiver(authority.server_context()) as receiver:
        receiver.moods = [mood]
        sink = sink_from(f"syslog+tls://127.0.0.1:{receiver.port}?ca={authority.ca_file}", QUICK)
        with pytest.raises(DependencyUnavailable):
            sink.deliver(batch(1, 20, "%d" + "x" * 100_000))


def test_a_certificate_of_another_authority_or_for_another_host_is_refused(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    for context in (theirs.server_context(), ours.server_context("127.0.0.2")):
        with syslog_receiver(context) as receiver:
            sink = sink_from(f"syslog+tls://127.0.0.1:{receiver.port}?ca={ours.ca_file}", QUICK)
            with pytest.raises(DependencyUnavailable, match="SSLCertVerificationError"):
                sink.deliver(batch())
            assert receiver.messages == []


def test_without_a_file_the_system_decides_and_a_missing_file_is_named(tmp_path: Path) -> None:
    with syslog_receiver(Authority(tmp_path).server_context()) as receiver:
        with pytest.raises(DependencyUnavailable, match="SSLCertVerificationError"):
            sink_from(f"syslog+tls://127.0.0.1:{receiver.port}", QUICK).deliver(batch())
        with pytest.raises(DependencyUnavailable, match="FileNotFoundError"):
            sink_from(f"syslog+tls://127.0.0.1:{receiver.port}?ca=/none.pem", QUICK).deliver(batch())


def test_a_plain_receiver_is_not_taken_for_a_secure_one() -> None:
    with syslog_receiver() as receiver:
        with pytest.raises(DependencyUnavailable):
            sink_from(f"syslog+tls://127.0.0.1:{receiver.port}", QUICK).deliver(batch())
        assert receiver.messages == []


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_one_request_with_a_line_an_event() -> None:
    with http_receiver() as receiver:
        sink_from(f"{receiver.url}/in?index=ledger", QUICK).deliver(batch(1, 3))
        (post,) = receiver.posts
    assert post.body == b'{"seq":1}\n{"seq":2}\n{"seq":3}\n'
    assert (post.path, post.headers["Content-Type"]) == ("/in?index=ledger", "application/x-ndjson")


@pytest.mark.parametrize("answer", [500, 502, 503, 408, 425, 429, "drop"])
def test_what_may_succeed_later_is_tried_again_under_the_same_key(answer: int | str) -> None:
    with http_receiver() as receiver:
        receiver.answers = [answer, answer]
        sink_from(receiver.url, QUICK).deliver(batch(1, 3))
        keys = {post.headers["Idempotency-Key"] for post in receiver.posts}
        assert (len(receiver.posts), len(keys), len(receiver.accepted)) == (3, 1, 1)
        sink_from(receiver.url, QUICK).deliver(batch(4, 6))
        assert receiver.posts[-1].headers["Idempotency-Key"] not in keys


@pytest.mark.parametrize("answer", [301, 400, 401, 404, 413])
def test_what_will_not_succeed_later_is_not_tried_again(answer: int) -> None:
    with http_receiver() as receiver:
        receiver.answers = [answer]
        with pytest.raises(DependencyUnavailable, match=f"HTTP {answer}"):
            sink_from(receiver.url, QUICK).deliver(batch())
        assert len(receiver.posts) == 1


def test_the_attempts_are_bounded() -> None:
    with http_receiver() as receiver:
        receiver.answers = [500] * 9
        with pytest.raises(DependencyUnavailable, match="HTTP 500"):
            sink_from(receiver.url, QUICK).deliver(batch())
        assert len(receiver.posts) == QUICK.attempts


@pytest.mark.parametrize(
    ("retry_after", "pauses"),
    [("7", [7.0, 7.0]), ("3600", [30.0, 30.0]), (None, [0.5, 1.0]), ("Wed, 21 Oct 2026 07:28:00 GMT", [0.5, 1.0])],
)
def test_pauses_grow_follow_retry_after_and_are_bounded(retry_after: str | None, pauses: list[float]) -> None:
    paused: list[float] = []
    with http_receiver() as receiver:
        receiver.answers, receiver.retry_after = [429, 503], retry_after
        sink = sink_from(receiver.url)
        assert isinstance(sink, HttpSink)
        HttpSink(sink.parts, sink.patience, paused.append).deliver(batch())
    assert paused == pauses


@pytest.mark.parametrize("mood", ["hang", "drip"])
def test_a_receiver_that_hangs_or_drips_is_given_up_in_time(mood: str) -> None:
    with http_receiver() as receiver:
        receiver.answers = [mood, mood]
        started = time.monotonic()
        with pytest.raises(DependencyUnavailable, match="TimeoutError"):
            sink_from(receiver.url, Patience(seconds=0.5, attempts=2, first_pause=0.01)).deliver(batch())
        assert time.monotonic() - started < 4


def test_user_and_password_of_the_url_become_basic_authentication() -> None:
    with http_receiver() as receiver:
        sink_from(receiver.url.replace("http://", "http://us%40er:se%3Acret@"), QUICK).deliver(batch())
        assert receiver.posts[0].headers["Authorization"] == "Basic dXNAZXI6c2U6Y3JldA=="


def test_a_receiver_that_is_not_there_is_named_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DependencyUnavailable, match="ConnectionRefusedError") as refused:
        sink_from(f"http://user:secret@127.0.0.1:{port}/in", QUICK).deliver(batch())
    assert "secret" not in str(refused.value)


def test_https_verifies_the_certificate(tmp_path: Path) -> None:
    with HttpReceiver() as receiver:
        receiver.socket = Authority(tmp_path).server_context().wrap_socket(receiver.socket, server_side=True)
        thread = threading.Thread(target=receiver.handle_request, daemon=True)
        receiver.timeout = 5
        thread.start()
        with pytest.raises(DependencyUnavailable, match="SSLCertVerificationError"):
            sink_from(receiver.url.replace("http:", "https:"), QUICK).deliver(batch())
        thread.join(5)
        assert receiver.posts == []

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_assets.contracts.envelope import DocumentState
from compliance_assets.normalised_documents.parse import Parser
from compliance_assets.normalised_documents.parsed import Parsed, Refusal
from compliance_assets.normalised_documents.worker import Limits, ParserPool

pytestmark = pytest.mark.timeout(60)

REPOSITORY = Path(__file__).parents[2]
MIB = 1024 * 1024


@pytest.fixture
def by_command(monkeypatch: pytest.MonkeyPatch) -> Parser:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))  # workers inherit the path
    import misbehaving_parsers

    return misbehaving_parsers.by_command


def reason_of(data: bytes, parser: Parser, limits: Limits) -> str:
    """The reason for refusing `data`; a good document after it shows that the pool goes on."""
    with ParserPool(1, limits, parser) as pool:
        outcomes = {result.key: result.outcome for result in pool.parse_all([("bad", data), ("good", b"still here")])}
    good, bad = outcomes["good"], outcomes["bad"]
    assert isinstance(good, Parsed)
    assert good.text == "still here"
    assert isinstance(bad, Refusal)
    assert bad.state is DocumentState.REJECTED
    return bad.reason


@pytest.mark.parametrize("data", [b"sleep 60", b"spin"])
def test_a_parser_that_does_not_return_is_stopped(by_command: Parser, data: bytes) -> None:
    assert reason_of(data, by_command, Limits(seconds=1)) == "time_limit: 1 s"


def test_a_parser_that_takes_too_much_memory_is_refused_it(by_command: Parser) -> None:
    limits = Limits(memory_bytes=1024 * MIB)
    assert reason_of(b"allocate 2000000000", by_command, limits) == "memory_limit: 1024 MiB"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"exit 3", "parser_crashed: exit code 3"),
        (b"segfault", "parser_crashed: SIGSEGV"),
        (b"leave", "parser_crashed: SystemExit"),
        (b"fail", "parser_crashed: KeyError"),
    ],
)
def test_a_parser_that_dies_costs_only_its_document(by_command: Parser, data: bytes, reason: str) -> None:
    assert reason_of(data, by_command, Limits(seconds=20)) == reason


def test_too_much_output_is_rejected(by_command: Parser) -> None:
    reason = reason_of(b"repeat 101", by_command, Limits(output_characters=100))
    assert reason == "too_large: 101 characters, at most 100"


def test_a_document_that_a_worker_could_not_hold_is_not_handed_over(by_command: Parser) -> None:
    limits = Limits(memory_bytes=1024 * MIB)
    reason = reason_of(b"x" * (limits.input_bytes + 1), by_command, limits)
    assert reason.startswith("too_large: ")


def test_the_largest_document_that_is_handed_over_arrives(by_command: Parser) -> None:
    limits = Limits(memory_bytes=1024 * MIB)
    with ParserPool(1, limits) as pool:
        (result,) = pool.parse_all([(1, b"\x1f\x8b\x08" + bytes(limits.input_bytes - 3))])
    assert isinstance(result.outcome, Refusal)
    assert result.outcome.reason == "unsupported_media_type: application/gzip"


def test_every_item_has_one_result_when_many_fail(by_command: Parser) -> None:
    commands = [b"exit 1", b"good", b"spin", b"fail", b"segfault", b"good"] * 2
    with ParserPool(2, Limits(seconds=1), by_command) as pool:
        results = list(pool.parse_all(enumerate(commands)))
    assert sorted(result.key for result in results) == list(range(len(commands)))
    for result in results:
        assert isinstance(result.outcome, Parsed) == (commands[result.key] == b"good")


def test_a_pool_that_broke_is_replaced(by_command: Parser) -> None:
    with ParserPool(1, Limits(seconds=20), by_command) as pool:
        assert len(list(pool.parse_all([(1, b"good")]))) == 1
        for pid in pool._pool._pool_manager.worker_manager.workers:
            os.kill(pid, signal.SIGKILL)  # as the kernel does when memory runs out
        outcomes = [result.outcome for result in pool.parse_all([(2, b"good"), (3, b"good")])]
    assert all(isinstance(outcome, Parsed) for outcome in outcomes)


def test_items_are_drawn_only_as_workers_free_up(by_command: Parser) -> None:
    drawn = 0

    def items() -> Iterator[tuple[int, bytes]]:
        nonlocal drawn
        for drawn in range(1, 20):
            yield drawn, b"good"

    with ParserPool(1, Limits(), by_command) as pool:
        for taken, _ in enumerate(pool.parse_all(items()), start=1):
            assert drawn - taken <= 2


def test_leaving_early_is_fast(by_command: Parser) -> None:
    started = time.perf_counter()
    with ParserPool(2, Limits(), by_command) as pool:
        next(pool.parse_all([(1, b"good"), *((key, b"spin " + bytes(10 * MIB)) for key in range(2, 10))]))
    assert time.perf_counter() - started < 5


def test_noise_of_a_parser_does_not_reach_the_terminal(by_command: Parser, capfd: pytest.CaptureFixture[str]) -> None:
    with ParserPool(1, Limits(), by_command) as pool:
        list(pool.parse_all([(1, b"complain")]))
    assert capfd.readouterr() == ("", "")


SCRIPT = """
import sys
sys.path[:0] = [{repository!r}, {here!r}]
import dagster_stand_in
from misbehaving_parsers import by_command
from compliance_assets.normalised_documents.worker import Limits, ParserPool

def main():
    with ParserPool(1, Limits(), by_command) as pool:
        for result in pool.parse_all([(1, {command!r})]):
            print(result.outcome.text)

# No guard against being imported: a worker that imported its caller's script would start workers without end.
main()
"""


def caller(directory: Path, command: bytes) -> subprocess.Popen[str]:
    (directory / "dagster_stand_in.py").touch()
    script = directory / "caller.py"
    script.write_text(SCRIPT.format(repository=str(REPOSITORY), here=str(Path(__file__).parent), command=command))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_workers_import_neither_the_callers_script_nor_heavy_packages(tmp_path: Path) -> None:
    output, errors = caller(tmp_path, b"modules").communicate()
    modules = {name.partition(".")[0] for name in output.split()}
    assert errors == ""
    assert "pypdfium2" in modules
    assert modules.isdisjoint({"dagster_stand_in", "dagster", "torch", "psycopg", "pydantic_ai", "mlflow", "pandas"})


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_busy_worker_dies_with_its_killed_parent(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with caller(tmp_path, b"write_pid_and_spin " + os.fsencode(pid_file)) as process:
        worker = int(_wait_for_text(pid_file))
        process.kill()
        process.wait()
        assert _ends(worker)


def _wait_for_text(path: Path) -> str:
    while not (path.exists() and path.read_text()):
        time.sleep(0.05)
    return path.read_text()


def _ends(pid: int) -> bool:
    for _ in range(100):
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False

"""The embedded server as several processes see it: real processes, real kills."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput
from resources.embedded_postgres import DATABASE, EmbeddedPostgres

pytestmark = pytest.mark.timeout(120)

REPOSITORY = Path(__file__).parents[2]
START = "server = EmbeddedPostgres(Path(sys.argv[1])); print(server.start(), flush=True)"
WAIT = "sys.stdin.readline()"


class User:
    """Another process that uses the server: it runs some lines, and prints the URL it was given."""

    def __init__(self, data_dir: Path, *lines: str) -> None:
        head = "import sys; from pathlib import Path; from resources.embedded_postgres import EmbeddedPostgres"
        code = "\n".join([head, *lines])
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(data_dir)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def url(self) -> str:
        """Waits until the process has its server."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> None:
        """Let it end as a process does."""
        self._process.communicate("go on\n", timeout=60)
        assert self._process.returncode == 0

    def kill(self) -> None:
        """kill -9, where it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@pytest.fixture(scope="module")
def initialised(session_dir: Path) -> Path:
    """A data directory whose server was set up once and stopped."""
    data_dir = session_dir / "embedded"
    data_dir.mkdir()
    User(data_dir, START).end()
    return data_dir


@pytest.fixture
def data_dir(initialised: Path) -> Iterator[Path]:
    """The same directory, its server stopped before and after the test."""
    assert not EmbeddedPostgres(initialised).runs
    yield initialised
    EmbeddedPostgres(initialised).stop()


@pytest.fixture
def another(data_dir: Path) -> Iterator[Callable[..., User]]:
    """Starts other processes; none is left when the test ends, however it ends."""
    users: list[User] = []

    def start(*lines: str) -> User:
        users.append(User(data_dir, *lines))
        return users[-1]

    yield start
    for user in users:
        user.kill()


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def kill_postmaster(data_dir: Path) -> None:
    """kill -9; returns once it is dead, which may be before init has reaped it."""
    server = psutil.Process(postmaster(data_dir))
    server.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        while server.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


def test_the_last_process_to_leave_stops_the_server(initialised: Path) -> None:
    server = EmbeddedPostgres(initialised)
    assert (server.exists, server.runs) == (True, False)


def test_a_new_directory_has_no_server(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    assert (server.exists, server.runs, server.stop()) == (False, False, False)
    assert list(tmp_path.iterdir()) == []


def test_the_database_sorts_by_code_point_whatever_the_machine(data_dir: Path) -> None:
    with psycopg.connect(EmbeddedPostgres(data_dir).start()) as conn:
        assert conn.execute("SELECT current_database()").fetchone() == (DATABASE,)
        assert conn.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert conn.execute("SELECT array_agg(x ORDER BY x) FROM unnest('{b,Z,a,é}'::text[]) x").fetchone() == (
            ["Z", "a", "b", "é"],
        )


def test_a_second_process_shares_the_server_and_leaves_it_running(data_dir: Path, another: Callable[..., User]) -> None:
    ours = EmbeddedPostgres(data_dir)
    url, pid = ours.start(), postmaster(data_dir)
    other = another(START, WAIT)
    assert other.url == url
    assert postmaster(data_dir) == pid
    other.end()
    assert ours.runs


def test_six_processes_that_ask_at_once_share_one_server(data_dir: Path, another: Callable[..., User]) -> None:
    users = [another(START, WAIT) for _ in range(6)]
    assert len({user.url for user in users}) == 1
    for user in users:
        assert EmbeddedPostgres(data_dir).runs
        user.end()
    assert not EmbeddedPostgres(data_dir).runs


def test_the_server_outlives_a_killed_process_but_its_lease_keeps_nothing_alive(
    data_dir: Path, another: Callable[..., User]
) -> None:
    killed = another(START, WAIT)
    assert killed.url
    killed.kill()
    assert EmbeddedPostgres(data_dir).runs
    another(START).end()
    assert not EmbeddedPostgres(data_dir).runs


def test_a_server_that_was_asked_to_stay_stays_until_it_is_stopped(
    data_dir: Path, another: Callable[..., User]
) -> None:
    another(START, "server.stay_up()").end()
    server = EmbeddedPostgres(data_dir)
    assert server.runs
    another(START).end()
    assert server.runs
    assert (server.stop(), server.runs, server.stop()) == (True, False, False)
    another(START).end()
    assert not server.runs, "the wish to stay outlived the stop"


def test_a_process_may_start_the_server_again_after_it_was_stopped(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    with psycopg.connect(server.start()) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")
    server.stop()
    with psycopg.connect(server.start()) as conn:
        assert conn.execute("SELECT one FROM kept").fetchone() == (1,)


def test_after_its_postmaster_was_killed_the_next_process_brings_it_back_with_its_data(
    data_dir: Path, another: Callable[..., User]
) -> None:
    another(START, "server.stay_up()").end()
    kill_postmaster(data_dir)
    with psycopg.connect(EmbeddedPostgres(data_dir).start()) as conn:
        assert conn.execute("SELECT current_database()").fetchone() == (DATABASE,)


def test_a_server_that_was_killed_is_not_stopped_again(data_dir: Path, another: Callable[..., User]) -> None:
    another(START, "server.stay_up()").end()
    kill_postmaster(data_dir)
    server = EmbeddedPostgres(data_dir)
    assert (server.runs, server.stop()) == (False, False)


def test_data_of_another_postgres_is_refused_and_left_alone(session_dir: Path) -> None:
    data = session_dir / "of-another" / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(DependencyUnavailable, match="the embedded PostgreSQL did not start"):
        EmbeddedPostgres(session_dir / "of-another").start()
    assert list(data.iterdir()) == [data / "PG_VERSION"]


def test_a_data_directory_with_white_space_in_its_path_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="white space"):
        EmbeddedPostgres(tmp_path / "my data").start()

    assert not (tmp_path / "my data").exists()

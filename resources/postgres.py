"""Connections to Postgres: the embedded server or a given one, the same code.

Every session works as the role compliance_app inside one organisation; row-level security does the rest.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import TupleRow

from compliance_assets.contracts.errors import DependencyUnavailable
from resources.embedded_postgres import EmbeddedPostgres
from resources.settings import Settings

Connection = psycopg.Connection[TupleRow]
_ORGANIZATIONS: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()
CONNECT_PATIENCE_SECONDS = 20.0  # a server that recovers from a crash refuses connections for a moment


class Postgres:
    """Opens sessions. Building one does no I/O; the embedded server starts with the first connection."""

    def __init__(self, settings: Settings, prepare: Callable[[Callable[[], Connection]], None]) -> None:
        """`prepare` brings the schema up to date; it is called once, with a function that opens an owner's session."""
        self._settings = settings
        self._prepare = prepare
        self._embedded = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
        self._ready = False

    @property
    def embedded(self) -> EmbeddedPostgres | None:
        """The embedded server, None where a database URL was given."""
        return self._embedded

    @property
    def organization_id(self) -> str:
        """The organisation whose rows the sessions see."""
        return self._settings.organization_id

    def start(self) -> None:
        """Make the database reachable and its schema current. Idempotent."""
        if not self._ready:
            try:
                self._prepare(self.connect_as_owner)
            except psycopg.errors.InsufficientPrivilege as problem:
                raise DependencyUnavailable(
                    "the database login may not bring the schema up to date",
                    expected="a login that may create roles and schemas, and the extension vector, created or allowed",
                    found=str(problem).strip(),
                    remedy="Have a superuser run CREATE EXTENSION vector, or grant the login CREATEROLE and CREATE.",
                ) from problem
            self._ready = True

    def connect_as_owner(self) -> Connection:
        """A session with the rights of the login itself: for migrations and administration only."""
        deadline = time.monotonic() + CONNECT_PATIENCE_SECONDS
        while True:
            url = self._embedded.start() if self._embedded else self._settings.database_url
            assert url is not None
            try:
                return psycopg.connect(url, application_name="compliance", connect_timeout=5)
            except psycopg.OperationalError as problem:
                if time.monotonic() > deadline or not _may_pass(problem):
                    raise DependencyUnavailable(
                        "PostgreSQL is not reachable",
                        expected=f"a server at {_without_password(url)}",
                        found=str(problem).strip(),
                        remedy=self._remedy(problem),
                    ) from problem
                time.sleep(0.2)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A session of the application in its organisation. Commits at the end, rolls back on an exception."""
        self.start()
        with self.connect_as_owner() as conn:
            try:
                enter_organization(conn, self.organization_id)
                yield conn
                if not conn.closed:
                    conn.commit()
            except psycopg.OperationalError as problem:
                if not conn.closed:
                    raise
                raise DependencyUnavailable(
                    "the database went away in the middle of a session",
                    expected="the session to last",
                    found=str(problem).strip().partition("\n")[0],
                    remedy="Run the same command again: what was committed stays, the rest was undone.",
                ) from problem

    def _remedy(self, problem: psycopg.OperationalError) -> str:
        """What to do about a server that is not reachable."""
        if _recovers(problem):
            return "It starts, or recovers from a crash: run the same command again in a moment. Nothing is lost."
        if self._embedded:
            return "It was stopped while it was in use: run the same command again, or `compliance up`."
        return "Start it, or unset COMPLIANCE_DATABASE_URL to use the embedded server."


def organization_of(conn: Connection) -> str:
    """The organisation of a session. It is asked of the server once; row-level security refuses a row of any other."""
    known = _ORGANIZATIONS.get(conn)
    if known is None:
        row = conn.execute("SELECT current_setting('app.organization_id')").fetchone()
        assert row is not None
        known = _ORGANIZATIONS[conn] = str(row[0])
    return known


def enter_organization(conn: Connection, organization_id: str, role: str = "compliance_app") -> None:
    """Drop to a working role inside one organisation, for the life of the session."""
    from pgvector.psycopg import register_vector

    conn.execute(psycopg.sql.SQL("SET ROLE {}").format(psycopg.sql.Identifier(role)))
    conn.execute("SELECT set_config('app.organization_id', %s, false)", [organization_id])
    _ORGANIZATIONS[conn] = organization_id
    conn.execute("SET jit = off")  # plans here are short; compiling them costs more than running them
    conn.commit()
    register_vector(conn)
    conn.commit()


def _may_pass(problem: psycopg.OperationalError) -> bool:
    """Whether waiting may help: the server starts or recovers. A wrong password or database will not mend itself."""
    text = str(problem)
    return _recovers(problem) or any(sign in text for sign in ("refused", "No such file", "shutting down", "timeout"))


def _recovers(problem: psycopg.OperationalError) -> bool:
    """Whether the server says that it is not ready yet. A refused connection has no SQLSTATE: its words say it."""
    return any(sign in str(problem) for sign in ("starting up", "recovery", "not yet accepting"))


def _without_password(url: str) -> str:
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:…@", url)

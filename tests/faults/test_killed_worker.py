"""kill -9 of one of two workers in the middle: the other one finishes, and what stands is what one undisturbed worker leaves."""

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

from compliance_assets.deployment import Deployment
from resources.settings import Settings
from tests.rooms import take_in

COMPLIANCE = Path(sys.executable).with_name("compliance")
ENVIRONMENT = {
    "COMPLIANCE_EMBEDDER": "hash",
    "COMPLIANCE_YEARS": "2019-2022",
}
KILLS = 6
CONTENTS = (
    "SELECT chunk_id, doc_id, ordinal, text_sha256, header_sha256 FROM compliance.chunks ORDER BY 1",
    "SELECT doc_id, chunker_version, chunk_count FROM compliance.chunked_documents ORDER BY 1",
    "SELECT model_digest, text_sha256, embedding::text FROM compliance.embeddings ORDER BY 2",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ca-work-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    for data_dir in made.glob("data-*"):
        _deployment(data_dir).postgres.embedded.stop()  # type: ignore[union-attr]
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
def test_a_killed_worker_loses_its_batch_and_nothing_is_done_twice_or_lost(folder: Path) -> None:
    source = _source(folder / "source")
    disturbed, undisturbed = _deployment(folder / "data-disturbed"), _deployment(folder / "data-undisturbed")
    for deployment in (disturbed, undisturbed):
        deployment.prepare()
        take_in(deployment, source)
    seed = os.environ.get("KILL_SEED", "7")
    moments = random.Random(seed)

    interrupted = 0
    for _ in range(KILLS):
        victim, other = _work(disturbed), _work(disturbed)
        _wait_until_it_encodes(victim)
        time.sleep(moments.uniform(0, 0.3))  # the moment itself is what is tested
        for process in (victim, other):
            interrupted += process.poll() is None
            _kill(process)
    victim, survivor = _work(disturbed), _work(disturbed)
    time.sleep(1.2)
    _kill(victim)
    survivor.communicate()
    said = json.loads(_work(undisturbed).communicate()[0])

    assert survivor.returncode == 0
    assert interrupted >= KILLS // 2, f"seed {seed}: most workers had ended before their kill, which then tests nothing"
    assert _contents(disturbed) == _contents(undisturbed), f"seed {seed}"
    assert said["texts_encoded"] == len(_contents(undisturbed)[2]) > 0


def _source(folder: Path) -> Path:
    """Documents whose every second paragraph stands in another one too."""
    rows = []
    for number in range(720):
        path = folder / str(2019 + number % 4) / f"report-{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        own = (f"Paragraph {p} of report {number}: the limit is {number * p} units. " * 12 for p in range(12))
        shared = (f"Paragraph {p} of every report: assets are held in segregated accounts. " * 12 for p in range(6))
        rows.append(json.dumps({"path": str(path.relative_to(folder)), "year": 2019 + number % 4}))
        path.write_text(f"# Report {number}\n\n" + "\n\n".join((*own, *shared)), encoding="utf-8")
    (folder / "manifest.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return folder


def _deployment(data_dir: Path) -> Deployment:
    return Deployment(Settings.from_environment(ENVIRONMENT, data_dir=data_dir))


def _work(deployment: Deployment) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [COMPLIANCE, "work", "--until-idle", "--json", "--data-dir", str(deployment.settings.data_dir)],
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _kill(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def _wait_until_it_encodes(process: "subprocess.Popen[str]") -> None:
    """Its progress says so; a process that found nothing left to do ends without."""
    assert process.stderr is not None
    next((line for line in process.stderr if line.startswith("texts embedded")), None)


def _contents(deployment: Deployment) -> list[list[tuple[object, ...]]]:
    with deployment.postgres.connect() as conn:
        return [conn.execute(query).fetchall() for query in CONTENTS]

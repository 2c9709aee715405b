"""kill -9 at random moments of an ingestion: nothing is lost, nothing is there twice, nothing is half done."""

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

import psycopg
import pytest

from resources.embedded_postgres import EmbeddedPostgres

COMPLIANCE = Path(sys.executable).with_name("compliance")
KILLS = 10
MOMENTS = (1.5, 6.0)  # seconds after the start: from the first file read to the last index built

# Everything that an ingestion stores, times and what is salted left out. Vectors are compared as text: every digit.
CONTENTS = {
    "raw_pulls": "SELECT pull_id, path, state, object_sha256, label::text, superseded_at IS NULL FROM compliance.raw_pulls",
    "documents": "SELECT filing_id, year, state, reason, md5(raw_text), raw_pages::text, live FROM compliance.documents",
    "chunks": "SELECT chunk_id, doc_id, ordinal, page, char_start, char_end, section, text_sha256 FROM compliance.chunks",
    "chunked": "SELECT doc_id, chunker_version, chunk_count FROM compliance.chunked_documents",
    "embeddings": "SELECT model_digest, text_sha256, embedding::text FROM compliance.embeddings",
    "versions": "SELECT year, document_count, chunk_count FROM compliance.index_versions WHERE state = 'live'",
    "entries": "SELECT year, chunk_id, doc_id, filer_category, embedding::text FROM year_index.entries",
    "leaves": "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'year_index' AND c.relkind = 'r'",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ca-kill-", dir="/tmp"))
    made.chmod(0o755)
    yield made
    for data_dir in made.glob("data-*"):
        EmbeddedPostgres(data_dir).stop()
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.slow
def test_ten_kills_and_one_clean_run_leave_what_an_undisturbed_run_leaves(folder: Path) -> None:
    source = folder / "source"
    disturbed, undisturbed = folder / "data-disturbed", folder / "data-undisturbed"
    seed = os.environ.get("KILL_SEED", "7")
    moments = random.Random(seed)

    interrupted = 0
    for attempt in range(KILLS):
        _add_documents(source, attempt)  # there is always something left to do
        process = _ingest(source, disturbed)
        time.sleep(moments.uniform(*MOMENTS))  # the moment itself is what is tested
        interrupted += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert _ingest(source, disturbed).wait() == 0
    assert _ingest(source, undisturbed).wait() == 0

    assert interrupted >= KILLS // 2, f"seed {seed}: most runs ended before their kill, which then tests nothing"
    assert _contents(disturbed) == _contents(undisturbed), f"seed {seed}"


def _add_documents(source: Path, attempt: int) -> None:
    for number in range(attempt * 40, (attempt + 1) * 40):
        path = source / str(2019 + number % 4) / f"report-{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        paragraphs = (f"Paragraph {p} of report {number}: the limit is {number * p} units. " * 12 for p in range(20))
        path.write_text(f"# Report {number}\n\n" + "\n\n".join(paragraphs), encoding="utf-8")
    (source / f"broken-{attempt}.pdf").write_bytes(b"%PDF-1.4\nnothing more")


def _ingest(source: Path, data_dir: Path) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "COMPLIANCE_EMBEDDER": "hash",
        "COMPLIANCE_YEARS": "2019-2022",
        "COMPLIANCE_PATH_PATTERN": r"(?P<year>\d{4})/",
    }
    return subprocess.Popen(
        [COMPLIANCE, "ingest", str(source), "--data-dir", str(data_dir)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _contents(data_dir: Path) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(EmbeddedPostgres(data_dir).start()) as conn:
        return {name: sorted(conn.execute(query).fetchall(), key=repr) for name, query in CONTENTS.items()}

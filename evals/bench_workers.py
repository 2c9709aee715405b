"""`make bench-workers`: the same texts chunked and encoded by 1, 2 and 4 worker processes on one machine.

Each count begins with the same documents, read and not chunked, in a database of its own. The workers are `compliance work
--until-idle`, each with one thread of torch's, started together; what they say of themselves is added up: encoded texts have to be
the distinct texts, neither fewer nor more. Time runs from the first batch that any of them claims: starting an interpreter is no
work. More workers than cores can only share them.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from compliance_assets.deployment import Deployment
from compliance_assets.normalised_documents import store as document_store
from compliance_assets.normalised_documents.envelope import normalise
from compliance_assets.normalised_documents.parse import parse
from compliance_assets.raw_pulls import store as pull_store
from compliance_assets.raw_pulls.connector import source_id_of
from compliance_assets.raw_pulls.pull import pull_source
from evals.bench_ingestion import FILINGS, copy_of
from evals.scratch_deployment import scratch_deployment
from resources.location import canonical_uri
from resources.progress import Silent

COMPLIANCE = Path(sys.executable).with_name("compliance")


@dataclass(frozen=True, slots=True)
class Shared:
    """What some workers did together. Seconds from the first claim to the last commit."""

    workers: int
    documents: int
    chunks: int
    distinct_texts: int
    encoded: tuple[int, ...]
    chunked: tuple[int, ...]
    seconds: float
    cpu_seconds: float  # of all workers, their start included

    @property
    def texts_per_second(self) -> float:
        """Of all workers together."""
        return self.distinct_texts / self.seconds

    @property
    def done_twice(self) -> int:
        """Texts and documents that more than one worker did, or none: 0 where the work was shared."""
        return abs(sum(self.encoded) - self.distinct_texts) + abs(sum(self.chunked) - self.documents)


@click.command()
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), default=FILINGS)
@click.option("--files", default=6, show_default=True, help="How many of the source's files, spread evenly; 0 for all.")
@click.option("--workers", "counts", type=int, multiple=True, default=(1, 2, 4), show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/workers.json"), show_default=True)
def main(source: Path, files: int, counts: tuple[int, ...], rounds: int, out: Path) -> None:
    """Measure and print; every round goes to OUT. Fails where anything was done twice."""
    measured = [_share(source, files, count) for _ in range(rounds) for count in counts]
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(m), "texts_per_second": m.texts_per_second, "done_twice": m.done_twice} for m in measured]
    out.write_text(json.dumps({"cores": len(os.sched_getaffinity(0)), "rounds": rows}, indent=2) + "\n")
    _print(measured, counts)
    click.echo(f"every round: {out}")
    if any(m.done_twice for m in measured):
        raise click.ClickException("work was done twice, or not at all")


def _share(source: Path, files: int, workers: int) -> Shared:
    with scratch_deployment("minilm") as deployment:
        corpus = deployment.settings.data_dir / "source"
        copy_of(source, corpus, files)
        _read(deployment, corpus)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        processes = [_start(deployment) for _ in range(workers)]
        answers = [json.loads(process.communicate()[0]) for process in processes]
        ended, after = time.time(), resource.getrusage(resource.RUSAGE_CHILDREN)
        if any(process.returncode for process in processes):
            raise click.ClickException(f"a worker failed: {answers}")
        with deployment.postgres.connect() as conn:
            row = conn.execute(
                "SELECT (SELECT count(*) FROM compliance.documents WHERE live AND state = 'ok'),"
                " (SELECT count(*) FROM compliance.chunks), (SELECT count(*) FROM compliance.embeddings),"
                " (SELECT extract(epoch FROM min(chunked_at))::float8 FROM compliance.chunked_documents)"
            ).fetchone()
        assert row is not None
        documents, chunks, texts, first_claim = row
        return Shared(
            workers,
            documents,
            chunks,
            texts,
            tuple(answer["texts_encoded"] for answer in answers),
            tuple(answer["documents_chunked"] for answer in answers),
            ended - first_claim,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        )


def _read(deployment: Deployment, folder: Path) -> None:
    """Pull and parse a folder: what the workers find done."""
    uri = canonical_uri(str(folder))
    with deployment.postgres.connect() as conn:
        pull_store.register_source(conn, source_id_of(uri), uri)
    pull_source(deployment.postgres, deployment.objects, source_id_of(uri), uri, None, Silent())
    with deployment.postgres.connect() as conn:
        for file in document_store.claim(conn, 1_000_000):
            outcome = parse(deployment.objects.get(file.object_sha256))
            document_store.insert(conn, [normalise(file, outcome, deployment.settings.years)])


def _start(deployment: Deployment) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [COMPLIANCE, "work", "--until-idle", "--json", "--data-dir", str(deployment.settings.data_dir)],
        env={**os.environ, "COMPLIANCE_EMBEDDER": "minilm", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _print(measured: Sequence[Shared], counts: Sequence[int]) -> None:
    first = measured[0]
    click.echo(
        f"{first.documents} documents, {first.chunks:,} chunks, {first.distinct_texts:,} distinct texts,"
        f" {len(os.sched_getaffinity(0))} cores, one thread a worker, n = {len(measured) // len(counts)} rounds"
    )
    click.echo(
        f"{'workers':>8}{'texts/s':>10}{'min':>8}{'max':>8}{'times one':>11}{'CPU s':>8}{'done twice':>12}  texts of each"
    )
    alone = statistics.median(m.texts_per_second for m in measured if m.workers == counts[0])
    for count in counts:
        some = [m for m in measured if m.workers == count]
        rates = [m.texts_per_second for m in some]
        middle = statistics.median(rates)
        shares = ", ".join(f"{share:,}" for share in some[0].encoded)
        click.echo(
            f"{count:>8}{middle:>10.1f}{min(rates):>8.1f}{max(rates):>8.1f}{middle / alone:>11.2f}"
            f"{statistics.median(m.cpu_seconds for m in some):>8.1f}{sum(m.done_twice for m in some):>12}  {shares}"
        )


if __name__ == "__main__":
    main()

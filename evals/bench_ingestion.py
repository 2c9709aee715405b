"""`make bench`: what ingestion costs beside the bare encoder, on the same chunks, in the same run.

A round is one ingestion of the files (raw to live index, into a fresh database), then one call of the embedder over the
very chunks that it made, texts in memory, nothing stored. Both run with the model loaded and the server up. The ratio of
a round compares neighbours in time: a machine that slows down slows both.
"""

import json
import shutil
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from compliance_assets import commands
from compliance_assets.deployment import Deployment
from compliance_assets.raw_pulls.labels import MANIFEST_NAME
from evals.scratch_deployment import scratch_deployment
from resources.progress import Terminal

FILINGS = Path(__file__).parents[2] / "shared" / "data" / "financebench"


@dataclass(frozen=True, slots=True)
class Round:
    """One ingestion, one bare encoding of its chunks, one ingestion of nothing new and one of a changed file. Seconds."""

    documents: int
    pages: int
    chunks: int
    distinct_texts: int
    precision: str
    ingestion: float
    bare_encoder: float
    nothing_new: float
    one_file_changed: float
    chunks_encoded_for_the_changed_file: int

    def measures(self) -> dict[str, float]:
        """What the table shows of a round."""
        return {
            "ingestion / bare encoder": self.ingestion / self.bare_encoder,
            "ingestion, s": self.ingestion,
            "bare encoder, s": self.bare_encoder,
            "pages/s, raw to index": self.pages / self.ingestion,
            "chunks/s, raw to index": self.chunks / self.ingestion,
            "chunks/s, bare encoder": self.chunks / self.bare_encoder,
            "nothing new, s": self.nothing_new,
            "one file changed, s": self.one_file_changed,
        }


@click.command()
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), default=FILINGS)
@click.option(
    "--files", default=12, show_default=True, help="How many of the source's files, spread evenly; 0 for all."
)
@click.option("--rounds", default=3, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/ingestion.json"), show_default=True)
def main(source: Path, files: int, rounds: int, out: Path) -> None:
    """Measure and print; the numbers of every round go to OUT."""
    measured = [_round(source, files) for _ in range(rounds)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([{**asdict(r), **r.measures()} for r in measured], indent=2) + "\n")
    _print(measured)
    click.echo(f"every round: {out}")


def _round(source: Path, files: int) -> Round:
    with Terminal() as progress, scratch_deployment("minilm", progress) as deployment:
        corpus = _copy(source, deployment.settings.data_dir / "source", files)
        deployment.embedder.encode(["the first call loads the model"])
        report, ingestion = _timed_ingest(deployment, corpus)
        texts = _stored_texts(deployment)
        started = time.monotonic()
        deployment.embedder.encode(texts)
        bare = time.monotonic() - started
        _, nothing_new = _timed_ingest(deployment, corpus)
        _change_one_file(corpus)
        changed, one_changed = _timed_ingest(deployment, corpus)
        return Round(
            documents=report.documents.get("ok", 0),
            pages=report.pages,
            chunks=len(texts),
            distinct_texts=len(set(texts)),
            precision=deployment.embedder.precision,
            ingestion=ingestion,
            bare_encoder=bare,
            nothing_new=nothing_new,
            one_file_changed=one_changed,
            chunks_encoded_for_the_changed_file=changed.chunks_encoded,
        )


def _timed_ingest(deployment: Deployment, corpus: Path) -> tuple[commands.CorpusReport, float]:
    started = time.monotonic()
    report = commands.ingest(deployment, str(corpus))
    if not report.checks_passed:
        raise click.ClickException(f"checks failed: {report.failed_checks}")
    return report, time.monotonic() - started


def _copy(source: Path, target: Path, files: int) -> Path:
    """Some of the files of a labelled source, spread evenly over its manifest, with their labels."""
    rows = [json.loads(line) for line in (source / MANIFEST_NAME).read_text().splitlines() if line.strip()]
    chosen = rows[:: max(1, len(rows) // files)][:files] if files else rows
    for row in chosen:
        (target / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["path"], target / row["path"])
    (target / MANIFEST_NAME).write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return target


def _change_one_file(corpus: Path) -> None:
    """Write the smallest file anew: one changed file whose chunks are new."""
    smallest = min((path for path in corpus.rglob("*") if path.name != MANIFEST_NAME and path.is_file()), key=_size)
    smallest.write_text("A new version of this file.\n\n" + "The limit was raised to 40 percent. " * 400)


def _size(path: Path) -> int:
    return path.stat().st_size


def _stored_texts(deployment: Deployment) -> list[str]:
    with deployment.postgres.connect() as conn:
        return [text for (text,) in conn.execute("SELECT text FROM compliance.chunks ORDER BY chunk_id")]


def _print(rounds: Sequence[Round]) -> None:
    first = rounds[0]
    click.echo(
        f"{first.documents} documents, {first.pages:,} pages, {first.chunks:,} chunks ({first.distinct_texts:,} distinct), "
        f"{first.precision}, n = {len(rounds)} rounds"
    )
    click.echo(f"{'measure':<28}{'median':>10}{'min':>10}{'max':>10}")
    for name in first.measures():
        values = [r.measures()[name] for r in rounds]
        click.echo(f"{name:<28}{statistics.median(values):>10.2f}{min(values):>10.2f}{max(values):>10.2f}")


if __name__ == "__main__":
    main()

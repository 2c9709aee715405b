"""`make bench`: what ingestion costs beside the bare encoder, on the same chunks, in the same run; and beside other libraries.

A round is one ingestion of the files (raw to live index, into a fresh database), then one call of the embedder over the very texts
that it encoded (of each chunk its text and its header, each text once), in memory, nothing stored. Both run with the model loaded
and the server up. With `--beside` the round also takes the same files in with LlamaIndex and with Haystack: their defaults, the
same weights, the same server, the model loaded as well. The ratio of a round compares neighbours in time: a machine that slows
down slows all of them; which library comes first changes from round to round.

Pages without a text layer are left out (`--ocr none`): neither the encoder nor the other libraries read them. Of a piece that is
longer than the model's limit the other libraries' vectors know the beginning alone, so the tokens that were read are counted too.
"""

import json
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from psycopg import sql

from compliance_assets import commands
from compliance_assets.deployment import Deployment
from compliance_assets.raw_pulls.labels import MANIFEST_NAME
from evals.beside.libraries import LIBRARIES, Library, Taken, environment_of, ingest_with
from evals.scratch_deployment import scratch_deployment
from resources.embedder.word_piece import minilm_folder
from resources.progress import Terminal

SPECIAL_TOKENS = 2  # of each input, within the limit
FILINGS = Path(__file__).parents[2] / "shared" / "data" / "financebench"


@dataclass(frozen=True, slots=True)
class Round:
    """One ingestion, one bare encoding of its chunks, one ingestion of nothing new and one of a changed file. Seconds."""

    documents: int
    pages: int
    chunks: int
    distinct_texts: int
    tokens: int
    precision: str
    ingestion: float
    bare_encoder: float
    nothing_new: float
    one_file_changed: float
    texts_encoded_for_the_changed_file: int
    beside: tuple["Beside", ...] = ()

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
            "tokens/s that a vector has read": self.tokens / self.ingestion,
            **{name: value for each in self.beside for name, value in each.measures(self).items()},
        }


@dataclass(frozen=True, slots=True)
class Beside:
    """One ingestion by another library: its pieces, their tokens, and those of them that its model read."""

    taken: Taken
    pieces: int
    tokens: int
    tokens_read: int

    def measures(self, ours: Round) -> dict[str, float]:
        """What the table shows of it, beside the round's own ingestion."""
        library, seconds = self.taken.library, self.taken.seconds
        return {
            f"{library}, s": seconds,
            f"pages/s, {library}": ours.pages / seconds,
            f"tokens/s read, {library}": self.tokens_read / seconds,
            f"{library} / ours, time": seconds / ours.ingestion,
            f"ours / {library}, tokens/s": (ours.tokens / ours.ingestion) / (self.tokens_read / seconds),
        }


@click.command()
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), default=FILINGS)
@click.option(
    "--files", default=12, show_default=True, help="How many of the source's files, spread evenly; 0 for all."
)
@click.option("--rounds", default=3, show_default=True)
@click.option("--beside", is_flag=True, help="Also LlamaIndex and Haystack, installed under --environments.")
@click.option("--ocr", type=click.Choice(["none", "auto"]), default="none", show_default=True)
@click.option("--environments", type=click.Path(path_type=Path), default=Path("build/beside"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/ingestion.json"), show_default=True)
def main(source: Path, files: int, rounds: int, beside: bool, ocr: str, environments: Path, out: Path) -> None:
    """Measure and print; the numbers of every round go to OUT, a picture beside it."""
    libraries = {library: environment_of(library, environments.absolute()) for library in LIBRARIES} if beside else {}
    measured = [_round(source, files, ocr, dict(_turned(libraries, number))) for number in range(rounds)]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([{**asdict(r), **r.measures()} for r in measured], indent=2) + "\n")
    _print(measured)
    _draw(measured, out.with_suffix(".png"))
    click.echo(f"every round: {out}")


def _turned(libraries: Mapping[Library, Path], number: int) -> list[tuple[Library, Path]]:
    """Another library first in every round."""
    pairs = list(libraries.items())
    turn = number % len(pairs) if pairs else 0
    return pairs[turn:] + pairs[:turn]


def _round(source: Path, files: int, ocr: str, libraries: Mapping[Library, Path]) -> Round:
    with Terminal() as progress, scratch_deployment("minilm", progress, ocr=ocr) as deployment:
        corpus = deployment.settings.data_dir / "source"
        copy_of(source, corpus, files)
        deployment.embedder.encode(["the first call loads the model"])
        report, ingestion = timed_ingest(deployment, corpus)
        texts, chunks = _encoded_texts(deployment)
        started = time.monotonic()
        deployment.embedder.encode(texts)
        bare = time.monotonic() - started
        beside = _beside(deployment, corpus, libraries)
        _, nothing_new = timed_ingest(deployment, corpus)
        _change_one_file(corpus)
        changed, one_changed = timed_ingest(deployment, corpus)
        return Round(
            documents=report.documents.get("ok", 0),
            pages=report.pages,
            chunks=chunks,
            distinct_texts=len(texts),
            tokens=sum(_tokens(deployment, texts)),
            precision=deployment.embedder.precision,
            ingestion=ingestion,
            bare_encoder=bare,
            nothing_new=nothing_new,
            one_file_changed=one_changed,
            texts_encoded_for_the_changed_file=changed.chunks_encoded,
            beside=beside,
        )


def _beside(deployment: Deployment, corpus: Path, libraries: Mapping[Library, Path]) -> tuple[Beside, ...]:
    """The same files with each library, into a schema of the same server that is dropped again."""
    if not libraries:
        return ()
    plain = deployment.settings.data_dir / "documents"  # a folder reader would take the labels for a document
    shutil.copytree(corpus, plain, ignore=shutil.ignore_patterns(MANIFEST_NAME))
    embedded = deployment.postgres.embedded
    assert embedded is not None
    found = []
    for library, python in libraries.items():
        with deployment.postgres.connect_as_owner() as conn:
            conn.execute("CREATE SCHEMA beside")
        taken = ingest_with(library, python, plain, minilm_folder(), embedded.start(), "beside")
        with deployment.postgres.connect_as_owner() as conn:
            table, column = (sql.Identifier(name) for name in library.texts)
            rows = conn.execute(sql.SQL("SELECT {} FROM beside.{}").format(column, table)).fetchall()
            conn.execute("DROP SCHEMA beside CASCADE")
        tokens = _tokens(deployment, [text for (text,) in rows])
        read = sum(min(each, taken.reads - SPECIAL_TOKENS) for each in tokens)
        found.append(Beside(taken, len(tokens), sum(tokens), read))
    return tuple(found)


def _tokens(deployment: Deployment, texts: Sequence[str]) -> list[int]:
    """Of each text, special tokens not counted."""
    return [len(spans) for spans in deployment.embedder.token_spans(texts)]


def timed_ingest(deployment: Deployment, corpus: Path) -> tuple[commands.CorpusReport, float]:
    """What taking a folder in came to, and the seconds that it took. Raises ClickException where a check does not pass."""
    started = time.monotonic()
    report = commands.ingest(deployment, str(corpus))
    if not report.checks_passed:
        raise click.ClickException(f"checks failed: {report.failed_checks}")
    return report, time.monotonic() - started


def copy_of(source: Path, target: Path, files: int) -> list[Path]:
    """Some of the files of a labelled source, spread evenly over its manifest, with their labels; returns where they lie."""
    rows = [json.loads(line) for line in (source / MANIFEST_NAME).read_text().splitlines() if line.strip()]
    chosen = rows[:: max(1, len(rows) // files)][:files] if files else rows
    for row in chosen:
        (target / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / row["path"], target / row["path"])
    (target / MANIFEST_NAME).write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return [target / row["path"] for row in chosen]


def _change_one_file(corpus: Path) -> None:
    """Write the smallest file anew: one changed file whose chunks are new."""
    smallest = min((path for path in corpus.rglob("*") if path.name != MANIFEST_NAME and path.is_file()), key=_size)
    smallest.write_text("A new version of this file.\n\n" + "The limit was raised to 40 percent. " * 400)


def _size(path: Path) -> int:
    return path.stat().st_size


def _encoded_texts(deployment: Deployment) -> tuple[list[str], int]:
    """(what the chunks had encoded, each text once; how many chunks there are)."""
    with deployment.postgres.connect() as conn:
        rows = conn.execute(
            "SELECT text FROM compliance.chunks UNION"
            " SELECT header FROM compliance.chunks WHERE header_sha256 IS NOT NULL ORDER BY 1"
        ).fetchall()
        count = conn.execute("SELECT count(*) FROM compliance.chunks").fetchone()
    assert count is not None
    return [text for (text,) in rows], count[0]


def _print(rounds: Sequence[Round]) -> None:
    first = rounds[0]
    click.echo(
        f"{first.documents} documents, {first.pages:,} pages, {first.chunks:,} chunks"
        f" ({first.distinct_texts:,} distinct texts and headers), "
        f"{first.precision}, n = {len(rounds)} rounds"
    )
    for each in first.beside:
        library, share = f"{each.taken.library} {each.taken.version}", each.tokens_read / each.tokens
        click.echo(f"{library}: {each.pieces:,} pieces, the model read {share:.0%} of their tokens")
    click.echo(f"{'measure':<34}{'median':>10}{'min':>10}{'max':>10}")
    for name in first.measures():
        values = [r.measures()[name] for r in rounds]
        click.echo(f"{name:<34}{statistics.median(values):>10.2f}{min(values):>10.2f}{max(values):>10.2f}")


def _draw(rounds: Sequence[Round], path: Path) -> None:
    """Pages a second of each, median with the least and the most."""
    from matplotlib.figure import Figure

    first = rounds[0]
    names = {"pages/s, raw to index": "this"} | {
        f"pages/s, {each.taken.library}": f"{each.taken.library} {each.taken.version}" for each in first.beside
    }
    values = [[r.measures()[name] for r in rounds] for name in names]
    medians = [statistics.median(each) for each in values]
    figure = Figure(figsize=(7, 0.9 + 0.45 * len(names)), dpi=110, layout="tight")
    axes = figure.add_subplot()
    spread = [
        [m - min(v) for m, v in zip(medians, values, strict=True)],
        [max(v) - m for m, v in zip(medians, values, strict=True)],
    ]
    axes.barh(list(names.values()), medians, xerr=spread, color="#3b6ea5", capsize=3)
    axes.invert_yaxis()
    axes.set_xlabel("pages a second, folder to searchable")
    axes.set_title(
        f"{first.documents} filings, {first.pages:,} pages (n = {len(rounds)} rounds, median, least to most)",
        fontsize=9,
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    main()

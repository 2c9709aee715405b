"""`make bench-changes`: what a change costs, and how soon what was deleted is found no more.

Cost: a folder is ingested whole; then nothing changed; then one file in a hundred says something else. Deletion: a source of
generated notes, some of which have twins of the same content among those that stay, is ingested; then files are deleted, one
tick of the sensor `source_changes` is taken at once, and the runs that it requests are run. A deleted note counts as found where a
search for its own text returns its document; a kept twin has to be found. Every time is one that was measured here: of a
deletion from the moment the file was unlinked.
"""

import json
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import click
import dagster as dg

from compliance_assets.contracts.hit import RetrievalScope
from compliance_assets.deployment import Deployment
from compliance_assets.normalised_documents.removals import Times, times_of
from compliance_assets.raw_pulls.labels import MANIFEST_NAME
from compliance_assets.year_index.search import ask, search
from evals.bench_ingestion import FILINGS, copy_of, timed_ingest
from evals.scratch_deployment import scratch_deployment
from jobs.in_process import QUIET, dagster_instance
from resources.progress import Terminal

YEARS = (2021, 2022, 2023, 2024)
CATEGORIES = ("Northwind", "Southwind", "Eastwind", "Westwind")
WORDS = (
    "liquidity",
    "custody",
    "leverage",
    "collateral",
    "valuation",
    "redemption",
    "dividend",
    "mandate",
    "broker",
    "hedge",
    "audit",
    "breach",
    "ceiling",
    "reserve",
    "margin",
    "covenant",
    "maturity",
    "yield",
    "issuer",
    "tranche",
    "benchmark",
    "turnover",
    "derivative",
    "exposure",
    "threshold",
    "proxy",
    "tenor",
    "spread",
)
ASKED_AT_ONCE = 500  # queries a session
LINES_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of an ingestion of everything, of nothing new and of the changed files."""

    files: int
    changed_files: int
    chunks: int
    chunks_encoded_for_the_change: int
    full: float
    nothing: float
    change: float

    @property
    def share(self) -> float:
        """Of the full time."""
        return self.change / self.full


@dataclass(frozen=True, slots=True)
class Deletion:
    """What became of deleted files. Seconds from the unlinking of each file; `found_*`: documents that their own text found.

    `bound`: what the deployment itself can say afterwards, from the last listing that still had the file.
    """

    files: int
    deleted: int
    with_a_twin: int
    found_before: int
    found_after_the_tick: int
    found_after_the_runs: int
    twins_kept: int
    twins_found: int
    in_an_index_after_the_runs: int
    tick_seconds: float
    runs: int
    runs_seconds: float
    unretrievable: Times
    out_of_the_index: Times
    bound: Times

    @property
    def holds(self) -> bool:
        """Whether nothing that was deleted is found, and everything that stays is."""
        nothing_left = not (self.found_after_the_tick or self.found_after_the_runs or self.in_an_index_after_the_runs)
        return nothing_left and self.found_before == self.deleted and self.twins_found == self.twins_kept


@dataclass(frozen=True, slots=True)
class Note:
    """A generated file: `twin_of` is another one with the same content."""

    path: str
    year: int
    category: str
    text: str
    twin_of: str | None = None


@click.command()
@click.option("--source", type=click.Path(exists=True, file_okay=False, path_type=Path), default=FILINGS)
@click.option("--files", default=0, show_default=True, help="How many of the source's files, spread evenly; 0 for all.")
@click.option("--embedder", default="minilm", show_default=True, help="Of the part that measures cost.")
@click.option("--deletions", default=1_000, show_default=True)
@click.option("--kept", default=3_000, show_default=True, help="Generated notes that stay, twins among them.")
@click.option("--part", type=click.Choice(["all", "cost", "deletion"]), default="all", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("bench_results/changes.json"), show_default=True)
def main(source: Path, files: int, embedder: str, deletions: int, kept: int, part: str, out: Path) -> None:
    """Measure and print; numbers go to OUT, a picture of the deletions beside it."""
    cost = measure_cost(source, files, embedder) if part != "deletion" else None
    deletion, seconds = measure_deletion(deletions, kept) if part != "cost" else (None, [])
    out.parent.mkdir(parents=True, exist_ok=True)
    found = {
        **({"cost": {**asdict(cost), "share": cost.share}} if cost else {}),
        **({"deletion": {**asdict(deletion), "holds": deletion.holds}} if deletion else {}),
    }
    out.write_text(json.dumps(found, indent=2) + "\n")
    _print(cost, deletion)
    if deletion:
        _draw(deletion, seconds, out.with_suffix(".png"))
        if not deletion.holds:
            raise click.ClickException("something deleted was found, or something kept was not")


# ── what a change costs ──────────────────────────────────────────────────────────────────────────────────────────────


def measure_cost(source: Path, files: int, embedder: str) -> Cost:
    """Ingest a folder whole, again, and with one file in a hundred changed. The model is loaded before."""
    with Terminal() as progress, scratch_deployment(embedder, progress) as deployment:
        corpus = deployment.settings.data_dir / "source"
        paths = copy_of(source, corpus, files)
        deployment.embedder.encode(["the first call loads the model"])
        whole, full = timed_ingest(deployment, corpus)
        _, nothing = timed_ingest(deployment, corpus)
        changed = paths[::100]
        for path in changed:
            _write_anew(path)
        after, change = timed_ingest(deployment, corpus)
        return Cost(len(paths), len(changed), whole.chunks_encoded, after.chunks_encoded, full, nothing, change)


def _write_anew(path: Path) -> None:
    """Another file in the place of one: as many pages, and not one sentence of before. The dearest change that there is."""
    dice = random.Random(path.name)  # noqa: S311

    def line() -> str:
        return f"The {' '.join(dice.choices(WORDS, k=9))} was raised to {dice.randint(1, 9_999)}."

    if path.suffix.lower() != ".pdf":
        path.write_text("\n".join(line() for _ in range(max(1, path.stat().st_size // 90))) + "\n")
        return
    from pypdfium2 import PdfDocument
    from reportlab.pdfgen.canvas import Canvas

    with PdfDocument(path) as document:
        pages = len(document)
    canvas = Canvas(str(path))
    for _ in range(pages):
        for at in range(LINES_A_PAGE):
            canvas.drawString(40, 800 - 15 * at, line())
        canvas.showPage()
    canvas.save()


# ── deletion ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_deletion(deletions: int, kept: int) -> tuple[Deletion, list[float]]:
    """Delete notes, take a tick, run what it requests; what is found at each point. Also the seconds of each deletion."""
    with Terminal() as progress, scratch_deployment("hash", progress) as deployment:
        folder = deployment.settings.data_dir / "source"
        notes = generated_notes(deletions, kept)
        _write(folder, notes)
        timed_ingest(deployment, folder)
        doomed, staying = notes[:deletions], [note for note in notes[deletions:] if note.twin_of]
        before = found_by_their_text(deployment, doomed)
        with dagster_instance(deployment.settings) as instance:
            tick(deployment, instance)  # the daemon takes one every 30 seconds: this is the one before
            unlinked: dict[str, datetime] = {}
            for note in doomed:
                unlinked[note.path] = datetime.now().astimezone()
                (folder / note.path).unlink()
            started = time.monotonic()
            requests = tick(deployment, instance)
            tick_seconds = time.monotonic() - started
            after_tick = found_by_their_text(deployment, doomed)
            started = time.monotonic()
            run_requested(deployment, instance, requests)
            runs_seconds = time.monotonic() - started
            left_to_do = tick(deployment, instance)
        if left_to_do:
            raise click.ClickException(f"the next tick still requests {sorted(str(r.run_key) for r in left_to_do)}")
        gone, left, bound = _times(deployment, unlinked)
        done = Deletion(
            files=len(notes),
            deleted=len(doomed),
            with_a_twin=sum(any(t.twin_of == note.path for t in staying) for note in doomed),
            found_before=len(before),
            found_after_the_tick=len(after_tick),
            found_after_the_runs=len(found_by_their_text(deployment, doomed)),
            twins_kept=len(staying),
            twins_found=len(found_by_their_text(deployment, staying)),
            in_an_index_after_the_runs=_still_in_an_index(deployment),
            tick_seconds=tick_seconds,
            runs=len(requests),
            runs_seconds=runs_seconds,
            unretrievable=times_of(gone),
            out_of_the_index=times_of(left),
            bound=times_of(bound),
        )
        return done, gone


def generated_notes(deletions: int, kept: int, seed: int = 7) -> list[Note]:
    """Notes over all years and categories: first those to delete, then those that stay; a third of the first have a twin there."""
    dice = random.Random(seed)  # noqa: S311

    def note(number: int, text: str | None = None, twin_of: Note | None = None) -> Note:
        year = twin_of.year if twin_of else YEARS[number % len(YEARS)]
        category = twin_of.category if twin_of else CATEGORIES[number // len(YEARS) % len(CATEGORIES)]
        said = text or f"Note {number}. " + " ".join(
            f"The {' '.join(dice.choices(WORDS, k=6))} of {category} is {dice.randint(1, 10_000)}." for _ in range(4)
        )
        return Note(f"{year}/{number:06}.txt", year, category, said, twin_of.path if twin_of else None)

    doomed = [note(number) for number in range(deletions)]
    twins = [note(deletions + at, one.text, one) for at, one in enumerate(doomed[::3][:kept])]
    others = [note(number) for number in range(deletions + len(twins), deletions + kept)]
    return [*doomed, *twins, *others]


def _write(folder: Path, notes: Sequence[Note]) -> None:
    rows = []
    for note in notes:
        (folder / note.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / note.path).write_text(note.text + "\n")
        rows.append({"path": note.path, "year": note.year, "filer_category": note.category, "title": "Note"})
    (folder / MANIFEST_NAME).write_text("".join(json.dumps(row) + "\n" for row in rows))


def tick(deployment: Deployment, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """One tick of the sensor, as the daemon takes it."""
    from compliance_assets.definitions import build_defs
    from sensors.source_changes import source_changes

    defs, resources = build_defs(deployment), deployment.resources()
    with dg.build_sensor_context(instance=instance, definitions=defs, resources=resources) as context:
        result = source_changes(context)
    return list(result.run_requests or []) if isinstance(result, dg.SensorResult) else []


def run_requested(deployment: Deployment, instance: dg.DagsterInstance, requests: Iterable[dg.RunRequest]) -> None:
    """The runs that a tick requested, one after the other in this process."""
    from compliance_assets.definitions import build_defs

    defs = build_defs(deployment)
    for request in requests:
        job = defs.resolve_job_def(str(request.job_name))
        job.execute_in_process(instance=instance, partition_key=request.partition_key, run_config=QUIET)


def found_by_their_text(deployment: Deployment, notes: Sequence[Note]) -> list[str]:
    """The paths of notes whose own text, asked within their year and category, finds their own document."""
    found = []
    for start in range(0, len(notes), ASKED_AT_ONCE):
        batch = notes[start : start + ASKED_AT_ONCE]
        ids = _documents(deployment, [note.path for note in batch])
        with deployment.postgres.connect() as conn:
            for note in batch:
                scope = RetrievalScope(year=note.year, filer_category=note.category)
                hits = search(conn, ask(conn, deployment.embedder, note.text, scope))
                if ids[note.path] & {retrieved.hit.doc_id for retrieved in hits}:
                    found.append(note.path)
    return found


def _documents(deployment: Deployment, paths: Sequence[str]) -> Mapping[str, set[str]]:
    """path -> the ids of every document that was ever made of it."""
    with deployment.postgres.connect() as conn:
        rows = conn.execute(
            "SELECT p.path, array_agg(d.filing_id) FROM compliance.documents d JOIN compliance.raw_pulls p USING (pull_id)"
            " WHERE p.path = ANY(%s) GROUP BY p.path",
            [list(paths)],
        ).fetchall()
    return {path: set(ids) for path, ids in rows}


def _times(deployment: Deployment, unlinked: Mapping[str, datetime]) -> tuple[list[float], list[float], list[float]]:
    """Seconds until each deleted file was not retrievable, was in no index, and the bound that the deployment can show."""
    with deployment.postgres.connect() as conn:
        rows = conn.execute(
            "SELECT p.path, w.unretrievable_at, w.index_left_at, w.last_listed_at FROM compliance.withdrawals w"
            " JOIN compliance.documents d ON d.filing_id = w.doc_id JOIN compliance.raw_pulls p USING (pull_id)"
            " WHERE w.cause = 'removed'"
        ).fetchall()
    gone = [(at - unlinked[path]).total_seconds() for path, at, _, _ in rows]
    left = [(at - unlinked[path]).total_seconds() for path, _, at, _ in rows if at]
    bound = [(at - listed).total_seconds() for _, at, _, listed in rows if listed]
    return gone, left, bound


def _still_in_an_index(deployment: Deployment) -> int:
    with deployment.postgres.connect() as conn:
        row = conn.execute(
            "SELECT count(*) FROM year_index.entries e JOIN compliance.documents d ON d.filing_id = e.doc_id AND NOT d.live"
        ).fetchone()
    return int(row[0]) if row else 0


# ── what is shown ────────────────────────────────────────────────────────────────────────────────────────────────────


def _print(cost: Cost | None, deletion: Deletion | None) -> None:
    if cost:
        click.echo(f"cost of a change, n = {cost.files} files, {cost.chunks:,} texts encoded")
        click.echo(f"  everything                 {cost.full:8.1f} s")
        click.echo(f"  nothing changed            {cost.nothing:8.1f} s")
        click.echo(
            f"  {cost.changed_files} of {cost.files} files changed {cost.change:15.1f} s = {cost.share:.1%} of everything"
            f" ({cost.chunks_encoded_for_the_change} texts encoded)"
        )
    if deletion:
        click.echo(
            f"deletion, n = {deletion.deleted} of {deletion.files} files, {deletion.with_a_twin} with a twin that stays"
        )
        click.echo(f"  found by their own text: {deletion.found_before} before, {deletion.found_after_the_tick} after the"
                   f" tick ({deletion.tick_seconds:.2f} s), {deletion.found_after_the_runs} after its {deletion.runs} runs"
                   f" ({deletion.runs_seconds:.1f} s); left in an index: {deletion.in_an_index_after_the_runs}")  # fmt: skip
        click.echo(f"  kept twins found: {deletion.twins_found} of {deletion.twins_kept}")
        click.echo(f"  {'seconds from the deletion':<44}{'n':>6}{'p50':>8}{'p95':>8}{'max':>8}")
        rows = (
            ("until unretrievable", deletion.unretrievable),
            ("until in no index", deletion.out_of_the_index),
            ("since the last listing, as the check shows it", deletion.bound),
        )
        for name, times in rows:
            click.echo(f"  {name:<44}{times.n:>6}{times.p50:>8.2f}{times.p95:>8.2f}{times.max:>8.2f}")


def _draw(deletion: Deletion, seconds: Sequence[float], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 2.6), dpi=110, layout="tight")
    axes = figure.add_subplot()
    axes.hist(seconds, bins=40, color="#3b6ea5")
    for name, value in (("p50", deletion.unretrievable.p50), ("p95", deletion.unretrievable.p95)):
        axes.axvline(value, color="#444444", linewidth=0.8, linestyle="--")
        axes.annotate(
            f"{name} {value:.2f} s", (value, axes.get_ylim()[1]), fontsize=8, rotation=90, va="top", ha="right"
        )
    axes.set_title(f"From a file's deletion to unretrievable (n = {deletion.unretrievable.n:,})", fontsize=10)
    axes.set_xlabel("seconds, the sensor's tick taken after the last deletion", fontsize=9)
    axes.set_ylabel("documents", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    main()

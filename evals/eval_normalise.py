"""`make eval-normalise`: how exactly filings are read, on the golden, the calibration and the hard set.

Every document is written again from its frozen row, goes through the parser pool as a pulled file would, and is compared
with its truth. Scans are read once with each OCR engine that this machine has. What a set decides is said by its name: the
golden set judges, the calibration set is what thresholds were chosen on, the hard set has layouts that no row of the
locator map knows and scans that no office would keep.
"""

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import psutil

from compliance_assets.normalised_documents.envelope import FILING, PulledFile, normalise
from compliance_assets.normalised_documents.ocr.choose import engine_for
from compliance_assets.normalised_documents.ocr.engine import EngineFailed
from compliance_assets.normalised_documents.ocr.settings import EngineChoice, OcrSettings
from compliance_assets.normalised_documents.parse import parser_with
from compliance_assets.normalised_documents.worker import ParseResult, ParserPool
from evals import normalise_report
from evals.field_scores import FoundField, TrueField, score
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows, render_row
from evals.golden.plans import SetName
from evals.normalise_report import Scored, Speed


@dataclass(frozen=True, slots=True)
class Written:
    """A filing of a set as a file, with the text that a perfect reader would see."""

    row: Row
    path: Path
    text: str


YEARS = tuple(range(2010, 2027))
ENGINES: tuple[EngineChoice, ...] = ("tesseract", "rapidocr")
WORKERS = 2
TEXT_ROUNDS = 5
SCAN_ROUNDS = 3
TIMED_SCANS = 16
RESULTS = Path("bench_results")


@click.command()
@click.option("--set", "sets", multiple=True, type=click.Choice(list(FROZEN)), default=list(FROZEN), show_default=True)
@click.option("--engine", "engines", multiple=True, type=click.Choice(ENGINES), default=ENGINES, show_default=True)
@click.option("--limit", type=click.IntRange(1), help="At most so many documents of each set.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(sets: Sequence[SetName], engines: Sequence[EngineChoice], limit: int | None, output: Path) -> None:
    """Read every filing of the sets, compare with the truth, print tables, write JSON and a picture."""
    available = [engine for engine in engines if _starts(engine)]
    for engine in sorted(set(engines) - set(available)):
        click.echo(f"{engine} is not installed here and is left out.")
    scored: list[Scored] = []
    speeds: list[Speed] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in sets:
            rows = _spread(read_rows(FROZEN[name]), limit)
            click.echo(f"{name}: writing {len(rows)} filings")
            filings = _write(rows, Path(folder) / name)
            texts = [filing for filing in filings if filing.row["format"] != "scan"]
            scans = [filing for filing in filings if filing.row["format"] == "scan"]
            scored += _read(name, texts, "none")
            for engine in available:
                click.echo(f"{name}: reading {len(scans)} scans with {engine}")
                scored += _read(name, scans, engine)
            if name == sets[0]:
                click.echo(f"{name}: speed and memory")
                speeds.append(_speed("text formats", texts, "none", TEXT_ROUNDS))
                speeds += [_speed(f"scans, {engine}", scans[:TIMED_SCANS], engine, SCAN_ROUNDS) for engine in available]
    report = normalise_report.report(scored, speeds)
    click.echo(normalise_report.tables(report))
    output.mkdir(parents=True, exist_ok=True)
    (output / "normalise.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    normalise_report.draw(report, output / "normalise.png")
    click.echo(f"written: {output / 'normalise.json'}, {output / 'normalise.png'}")


def _starts(engine: EngineChoice) -> bool:
    try:
        engine_for(OcrSettings(engine=engine))
    except EngineFailed:
        return False
    return True


def _spread(rows: list[dict[str, Any]], limit: int | None) -> list[dict[str, Any]]:
    """At most `limit` rows, from everywhere in the set."""
    return rows if limit is None else rows[:: max(1, len(rows) // limit)][:limit]


def _write(rows: Sequence[Row], folder: Path) -> list[Written]:
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        return list(pool.map(partial(_write_one, folder), rows, chunksize=5))


def _write_one(folder: Path, row: Row) -> Written:
    rendered = render_row(row)
    path = folder / row["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(rendered.data)
    return Written(row, path, rendered.text)


def _read(set_name: SetName, filings: Sequence[Written], engine: EngineChoice) -> list[Scored]:
    by_id = {filing.row["id"]: filing for filing in filings}
    with ParserPool(WORKERS, parser=parser_with(OcrSettings(engine=engine))) as pool:
        results = list(pool.parse_all((filing.row["id"], filing.path.read_bytes()) for filing in filings))
    return [_scored(set_name, by_id[result.key], result, engine) for result in results]


def _scored(set_name: SetName, filing: Written, result: ParseResult[str], engine: EngineChoice) -> Scored:
    """As the asset would make it a document: labelled as a filing, the year and the category to be found."""
    row = filing.row
    pulled = PulledFile(row["id"], row["sha256"], "set", row["path"], "1", None, None, row["id"], FILING, "manifest")
    document = normalise(pulled, result.outcome, YEARS)
    envelope = document.envelope
    quotes = {
        key: FoundField(envelope.metadata.fields[key], envelope.raw_text[span.char_start : span.char_end], span.page)
        for key, span in envelope.metadata.field_spans.items()
    }
    truth = {key: TrueField(f["value"], f["printed"], f["page"]) for key, f in row["fields"].items()}
    made = score(
        document.state.value,
        truth,
        quotes,
        envelope.metadata.needs_human or ((document.reason,) if document.reason else ()),
        result.seconds,
        (envelope.raw_text, filing.text) if row["format"] == "scan" else None,
    )
    return Scored(
        set_name=set_name,
        format=f"scan, {engine}" if row["format"] == "scan" else row["format"],
        layout=row["layout"] or envelope.metadata.layout or "none",
        document=row["id"],
        engine=envelope.metadata.ocr_engine,
        score=made,
    )


def _speed(what: str, filings: Sequence[Written], engine: EngineChoice, rounds: int) -> Speed:
    items = [(filing.row["id"], filing.path.read_bytes()) for filing in filings]
    pages = sum(len({f["page"] for f in filing.row["fields"].values()}) for filing in filings)
    rates: list[float] = []
    with ParserPool(WORKERS, parser=parser_with(OcrSettings(engine=engine))) as pool, _peak_memory() as peak:
        list(pool.parse_all(items[:4]))  # the workers are up and have loaded what they need
        for _ in range(rounds):
            started = time.perf_counter()
            list(pool.parse_all(items))
            rates.append((len(items) if engine == "none" else pages) / (time.perf_counter() - started))
    return Speed(what, "filings" if engine == "none" else "pages", len(items), tuple(rates), peak[0])


@contextmanager
def _peak_memory() -> Iterator[list[float]]:
    """The most that one worker process held with what it started, MiB, sampled ten times a second."""
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            peak[0] = max([peak[0], *map(_held, psutil.Process().children())])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def _held(worker: psutil.Process) -> float:
    try:
        family = [worker, *worker.children(recursive=True)]
        return float(sum(process.memory_info().rss for process in family)) / 2**20
    except psutil.Error:  # ended between two looks
        return 0.0


if __name__ == "__main__":
    main()

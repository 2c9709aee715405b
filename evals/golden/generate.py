"""Writes a golden set as files: `python -m evals.golden.generate DIR [--set golden|calibration|hard|demo] [--freeze]`.

DIR gets `documents/` with its `manifest.jsonl`, as a source that can be taken in, and beside it `truth.jsonl`; the demo has
rules and `questions.jsonl` too. Labels say neither year nor category of a filing: to find them is the work. Writing twice
changes nothing.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, get_args

import click

from compliance_assets.raw_pulls.labels import MANIFEST_NAME
from evals.golden.golden_set import Row, lines_of, read_rows, render_row, row_of
from evals.golden.plans import DEMO_YEARS, SetName, load_plans, plans_of
from evals.golden.rules import CATEGORY, path_of, rule_questions, rules_of

_FOLDER = Path(__file__).parent
_PROCESSES = 2
FROZEN: dict[SetName, Path] = {
    "golden": _FOLDER / "irpf-v1.jsonl",
    "calibration": _FOLDER / "irpf-v1-calibration.jsonl",
    "hard": _FOLDER / "irpf-v1-hard.jsonl",
}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--set", "name", type=click.Choice(get_args(SetName)), default="golden", show_default=True)
@click.option("--freeze", is_flag=True, help="Work the rows out anew and keep them in the repository.")
def main(folder: Path, name: SetName, freeze: bool) -> None:
    """Write the documents of a set to FOLDER, with their truth beside them."""
    if freeze and name in FROZEN:
        FROZEN[name].write_text(lines_of(fresh_rows(name)), encoding="utf-8")
    if name == "demo":
        write_demo(folder)
    else:
        write_set(folder, read_rows(FROZEN[name]))
    click.echo(f"{name}: {len(plans_of(name))} filings in {folder}")


def fresh_rows(name: SetName) -> list[dict[str, Any]]:
    """The rows of a set, worked out anew in two processes."""
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(row_of, plans_of(name), chunksize=10))


def write_set(folder: Path, rows: Sequence[Row], further_labels: Sequence[Row] = ()) -> None:
    """The documents of the rows, their truth, and the manifest, which may label further documents."""
    for row in rows:
        _write(folder / "documents" / row["path"], render_row(row).data)
    _write_lines(folder / "documents" / MANIFEST_NAME, [*map(_label, rows), *further_labels])
    _write_lines(folder / "truth.jsonl", rows)


def write_demo(folder: Path) -> Path:
    """Some 40 filings of three years, the rules of these years, and questions about them: returns the questions' path."""
    rows = [row_of(plan) for plan in plans_of("demo")]
    write_set(folder, rows, [_label_of_rules(year) for year in DEMO_YEARS])
    for year in DEMO_YEARS:
        _write(folder / "documents" / path_of(year), rules_of(year).encode())
    questions = folder / "questions.jsonl"
    _write_lines(questions, rule_questions(DEMO_YEARS))
    return questions


def write_load(folder: Path, filings: int) -> None:
    """Filings in quantity and the rules of all their years, for benchmarks."""
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(row_of, load_plans(filings), chunksize=50))
    years = sorted({row["year"] for row in rows})
    write_set(folder, rows, [_label_of_rules(year) for year in years])
    for year in years:
        _write(folder / "documents" / path_of(year), rules_of(year).encode())


def _label(row: Row) -> dict[str, str]:
    return {"path": row["path"], "title": f"Declaração {row['id']}", "doc_type": "irpf_filing"}


def _label_of_rules(year: int) -> dict[str, str | int]:
    title = f"Regras do imposto de renda, ano-calendário {year}"
    return {"path": path_of(year), "year": year, "filer_category": CATEGORY, "title": title, "doc_type": "legislation"}


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    _write(path, lines_of(rows).encode())


def _write(path: Path, data: bytes) -> None:
    """Writes what is not there yet: a file that is the same keeps its time, and is not read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


if __name__ == "__main__":
    main()

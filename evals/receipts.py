"""How well scanned receipts are read: total and date of receipts with known truth, per OCR engine.

Run: python -m evals.receipts [--engine tesseract] [--folder DIR] [--output FILE]
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from compliance_assets.normalised_documents import image
from compliance_assets.normalised_documents.ocr.choose import engine_for
from compliance_assets.normalised_documents.ocr.settings import OcrSettings
from compliance_assets.normalised_documents.parsed import Parsed
from evals.receipt_fields import read_receipt

RECEIPTS = Path(__file__).parents[2] / "shared/data/robust/receipts"
ENGINES = ("auto", "tesseract", "rapidocr", "azure")


@dataclass(frozen=True, slots=True)
class Receipt:
    """An image and the truth about it as its annotators wrote it; an empty string where they found none."""

    path: Path
    total: str
    date: str


@dataclass(frozen=True, slots=True)
class ReceiptScore:
    """Counts over the `n` receipts whose truth states the field. `legible` ones show the truth in the recognised text."""

    engine: str
    totals: int
    total_right: int
    total_legible: int
    dates: int
    date_right: int
    date_legible: int
    seconds_per_receipt: float
    wrong: tuple[str, ...]


def receipts_in(folder: Path) -> tuple[Receipt, ...]:
    """The images of the folder that have a `.gt.json` beside them."""
    return tuple(_receipts(folder))


def score_receipts(receipts: tuple[Receipt, ...], settings: OcrSettings) -> ReceiptScore:
    """Read every receipt with the engine and compare. Raises EngineFailed if there is none."""
    name = f"{settings.engine} ({engine_for(settings).name})"
    started = time.perf_counter()
    texts = [_text(receipt.path, settings) for receipt in receipts]
    seconds = time.perf_counter() - started
    pairs = list(zip(receipts, texts, strict=True))
    total_wrong = [r.path.stem for r, text in pairs if r.total and not _total_right(r, text)]
    date_wrong = [r.path.stem for r, text in pairs if r.date and not _date_right(r, text)]
    totals, dates = (sum(bool(getattr(receipt, name)) for receipt in receipts) for name in ("total", "date"))
    return ReceiptScore(
        engine=name,
        totals=totals,
        total_right=totals - len(total_wrong),
        total_legible=sum(bool(r.total) and _shows(text, _digits(r.total)) for r, text in pairs),
        dates=dates,
        date_right=dates - len(date_wrong),
        date_legible=sum(bool(r.date) and _shows(text, r.date) for r, text in pairs),
        seconds_per_receipt=round(seconds / max(1, len(receipts)), 3),
        wrong=(*(f"total: {stem}" for stem in total_wrong), *(f"date: {stem}" for stem in date_wrong)),
    )


def _receipts(folder: Path) -> Iterator[Receipt]:
    for truth in sorted(folder.glob("*.gt.json")):
        fields = json.loads(truth.read_text(encoding="utf-8"))["fields"]
        yield Receipt(truth.with_name(truth.name.replace(".gt.json", ".jpg")), fields["total"], fields["date"])


def _text(path: Path, settings: OcrSettings) -> str:
    outcome = image.parse(path.read_bytes(), settings)
    return outcome.text if isinstance(outcome, Parsed) else ""


def _total_right(receipt: Receipt, text: str) -> bool:
    return f"{read_receipt(text).total}" == _digits(receipt.total)


def _date_right(receipt: Receipt, text: str) -> bool:
    found = read_receipt(text).date
    return found is not None and found == read_receipt(receipt.date).date


def _digits(amount: str) -> str:
    return re.sub(r"[^\d.]", "", amount)


def _shows(text: str, truth: str) -> bool:
    squeezed = re.sub(r"\s", "", text).casefold()
    return re.sub(r"\s", "", truth).casefold() in squeezed


@click.command()
@click.option("--engine", "engines", type=click.Choice(ENGINES), multiple=True, help="Default: all that need no key.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=RECEIPTS)
@click.option("--output", type=click.Path(path_type=Path), help="Where the scores go as JSON.")
def main(engines: tuple[str, ...], folder: Path, output: Path | None) -> None:
    """Score the engines on the receipts of FOLDER."""
    receipts = receipts_in(folder)
    scores = [score_receipts(receipts, OcrSettings(engine=engine)) for engine in engines or ENGINES[:3]]  # type: ignore[arg-type]
    for score in scores:
        click.echo(
            f"{score.engine}: total {score.total_right} of {score.totals} (legible {score.total_legible}), "
            f"date {score.date_right} of {score.dates} (legible {score.date_legible}), "
            f"{score.seconds_per_receipt:.2f} s per receipt"
        )
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps([asdict(score) for score in scores], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

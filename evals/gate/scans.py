"""What OCR read of the scanned filings of the sets, frozen: `python -m evals.gate.scans` reads them again, in some minutes.

The gate has to see scans as they are decided, with what OCR misreads and how sure it is, and it has to say the same on every
machine and within minutes. So they are read once, by the engine that the file's first line names, and kept beside the gate. A
line has the document's digest; a document that is another, or a normaliser of another version, has to be read again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from compliance_assets.chunks.chunker import Chunker, DocumentText, chunker_for
from compliance_assets.contracts.errors import IntegrityError
from compliance_assets.model_decisions.decide import Parsed
from compliance_assets.normalised_documents.ocr.settings import EngineChoice
from compliance_assets.normalised_documents.parse import NORMALISER_VERSION
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows
from evals.golden.plans import SetName
from evals.in_memory_world import document
from evals.triage_material import Material, materials

READINGS = Path(__file__).parent / "scans.jsonl"
ENGINE: EngineChoice = "tesseract"
_START_SECONDS = 10
_SETS: tuple[SetName, ...] = ("golden", "calibration")


@dataclass(frozen=True, slots=True)
class Reading:
    """A scan as it was read. `page_ends` in code points; `fields` and `findings` are those of deterministic parsing, `certainty`
    that of the least certain field, None where none was found.
    """

    filing: str
    sha256: str
    text: str
    page_ends: tuple[int, ...]
    fields: Mapping[str, str]
    findings: tuple[str, ...]
    certainty: float | None

    @classmethod
    def of(cls, material: Material) -> "Reading":
        """Of a scan that an engine read."""
        parsed = material.parsed or Parsed({}, (), None)
        row, read = material.row, material.document
        return cls(
            row["id"], row["sha256"], read.text, read.page_ends, parsed.fields, parsed.findings, parsed.ocr_certainty
        )

    def material(self, row: Row, chunker: Chunker) -> Material:
        """The filing of the row, in chunks."""
        year = int(row["year"])
        chunks = chunker.chunk(DocumentText(row["id"], year, row["category"], self.text, self.page_ends, row["id"]))
        read = document(row["id"], year, row["id"], self.text, self.page_ends, chunks, *self.fields.values())
        return Material(row, read, Parsed(self.fields, self.findings, self.certainty))


def scanned(rows: Sequence[Row], chunker: Chunker, file: Path = READINGS) -> Iterator[Material]:
    """The scans among the rows, as they were read. Raises IntegrityError where one has to be read again."""
    _, readings = _kept(file)
    for row in rows:
        if row["format"] == "scan":
            found = readings.get(row["id"])
            if found is None or found.sha256 != row["sha256"]:
                raise _stale(f"{row['id']}, {'which is another document now' if found else 'which was never read'}")
            yield found.material(row, chunker)


def read_with(file: Path = READINGS) -> str:
    """The engine that read. Raises IntegrityError where the normaliser is not the one that it read for."""
    return _kept(file)[0]


@lru_cache(maxsize=2)
def _kept(file: Path) -> tuple[str, Mapping[str, Reading]]:
    head, *lines = file.read_text(encoding="utf-8").splitlines()
    made = json.loads(head)
    if made["normaliser_version"] != NORMALISER_VERSION:
        raise _stale(f"version {made['normaliser_version']}")
    return f"normaliser {made['normaliser_version']}, {made['engine']}", {r.filing: r for r in map(_reading, lines)}


def _reading(line: str) -> Reading:
    row: dict[str, Any] = json.loads(line)
    return Reading(**{**row, "page_ends": tuple(row["page_ends"]), "findings": tuple(row["findings"])})


def _stale(found: str) -> IntegrityError:
    return IntegrityError(
        "the scans of the golden set have to be read again",
        expected=f"every scan as read by version {NORMALISER_VERSION} of the normaliser",
        found=found,
        remedy="`python -m evals.gate.scans` reads them, with Tesseract, in some minutes.",
    )


@click.command()
def main() -> None:
    """Read the scans of the golden and the calibration set, and freeze what was read. Nothing is frozen where one was not read."""
    from compliance_assets.normalised_documents.ocr.tesseract import TesseractEngine
    from resources.embedder import MiniLM

    rows = [row for name in _SETS for row in read_rows(FROZEN[name]) if row["format"] == "scan"]
    found = sorted(map(Reading.of, materials(rows, chunker_for(MiniLM()), ENGINE)), key=lambda one: one.filing)
    if unread := [reading.filing for reading in found if not reading.text]:
        raise _stale(f"nothing in {', '.join(unread)}: the machine was too busy for the engine's time limits")
    head = {"normaliser_version": NORMALISER_VERSION, "engine": TesseractEngine(_START_SECONDS).name}
    lines = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in (head, *map(asdict, found))]
    READINGS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(f"{len(found)} scans read: {READINGS}")


if __name__ == "__main__":
    main()

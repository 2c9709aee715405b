"""Filings in quantity that went through the decision path, some of them bound to be triaged wrong: what thresholds are tried on.

On filings that are as they should be the local model makes next to no errors. So every so many are not: mistyped before they came
to us, a PDF with the text layer of a bad reader, held against the law of another year, in a layout that nobody knows, an e-mail
that leaves something out, a scan that OCR read. The truth is what was meant, and known of every one.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any, Literal

from evals.golden.generate import FROZEN
from evals.golden.golden_set import Row, read_rows, render_row, row_of
from evals.golden.plans import SetName, plans_of
from evals.golden.soundness import contradictions
from evals.triage_scores import Triage

Made = Literal["as meant", "mistyped", "misread", "law of another year"]

ROUNDS = 12
_SETS: tuple[SetName, ...] = ("golden", "hard")
_SCANNED: tuple[SetName, ...] = ("golden", "calibration")  # OCR is slow: those that were read already
_SEEDS_APART = 10_000_000  # of one round and the next
_EVERY_NTH_UNDER_ANOTHER_LAW = 25
_EVERY_NTH_MISTYPED = 16
_EVERY_NTH_PDF_MISREAD = 4
_MISTYPED_VALUES = (1, 1, 1, 2, 4)
_MISREAD_CHARACTERS = (0.0005, 0.001, 0.002, 0.005, 0.01)  # shares
_SHOWN = re.compile(rb"\((?:[^()\\]|\\.)*\) Tj")  # the texts that a PDF draws
_CHARACTER = re.compile(rb"\\[0-7]{3}|\\.|[A-Za-z0-9]")
_PROCESSES = 2
_DRAWN_ERROR = 0.12  # at a confidence of 0


@dataclass(frozen=True, slots=True)
class Tried:
    """A filing of the pool and what came of it. `wrong`: it must not be decided as it is; `decides`: nothing but a threshold
    keeps it from being decided.
    """

    filing: str
    format: str
    made: Made
    confidence: float
    model_reported: float
    decides: bool
    wrong: bool


def pool(rounds: int, say: Callable[[str], None]) -> list[Tried]:
    """Every filing of the golden and the hard set but the scans, `rounds` times from other seeds, and the scans of the frozen
    sets as they were read. The same for the same number.
    """
    rows = fresh_rows(rounds)
    scans = [row for name in _SCANNED for row in read_rows(FROZEN[name]) if row["format"] == "scan"]
    say(f"{len(rows):,} filings made, {len(scans):,} scans beside them")
    return sorted(_triaged(rows, scans), key=lambda one: one.filing)  # they come as they are read


def fresh_rows(rounds: int) -> list[dict[str, Any]]:
    """The rows of the pool but for the scans. Those whose anomaly does not show in what they state are left out."""
    plans = [
        replace(plan, id=f"{plan.id}-{turn}", seed=plan.seed + turn * _SEEDS_APART)
        for turn in range(1, rounds + 1)
        for name in _SETS
        for plan in plans_of(name)
        if plan.format != "scan"
    ]
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as processes:
        rows = list(processes.map(row_of, plans, chunksize=50))
    return [row for row in rows if not list(contradictions([row]))]


def drawn(number: int) -> list[Tried]:
    """No filings but draws, so that every threshold lets another share of errors through: confidences from 1/2 to 1, the more the
    higher, and each wrong with a probability that is the larger the less sure it is. What the model reports says nothing.
    """
    draw = Random("drawn")  # noqa: S311
    found = []
    for i in range(number):
        confidence, reported = (1 - draw.random() ** 3 / 2 for _ in range(2))
        wrong = draw.random() < _DRAWN_ERROR * (1 - confidence)
        found.append(Tried(f"drawn-{i}", "drawn", "as meant", confidence, reported, decides=True, wrong=wrong))
    return found


def made_of(row: Row) -> Made:
    """How a filing is made, by its seed."""
    draw = _draw(row, "made")
    if draw.randrange(_EVERY_NTH_UNDER_ANOTHER_LAW) == 0:
        return "law of another year"
    if row["format"] == "pdf" and draw.randrange(_EVERY_NTH_PDF_MISREAD) == 0:
        return "misread"
    return "mistyped" if row["format"] != "scan" and draw.randrange(_EVERY_NTH_MISTYPED) == 0 else "as meant"


def document_of(row: Row) -> bytes:
    """The filing's file, with what is wrong with it."""
    data, made, draw = render_row(row).data, made_of(row), _draw(row, "wrong")
    if made == "mistyped":
        return mistyped(data, row["fields"], draw)
    return misread(data, draw) if made == "misread" else data


def mistyped(data: bytes, fields: Mapping[str, Mapping[str, Any]], draw: Random) -> bytes:
    """The file with a character of some printed values changed, each to another of its kind: everywhere the value stands, or
    only where it stands first. Values that the file's encoding hides stay.
    """
    printed = [str(field["printed"]).encode("latin-1", "ignore") for field in fields.values()]
    there = [value for value in printed if value in data and _CHARACTER.search(value)]
    for value in draw.sample(there, min(len(there), draw.choice(_MISTYPED_VALUES))):
        at = draw.choice([found.start() for found in _CHARACTER.finditer(value)])
        other = value[:at] + bytes([_other(value[at], draw)]) + value[at + 1 :]
        data = data.replace(value, other, draw.choice((1, -1)))
    return data


def misread(data: bytes, draw: Random) -> bytes:
    """A PDF with a share of the characters of its text layer changed, in values and labels alike."""
    share = draw.choice(_MISREAD_CHARACTERS)

    def read(found: re.Match[bytes]) -> bytes:
        character = found[0]
        return bytes([_other(character[0], draw)]) if len(character) == 1 and draw.random() < share else character

    return _SHOWN.sub(lambda shown: _CHARACTER.sub(read, shown[0][:-3]) + b" Tj", data)


def read_pool(file: Path) -> list[Tried]:
    """A pool that was kept."""
    return [Tried(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def write_pool(file: Path, found: Iterable[Tried]) -> None:
    """Keep a pool: JSON lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(asdict(one)) + "\n" for one in found), encoding="utf-8")


def _triaged(rows: Sequence[Row], scans: Sequence[Row]) -> Iterator[Tried]:
    from compliance_assets.chunks.chunker import chunker_for
    from evals.eval_triage import WORKLOAD, shipped
    from evals.gate.scans import scanned
    from evals.triage_material import law_index, materials
    from evals.triage_run import opened, triage
    from resources.embedder import embedder_from
    from resources.policy import RegoEngine
    from resources.settings import DEFAULT_EMBEDDER

    embedder = embedder_from(DEFAULT_EMBEDDER)
    chunker = chunker_for(embedder)
    setting = shipped(law_index(embedder, chunker))
    policy = RegoEngine(opened(setting.policy.bundle, WORKLOAD))
    elsewhere = replace(setting, law_from="the year before", policy=policy)
    for material in chain(scanned(scans, chunker), materials(rows, chunker, "none", document_of)):
        made = made_of(material.row)
        yield _tried(triage(material, elsewhere if made == "law of another year" else setting), made)


def _tried(found: Triage, made: Made) -> Tried:
    reported = found.components.get("model_reported") or 0.0
    return Tried(found.filing, found.format, made, found.confidence, reported, found.decides, found.error)


def _draw(row: Row, what: str) -> Random:
    return Random(f"{what} {row['seed']}")  # noqa: S311 (nothing here is secret: the same seed has to give the same pool)


def _other(character: int, draw: Random) -> int:
    """Another digit for a digit, another capital for a capital, another small letter for a small one."""
    first, count = next(
        (ord(first), count) for first, count in (("a", 26), ("A", 26), ("0", 10)) if character >= ord(first)
    )
    return first + (character - first + draw.randrange(1, count)) % count

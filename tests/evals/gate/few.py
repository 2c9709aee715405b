"""The gate's sets made small: every third golden filing, so that every class is there."""

from pathlib import Path

from evals.gate.sets import Sets
from evals.golden.generate import FROZEN
from evals.golden.golden_set import lines_of, read_rows


def few(folder: Path, stride: int = 3, generated: int = 40) -> Sets:
    """Thinned files of both sets, written to the folder."""
    files = {}
    for name in ("golden", "calibration"):
        files[name] = folder / f"{name}.jsonl"
        files[name].write_text(lines_of(read_rows(FROZEN[name])[::stride]), encoding="utf-8")  # type: ignore[index]
    return Sets(files["golden"], files["calibration"], generated=generated, attacks=4)

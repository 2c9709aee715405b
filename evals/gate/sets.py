"""The filings that the gate measures on: the golden set, which judges, and a calibration set, which thresholds are bounded on.

The golden set is frozen. The calibration set is the frozen one with so many generated filings beside it that a bound of half a
percent can hold: 598 decisions without an error are the least (`risk_control.py`). It is drawn as the golden set is, from other
seeds. Scans are in both as an engine read them (`scans.py`).
"""

from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from compliance_assets.contracts.canonical import digest_of, sha256_hex
from evals.golden.generate import FROZEN
from evals.golden.golden_set import Plan, read_rows, row_of
from evals.golden.plans import load_plans

#: In the formats that have text, beside the frozen filings.
GENERATED = 1_800
_SEEDS_APART = 40_000_000  # from the filings of the benchmarks


@dataclass(frozen=True, slots=True)
class Sets:
    """What is measured on: two frozen files, `generated` filings beside the second, `attacks` bad citations of each kind. Smaller
    sets are for tests, and say so by their digests.
    """

    golden: Path = FROZEN["golden"]
    calibration: Path = FROZEN["calibration"]
    generated: int = GENERATED
    attacks: int = 40

    @property
    def golden_digest(self) -> str:
        """SHA-256 of the frozen file."""
        return sha256_hex(self.golden.read_bytes())

    @property
    def calibration_digest(self) -> str:
        """Of the frozen file and of what is generated beside it."""
        frozen = sha256_hex(self.calibration.read_bytes())
        return digest_of({"frozen": frozen, "generated": _digest_of_plans(self.generated)})

    @property
    def golden_rows(self) -> list[dict[str, Any]]:
        """In order."""
        return read_rows(self.golden)

    @property
    def calibration_rows(self) -> list[dict[str, Any]]:
        """The frozen ones, then the generated."""
        return [*read_rows(self.calibration), *map(row_of, _plans(self.generated))]


WHOLE = Sets()


def _plans(count: int) -> list[Plan]:
    return [replace(p, id=f"drawn-{n:04d}", seed=p.seed + _SEEDS_APART) for n, p in enumerate(load_plans(count))]


@cache
def _digest_of_plans(count: int) -> str:
    return digest_of([asdict(plan) for plan in _plans(count)])

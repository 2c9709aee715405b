"""`make eval-thresholds`: whether the bound of a threshold holds, and what it costs, on filings whose errors are known.

A pool of filings goes once through the decision path. Then, again and again, a calibration set is drawn from it, with replacement
as from the world, on which a threshold is chosen; the filings that were not drawn are the test set, on which the decisions that
it lets through are counted. Every way of choosing sees the same
splits: risk control by fixed sequence and by Bonferroni on the computed confidence, the lowest threshold whose error on the
calibration set is at most the target, and two of these by the confidence that the model reports of itself.

A split is *above the target* where more than the target is wrong of what is decided in its test set; where nothing is decided
nothing is wrong. The guarantee speaks of all that will ever be drawn: beside the test set, which has chance in it, stands what
the threshold lets through of the whole pool. There are three pools: filings of which few are wrong; these and mistyped ones,
which no rule knows of; and, since the confidence of a filing is mostly all or nothing and hardly a threshold differs from the
next, draws with an error that grows from threshold to threshold.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import numpy as np
from numpy.typing import NDArray

from evals import threshold_report
from evals.gate.risk_control import GRID, LEVEL, Counts, bonferroni, cases_needed, fixed_sequence
from evals.threshold_pool import ROUNDS, Made, Tried, drawn, pool, read_pool, write_pool
from evals.triage_scores import Share

RESULTS = Path("bench_results")
TARGETS = (0.005, 0.01, 0.02)
SPLITS = 1_000
DRAWN = 20_000
CALIBRATION = 2_000
SEED = 20_240_229


class _Row(NamedTuple):
    """One split: the place of the threshold in the grid, None where none was found; what it decides in the test set, wrong ones
    among it, all of the test set; whether it lets too many through in the whole pool.
    """

    place: int | None
    decided: int
    wrong: int
    tested: int
    above_in_pool: bool


@dataclass(frozen=True, slots=True)
class Way:
    """A way of choosing: on which figure, and how. `choose(n, errors, target)` gives the place in the grid or None."""

    name: str
    figure: str  # a field of Tried
    choose: Callable[[Counts, Counts, float], int | None]


def uncorrected(n: Counts, errors: Counts, target: float) -> int | None:
    """The most lenient threshold whose error on the calibration set is at most the target."""
    held = np.flatnonzero((n > 0) & (errors <= target * n))
    return int(held[-1]) if held.size else None


def _sequence(n: Counts, errors: Counts, target: float) -> int | None:
    return fixed_sequence(n, errors, target)[0]


WAYS = (
    Way("computed confidence, fixed sequence", "confidence", _sequence),
    Way("computed confidence, Bonferroni", "confidence", bonferroni),
    Way("computed confidence, uncorrected", "confidence", uncorrected),
    Way("the model's own, fixed sequence", "model_reported", _sequence),
    Way("the model's own, uncorrected", "model_reported", uncorrected),
)


@dataclass(frozen=True, slots=True)
class Placed:
    """The pool by one figure: `places[i]` is the strictest threshold of the grid that filing i reaches, len(GRID) where it
    reaches none or is not decided at any.
    """

    places: NDArray[np.int64]
    wrong: NDArray[np.bool_]

    @classmethod
    def by(cls, found: Sequence[Tried], figure: str) -> "Placed":
        """By a field of the filings."""
        figures = np.array([getattr(one, figure) if one.decides else -1.0 for one in found])
        # Both sides are negated, so that the grid ascends.
        return cls(np.searchsorted(-np.array(GRID), -figures), np.array([one.wrong for one in found], dtype=bool))

    def counts(self, chosen: NDArray[np.int64]) -> tuple[Counts, Counts]:
        """How many of the chosen filings reach each threshold, and how many of them are wrong."""
        places = self.places[chosen]
        return _reaching(places), _reaching(places[self.wrong[chosen]])


@dataclass(frozen=True, slots=True)
class Outcome:
    """One way under one target over all splits. `error` is 0 where nothing was decided."""

    above: Share  # splits whose test set has too many errors
    above_in_pool: Share  # splits whose threshold lets too many through in the whole pool
    found: Share  # splits in which a threshold was found
    coverage: tuple[float, ...]
    error: tuple[float, ...]
    threshold: tuple[float, ...]  # of those splits in which one was found

    def as_json(self) -> dict[str, Any]:
        """Means, and shares with their intervals."""
        return {
            "above": self.above.as_json(),
            "above_in_pool": self.above_in_pool.as_json(),
            "found": self.found.as_json(),
            "coverage_mean": float(np.mean(self.coverage)),
            "coverage_p5_p95": np.quantile(self.coverage, (0.05, 0.95)).tolist(),
            "error_mean": float(np.mean(self.error)),
            "error_p95": float(np.quantile(self.error, 0.95)),
            "thresholds": dict(Counter(f"{one:.2f}" for one in sorted(self.threshold, reverse=True))),
        }


def resampled(
    found: Sequence[Tried], targets: Sequence[float] = TARGETS, splits: int = SPLITS, calibration: int = CALIBRATION
) -> dict[float, dict[str, Outcome]]:
    """target -> way -> what came of it, over `splits` draws of `calibration` filings, each tried on those that it left."""
    placed = {figure: Placed.by(found, figure) for figure in {way.figure for way in WAYS}}
    draw, everything = np.random.default_rng(SEED), np.arange(len(found))
    rows: dict[tuple[float, str], list[_Row]] = {}
    for _ in range(splits):
        drawn_now = draw.integers(len(found), size=calibration)
        left = np.setdiff1d(everything, drawn_now)
        counts = {f: [by.counts(chosen) for chosen in (drawn_now, left, everything)] for f, by in placed.items()}
        for target in targets:
            for way in WAYS:
                seen, test, whole = counts[way.figure]
                place = way.choose(*seen, target)
                row = _Row(None, 0, 0, len(left), False)
                if place is not None:
                    above = bool(whole[1][place] > target * whole[0][place])
                    row = _Row(place, int(test[0][place]), int(test[1][place]), len(left), above)
                rows.setdefault((target, way.name), []).append(row)
    return {target: {way.name: _outcome(rows[target, way.name], target) for way in WAYS} for target in targets}


def _outcome(rows: Sequence[_Row], target: float) -> Outcome:
    return Outcome(
        above=Share(sum(row.wrong > target * row.decided for row in rows), len(rows)),
        above_in_pool=Share(sum(row.above_in_pool for row in rows), len(rows)),
        found=Share(sum(row.place is not None for row in rows), len(rows)),
        coverage=tuple(row.decided / row.tested for row in rows),
        error=tuple(row.wrong / row.decided if row.decided else 0.0 for row in rows),
        threshold=tuple(GRID[row.place] for row in rows if row.place is not None),
    )


def _reaching(places: NDArray[np.int64]) -> Counts:
    return np.cumsum(np.bincount(places, minlength=len(GRID) + 1)[: len(GRID)])


@click.command()
@click.option(
    "--pool", "kept", type=click.Path(dir_okay=False, path_type=Path), help="Keep the filings here, or take them."
)
@click.option("--rounds", default=ROUNDS, show_default=True, type=click.IntRange(1), help="505 filings each.")
@click.option("--splits", default=SPLITS, show_default=True, type=click.IntRange(1))
@click.option("--calibration", default=CALIBRATION, show_default=True, type=click.IntRange(1))
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(kept: Path | None, rounds: int, splits: int, calibration: int, output: Path) -> None:
    """Triage a pool of filings with known errors, choose thresholds on many splits of it, write JSON and a picture."""
    found = read_pool(kept) if kept and kept.exists() else pool(rounds, click.echo)
    if kept and not kept.exists():
        write_pool(kept, found)
    report: dict[str, Any] = {
        "calibration": calibration,
        "splits": splits,
        "confidence_level": LEVEL,
        "cases_needed_without_an_error": {str(target): cases_needed(target) for target in TARGETS},
    }
    output.mkdir(parents=True, exist_ok=True)
    pools = {
        "filings": [one for one in found if one.made != "mistyped"],
        "filings and mistyped ones": found,
        "draws": drawn(DRAWN),
    }
    for name, cases in pools.items():
        outcomes = resampled(cases, splits=splits, calibration=calibration)
        report[name] = pool_report(cases) | {
            "targets": {str(t): {way: one.as_json() for way, one in ways.items()} for t, ways in outcomes.items()}
        }
        click.echo(threshold_report.tables(name, report))
        shown = {target: {way: _measured(one) for way, one in ways.items()} for target, ways in outcomes.items()}
        threshold_report.picture(name, shown, report, output / f"thresholds-{name.replace(' ', '-')}.png")
    file = output / "thresholds.json"
    file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"written: {file} and a picture of each pool")


def _measured(outcome: Outcome) -> threshold_report.Measured:
    return threshold_report.Measured(outcome.above.value or 0.0, outcome.error, outcome.coverage)


def pool_report(found: Sequence[Tried]) -> dict[str, Any]:
    """What the pool is made of, and how much is wrong of what reaches some thresholds, by both figures."""
    everything = np.arange(len(found))
    shown = [place for place, threshold in enumerate(GRID) if place == 0 or round(threshold * 100) % 5 == 0]
    known: dict[str, Any] = {}
    for figure in dict.fromkeys(way.figure for way in WAYS):
        n, errors = Placed.by(found, figure).counts(everything)
        known[figure] = {f"{GRID[i]:.2f}": Share(int(errors[i]), int(n[i])).as_json() for i in shown}
    return {
        "pool": len(found),
        "made": {made: _of([one for one in found if one.made == made]) for made in get_args(Made)},
        "formats": {
            name: _of([one for one in found if one.format == name]) for name in sorted({t.format for t in found})
        },
        "wrong_at": known,
    }


def _of(found: Sequence[Tried]) -> dict[str, int]:
    decides = [one for one in found if one.decides]
    return {"filings": len(found), "decide": len(decides), "wrong_of_these": sum(one.wrong for one in decides)}


if __name__ == "__main__":
    main()

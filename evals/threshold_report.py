"""What `make eval-thresholds` says: tables and a picture of how thresholds held over many splits. Draws; counts nothing."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 150
_MOST_ABOVE = 0.05  # of the splits
_CORRECTED, _UNCORRECTED = "#1b6ca8", "#c8553d"


class Measured(NamedTuple):
    """Of one way under one target: the share of the splits above it, and of each split the error and the coverage."""

    above: float
    error: Sequence[float]
    coverage: Sequence[float]


def tables(name: str, report: Mapping[str, Any]) -> str:
    """A pool's part of the report for a terminal."""
    console = Console(width=_WIDTH, record=True, file=io.StringIO())
    found = report[name]
    parts = Table("made", "n", "decide", "wrong of these", title=f"Pool of {found['pool']:,} {name}")
    for part, row in (*found["made"].items(), *found["formats"].items()):
        parts.add_row(part, *(f"{row[key]:,}" for key in ("filings", "decide", "wrong_of_these")))
    console.print(parts)
    console.print(_known(found["wrong_at"]))
    for target, ways in found["targets"].items():
        title = (
            f"At most {float(target):.2%} wrong: {report['splits']:,} splits, calibrated on {report['calibration']:,}"
        )
        console.print(_ways(title, ways))
    return console.export_text()


def picture(name: str, measured: Mapping[float, Mapping[str, Measured]], report: Mapping[str, Any], path: Path) -> None:
    """Above, the error in the test sets, below, how much is decided without a person: a box for each way, a column a target."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 6.4), dpi=110)
    figure.subplots_adjust(left=0.2, right=0.985, top=0.87, bottom=0.08, hspace=0.38, wspace=0.14)
    grid = figure.subplots(2, len(measured), sharey=True)
    for (upper, lower), (target, ways) in zip(grid.T, measured.items(), strict=True):
        _boxes(upper, {way: one.error for way, one in ways.items()})
        _boxes(lower, {way: one.coverage for way, one in ways.items()})
        upper.axvline(100 * target, color="black", linestyle="--", linewidth=1)
        upper.set_title(f"wrong of what is decided, %; target {target:.2%}", fontsize=10)
        upper.set_xlim(0, 100 * target * 3.5)
        lower.set_title("decided without a person, % of all", fontsize=10)
        lower.set_xlim(0, 100)
        for place, one in enumerate(ways.values(), start=1):
            weight = "bold" if one.above > _MOST_ABOVE else "normal"
            said = f"{one.above:.1%} above"
            upper.text(
                100 * target * 3.47,
                place,
                said,
                ha="right",
                va="center",
                fontsize=8,
                fontweight=weight,
                backgroundcolor="white",
            )
    grid[0, 0].invert_yaxis()
    figure.suptitle(
        f"Thresholds chosen on {report['calibration']:,} out of {report[name]['pool']:,} {name} with known errors, tried on"
        f" the others; {report['splits']:,} splits. Boxes: quartiles, whiskers: 5 % to 95 %.",
        fontsize=10,
    )
    figure.savefig(path)


def _boxes(axes: "Axes", values: Mapping[str, Sequence[float]]) -> None:
    percent = [[100 * one for one in each] for each in values.values()]
    boxes = axes.boxplot(
        percent, orientation="horizontal", whis=(5, 95), widths=0.6, patch_artist=True, showfliers=False
    )
    for way, box, median in zip(values, boxes["boxes"], boxes["medians"], strict=True):
        box.set(facecolor=_UNCORRECTED if "uncorrected" in way else _CORRECTED, alpha=0.55)
        median.set_color("black")
    axes.set_yticks(range(1, len(percent) + 1), list(values), fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", alpha=0.25)


def _known(wrong_at: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("threshold", *wrong_at, title="Wrong of what reaches a threshold, known")
    for threshold in next(iter(wrong_at.values())):
        table.add_row(threshold, *(_cell(by_threshold[threshold]) for by_threshold in wrong_at.values()))
    return table


def _ways(title: str, ways: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table("way", "splits above it", "known above it", "decided, mean", "wrong, mean", "found", title=title)
    for way, row in ways.items():
        table.add_row(
            way,
            _cell(row["above"]),
            _cell(row["above_in_pool"]),
            f"{row['coverage_mean']:.1%}",
            f"{row['error_mean']:.2%}",
            f"{row['found']['share']:.1%}",
        )
    return table


def _cell(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "-"
    return f"{share['share']:.2%} of {share['n']:,} [{share['low']:.2%}, {share['high']:.2%}]"

"""Pictures of an evaluation, as PNG: what confidence is worth, what was confused with what, what a threshold costs. Pure.

Each says in its title how many filings it shows, and of which; shares have their interval. Colours are told apart without seeing
red and green.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from evals.gate.evaluation import Case
from evals.gate.risk_control import LEVEL, upper_bound
from evals.triage_scores import Share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RIGHT, _WRONG, _MARK = "#3b6ea5", "#c8553d", "#404040"
_BINS = 10
_NONE = "none"


def plots_of(
    golden: Sequence[Case], calibration: Sequence[Case], threshold: float | None, target: float
) -> dict[str, bytes]:
    """File name -> PNG. `threshold` is the least confidence without a person, None where there always is one; `target` the most
    error among what is decided so.
    """
    return {
        "reliability_diagram.png": reliability_diagram(golden),
        "confidence_histogram.png": confidence_histogram(golden, threshold),
        "confusion_return_type.png": confusion_of_types(golden),
        "confusion_anomalies.png": confusion_of_anomalies(golden),
        "error_against_coverage.png": error_against_coverage(calibration, threshold, target),
    }


def reliability_diagram(cases: Sequence[Case]) -> bytes:
    """Share of answers that are right at each confidence, beside what it would be if confidence were a probability."""
    figure, axes = _figure(5.6, 5.0)
    axes.plot([0, 1], [0, 1], color=_MARK, linewidth=0.8, linestyle="--", label="confidence = share right")
    bins: dict[int, list[Case]] = {}
    for case in cases:
        bins.setdefault(min(int(case.confidence * _BINS), _BINS - 1), []).append(case)
    for number, (_, inside) in enumerate(sorted(bins.items())):
        share = Share(sum(not case.wrong for case in inside), len(inside))
        assert share.value is not None
        assert share.interval is not None
        confidence = sum(case.confidence for case in inside) / len(inside)
        low, high = share.interval
        axes.errorbar(
            [confidence],
            [share.value],
            yerr=[[max(share.value - low, 0.0)], [max(high - share.value, 0.0)]],  # the last digit may fall short
            fmt="o",
            color=_RIGHT,
            capsize=3,
            label=None if number else "answers, Wilson interval of 95 %",
        )
        axes.text(confidence, 0.0, f"n = {len(inside):,}", rotation=90, ha="center", va="bottom", fontsize=8)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="confidence (mean of a bin of 0.1)")
    axes.set_ylabel("share of answers without an error")
    axes.legend(loc="best", fontsize=8, frameon=False)
    return _png(figure, axes, f"Reliability of confidence, golden set (n = {len(cases):,} filings)")


def confidence_histogram(cases: Sequence[Case], threshold: float | None) -> bytes:
    """How confident right and wrong answers are: a panel each, since the wrong ones are few."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6.4, 4.6), dpi=100, layout="constrained")
    panels = figure.subplots(2, 1, sharex=True)
    for axes, wrong, colour in ((panels[0], False, _RIGHT), (panels[1], True, _WRONG)):
        values = [case.confidence for case in cases if case.wrong is wrong]
        axes.hist(values, bins=20, range=(0, 1), color=colour)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("filings")
        kind = "with an error" if wrong else "without an error"
        axes.set_title(f"Answers {kind} (n = {len(values):,} of {len(cases):,})", fontsize=10)
        _mark_threshold(axes, threshold)
        _plain(axes)
    panels[1].set_xlabel("confidence (0 to 1)")
    return _saved(figure)


def confusion_of_types(cases: Sequence[Case]) -> bytes:
    """Return type as it is against as it was decided."""
    counts = Counter((case.true_type, case.decision) for case in cases)
    rows = sorted({case.true_type for case in cases}) or [_NONE]
    columns = [*rows, *sorted({case.decision for case in cases} - set(rows))]
    title = f"Return type (n = {len(cases):,} filings)"
    return _matrix(counts, rows, columns, title, "decided", "is")


def confusion_of_anomalies(cases: Sequence[Case]) -> bytes:
    """Anomalies as they are against as they were found; a filing counts once for each pair of one that it has and one found."""
    counts = Counter(
        (true, found)
        for case in cases
        for true in case.true_anomalies or (_NONE,)
        for found in case.anomalies or (_NONE,)
    )
    kinds = sorted({kind for pair in counts for kind in pair} - {_NONE})
    title = f"Anomalies (n = {len(cases):,} filings)"
    return _matrix(counts, [*kinds, _NONE], [*kinds, _NONE], title, "found", "is")


def error_against_coverage(cases: Sequence[Case], threshold: float | None, target: float) -> bytes:
    """Error among what would be decided without a person, at every threshold, against the share of filings that is: as found,
    and the bound that is held against the target.
    """
    figure, axes = _figure(6.4, 4.4)
    points = operating_points(cases)
    coverage = [100 * n / len(cases) for n, _ in points]
    axes.plot(coverage, [100 * wrong / n for n, wrong in points], color=_RIGHT, marker=".", label="found")
    bounds = [100 * upper_bound(wrong, n) for n, wrong in points]
    axes.plot(
        coverage,
        bounds,
        color=_RIGHT,
        linestyle=":",
        marker=".",
        label=f"at most, with {100 * LEVEL:g} % (Clopper-Pearson)",
    )
    axes.axhline(100 * target, color=_WRONG, linewidth=1, linestyle="--", label=f"target: at most {100 * target:g} %")
    if threshold is not None:
        decided = [case for case in cases if case.decides and case.confidence >= threshold]
        wrong, n = sum(case.wrong for case in decided), len(decided)
        label = f"threshold {threshold:g}: {wrong:,} wrong of {n:,}"
        bound = 100 * upper_bound(wrong, n)
        axes.plot([100 * n / max(len(cases), 1)], [bound], "D", color=_MARK, fillstyle="none", zorder=5, label=label)
    axes.set(xlim=(0, 102), xlabel="filings decided without a person (% of all)", ylabel="of these, with an error (%)")
    axes.set_ylim(0, max(5 * 100 * target, *(100 * wrong / n for n, wrong in points), 0) * 1.1)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    return _png(figure, axes, f"Error against coverage, calibration set (n = {len(cases):,} filings)")


def operating_points(cases: Sequence[Case]) -> list[tuple[int, int]]:
    """(filings at or above it, the wrong ones of these) for every confidence that there is, the highest first."""
    decide = sorted((case for case in cases if case.decides), key=lambda case: -case.confidence)
    found, wrong = [], 0
    for n, case in enumerate(decide, 1):
        wrong += case.wrong
        if n == len(decide) or decide[n].confidence < case.confidence:  # ties are decided together
            found.append((n, wrong))
    return found


def _matrix(
    counts: Mapping[tuple[str, str], int],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    across: str,
    down: str,
) -> bytes:
    figure, axes = _figure(2.8 + 0.62 * len(columns), 1.8 + 0.5 * len(rows))
    totals = {row: sum(counts.get((row, column), 0) for column in columns) for row in rows}
    shares = [[counts.get((r, c), 0) / totals[r] if totals[r] else 0.0 for c in columns] for r in rows]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            if count := counts.get((row, column), 0):
                dark = shares[i][j] > 0.6
                axes.text(j, i, f"{count:,}", ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes.set_xticks(range(len(columns)), [_words(name) for name in columns], rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), [f"{_words(name)} ({totals[name]:,})" for name in rows], fontsize=8)
    axes.set_xlabel(across)
    axes.set_ylabel(f"{down} (filings)")
    return _png(figure, axes, title)


def _mark_threshold(axes: "Axes", threshold: float | None) -> None:
    if threshold is not None:
        axes.axvline(threshold, color=_MARK, linewidth=1, linestyle="--", label=f"threshold {threshold:g}")
        axes.legend(loc="upper left", fontsize=8, frameon=False)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure  # without pyplot there is no window and no state: it draws by Agg

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return figure, figure.add_subplot()


def _png(figure: "Figure", axes: "Axes", title: str) -> bytes:
    axes.set_title(title, fontsize=10)
    _plain(axes)
    return _saved(figure)


def _plain(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _saved(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})  # the same picture gives the same bytes
    return buffer.getvalue()

"""What `eval calibrate-judge` finds: numbers for JSON, tables for people, a picture."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evals.judge.agreement import (
    LEVEL,
    RESAMPLES,
    AtThreshold,
    Interval,
    at_threshold,
    at_threshold_of_other_half,
    auroc_difference,
    auroc_with_interval,
)
from evals.judge.scores import BY_VALUES, HOUSE, SCORES
from evals.judge.table import Labelled

Scored = tuple[Labelled, Mapping[str, float | None]]


def report_of(scored: Sequence[Scored], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """Agreement of every score with the labels. `thresholds` are those that the workload has, by score.

    Overall and by system over answers that say something; and over all, where an abstention is none to let through.
    """
    said = [one for one in scored if one[0].label != "abstained"]
    return {
        "rows": len(scored),
        "questions": len({answer.question_id for answer, _ in scored}),
        "labels": {label: sum(a.label == label for a, _ in scored) for label in ("right", "wrong", "abstained")},
        "without_evidence": sum(not answer.evidence for answer, _ in scored),
        "intervals": f"{LEVEL:.0%}, {RESAMPLES} resamples of questions with all their answers",
        "scores": {
            name: {
                "computed_from": computed_from,
                "overall": _agreement(said, name, thresholds.get(name)),
                "overall, abstentions as not right": _agreement(scored, name, thresholds.get(name)),
                "by_system": {
                    system: _agreement([one for one in said if one[0].system == system], name, thresholds.get(name))
                    for system in sorted({answer.system for answer, _ in said})
                },
            }
            for name, computed_from in SCORES.items()
        },
        "auroc_by_values_less_groundedness": _gained(said).as_json(),
    }


def _gained(scored: Sequence[Scored]) -> Interval:
    """What the second groundedness is worth beside the house's, on the answers that both measure."""
    both = [(a, new, old) for a, s in scored if (new := s[BY_VALUES]) is not None and (old := s[HOUSE]) is not None]
    right = np.array([answer.label == "right" for answer, *_ in both], dtype=bool)
    by_values, house = (np.array([row[at] for row in both], dtype=float) for at in (1, 2))
    return auroc_difference(by_values, house, right, [answer.question_id for answer, *_ in both])


def _agreement(scored: Sequence[Scored], name: str, threshold: float | None) -> dict[str, Any]:
    measured = [(answer, score) for answer, scores in scored if (score := scores[name]) is not None]
    right = np.array([answer.label == "right" for answer, _ in measured], dtype=bool)
    values = np.array([score for _, score in measured], dtype=float)
    questions = [answer.question_id for answer, _ in measured]
    given = None if threshold is None or not measured else at_threshold(values, right, questions, threshold)
    other = at_threshold_of_other_half(values, right, questions) if measured else None
    return {
        "n": len(measured),
        "right": int(right.sum()),
        "not_measured": len(scored) - len(measured),
        "auroc": auroc_with_interval(values, right, questions).as_json(),
        "at_the_workloads_threshold": None if given is None else _as_json(given),
        "at_the_threshold_of_the_other_half": None if other is None else _as_json(other),
    }


def _as_json(at: AtThreshold) -> dict[str, Any]:
    held = at.right_held + at.wrong_held
    wrong = at.wrong_let_through + at.wrong_held
    return {
        "thresholds": [round(t, 4) for t in at.thresholds],
        "n": at.n,
        "held": held,
        "wrong": wrong,
        "wrong_held": at.wrong_held,
        "right_held": at.right_held,
        "kappa": at.kappa.as_json(),
    }


# ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────────


def tables(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    from rich.console import Console
    from rich.table import Table

    labels = report["labels"]
    console = Console(file=io.StringIO(), width=150)
    console.print(
        f"{report['rows']} answers to {report['questions']} questions: {labels['right']} right, {labels['wrong']} wrong, "
        f"{labels['abstained']} abstained; {report['without_evidence']} without evidence. Intervals: {report['intervals']}.",
        highlight=False,
    )
    for part in ("overall", "overall, abstentions as not right"):
        table = Table(title=part, title_justify="left")
        for column in ("score", "n", "AUROC", "threshold", "kappa", "held", "wrong held", "right held"):
            table.add_column(column, justify="left" if column == "score" else "right")
        for name, found in report["scores"].items():
            for how in ("at_the_workloads_threshold", "at_the_threshold_of_the_other_half"):
                if found[part][how]:
                    table.add_row(*_overall_row(name, found[part], found[part][how], how))
        console.print(table)
    console.print(
        f"AUROC of {BY_VALUES!r} less that of {HOUSE!r}: {_interval(report['auroc_by_values_less_groundedness'])}",
        highlight=False,
    )
    table = Table(title="AUROC by system, abstentions left out", title_justify="left")
    table.add_column("system")
    for name in report["scores"]:
        table.add_column(name, justify="right")
    for system in next(iter(report["scores"].values()))["by_system"]:
        cells = [found["by_system"][system] for found in report["scores"].values()]
        table.add_row(f"{system} (n = {cells[0]['n']})", *(_interval(cell["auroc"]) for cell in cells))
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def _overall_row(name: str, found: Mapping[str, Any], at: Mapping[str, Any], how: str) -> tuple[str, ...]:
    own = how == "at_the_workloads_threshold"
    threshold = " / ".join(f"{t:.2f}" for t in at["thresholds"]) + (" workload" if own else " other half")
    wrong, right = at["wrong"], at["n"] - at["wrong"]
    return (
        name,
        str(found["n"]),
        _interval(found["auroc"]),
        threshold,
        _interval(at["kappa"]),
        f"{at['held']} of {at['n']}",
        f"{at['wrong_held']} of {wrong}",
        f"{at['right_held']} of {right}",
    )


def _interval(found: Mapping[str, float | None]) -> str:
    if found["value"] is None:
        return "-"
    bounds = "" if found["low"] is None else f" [{found['low']:.2f}, {found['high']:.2f}]"
    return f"{found['value']:.2f}{bounds}"


def draw(report: Mapping[str, Any], scored: Sequence[Scored], path: Path) -> None:
    """The ROC of every score, and its AUROC by system with the interval."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5.6), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    said = [one for one in scored if one[0].label != "abstained"]
    systems = list(next(iter(report["scores"].values()))["by_system"])
    for at, (name, found) in enumerate(report["scores"].items()):
        rates = _roc(said, name)
        left.plot(*rates, color=f"C{at}", label=f"{name}: AUROC {_interval(found['overall']['auroc'])}")
        cells = [found["by_system"][system]["auroc"] for system in systems]
        _dots(right, cells, at, len(report["scores"]))
    left.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
    left.set(xlabel="wrong answers let through", ylabel="right answers let through", xlim=(0, 1), ylim=(0, 1.01))
    n, wrong = len(said), sum(answer.label == "wrong" for answer, _ in said)
    left.set_title(f"n = {n} answers, {wrong} wrong; abstentions left out", fontsize=10)
    left.legend(fontsize=8, loc="lower right")
    right.axvline(0.5, color="grey", linewidth=0.8, linestyle=":")
    right.set_yticks(range(len(systems)), [f"{system}" for system in systems], fontsize=8)
    right.invert_yaxis()
    right.set(xlim=(0, 1), xlabel=f"AUROC, {report['intervals'].partition(',')[0]} interval")
    right.set_title("by system", fontsize=10)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _dots(axes: Any, cells: Sequence[Mapping[str, float | None]], at: int, of: int) -> None:
    for row, cell in enumerate(cells):
        if cell["value"] is not None:
            y = row + (at - (of - 1) / 2) * 0.18
            axes.plot(cell["value"], y, "o", color=f"C{at}", markersize=4)
            if cell["low"] is not None:
                axes.plot([cell["low"], cell["high"]], [y, y], color=f"C{at}", linewidth=1)


def _roc(scored: Sequence[Scored], name: str) -> tuple[list[float], list[float]]:
    """(wrong let through, right let through) at every threshold, as shares."""
    values = [(s[name], a.label == "right") for a, s in scored if s[name] is not None]
    right, wrong = ([v for v, good in values if good is is_right and v is not None] for is_right in (True, False))
    thresholds = [np.inf, *sorted({*right, *wrong}, reverse=True)]
    through = ([sum(v >= t for v in group) / max(1, len(group)) for t in thresholds] for group in (wrong, right))
    return next(through), next(through)

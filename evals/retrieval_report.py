"""What retrieval was measured at, as a table for a terminal and as a picture. Pure."""

import io
from collections.abc import Iterator, Mapping
from typing import Any

Report = Mapping[str, Any]


def table(report: Report) -> str:
    """A row a task as shipped, then a row for each part that was left out."""
    from rich.console import Console
    from rich.table import Table

    console = Console(file=io.StringIO(), width=150)
    for name, corpus in report.items():
        drawn = Table(
            title=f"{name}: {corpus['documents']:,} documents, {corpus['model']} ({corpus['precision']})",
            title_justify="left",
        )
        for heading in ("search", *corpus["tasks"]):
            drawn.add_column(heading, justify="left" if heading == "search" else "right")
        for label, scores in _rows(corpus):
            drawn.add_row(label, *map(_words, scores), end_section=label == "as shipped")
        console.print(drawn)
        for task, measured in corpus["tasks"].items():
            strays = measured["hits of a year that was not asked for"]
            if strays is not None:
                console.print(f"{task}: {strays['hits']} of {strays['of']:,} hits of a year that was not asked for")
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def draw(report: Report) -> bytes:
    """A panel a task: its score as shipped and with each part left out, shares with their intervals. PNG."""
    from matplotlib.figure import Figure

    panels = [(task, measured) for corpus in report.values() for task, measured in corpus["tasks"].items()]
    parts = list(panels[0][1]["ablation"])
    figure = Figure(figsize=(2 + 2.6 * len(panels), 0.4 * len(parts) + 1.8), dpi=90, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, (task, measured) in zip(axes, panels, strict=True):
        for at, part in enumerate(parts):
            score = measured["ablation"][part]
            value, low, high = _interval(score)
            colour = "#c8553d" if at else "#3b6ea5"
            axis.plot([low, high], [at, at], color=colour, linewidth=1.5)
            axis.plot(value, at, "o", color=colour, markersize=5)
        axis.set_xlim(0, 1.02)
        measure = "nDCG@10" if "ndcg_at_10" in measured["as shipped"] else f"gold among {measured['hits']}"
        axis.set_title(f"{task}\n{measure}, n = {measured['as shipped']['n']}", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="x", linewidth=0.3)
    axes[0].set_yticks(range(len(parts)), parts, fontsize=9)
    axes[0].invert_yaxis()
    figure.suptitle(
        "What each part of the search is worth: one left out at a time; intervals: Wilson, 95%", fontsize=11
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _rows(corpus: Report) -> Iterator[tuple[str, list[Report]]]:
    tasks = corpus["tasks"].values()
    yield "as shipped", [task["as shipped"] for task in tasks]
    if all(task["ablation"] for task in tasks):
        for part in next(iter(tasks))["ablation"]:
            yield part, [task["ablation"][part] for task in tasks]


def _words(score: Report) -> str:
    if "ndcg_at_10" in score:
        return f"nDCG@10 {score['ndcg_at_10']:.3f} n={score['n']}"
    return f"{score['share']:.1%} [{score['low']:.0%}, {score['high']:.0%}] n={score['n']}"


def _interval(score: Report) -> tuple[float, float, float]:
    if "ndcg_at_10" in score:
        return score["ndcg_at_10"], score["ndcg_at_10"], score["ndcg_at_10"]
    return score["share"], score["low"], score["high"]

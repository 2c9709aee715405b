"""The ablation as a table for a terminal and as a picture. Pure."""

import io
from collections.abc import Mapping
from typing import Any

#: Share -> how a column is headed.
COLUMNS: Mapping[str, str] = {
    "type_right": "type",
    "anomaly_precision": "anomaly P",
    "anomaly_recall": "anomaly R",
    "filings_without_false_anomaly": "no false anomaly",
    "citations_valid": "citations valid",
    "all_right": "all right",
    "passages_out_of_scope": "out of scope",
    "gold_article_found": "gold article",
}
_DRAWN = ("all_right", "anomaly_precision", "anomaly_recall", "gold_article_found")


def rows_of(report: Mapping[str, Any]) -> list[dict[str, object]]:
    """A row a variant, every share with its interval and n."""
    return [
        {
            "changed": found["changed"],
            **{heading: _share(found[name]) for name, heading in COLUMNS.items()},
            "tokens": found["prompt_tokens_mean"],
            "ms median": found["milliseconds_median"],
            "ms p95": found["milliseconds_p95"],
        }
        for found in report["variants"]
    ]


def table(report: Mapping[str, Any]) -> str:
    """For a terminal."""
    from rich.console import Console
    from rich.table import Table

    rows = rows_of(report)
    drawn = Table(
        title=f"{report['filings']} filings of the {report['set']} set, {report['model']}; intervals: {report['intervals']}",
        title_justify="left",
    )
    for name in rows[0]:
        drawn.add_column(name, justify="left" if name == "changed" else "right")
    for row in rows:
        drawn.add_row(*map(str, row.values()))
    console = Console(file=io.StringIO(), width=250)
    console.print(drawn)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def draw(report: Mapping[str, Any]) -> bytes:
    """Four shares with their intervals and the tokens of the prompt, a line a variant: PNG."""
    from matplotlib.figure import Figure

    found = report["variants"]
    figure = Figure(figsize=(15, 0.42 * len(found) + 1.6), dpi=90, layout="constrained")
    panels = figure.subplots(1, len(_DRAWN) + 1, sharey=True)
    places = range(len(found))
    for panel, name in zip(panels, _DRAWN, strict=False):
        for at, each in enumerate(found):
            share = each[name]
            if share["share"] is not None:
                colour = "#c8553d" if at else "#3b6ea5"
                panel.plot([share["low"], share["high"]], [at, at], color=colour, linewidth=1.5)
                panel.plot(share["share"], at, "o", color=colour, markersize=5)
        panel.set_xlim(-0.02, 1.02)
        counts = {each[name]["n"] for each in found}
        n = f"n = {counts.pop()}" if len(counts) == 1 else f"n = {min(counts)} to {max(counts)}"
        panel.set_title(f"{COLUMNS[name]} ({n})", fontsize=10)
    tokens = panels[-1].barh(list(places), [each["prompt_tokens_mean"] for each in found], color="#9aa5b1")
    panels[-1].bar_label(tokens, fmt="{:,.0f}", fontsize=8, padding=2)
    panels[-1].set_title("tokens of the prompt", fontsize=10)
    panels[-1].margins(x=0.2)
    panels[0].set_yticks(list(places), [each["changed"] for each in found], fontsize=9)
    panels[0].invert_yaxis()
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", linewidth=0.3)
    figure.suptitle(
        f"{report['filings']} invented filings, one thing changed at a time; intervals: {report['intervals']}",
        fontsize=11,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _share(found: Mapping[str, Any]) -> str:
    if found["share"] is None:
        return "-"
    return f"{found['share']:.1%} [{found['low']:.1%}, {found['high']:.1%}] n={found['n']}"

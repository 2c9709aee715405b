"""Each watched distribution in the reference window and now, with its stability index and bound. Pure: PNG bytes."""

import io
from collections.abc import Sequence
from typing import Any

from evals.watch.stability_index import Drift

_COLUMNS = 2
_THEN, _NOW, _MOVED = "#9aa5b1", "#3b6ea5", "#c8553d"
_LONGEST_LABEL = 22


def drift_picture(drifts: Sequence[Drift]) -> bytes:
    """One panel a distribution: shares of both windows, bin by bin. What moved is red."""
    from matplotlib.figure import Figure

    rows = -(-len(drifts) // _COLUMNS)
    figure = Figure(figsize=(12, 2.9 * rows), dpi=90, layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).flat
    for panel, drift in zip(panels, drifts, strict=False):
        _panel(panel, drift)
    for panel in list(panels):
        panel.set_visible(False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _panel(axes: Any, drift: Drift) -> None:
    now_colour = _MOVED if drift.state == "moved" else _NOW
    for counts, offset, colour, name in (
        (drift.reference, -0.2, _THEN, "reference"),
        (drift.now, 0.2, now_colour, "now"),
    ):
        n = sum(counts)
        shares = [count / n if n else 0.0 for count in counts]
        axes.bar([at + offset for at in range(len(counts))], shares, 0.4, color=colour, label=f"{name}, n = {n:,}")
    labels = [label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…" for label in drift.labels]
    axes.set_xticks(range(len(labels)), labels, fontsize=7, rotation=30, ha="right", rotation_mode="anchor")
    axes.tick_params(axis="y", labelsize=7)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set_title(_title(drift), fontsize=9, color=now_colour if drift.state == "moved" else "black")
    axes.set_ylim(top=1.2 * axes.get_ylim()[1])
    axes.legend(fontsize=7, frameon=False, ncols=2, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)


def _title(drift: Drift) -> str:
    if drift.psi is None or drift.bound is None:
        return f"{drift.name}: too few to say"
    return f"{drift.name}: PSI {drift.psi:.3f}, bound {drift.bound:.3f}, {drift.state}"

"""Builds materialisation metadata: tables, rates and pictures.

Identifiers and counts only. Document text, questions and answers never enter the event log, which is kept for ever.
"""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from resources.mlflow_registries import Version
from resources.tracking import NotTracked, TrackedRun

PREVIEW_ROWS = 50

# A digest may hold eleven digits in a row; they are nobody's.
_DIGEST_OR_CPF = re.compile(r"(?P<digest>[0-9a-fA-F]{32,})|(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)")


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> dg.TableMetadataValue:
    """A table of at most `PREVIEW_ROWS` rows of text and numbers; `columns` fixes the order and names an empty one's."""
    records = [dg.TableRecord({name: _cell(row.get(name)) for name in columns}) for row in rows[:PREVIEW_ROWS]]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def masked(text: str) -> str:
    """The text with every CPF in it masked: people put them into file names, and the event log is kept for ever."""
    return _DIGEST_OR_CPF.sub(lambda match: match[0] if match["digest"] else "***", text)


def tracked(run: TrackedRun | NotTracked) -> dict[str, dg.MetadataValue]:
    """The link to a run in MLflow: its page, or how to open it where no server is; else that there is none, and why."""
    if isinstance(run, NotTracked):
        return {"mlflow_run": dg.MetadataValue.text(f"not tracked: {masked(run.why)}")}
    link = (
        dg.MetadataValue.url(run.url)
        if run.url
        else dg.MetadataValue.md(f"`{run.command}`, then `http://127.0.0.1:5000/{run.page}`")
    )
    return {"mlflow_run_id": dg.MetadataValue.text(run.run_id), "mlflow_run": link}


def versions(registered: Sequence[Version] | NotTracked) -> str:
    """What MLflow's registries call what was registered; else that they do not hold it, and why."""
    if isinstance(registered, NotTracked):
        return f"not registered: {masked(registered.why)}"
    return ", ".join(f"{version.name}/{version.number}" for version in registered)


def rate(count: int, seconds: float) -> float:
    """Items per second, 0 where nothing was done."""
    return round(count / seconds, 1) if count and seconds > 0 else 0.0


def histogram(
    values: Sequence[float], *, title: str, xlabel: str, limits: tuple[float, float] | None = None
) -> dg.MarkdownMetadataValue:
    """A histogram as an inline picture, with n in its title; `limits` fixes the x axis so that pictures compare."""
    from matplotlib.figure import Figure  # loads in half a second: only where a picture is drawn
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 2.6), dpi=90, layout="tight")
    axes = figure.add_subplot()
    axes.hist(values, bins=30, range=limits, color="#3b6ea5")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"{title} (n = {len(values):,})", fontsize=10)
    axes.set_xlabel(xlabel, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return _picture(figure, title)


def bars(counts: Mapping[str, int], *, title: str) -> dg.MarkdownMetadataValue:
    """Horizontal bars, one a label, with n in the title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 0.8 + 0.35 * max(len(counts), 1)), dpi=90, layout="tight")
    axes = figure.add_subplot()
    drawn = axes.barh(list(counts), list(counts.values()), color="#3b6ea5")
    axes.bar_label(drawn, fmt="{:,.0f}", fontsize=8, padding=2)
    axes.xaxis.set_visible(False)  # every bar bears its number
    axes.invert_yaxis()
    axes.set_title(f"{title} (n = {sum(counts.values()):,})", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return _picture(figure, title)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return masked(value) if isinstance(value, str) else value


def _picture(figure: object, alt: str) -> dg.MarkdownMetadataValue:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")  # type: ignore[attr-defined]
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{encoded})")

"""What `make eval-normalise` says: numbers by set, format and layout, as JSON, as tables and as one picture."""

import io
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from evals.field_scores import DocumentScore, catches, total


@dataclass(frozen=True, slots=True)
class Scored:
    """One document of a set, as one engine (or none) read it."""

    set_name: str
    format: str
    layout: str
    document: str
    engine: str | None
    score: DocumentScore


@dataclass(frozen=True, slots=True)
class Speed:
    """Documents through two workers: units per second of each round, and the peak memory of a worker in MiB."""

    what: str
    unit: str
    documents: int
    per_second: tuple[float, ...]
    worker_mib: float


def report(scored: Sequence[Scored], speeds: Sequence[Speed]) -> dict[str, Any]:
    """Everything that was measured, ready for JSON."""
    return {
        "engines": sorted({s.engine for s in scored if s.engine}),
        "by_format": _grouped(scored, lambda s: (s.set_name, s.format)),
        "by_layout": _grouped(scored, lambda s: (s.set_name, s.format, s.layout)),
        "all_formats": _grouped(scored, lambda s: (s.set_name,)),
        "fields_missed": _fields_missed(scored),
        "checks": _checks(scored),
        "silent_errors": [
            {
                "set": s.set_name, "format": s.format, "layout": s.layout, "document": s.document,
                "wrong": s.score.wrong, "missing": s.score.missing, "made_up": s.score.made_up,
            }
            for s in scored
            if s.score.silent
        ],
        "speeds": [
            {
                "what": s.what, "unit": s.unit, "documents": s.documents, "rounds": len(s.per_second),
                "per_second": statistics.median(s.per_second), "least": min(s.per_second), "most": max(s.per_second),
                "worker_mib": s.worker_mib,
            }
            for s in speeds
        ],
    }  # fmt: skip


def tables(found: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    console = Console(width=150, record=True, file=io.StringIO())
    for title, key in (("By format", "by_format"), ("By layout", "by_layout"), ("All formats together", "all_formats")):
        console.print(_totals_table(title, found[key]))
    checks = Table(
        "set",
        "format",
        "reason",
        "errors held back",
        "by it alone",
        "without an error",
        title="What sent documents to a person",
    )
    for row in found["checks"]:
        checks.add_row(*(str(row[name]) for name in ("set", "format", "reason", "held_back", "alone", "without_error")))
    console.print(checks)
    missed = Table("set", "format", "field", "not exact", "of", title="Fields that were not exact")
    for row in found["fields_missed"]:
        missed.add_row(*(str(row[name]) for name in ("set", "format", "field", "not_exact", "documents")))
    console.print(missed)
    silent = Table("document", "format", "layout", "wrong", "missing", "made up", title="Silent errors")
    for row in found["silent_errors"]:
        silent.add_row(
            row["document"], row["format"], row["layout"], *(", ".join(row[n]) for n in ("wrong", "missing", "made_up"))
        )
    console.print(silent)
    speeds = Table("what", "n", "per second, median (least to most)", "worker, MiB", title="Two workers")
    for row in found["speeds"]:
        spread = (
            f"{row['per_second']:.1f} {row['unit']} ({row['least']:.1f} to {row['most']:.1f}), {row['rounds']} rounds"
        )
        speeds.add_row(row["what"], str(row["documents"]), spread, f"{row['worker_mib']:.0f}")
    console.print(speeds)
    return console.export_text()


def draw(found: Mapping[str, Any], path: Path) -> None:
    """One picture: exact fields, silent errors and documents that wait for a person, by format and set."""
    from matplotlib.figure import Figure

    rows = found["by_format"]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    formats = list(dict.fromkeys(row["format"] for row in rows))
    figure = Figure(figsize=(11, 1.6 + 0.5 * len(formats)), dpi=110)
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.16, wspace=0.12)
    panels = (
        ("exact_share", "fields exact"),
        ("needs_human_share", "documents to a person"),
        ("silent_share", "silent errors"),
    )
    for axes, (key, title) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        for offset, name in enumerate(sets):
            shares = {row["format"]: 100 * row[key] for row in rows if row["set"] == name}
            places = [i + 0.26 * offset for i, f in enumerate(formats) if f in shares]
            drawn = axes.barh(places, [shares[f] for f in formats if f in shares], height=0.24, label=name)
            axes.bar_label(drawn, fmt="%.2f" if key == "silent_share" else "%.1f", fontsize=7, padding=2)
        axes.set_title(f"{title}, %", fontsize=10)
        axes.set_yticks([i + 0.26 for i in range(len(formats))], formats, fontsize=8)
        axes.set_xlim(0, 1 if key == "silent_share" else 115)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].invert_yaxis()
    counts = {name: sum(row["documents"] for row in rows if row["set"] == name) for name in sets}
    figure.legend(
        [f"{name} (n = {counts[name]} readings)" for name in sets],
        loc="lower center",
        ncols=len(sets),
        fontsize=8,
        frameon=False,
    )
    figure.savefig(path)


def _grouped(scored: Iterable[Scored], key: Callable[[Scored], tuple[str, ...]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, ...], list[DocumentScore]] = {}
    for s in scored:
        groups.setdefault(key(s), []).append(s.score)
    names = ("set", "format", "layout")
    sets = list(dict.fromkeys(group[0] for group in groups))  # in the order in which they were read
    ordered = sorted(groups.items(), key=lambda item: (sets.index(item[0][0]), item[0]))
    return [{**dict(zip(names, group, strict=False)), **_measures(members)} for group, members in ordered]


def _measures(members: Sequence[DocumentScore]) -> dict[str, Any]:
    totals = total(members)
    seconds = sorted(m.seconds for m in members)
    return {
        **asdict(totals),
        "exact_share": totals.exact_share,
        "silent_share": totals.silent_share,
        "needs_human_share": totals.needs_human_share,
        "span_share": totals.span_share,
        "character_error_rate": totals.character_error_rate if totals.characters else None,
        "seconds_median": statistics.median(seconds),
        "seconds_most": seconds[-1],
    }


def _fields_missed(scored: Iterable[Scored]) -> list[dict[str, Any]]:
    counts: dict[tuple[str, str, str], int] = {}
    documents: dict[tuple[str, str], int] = {}
    for s in scored:
        documents[s.set_name, s.format] = documents.get((s.set_name, s.format), 0) + 1
        for name in (*s.score.wrong, *s.score.missing, *s.score.made_up):
            key = (s.set_name, s.format, name.partition("[")[0])
            counts[key] = counts.get(key, 0) + 1
    return [
        {"set": set_name, "format": form, "field": name, "not_exact": count, "documents": documents[set_name, form]}
        for (set_name, form, name), count in sorted(counts.items(), key=lambda item: (item[0][:2], -item[1]))
    ]


def _checks(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    rows = []
    for group in sorted({(s.set_name, s.format) for s in scored}):
        members = [s.score for s in scored if (s.set_name, s.format) == group]
        for reason, catch in catches(members).items():
            rows.append({"set": group[0], "format": group[1], "reason": reason, **asdict(catch)})
    return rows


def _totals_table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    groups = [name for name in ("set", "format", "layout") if name in rows[0]]
    columns = (
        "n",
        "fields",
        "exact",
        "silent",
        "to a person",
        "rejected",
        "spans",
        "char. errors",
        "s/doc median (most)",
    )
    table = Table(*groups, *columns, title=title)
    for row in rows:
        errors = row["character_error_rate"]
        table.add_row(
            *(row[name] for name in groups),
            str(row["documents"]),
            str(row["fields"]),
            f"{row['exact_share']:.2%}",
            f"{row['silent']} ({row['silent_share']:.2%})",
            f"{row['needs_human_share']:.1%}",
            str(row["rejected"]),
            f"{row['span_share']:.2%}",
            "" if errors is None else f"{errors:.2%}",
            f"{row['seconds_median']:.3f} ({row['seconds_most']:.2f})",
        )
    return table

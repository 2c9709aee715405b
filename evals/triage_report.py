"""What `make eval-triage` says: numbers by run, format, anomaly and threshold, as JSON and as tables. Pure."""

import io
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from evals.triage_scores import Share, Triage, by_anomaly, component_means, decided, totals

_WIDTH = 150
_MOST_LISTED = 40
_COLUMNS = {
    "type": "type right",
    "fields_exact": "fields exact",
    "anomaly_precision": "anomalies: precision",
    "anomaly_recall": "recall",
    "filings_with_valid_citations": "citations valid",
    "abstained": "abstained",
}


def run_report(found: Sequence[Triage], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """One run over a set, ready for JSON."""
    formats = sorted({t.format for t in found})
    return {
        "filings": len(found),
        "citations": sum(t.citations for t in found),
        "all": _json(totals(found)),
        "by_format": {name: _json(totals([t for t in found if t.format == name])) for name in formats},
        "by_anomaly": {kind: _json(shares) for kind, shares in by_anomaly(found).items()},
        "decided": {
            name: {"threshold": value if math.isfinite(value) else None, **_json(decided(found, value))}
            for name, value in thresholds.items()
        },
        "outcomes": dict(sorted(Counter(t.outcome for t in found).items())),
        "components": component_means(found),
        "law_years_in_a_prompt": dict(sorted(Counter(len(t.law_years) for t in found).items())),
        "not_right": [_listed(t) for t in found if not t.right],
    }


def speed_report(found: Sequence[Triage]) -> dict[str, float | int]:
    """Prompts a second of the model alone, on one core, and its times in milliseconds."""
    times = sorted(t.seconds for t in found)
    cuts = statistics.quantiles(times, n=100)
    return {
        "prompts": len(times),
        "per_second": round(len(times) / sum(times), 1),
        "median_ms": round(1000 * statistics.median(times), 2),
        "p95_ms": round(1000 * cuts[94], 2),
        "p99_ms": round(1000 * cuts[98], 2),
    }


def tables(report: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    console = Console(width=_WIDTH, record=True, file=io.StringIO())
    for name, run in report["runs"].items():
        console.print(_by_format(name, run))
    for name, run in report["runs"].items():
        console.print(_by_kind(name, run))
    console.print(_thresholds(report["runs"]))
    for name, run in report["runs"].items():
        console.print(_component_table(name, run))
    ranks = Table(
        "article passage", "worst rank in its year", "years", title="Where the search finds what the model needs"
    )
    for row in report["law_ranks"]:
        ranks.add_row(row["passage"], str(row["worst_rank"]), str(row["years"]))
    console.print(ranks)
    for name, run in report["runs"].items():
        if run["not_right"]:
            console.print(_not_right(name, run))
    speed = report["speed"]
    console.print(
        f"{speed['prompts']} prompts on one core: {speed['per_second']}/s, "
        f"median {speed['median_ms']} ms, p95 {speed['p95_ms']} ms, p99 {speed['p99_ms']} ms",
        markup=False,
    )
    return console.export_text()


def _by_format(name: str, run: Mapping[str, Any]) -> Table:
    table = Table(
        "format", "n", *_COLUMNS.values(), title=f"{name}: {run['filings']} filings, {run['citations']} citations"
    )
    for label, shares in (*run["by_format"].items(), ("all", run["all"])):
        table.add_row(label, str(shares["type"]["n"]), *(_cell(shares[column]) for column in _COLUMNS))
    table.caption = ", ".join(f"{outcome} {n}" for outcome, n in run["outcomes"].items())
    return table


def _by_kind(name: str, run: Mapping[str, Any]) -> Table:
    table = Table("anomaly", "precision", "recall", title=f"{name}: anomalies")
    for kind, shares in run["by_anomaly"].items():
        table.add_row(kind, _cell(shares["precision"]), _cell(shares["recall"]))
    return table


def _thresholds(runs: Mapping[str, Any]) -> Table:
    table = Table(
        "run", "threshold", "at", "decided without a person", "of these wrong", title="What is decided without a person"
    )
    for name, run in runs.items():
        for label, row in run["decided"].items():
            at = "never" if row["threshold"] is None else f"{row['threshold']:.3f}"
            table.add_row(name, label, at, _cell(row["automatic"]), _cell(row["wrong"]))
    return table


def _component_table(name: str, run: Mapping[str, Any]) -> Table:
    table = Table(
        "component", "mean where right", "n", "mean where not", "n", title=f"{name}: what confidence is made from"
    )
    for component, row in run["components"].items():
        right, wrong = ("" if row[k] is None else f"{row[k]:.3f}" for k in ("right", "wrong"))
        table.add_row(component, right, str(row["right_n"]), wrong, str(row["wrong_n"]))
    return table


def _not_right(name: str, run: Mapping[str, Any]) -> Table:
    listed = run["not_right"][:_MOST_LISTED]
    table = Table("filing", "format", "decision", "found", "there", "fields", "problems", title=f"{name}: not right")
    for row in listed:
        fields = ", ".join((*row["wrong"], *(f"+{key}" for key in row["made_up"])))
        found, there = (", ".join(row[key]) for key in ("anomalies", "true_anomalies"))
        table.add_row(
            row["filing"], row["format"], row["decision"], found, there, fields, "; ".join(row["problems"][:1])
        )
    if len(run["not_right"]) > len(listed):
        table.caption = f"and {len(run['not_right']) - len(listed)} more, in the JSON"
    return table


def _cell(share: Mapping[str, Any]) -> str:
    if share["share"] is None:
        return "-"
    return f"{share['share']:.1%} of {share['n']} [{share['low']:.1%}, {share['high']:.1%}]"


def _json(shares: Mapping[str, Share]) -> dict[str, dict[str, float | int | None]]:
    return {name: share.as_json() for name, share in shares.items()}


def _listed(triage: Triage) -> dict[str, Any]:
    return {
        "filing": triage.filing,
        "format": triage.format,
        "outcome": triage.outcome,
        "decision": triage.decision,
        "true_type": triage.true_type,
        "anomalies": sorted(triage.anomalies),
        "true_anomalies": sorted(triage.true_anomalies),
        "wrong": list(triage.wrong),
        "made_up": list(triage.made_up),
        "problems": list(triage.problems),
        "confidence": triage.confidence,
    }

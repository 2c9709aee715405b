"""The benchmark of the index as tables for a terminal and as a picture of how each figure grows. Pure."""

import io
from collections.abc import Mapping, Sequence
from typing import Any


def tables(report: Mapping[str, Any]) -> str:
    """How the vectors lie, the indexes, the rates, and each kind at one size."""
    blocks = [
        ("How vectors lie: 10th percentile, median, 90th percentile", [_geometry(g) for g in report["geometry"]]),
        ("Indexes of a year", [_index(s) for s in report["sizes"]]),
        (
            f"Retrieval calls without the encoding, by vectors alone; clients are {report['clients_are']}",
            [_rate(s["passages"], r) for s in report["sizes"] for r in s["rates"]],
        ),
        (
            "The same with the lexical index",
            [_call(s["passages"], r) for s in report["sizes"] for r in s["rates_with_words"]],
        ),
        ("Each kind at one size, one client", [_kind(k) for k in report["kinds"]]),
    ]
    return "\n".join(_table(title, rows) for title, rows in blocks if rows)


def draw(report: Mapping[str, Any]) -> bytes:
    """Build time, size, latency and rate over the number of passages, both axes logarithmic: PNG."""
    from matplotlib.figure import Figure

    sizes = report["sizes"]
    passages = [size["passages"] for size in sizes]
    one = [_of(size, 1) for size in sizes]
    figure = Figure(figsize=(16, 4), dpi=90, layout="constrained")
    build, space, latency, rate = figure.subplots(1, 4)
    build.plot(passages, [size["build_seconds"] for size in sizes], "o-", label="whole build")
    build.plot(passages, [size["of_which"]["table_and_graph"] for size in sizes], "o--", label="table and graph")
    space.plot(passages, [size["megabytes"]["table"] for size in sizes], "o-", label="table")
    space.plot(passages, [size["megabytes"]["graph"] for size in sizes], "o-", label="graph")
    for share in ("p50_ms", "p95_ms", "p99_ms"):
        latency.plot(passages, [rates["call"][share] for rates in one], "o-", label=share.removesuffix("_ms"))
    for clients in sorted({rates["clients"] for size in sizes for rates in size["rates"]}):
        line = rate.plot(
            passages, [_of(s, clients)["call"]["per_second"] for s in sizes], "o-", label=f"{clients} clients"
        )
        raw = [_of(s, clients)["pgbench"]["per_second"] for s in sizes]
        rate.plot(passages, raw, "x:", color=line[0].get_color(), label="the same by pgbench")
    titles = ("build, seconds", "size, MB", "one client, ms a call", "calls a second")
    for panel, title in zip((build, space, latency, rate), titles, strict=True):
        panel.set(xscale="log", yscale="log", title=title, xlabel="passages of the year")
        panel.grid(alpha=0.3)
        panel.legend(fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _of(size: Mapping[str, Any], clients: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(r for r in size["rates"] if r["clients"] == clients and r["scope"] == "year")
    return found


def _geometry(found: Mapping[str, Any]) -> dict[str, object]:
    spread = {
        "cosine to the 1st": "similarity_1st",
        "to the 8th": "similarity_8th",
        "to the 64th": "similarity_64th",
        "local intrinsic dimension": "local_dimension",
    }
    return {
        "vectors of": found["vectors_of"],
        "n": f"{found['vectors']:,}",
        **{heading: " ".join(f"{value:.2f}" for value in found[name]) for heading, name in spread.items()},
        "of two at random": found["similarity_of_pairs"],
    }


def _index(size: Mapping[str, Any]) -> dict[str, object]:
    recall = size["recall_at_8"]
    return {
        "passages": f"{size['passages']:,}",
        "kind": size["parameters"]["kind"],
        "ef": size["parameters"]["ef_search"],
        "build s": size["build_seconds"],
        "table and graph s": size["of_which"]["table_and_graph"],
        "measured s": size["of_which"]["measured"],
        "table MB": size["megabytes"]["table"],
        "graph MB": size["megabytes"]["graph"],
        "recall@8": f"{recall['overall']:.4f} ± {1.96 * recall['overall_standard_error']:.4f}",
        "in category": f"{recall['in_category']:.4f} ± {1.96 * recall['in_category_standard_error']:.4f}",
        "n": recall["n"],
    }


def _call(passages: int, rates: Mapping[str, Any]) -> dict[str, object]:
    call = rates["call"]
    return {
        "passages": f"{passages:,}",
        "scope": rates["scope"],
        "clients": rates["clients"],
        "p50 ms": call["p50_ms"],
        "p95 ms": call["p95_ms"],
        "p99 ms": call["p99_ms"],
        "calls/s": call["per_second"],
        "n": f"{call['n']:,}",
    }


def _rate(passages: int, rates: Mapping[str, Any]) -> dict[str, object]:
    return {
        **_call(passages, rates),
        "pgbench/s": rates["pgbench"]["per_second"],
        "call : pgbench": f"{rates['of_pgbench']:.0%}",
        "neighbours alone/s": rates["pgbench_neighbours_alone"]["per_second"],
        "call : neighbours": f"{rates['of_pgbench_neighbours_alone']:.0%}",
    }


def _kind(found: Mapping[str, Any]) -> dict[str, object]:
    shown = {
        "kind": found["kind"],
        "ef": found["parameters"]["ef_search"],
        "rescored": found["parameters"]["rescored"],
        "build s": found["build_seconds"],
        "graph MB": found["megabytes"]["graph"],
    }
    if found["findings"]:
        return {**shown, "recall@8": "refused", "in category": "refused", "p50 ms": "", "p99 ms": ""}
    return {
        **shown,
        "recall@8": found["recall_at_8"]["overall"],
        "in category": found["recall_at_8"]["in_category"],
        "p50 ms": found["milliseconds"]["p50_ms"],
        "p99 ms": found["milliseconds"]["p99_ms"],
    }


def _table(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    from rich.console import Console
    from rich.table import Table

    drawn = Table(title=title, title_justify="left")
    for name, value in rows[0].items():
        drawn.add_column(name, justify="left" if isinstance(value, str) and not value[:1].isdigit() else "right")
    for row in rows:
        drawn.add_row(*map(str, row.values()))
    console = Console(file=io.StringIO(), width=200)
    console.print(drawn)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]

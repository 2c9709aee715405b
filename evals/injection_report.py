"""What `make eval-injection` says: the curve, shares and rates with their n, as JSON, as tables and as one picture."""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

RESAMPLES = 2000
_SEED = 7
_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of labelled texts."""

    attacks: tuple[float, ...]
    benign: tuple[float, ...]


def curve_of(scores: Scores) -> list[tuple[float, float, float]]:
    """(threshold, share of benign texts at or over it, share of attacks), thresholds falling."""
    cuts = sorted({*scores.attacks, *scores.benign}, reverse=True)
    return [
        (math.inf, 0.0, 0.0),
        *((cut, share_over(scores.benign, cut), share_over(scores.attacks, cut)) for cut in cuts),
    ]


def area_of(scores: Scores) -> float:
    """The area under the curve: how often an attack scores above a benign text, ties half."""
    ordered = sorted([(s, 1) for s in scores.attacks] + [(s, 0) for s in scores.benign])
    ranks, i = 0.0, 0
    while i < len(ordered):
        j = i
        while j < len(ordered) and ordered[j][0] == ordered[i][0]:
            j += 1
        ranks += (i + j + 1) / 2 * sum(label for _, label in ordered[i:j])
        i = j
    n, m = len(scores.attacks), len(scores.benign)
    return (ranks - n * (n + 1) / 2) / (n * m)


def area_interval(scores: Scores, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % percentile bootstrap of the area, attacks and benign texts resampled apart, by a fixed seed."""
    rng = Random(_SEED)  # noqa: S311
    areas = sorted(
        area_of(
            Scores(
                tuple(rng.choices(scores.attacks, k=len(scores.attacks))),
                tuple(rng.choices(scores.benign, k=len(scores.benign))),
            )
        )
        for _ in range(resamples)
    )
    return areas[int(resamples * 0.025)], areas[int(resamples * 0.975) - 1]


def cut_at(benign: Sequence[float], share: float) -> float:
    """The least score over which no more than `share` of the benign texts are: a text is flagged where it scores above it."""
    allowed = int(len(benign) * share)
    return sorted(benign, reverse=True)[min(allowed, len(benign) - 1)]


def share_over(values: Sequence[float], cut: float) -> float:
    """The share of values at or over a cut."""
    return sum(value >= cut for value in values) / len(values) if values else 0.0


def rate(hits: int, n: int) -> dict[str, Any]:
    """A share with its n and Wilson's 95 % interval."""
    if n == 0:
        return {"hits": 0, "n": 0, "share": None, "low": None, "high": None}
    p, z = hits / n, _NORMAL_95
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return {"hits": hits, "n": n, "share": p, "low": max(0.0, middle - half), "high": min(1.0, middle + half)}


def tables(found: Mapping[str, Any]) -> str:
    """The report for a terminal."""
    console = Console(width=140, record=True, file=io.StringIO())
    prompts = found["prompts"]
    low, high = prompts["area_interval"]
    console.print(
        f"Labelled prompts: {prompts['attacks']} injections, {prompts['benign']} benign. Area under the curve "
        f"{prompts['area']:.3f} (95 % of {RESAMPLES} resamples: {low:.3f} to {high:.3f})."
    )
    table = Table(
        "readers", "area", "flagged at 1 % false positives", "flagged at the shipped threshold", "false positives there"
    )
    for row in prompts["readers"]:
        table.add_row(
            row["readers"],
            f"{row['area']:.3f}",
            _shown(row["at_one_percent"]) + f", over {row['cut_at_one_percent']:.3f}",
            _shown(row["flagged"]),
            _shown(row["false_positives"]),
        )
    console.print(table)
    near = prompts["near_a_template"]
    console.print(
        f"{near['attacks']} injections and {near['benign']} benign prompts share five words in a row with a generated attack. "
        f"Without these: area {near['without']['area']:.3f}, at 1 % false positives {_shown(near['without']['at_one_percent'])}."
    )
    kinds = Table(
        "sign", "injections with it", "benign prompts with it", title="Signs at 0.2 and more, labelled prompts"
    )
    for row in prompts["kinds"]:
        kinds.add_row(row["kind"], str(row["attacks"]), str(row["benign"]))
    console.print(kinds)
    bipia = Table(
        "attack (BIPIA)", "alone, as passage", "planted in a clean passage", "and located", title="Indirect injections"
    )
    for row in found["planted"]:
        bipia.add_row(row["family"], _shown(row["alone"]), _shown(row["planted"]), _shown(row["located"]))
    console.print(bipia)
    where = Table("passages", "place", "planted and flagged", title="By where they were planted")
    for row in found["places"]:
        where.add_row(row["source"], row["place"], _shown(row["flagged"]))
    console.print(where)
    benign = Table("source", "as", "n", "flagged", "per 1,000", "95 %", "score: p50", "p99", title="False positives")
    for row in found["benign"]:
        r = row["flagged"]
        interval = f"{1000 * r['low']:.1f} to {1000 * r['high']:.1f}"
        scores = (f"{row['p50']:.3f}", f"{row['p99']:.3f}")
        benign.add_row(
            row["source"], row["origin"], str(r["n"]), str(r["hits"]), f"{1000 * r['share']:.2f}", interval, *scores
        )
    console.print(benign)
    speed = found["speed"]
    console.print(
        f"Processor time on one core, {speed['texts']} passages of {speed['mean_characters']:.0f} characters, "
        f"{speed['rounds']} rounds: "
        f"{speed['texts_per_second']:.0f} texts/s, {speed['ms_per_kilobyte']:.3f} ms per KB "
        f"(median round; slowest {speed['ms_per_kilobyte_most']:.3f}); "
        f"per text p50 {speed['ms_p50']:.3f} ms, p95 {speed['ms_p95']:.3f} ms."
    )
    return console.export_text()


def draw(found: Mapping[str, Any], path: Path) -> None:
    """The curves of all readers together and of each, with the shipped threshold and the one at 1 % false positives."""
    from matplotlib.figure import Figure

    prompts = found["prompts"]
    figure = Figure(figsize=(10.5, 4.9), dpi=110)
    whole, corner = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.24, top=0.9, wspace=0.18)
    styles = {"all": ("#1f4e8c", 2.2), "rules": ("#c05a1c", 1.4), "linear model": ("#4f8f4f", 1.4)}
    for axes in (whole, corner):
        for row in prompts["readers"]:
            colour, width = styles[row["readers"]]
            axes.plot(
                [100 * point[1] for point in row["curve"]],
                [100 * point[2] for point in row["curve"]],
                color=colour,
                linewidth=width,
                label=f"{row['readers']}, area {row['area']:.3f}",
            )
        for key, x, mark, name in (
            ("flagged", "false_positives", "o", f"threshold {found['threshold']:g}"),
            ("at_one_percent", "benign_at_one_percent", "^", "1 % false positives"),
        ):
            row = prompts["readers"][0]
            axes.plot(100 * row[x]["share"], 100 * row[key]["share"], mark, color="#111111", label=name, zorder=5)
        axes.set_xlabel("benign prompts flagged, %")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    whole.plot([0, 100], [0, 100], color="#999999", linewidth=0.8, linestyle="--")
    whole.set_ylabel("injections flagged, %")
    whole.set_title(f"{prompts['attacks']} injections, {prompts['benign']} benign prompts", fontsize=10)
    corner.set_xlim(-0.2, 10)
    corner.set_ylim(0, 100)
    corner.set_title("up to 10 % false positives", fontsize=10)
    handles, labels = whole.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=3, fontsize=8, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _shown(r: Mapping[str, Any]) -> str:
    if not r["n"]:
        return "-"
    return f"{100 * r['share']:.1f} % ({r['hits']} of {r['n']}; {100 * r['low']:.1f} to {100 * r['high']:.1f})"

"""`make eval-injection`: what the injection detector finds, and how rarely it flags what the house lives on.

Injections are labelled prompts and BIPIA's attacks, alone and planted in clean passages; nothing was developed on either. Clean
passages and questions are the measuring half of the contracts, acts, reports and policies, whose documents trained nothing,
and the invented filings of the golden set.
"""

import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import click

from compliance_assets.governance.injection.detector import THRESHOLD, flags_of, score, score_of, signs_of, version
from compliance_assets.governance.injection.flags import InjectionFlag
from compliance_assets.governance.injection.linear import Origin
from compliance_assets.governance.injection.tokens import words_of
from evals import injection_report
from evals.injection_corpora import SHARED, Benign, benign, passages_of, spread
from evals.injection_planting import PLACES, Attack, attacks_in, plant
from evals.injection_report import Scores, area_interval, area_of, curve_of, cut_at, rate
from evals.injection_templates import samples

RESULTS = Path("bench_results")
PICTURE = Path("docs/eval_injection_roc.png")
FALSE_POSITIVES = 0.01
ROUNDS = 5
TIMED = 400
PASSAGES_OF_A_SOURCE = 4
_SEED = 11
_RUN = 5
_HOUSE = ("contracts", "acts", "invented filings", "annual reports", "reports")
_READERS: tuple[tuple[str, Callable[[InjectionFlag], bool]], ...] = (
    ("all", lambda flag: True),
    ("rules", lambda flag: flag.kind != "request"),
    ("linear model", lambda flag: flag.kind == "request"),
)


@click.command()
@click.option("--shared", type=click.Path(file_okay=False, path_type=Path), default=SHARED, help="The real material.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), default=PICTURE, show_default=True)
def main(shared: Path, output: Path, picture: Path) -> None:
    """Score prompts, planted attacks and clean texts, print tables, write JSON and the curve."""
    clean = [*benign("measuring", shared), *_clean_of_bipia(shared)]
    hosts = _hosts(clean)
    attacks = list(attacks_in(shared / "injection/bipia"))
    planted = [_planted(attack, hosts) for attack in attacks]
    report = {
        "version": version(),
        "threshold": THRESHOLD,
        "prompts": _prompts(shared / "injection/deepset_prompt_injections.jsonl"),
        "planted": _by_family(attacks, planted),
        "places": _by_place(planted),
        "benign": _false_positives(clean),
        "speed": _speed([text.text for text in spread(clean, TIMED) if text.origin == "passage"]),
    }
    click.echo(injection_report.tables(report))
    output.mkdir(parents=True, exist_ok=True)
    (output / "injection.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    injection_report.draw(report, picture)
    click.echo(f"written: {output / 'injection.json'}, {picture}")


def _prompts(path: Path) -> dict[str, Any]:
    """Labelled prompts, read as questions: all readers together, then the rules and the linear model alone."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [(row["label"] == 1, list(signs_of(row["text"], "question"))) for row in rows]
    readers = [_reader(name, kept, found) for name, kept in _READERS]
    known = _template_runs()
    near = [not known.isdisjoint(_runs(row["text"])) for row in rows]
    named = [
        (label, {flag.kind for flag in flags_of(row["text"])}) for (label, _), row in zip(found, rows, strict=True)
    ]
    kinds = sorted(set(itertools.chain.from_iterable(kinds for _, kinds in named)))
    return {
        "attacks": sum(label for label, _ in found),
        "benign": sum(not label for label, _ in found),
        "area": readers[0]["area"],
        "area_interval": readers[0]["area_interval"],
        "readers": readers,
        "near_a_template": {
            "attacks": sum(label and is_near for (label, _), is_near in zip(found, near, strict=True)),
            "benign": sum(not label and is_near for (label, _), is_near in zip(found, near, strict=True)),
            "without": _reader(
                "all", _READERS[0][1], [one for one, is_near in zip(found, near, strict=True) if not is_near]
            ),
        },
        "kinds": [
            {
                "kind": k,
                "attacks": sum(k in s for lab, s in named if lab),
                "benign": sum(k in s for lab, s in named if not lab),
            }
            for k in kinds
        ],
    }


def _reader(
    name: str, kept: Callable[[InjectionFlag], bool], found: Sequence[tuple[bool, list[InjectionFlag]]]
) -> dict[str, Any]:
    scored = [(label, score_of(flag for flag in flags if kept(flag))) for label, flags in found]
    scores = Scores(tuple(s for label, s in scored if label), tuple(s for label, s in scored if not label))
    cut = cut_at(scores.benign, FALSE_POSITIVES)
    return {
        "readers": name,
        "area": area_of(scores),
        "area_interval": area_interval(scores),
        "curve": [(None if c == float("inf") else c, x, y) for c, x, y in curve_of(scores)],
        "cut_at_one_percent": cut,
        "at_one_percent": _over(scores.attacks, lambda s: s > cut),
        "benign_at_one_percent": _over(scores.benign, lambda s: s > cut),
        "flagged": _over(scores.attacks, lambda s: s >= THRESHOLD),
        "false_positives": _over(scores.benign, lambda s: s >= THRESHOLD),
    }


def _template_runs() -> frozenset[tuple[str, ...]]:
    """Every run of five words in the generated attacks."""
    return frozenset(run for made in samples(200, _SEED) if made.label == "attack" for run in _runs(made.text))


def _runs(text: str) -> set[tuple[str, ...]]:
    words = words_of(text).words
    return {words[i : i + _RUN] for i in range(len(words) - _RUN + 1)}


def _clean_of_bipia(shared: Path) -> Iterable[Benign]:
    """The mails and tables that BIPIA plants its attacks in, and what is asked about them."""
    for name in ("email", "table"):
        asked: set[str] = set()
        lines = (shared / f"injection/bipia/{name}_train.jsonl").read_text(encoding="utf-8").splitlines()
        for number, row in enumerate(map(json.loads, lines)):
            for passage in passages_of(row["context"]):
                yield Benign(f"{name}s (BIPIA)", str(number), "passage", passage)
            if row["question"] not in asked:
                asked.add(row["question"])
                yield Benign(f"questions, {name}s (BIPIA)", str(number), "question", row["question"])


def _hosts(clean: Iterable[Benign]) -> list[Benign]:
    """A few passages of every source that are not flagged as they stand, by a fixed seed."""
    by_source: dict[str, list[Benign]] = {}
    for text in clean:
        if text.origin == "passage":
            by_source.setdefault(text.source, []).append(text)
    rng = Random(_SEED)  # noqa: S311
    hosts = []
    for source in sorted(by_source):
        drawn = rng.sample(by_source[source], min(4 * PASSAGES_OF_A_SOURCE, len(by_source[source])))
        hosts += [text for text in drawn if score(text.text, "passage") < THRESHOLD][:PASSAGES_OF_A_SOURCE]
    return hosts


def _planted(attack: Attack, hosts: Sequence[Benign]) -> list[dict[str, Any]]:
    rows = []
    for seed, (host, place) in enumerate(itertools.product(hosts, PLACES)):
        made = plant(host.text, attack.text, place, seed)
        signs = list(signs_of(made.text, "passage"))
        located = any(s.score >= THRESHOLD and s.start < made.end and s.end > made.start for s in signs)
        flagged = score_of(signs) >= THRESHOLD
        rows.append({"source": host.source, "place": place, "flagged": flagged, "located": flagged and located})
    return rows


def _by_family(attacks: Sequence[Attack], planted: Sequence[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    alone = [score(attack.text, "passage") >= THRESHOLD for attack in attacks]
    groups = {"all": range(len(attacks))}
    for kind in ("text", "code"):
        groups[f"{kind}, all"] = [i for i, attack in enumerate(attacks) if attack.id.startswith(kind)]  # type: ignore[assignment]
    for family in dict.fromkeys(attack.family for attack in attacks):
        groups[family] = [i for i, attack in enumerate(attacks) if attack.family == family]  # type: ignore[assignment]
    made = []
    for family, members in groups.items():
        rows = list(itertools.chain.from_iterable(planted[i] for i in members))
        made.append(
            {
                "family": family,
                "alone": rate(sum(alone[i] for i in members), len(members)),
                "planted": rate(sum(row["flagged"] for row in rows), len(rows)),
                "located": rate(sum(row["located"] for row in rows), len(rows)),
            }
        )
    return made


def _by_place(planted: Iterable[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[bool]] = {}
    for row in itertools.chain.from_iterable(planted):
        groups.setdefault((row["source"], row["place"]), []).append(row["flagged"])
    return [
        {"source": source, "place": place, "flagged": rate(sum(flags), len(flags))}
        for (source, place), flags in sorted(groups.items(), key=lambda item: (item[0][0], PLACES.index(item[0][1])))
    ]


def _false_positives(clean: Iterable[Benign]) -> list[dict[str, Any]]:
    groups: dict[tuple[Origin, str], list[float]] = {}
    for text in clean:
        groups.setdefault((text.origin, text.source), []).append(score(text.text, text.origin))
    for origin in ("passage", "question"):
        pooled = [s for (of, _), scores in groups.items() if of == origin for s in scores]
        groups[origin, f"all {origin}s"] = pooled
    house = [s for (_, source), scores in groups.items() if source.startswith(_HOUSE) for s in scores]
    groups["passage", "all contracts, acts, filings, reports"] = house
    rows = []
    for (origin, source), scores in sorted(
        groups.items(), key=lambda item: (item[0][0], item[0][1].startswith("all "), item[0][1])
    ):
        ordered = sorted(scores)
        rows.append(
            {
                "source": source,
                "origin": origin,
                "flagged": _over(scores, lambda s: s >= THRESHOLD),
                "p50": ordered[len(ordered) // 2],
                "p99": ordered[int(len(ordered) * 0.99)],
            }
        )
    return rows


def _speed(texts: Sequence[str]) -> dict[str, Any]:
    """Processor time of scoring every text once a round; the first round fills the caches and is not counted."""
    characters = sum(map(len, texts))
    rounds, each = [], []
    for number in range(ROUNDS + 1):
        started = time.process_time()
        for text in texts:
            before = time.process_time()
            score(text, "passage")
            if number:
                each.append(1000 * (time.process_time() - before))
        if number:
            rounds.append(time.process_time() - started)
    each.sort()
    median = statistics.median(rounds)
    return {
        "texts": len(texts),
        "mean_characters": characters / len(texts),
        "rounds": ROUNDS,
        "texts_per_second": len(texts) / median,
        "ms_per_kilobyte": 1e6 * median / characters,
        "ms_per_kilobyte_most": 1e6 * max(rounds) / characters,
        "ms_p50": each[len(each) // 2],
        "ms_p95": each[int(len(each) * 0.95)],
    }


def _over(values: Sequence[float], is_over: Callable[[float], bool]) -> dict[str, Any]:
    return rate(sum(map(is_over, values)), len(values))


if __name__ == "__main__":
    main()

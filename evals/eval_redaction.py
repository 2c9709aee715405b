"""`make eval-redaction`: what redaction finds and what it spoils, and how fast it is.

Three measurements. On Presidio's synthetic English texts, beside Presidio with its default recognisers in the same run. On
generated Portuguese texts with seeds and wordings that the rules were not tried on: the share of personal values that are
covered whole and typed right, the share of near misses that are touched, and whether a stream cut anywhere gives the same.
On the filings of the golden set, what becomes of each field.

Of the English set, texts of templates with an even number may be looked at while rules are written; the other half is
reported apart.
"""

import json
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from compliance_assets.governance.redaction import spans
from compliance_assets.governance.redaction.redactor import CODE_VERSION, Redactor, StreamRedactor
from evals.golden.generate import FROZEN
from evals.golden.golden_set import read_rows
from evals.redaction_filings import NAMING, score_filings
from evals.redaction_generated import MEASURE_SEED, Sample, Value, samples
from evals.redaction_scores import Rates, Tally, Typed

PII = Path(__file__).parents[2] / "shared/data/pii/presidio_synth_v2.jsonl"
RESULTS = Path("bench_results")
KEY = b"a key that only an evaluation has"
#: Our kinds to the types of the English set; a kind that is not here is counted under its own name.
TYPES = {
    spans.PERSON: "PERSON",
    spans.ADDRESS: "STREET_ADDRESS",
    spans.PHONE: "PHONE_NUMBER",
    spans.CARD: "CREDIT_CARD",
    spans.EMAIL: "EMAIL_ADDRESS",
    spans.URL: "DOMAIN_NAME",
    spans.SSN: "US_SSN",
    spans.ZIP: "ZIP_CODE",
    spans.IBAN: "IBAN_CODE",
    spans.BIRTH: "DATE_TIME",
    spans.IP: "IP_ADDRESS",
}
#: The types that a number or an address of the net has, without persons, places and what is said of them.
STRUCTURED = ("CREDIT_CARD", "DOMAIN_NAME", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")
#: The found spans of types without a truth in the set, named together.
OTHER = "types without a truth"

Find = Callable[[str], Sequence[Typed]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text of the English set."""

    text: str
    truth: tuple[Typed, ...]
    developed_on: bool


@click.command()
@click.option("--pii", type=click.Path(dir_okay=False, path_type=Path), default=PII, show_default=True)
@click.option("--sentences", type=click.IntRange(1), default=20_000, show_default=True, help="Of each sort.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Of the timings.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default=True)
def main(pii: Path, sentences: int, rounds: int, output: Path) -> None:
    """Measure, print tables, write redaction.json."""
    report: dict[str, Any] = {"code_version": CODE_VERSION}
    if pii.exists():
        report["english"] = _english(tuple(_labelled(pii)), rounds)
    else:
        click.echo(f"{pii} is not here: the English texts are left out.")
    report["portuguese"] = _portuguese(sentences, rounds)
    report["filings"] = _filings()
    output.mkdir(parents=True, exist_ok=True)
    (output / "redaction.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"written: {output / 'redaction.json'}")


def ours(text: str) -> Sequence[Typed]:
    """What our rules find in a text."""
    return [Typed(s.start, s.end, TYPES.get(s.kind, s.kind)) for s in Redactor(KEY).redact(text).spans]


def _labelled(path: Path) -> Iterator[Labelled]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        truth = tuple(Typed(s["start_position"], s["end_position"], s["entity_type"]) for s in row["spans"])
        yield Labelled(row["full_text"], truth, row["template_id"] % 2 == 0)


def _english(texts: Sequence[Labelled], rounds: int) -> dict[str, Any]:
    systems: dict[str, Find] = {"ours": ours}
    try:
        from evals.redaction_presidio import analyser

        systems["presidio"] = analyser()
    except ImportError:
        click.echo("presidio-analyzer is not installed: only our own rules are measured.")
    report: dict[str, Any] = {"texts": len(texts)}
    for part, chosen in (("all", texts), ("held out", [text for text in texts if not text.developed_on])):
        report[part] = {name: _scores(chosen, find) for name, find in systems.items()}
        click.echo(_table(f"English, {part}, {len(chosen)} texts", report[part]))
    report["texts_per_second"] = {name: _speed(find, [t.text for t in texts], rounds) for name, find in systems.items()}
    for name, speed in report["texts_per_second"].items():
        spread = f"{speed['least']:.0f} to {speed['most']:.0f}"
        click.echo(f"{name}: {speed['median']:.0f} texts/s ({spread}, {rounds} rounds of {len(texts)})")
    return report


def _scores(texts: Sequence[Labelled], find: Find) -> dict[str, Any]:
    tally = Tally()
    for text in texts:
        tally.add(text.text, text.truth, find(text.text))
    types = sorted(tally.true)
    rates = {name: tally.of([name]) for name in types}
    rates["structured types"] = tally.of(set(STRUCTURED) & set(types))
    rates["all types"] = tally.of(types)
    rates[OTHER] = tally.of(set(tally.found) - set(types))
    rates["characters, any type"] = tally.of_characters()
    return {name: rate.as_json() for name, rate in rates.items()}


def _table(title: str, systems: dict[str, dict[str, dict[str, Any]]]) -> str:
    lines = ["", title, f"{'':24}" + "".join(f"{name:>10}: n   P     R     F2  " for name in systems)]
    names = list(dict.fromkeys(name for rates in systems.values() for name in rates))
    for name in names:
        cells = [_cell(rates.get(name)) for rates in systems.values()]
        lines.append(f"{name:24}" + "  ".join(cells))
    return "\n".join(lines)


def _cell(rate: dict[str, Any] | None) -> str:
    if rate is None:
        return " " * 30
    shown = ["    -" if rate[key] is None else f"{rate[key]:.3f}" for key in ("precision", "recall", "f2")]
    return f"{rate['true'] or rate['found']:>10} " + " ".join(shown) + "  "


def _speed(find: Find, texts: Sequence[str], rounds: int) -> dict[str, float]:
    for text in texts[:50]:
        find(text)
    rates = []
    for _ in range(rounds):
        started = time.perf_counter()
        for text in texts:
            find(text)
        rates.append(len(texts) / (time.perf_counter() - started))
    kilobytes = sum(len(text.encode()) for text in texts) / 1024
    median = statistics.median(rates)
    return {
        "rounds": rounds,
        "median": median,
        "least": min(rates),
        "most": max(rates),
        "milliseconds_per_kilobyte": 1000 * len(texts) / median / kilobytes,
    }


def _filings() -> dict[str, Any]:
    rows = [row for row in read_rows(FROZEN["golden"]) if row["format"] != "scan"]
    report = {}
    for name, with_known in (("without known values", False), ("with the parsed values known", True)):
        report[name] = counts = score_filings(rows, KEY, with_known=with_known)
        click.echo(f"\nFilings of the golden set, {counts['filings']}, {name}")
        for group in (*NAMING, "other fields"):
            covered, touched = counts[f"{group} covered"], counts[f"{group} touched"]
            click.echo(f"{group:18}{counts[group]:>7}, covered whole {covered}, touched {touched}")
    return report


def _portuguese(sentences: int, rounds: int) -> dict[str, Any]:
    made = samples(sentences, seed=MEASURE_SEED, measure=True)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    beside = different = 0
    rng = random.Random(MEASURE_SEED)  # noqa: S311 - repeatable, not secret
    for sample in made:
        redactor = Redactor(KEY)
        redacted = redactor.redact(sample.text)
        for value in sample.values:
            counts[value.kind].update(_outcome(sample, value, redacted.spans))
        beside += sum(not any(_overlap(span, value) for value in sample.values) for span in redacted.spans)
        different += _streamed(sample.text, rng) != redacted.text
    near_misses = sum(count["near misses"] for count in counts.values())
    values = sum(count["values"] for count in counts.values())
    report = {
        "sentences": len(made),
        "seed": MEASURE_SEED,
        "values": values,
        "recall": sum(count["found"] for count in counts.values()) / values,
        "near_misses": near_misses,
        "false_positives": (sum(count["touched"] for count in counts.values()) + beside) / near_misses,
        "false_positives_beside_any_number": beside,
        "streams_that_differ": different,
        "kinds": {kind: dict(count) for kind, count in sorted(counts.items())},
        "speed": _speed(ours, _documents(made), rounds),
    }
    click.echo(_portuguese_table(report, rounds))
    return report


def _outcome(sample: Sample, value: Value, found: Sequence[Any]) -> Iterator[str]:
    """A value is found if spans of its kind cover every letter and digit of it; a near miss is touched by any span."""
    touching = [span for span in found if _overlap(span, value)]
    if value.near_miss:
        yield "near misses"
        yield from ("touched",) * bool(touching)
        return
    same = [span for span in touching if span.kind == value.kind]
    whole = all(
        any(span.start <= at < span.end for span in same)
        for at in range(value.start, value.end)
        if sample.text[at].isalnum()
    )
    yield "values"
    yield from ("found",) * whole
    if value.look_alike:
        yield "look-alikes"
        yield from ("look-alikes found",) * whole
    if sample.case != "as written":
        yield "other case"
        yield from ("other case found",) * whole


def _overlap(span: Any, value: Value) -> bool:
    return bool(span.start < value.end and value.start < span.end)


def _streamed(text: str, rng: random.Random) -> str:
    stream, at, out = StreamRedactor(Redactor(KEY)), 0, ""
    while at < len(text):
        size = rng.randrange(1, 12)
        out += stream.feed(text[at : at + size])
        at += size
    return out + stream.flush()


def _documents(made: Sequence[Sample]) -> list[str]:
    """Texts of forty lines, about the size of a filing."""
    lines = [sample.text for sample in made[:8_000]]
    return ["\n".join(lines[at : at + 40]) for at in range(0, len(lines), 40)]


def _portuguese_table(report: dict[str, Any], rounds: int) -> str:
    lines = [
        "",
        f"Portuguese, {report['sentences']} generated sentences",
        f"{'':18}{'values':>8}{'found':>8}{'recall':>9}",
    ]
    for kind, count in report["kinds"].items():
        if count.get("values"):
            recall = Rates(count["values"], count.get("found", 0), 0, 0).recall or 0.0
            lines.append(f"{kind:18}{count['values']:>8}{count.get('found', 0):>8}{recall:>9.4f}")
    lines.append(f"{'':18}{'near misses':>12}{'touched':>9}{'rate':>9}")
    for kind, count in report["kinds"].items():
        if count.get("near misses"):
            touched = count.get("touched", 0)
            lines.append(f"{kind:18}{count['near misses']:>12}{touched:>9}{touched / count['near misses']:>9.4f}")
    for name, of in (("look-alikes", "look-alikes"), ("other case", "other case")):
        total = sum(count.get(of, 0) for count in report["kinds"].values())
        found = sum(count.get(f"{of} found", 0) for count in report["kinds"].values())
        lines.append(f"{name}: {found} of {total} found")
    speed = report["speed"]
    lines.append(
        f"recall {report['recall']:.4%} of {report['values']}; false positives {report['false_positives']:.4%} of"
        f" {report['near_misses']} near misses ({report['false_positives_beside_any_number']} beside any number);"
        f" {report['streams_that_differ']} streams differ; {speed['milliseconds_per_kilobyte']:.2f} ms/KB, {rounds} rounds"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()

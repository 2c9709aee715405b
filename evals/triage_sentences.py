"""What the return-type classifier learns from: sentences that say a return is an original, a retificadora, or neither.

`python -m evals.triage_sentences` writes them anew to the model's package, where the asset `return_type_classifier` reads
them. They come from generated filings of seeds that no golden set has, and from wordings of letters (`triage_wordings.csv`)
with their blanks filled. A group (a wording, or a layout) is in one part alone: what is held out was never seen in training.
"""

import csv
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

import click

from compliance_assets.model_decisions.irpf.letter import HEADERS, own_words, sentences
from compliance_assets.model_decisions.irpf.return_type import NEITHER, RETIFICADORA, normalised
from compliance_assets.model_decisions.irpf.training import SENTENCES, Part, Sentence
from compliance_assets.normalised_documents.filings.fields import Field
from evals.golden import people
from evals.golden.golden_set import Plan
from evals.golden.plans import plans_of
from evals.golden.printed import receipt, taxpayer_id
from evals.golden.rendered import Rendered

WORDINGS = Path(__file__).parent / "triage_wordings.csv"
_FIRST_SEED = 5_000_000
_FILLED = 6  # sentences of each wording
_EVERY_NTH_IS_HELD_OUT = 4
_FILINGS = 60  # printed ones and letters: what the classifier is asked about
_NEITHER_OF_A_FILING = 12  # lines
_MONTHS = ("março", "abril", "maio", "junho", "julho", "agosto", "outubro")


@dataclass(frozen=True, slots=True)
class Wording:
    """How somebody may say it, with blanks; `group` is its number."""

    label: str
    text: str
    group: str


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), default=SENTENCES, show_default=True)
def main(output: Path) -> None:
    """Write the sentences, the same for the same code."""
    written = distinct([*of_wordings(), *of_filings()])
    lines = (json.dumps(asdict(sentence), ensure_ascii=False, separators=(",", ":")) for sentence in written)
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    click.echo(f"{len(written)} sentences in {output}")


@cache
def wordings() -> tuple[Wording, ...]:
    """The wordings of letters."""
    rows = csv.DictReader(WORDINGS.read_text(encoding="utf-8").splitlines())
    return tuple(Wording(row["label"], row["wording"], f"wording-{number:03d}") for number, row in enumerate(rows))


def filled(wording: Wording, rng: Random) -> str:
    """A wording with its blanks filled by invented persons, numbers and days."""
    return wording.text.format(
        year=rng.randint(2015, 2025),
        month=rng.choice(_MONTHS),
        day=rng.randint(1, 28),
        receipt=receipt(people.receipt_number(rng)),
        name=people.name(rng).title(),
        cpf=taxpayer_id(people.cpf_number(rng)),
        amount=f"{rng.randint(1, 90)}.{rng.randint(100, 999)},{rng.randint(10, 99)}",
    )


def of_wordings() -> Iterator[Sentence]:
    """Every wording some times, each time with other blanks."""
    rng = Random(_FIRST_SEED)  # noqa: S311 (the same seed has to give the same sentences)
    for number, wording in enumerate(wordings()):
        held_out = number % _EVERY_NTH_IS_HELD_OUT == _EVERY_NTH_IS_HELD_OUT - 1
        for _ in range(_FILLED):
            yield Sentence(filled(wording, rng), wording.label, wording.group, "held_out" if held_out else "train")


def of_filings() -> Iterator[Sentence]:
    """Lines and sentences of generated filings: those that print the type or the corrected receipt, and some others."""
    plans = [plan for plan in plans_of("golden") if plan.format in ("pdf", "email")]
    for plan in plans[:: max(1, len(plans) // _FILINGS)]:
        again = replace(plan, seed=plan.seed + _FIRST_SEED)
        yield from _of_filing(again, again.render())


def distinct(found: Sequence[Sentence]) -> list[Sentence]:
    """One of those that the classifier cannot tell apart; a label that contradicts an earlier one is left out."""
    kept: dict[str, Sentence] = {}
    for sentence in found:
        kept.setdefault(normalised(sentence.text), sentence)
    return list(kept.values())


def _of_filing(plan: Plan, rendered: Rendered) -> Iterator[Sentence]:
    group = f"{plan.format}-{plan.layout or plan.variant}"
    part: Part = "held_out" if zlib.crc32(group.encode()) % _EVERY_NTH_IS_HELD_OUT == 0 else "train"
    spans = list(_pieces(rendered.text))
    telling = {
        key: next(((a, b) for a, b in spans if a <= start < b), None)
        for key, (start, _) in rendered.spans.items()
        if key in (Field.RETURN_TYPE, Field.CORRECTED_RECEIPT)
    }
    labels = {Field.RETURN_TYPE: plan.return_type, Field.CORRECTED_RECEIPT: RETIFICADORA}
    for key, span in telling.items():
        if span is not None:
            yield Sentence(rendered.text[slice(*span)], labels[Field(key)], group, part)
    rng = Random(plan.seed)  # noqa: S311 (as above)
    others = [span for span in spans if span not in telling.values()]
    for start, end in rng.sample(others, min(_NEITHER_OF_A_FILING, len(others))):
        yield Sentence(rendered.text[start:end], NEITHER, group, part)


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    if HEADERS.match(text):
        yield from sentences(own_words(text))
        return
    start = 0
    for line in text.split("\n"):
        if line.strip():
            yield start, start + len(line)
        start += len(line) + 1


if __name__ == "__main__":
    main()

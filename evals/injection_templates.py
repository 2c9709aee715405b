"""Generated material for the injection detector: attacks, and what a house of contracts, laws and filings asks and holds.

Everything is drawn from the templates of `injection_material/`, one file a language, by seed. Templates and the words that
fill them have a fold by their digest: material held out from a fold shares neither template nor the fold's own words with it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

FOLDER = Path(__file__).with_name("injection_material")
FOLDS = 4
Label = Literal["attack", "general_question", "house_question", "house_passage"]
_SLOT = re.compile(r"\{([a-z_]+)\}")
_BENIGN: tuple[tuple[Label, str, str], ...] = (
    ("general_question", "general_questions", "symbols"),
    ("house_question", "house_questions", "house_symbols"),
    ("house_passage", "house_passages", "house_symbols"),
)
_WITHOUT_END = 0.3
_WITH_TYPO = 0.1


@dataclass(frozen=True, slots=True)
class Sample:
    """A generated text; `family` is the attack's, or the label again."""

    text: str
    label: Label
    family: str
    language: str


def samples(each: int, seed: int, *, only: int | None = None, without: int | None = None) -> Iterator[Sample]:
    """Up to `each` different texts of every template: of fold `only`, or of all folds but `without`, or of all."""
    for path in sorted(FOLDER.glob("*.json")):
        material = json.loads(path.read_text(encoding="utf-8"))
        rng = Random(f"{seed}/{path.stem}")  # noqa: S311
        for label, family, templates, symbols in _groups(material):
            slots = {name: _kept(words, without) for name, words in symbols.items()}
            for template in templates:
                if only not in (None, fold_of(template)) or without == fold_of(template):
                    continue
                texts = dict.fromkeys(_varied(_filled(template, slots, rng), label, rng) for _ in range(each))
                yield from (Sample(text, label, family, path.stem) for text in texts)


def fold_of(text: str) -> int:
    """The fold of a template or of a word that fills one."""
    return hashlib.sha256(text.encode()).digest()[0] % FOLDS


def _groups(
    material: Mapping[str, Mapping[str, list[str]]],
) -> Iterator[tuple[Label, str, Sequence[str], Mapping[str, list[str]]]]:
    for family, templates in material["attacks"].items():
        yield "attack", family, templates, material["symbols"]
    for label, key, symbols in _BENIGN:
        yield label, label, list(material[key]), material[symbols]


def _kept(words: Sequence[str], without: int | None) -> list[str]:
    kept = [word for word in words if without is None or fold_of(word) != without]
    return kept or list(words)


def _filled(template: str, slots: Mapping[str, Sequence[str]], rng: Random) -> str:
    text = template
    while (slot := _SLOT.search(text)) is not None and slot[1] in slots:
        text = text[: slot.start()] + rng.choice(slots[slot[1]]) + text[slot.end() :]
    return text[:1].upper() + text[1:]


def _varied(text: str, label: Label, rng: Random) -> str:
    if rng.random() < _WITHOUT_END:
        text = text.rstrip(".!?")
    if label == "attack" and rng.random() < _WITH_TYPO and len(text) > 20:
        place = rng.randrange(1, len(text) - 2)
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text

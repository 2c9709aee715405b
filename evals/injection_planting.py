"""Attacks of a published benchmark of indirect injections (BIPIA), and how they are planted in a passage. Pure but for reading.

The attacks are read from the real material beside the project: five texts a family, 15 families of text and 10 of code.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, get_args

from compliance_assets.contracts.errors import InvalidInput

BIPIA = Path(__file__).parents[2] / "shared/data/injection/bipia"
Place = Literal["start", "middle", "end"]
PLACES: tuple[Place, ...] = get_args(Place)
_SETS = (("text", "text_attack_train.json"), ("code", "code_attack_train.json"))


@dataclass(frozen=True, slots=True)
class Attack:
    """`id` names set, family and ordinal, such as `text/Persuasion/3`; it stays the same as long as the file does."""

    id: str
    family: str
    text: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A passage with an attack in it, at `[start, end)`. Without it and one white space beside it the passage is as it was."""

    text: str
    start: int
    end: int


def attacks_in(folder: Path = BIPIA) -> Iterator[Attack]:
    """Every attack, in the order of the files. Raises InvalidInput where they are not there."""
    for name, file in _SETS:
        path = folder / file
        if not path.is_file():
            raise InvalidInput(
                "attacks not found",
                expected=str(path),
                found="no such file",
                remedy="Give the folder of BIPIA's files.",
            )
        for family, texts in json.loads(path.read_text(encoding="utf-8")).items():
            yield from (Attack(f"{name}/{family}/{i}", f"{name}: {family}", text) for i, text in enumerate(texts))


def plant(passage: str, attack: str, place: Place, seed: int = 0) -> Planted:
    """The attack before, after or inside the passage, on a line of its own at either end, between two words inside.

    The same arguments give the same text; `seed` chooses the gap in the middle half. A passage of one word has no middle:
    the attack follows it.
    """
    if place == "start":
        return Planted(f"{attack}\n{passage}", 0, len(attack))
    gap = _gap(passage, Random(f"{seed}/{attack}")) if place == "middle" else None  # noqa: S311
    if gap is None:
        return Planted(f"{passage}\n{attack}", len(passage) + 1, len(passage) + 1 + len(attack))
    return Planted(f"{passage[:gap]} {attack}{passage[gap:]}", gap + 1, gap + 1 + len(attack))


def _gap(passage: str, rng: Random) -> int | None:
    """White space between two words: after a sentence where the middle half has one, anywhere in the middle else."""
    low, high = len(passage) // 4, max(1, 3 * len(passage) // 4)
    gaps = [i for i in range(max(1, low), high) if passage[i].isspace() and not passage[i - 1].isspace()]
    after_sentences = [i for i in gaps if passage[i - 1] in ".;:!?"]
    choices = after_sentences or gaps
    return rng.choice(choices) if choices else None

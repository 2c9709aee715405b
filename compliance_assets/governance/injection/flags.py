"""What a sign of an injection is: its family, where it stands, and how strong it is. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Literal

Kind = Literal[
    "override",  # sets earlier instructions aside
    "role_play",  # gives the model another identity
    "prompt_leak",  # asks for the instructions themselves
    "fake_turn",  # ends the passage, or opens another speaker's turn
    "contract_tampering",  # dictates the decision, the confidence, the citations or the form of the answer
    "exfiltration",  # makes the answer carry something out
    "encoded",  # instructions in an encoding, or in letters that only look like letters
    "hidden",  # text that a reader of the page does not see
    "code",  # commands and program text
    "request",  # reads like a request to a chat model, by the words alone
]


@dataclass(frozen=True, slots=True)
class InjectionFlag:
    """A sign at `[start, end)` of the text, in code points. `score` in (0, 1]: how far this sign alone goes."""

    kind: Kind
    start: int
    end: int
    score: float


def together(scores: Iterable[float]) -> float:
    """Independent signs add up: 1 less the product of what each leaves open. 0 without a sign."""
    return 1.0 - reduce(lambda left, score: left * (1.0 - score), scores, 1.0)

"""Answers that are right by construction and the same answers made wrong by code: what a score is developed on, never judged on.

From TAT-QA, tables and paragraphs of annual reports with questions that people wrote and answered: an answer is the text of
its spans, or its sum worked out. It is made wrong in two ways: one of its numbers is put for another that nothing states, or
it is the answer to a question about another report.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from evals.judge.table import Label, Labelled

_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SEED = 20240607


def corrupted_answers(path: Path) -> list[Labelled]:
    """Two rows of every question that has an answer with text: the right one, and one of the two wrong ones in turn."""
    chance = Random(_SEED)  # noqa: S311 (the same seed gives the same answers)
    asked = [
        (report, question)
        for report in json.loads(path.read_text(encoding="utf-8"))
        for question in report["questions"]
    ]
    asked = [(report, question) for report, question in asked if _worked(question)]
    return [row for at in range(len(asked)) for row in _pair(asked, at, chance)]


def _pair(asked: list[tuple[Any, Any]], at: int, chance: Random) -> Iterator[Labelled]:
    report, question = asked[at]
    right = _worked(question)
    invented = _with_invented_number(right, chance)
    foreign = next((_worked(q) for r, q in asked[at + 1 :] + asked[:at] if r is not report), "")
    yield _row(report, question, right, "right")
    yield _row(report, question, invented if invented and at % 2 else foreign, "wrong")


def _row(report: Any, question: Any, answer: str, label: Label) -> Labelled:
    evidence = "\n".join(
        [*("\t".join(cells) for cells in report["table"]["table"]), *(p["text"] for p in report["paragraphs"])]
    )
    return Labelled(0, question["uid"], question["answer_type"], question["question"], answer, label, (evidence,))


def _worked(question: Any) -> str:
    """The answer with its sum, where it has one."""
    answer = question["answer"]
    text = ", ".join(map(str, answer)) if isinstance(answer, list) else str(answer)
    scale = question["scale"]
    worked = f"{question['derivation']} = {text}" if question["answer_type"] == "arithmetic" else text
    return f"{worked} {scale}".strip()


def _with_invented_number(text: str, chance: Random) -> str | None:
    """One number with all its digits drawn again; None where there is no number of two digits and more."""
    numbers = [m for m in _NUMBER.finditer(text) if len(_DIGIT.findall(m[0])) > 1]
    if not numbers:
        return None
    place = chance.choice(numbers)
    drawn = _DIGIT.sub(lambda _: str(chance.randrange(1, 10)), place[0])
    return text[: place.start()] + drawn + text[place.end() :]

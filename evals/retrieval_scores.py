"""Scores of a search: was what answers the question among the hits? Pure."""

import math
from dataclasses import dataclass

from evals.retrieval_corpora import Gold, Question


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit as it is held against the gold: its file, its year, its page and its characters."""

    path: str
    year: int
    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Answered:
    """A question and its hits, best first."""

    question: Question
    passages: tuple[Passage, ...]


def gold_found(answered: Answered) -> bool:
    """Whether each thing that was asked for has a hit at one of the places that answer it."""
    return all(any(_lies_in(p, gold) for p in answered.passages for gold in need) for need in answered.question.needs)


def ndcg(answered: Answered) -> float:
    """Normalised discounted cumulative gain of the documents hit, each counted once (Järvelin & Kekäläinen 2002)."""
    grades = {gold.path: gold.grade for need in answered.question.needs for gold in need}
    documents = list(dict.fromkeys(passage.path for passage in answered.passages))
    ideal = _gain(sorted(grades.values(), reverse=True)[: len(answered.passages)])
    return _gain([grades.get(path, 0) for path in documents]) / ideal if ideal else 0.0


def _gain(grades: list[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def _lies_in(passage: Passage, gold: Gold) -> bool:
    if passage.path != gold.path or (gold.page is not None and passage.page != gold.page):
        return False
    return gold.start is None or gold.end is None or (passage.start < gold.end and gold.start < passage.end)

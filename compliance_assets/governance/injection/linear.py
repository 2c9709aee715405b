"""The linear model: how much a sentence reads like a request to a chat model. Pure; coefficients in `linear_model.json`.

Features are the presence of words cut to six letters, of pairs of neighbours, and of pairs with one word between; digits
count as 0. The mean weight is taken over the root of their number, so that long sentences do not win by length. There is a
head for questions, where questions of general knowledge are no injection, and one for passages, where nobody asks.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

Origin = Literal["question", "passage"]
ORIGINS: tuple[Origin, ...] = ("question", "passage")
MODEL_FILE = Path(__file__).with_name("linear_model.json")
_STEM = 6
_DIGIT = re.compile(r"\d")
_STEEPEST = 30.0


@dataclass(frozen=True, slots=True)
class LinearModel:
    """Weights by feature, a pair (question, passage) each, the intercepts, and what made them."""

    version: str
    intercepts: Mapping[Origin, float]
    weights: Mapping[str, tuple[float, float]]

    def probability(self, words: Sequence[str], mark: str, origin: Origin) -> float:
        """In (0, 1), of one sentence."""
        features = features_of(words, mark)
        head = ORIGINS.index(origin)
        found = [weight[head] for weight in map(self.weights.get, features) if weight is not None]
        logit = self.intercepts[origin] + math.fsum(found) / math.sqrt(len(features) or 1)
        return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, logit))))


@lru_cache(maxsize=1)
def shipped() -> LinearModel:
    """The model beside this module."""
    data = json.loads(MODEL_FILE.read_text(encoding="utf-8"))
    weights = {feature: (float(pair[0]), float(pair[1])) for feature, pair in data["weights"].items()}
    return LinearModel(data["version"], {origin: float(data["intercepts"][origin]) for origin in ORIGINS}, weights)


def features_of(words: Sequence[str], mark: str) -> frozenset[str]:
    """The features of a sentence: `words` in folded lower case, `mark` what closes it."""
    stems = ["^", *map(_stem, words), mark or "$"]
    singles = stems[1:] if mark else stems[1:-1]
    pairs = [f"{a} {b}" for a, b in pairwise(stems)]
    apart = [f"{a} _ {b}" for a, b in zip(stems, stems[2:], strict=False)]
    return frozenset((*singles, *pairs, *apart))


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return _DIGIT.sub("0", word[:_STEM])

"""Whether a sentence says that a return is an original or a retificadora, where no known label does: a trained classifier. Pure.

Logistic regression over character n-grams, weighted by how rare they are; trained by the asset `return_type_classifier`
(`training.py`), shipped as `return_type.json`, so that neither training nor scikit-learn is needed to ask it.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.irpf.passages import PSEUDONYM
from compliance_assets.model_decisions.irpf.plain import plain

ARTEFACT = Path(__file__).parent / "return_type.json"
NEITHER, ORIGINAL, RETIFICADORA = CLASSES = ("neither", "original", "retificadora")

_DIGITS = re.compile(r"\d+(?:[.,/\-]\d+)*")


@dataclass(frozen=True, slots=True)
class ReturnTypeClassifier:
    """`features[ngram]` is its inverse document frequency and its weight for each of `CLASSES`; `sizes` are those of n-grams."""

    sizes: tuple[int, int]
    features: Mapping[str, tuple[float, tuple[float, ...]]]
    intercepts: tuple[float, ...]
    sha256: str

    @classmethod
    def of(cls, artefact: bytes) -> "ReturnTypeClassifier":
        """The classifier that an artefact of `training.py` describes."""
        made = json.loads(artefact)
        features = {ngram: (row[0], tuple(row[1:])) for ngram, row in made["features"].items()}
        low, high = made["sizes"]
        return cls((low, high), features, tuple(made["intercepts"]), sha256_hex(artefact))

    def probabilities(self, sentence: str) -> tuple[float, ...]:
        """One for each of `CLASSES`; they add up to 1."""
        counts = Counter(n for n in ngrams(normalised(sentence), self.sizes) if n in self.features)
        weights = {n: (1 + math.log(count)) * self.features[n][0] for n, count in counts.items()}
        length = math.sqrt(sum(w * w for w in weights.values())) or 1.0
        scores = list(self.intercepts)
        for n, weight in weights.items():
            for place, coefficient in enumerate(self.features[n][1]):
                scores[place] += coefficient * weight / length
        highest = max(scores)
        exponentials = [math.exp(score - highest) for score in scores]
        total = sum(exponentials)
        return tuple(e / total for e in exponentials)


def normalised(sentence: str) -> str:
    """What the classifier sees: plain characters, single spaces, every number as `0`, every pseudonym as `#`."""
    hidden = plain(PSEUDONYM.sub("#", sentence))
    return f" {' '.join(_DIGITS.sub('0', hidden).split())} "


def ngrams(text: str, sizes: Sequence[int]) -> list[str]:
    """All runs of `sizes[0]` to `sizes[1]` characters."""
    return [text[i : i + n] for n in range(sizes[0], sizes[1] + 1) for i in range(len(text) - n + 1)]


@cache
def shipped() -> ReturnTypeClassifier:
    """The classifier that serves."""
    return ReturnTypeClassifier.of(ARTEFACT.read_bytes())

"""Trains the return-type classifier and measures it on wordings that it never saw. Pure but for reading its sentences.

The artefact is JSON: `sizes` of the n-grams, `features` (n-gram -> [inverse document frequency, a weight for each class]) and
`intercepts`. Weights are rounded, so that the same sentences give the same bytes on one machine; elsewhere the last digit
may differ, and the digest says so.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compliance_assets.contracts.canonical import sha256_hex
from compliance_assets.model_decisions.irpf.return_type import (
    CLASSES,
    NEITHER,
    ReturnTypeClassifier,
    ngrams,
    normalised,
)

CODE_VERSION = "1"
SENTENCES = Path(__file__).parent / "return_type_sentences.jsonl"
SIZES = (2, 5)
FEATURES = 4_000
INVERSE_REGULARISATION = 20.0
_DECIMALS = 3
_SURE = 0.9  # as the model asks for

Part = Literal["train", "held_out"]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and what it says of a return's type; `group` is the wording or layout that it comes from."""

    text: str
    label: str
    group: str
    part: Part


@dataclass(frozen=True, slots=True)
class Measured:
    """On held-out sentences. `decided` are those of which the classifier is sure, `wrong` those of them that are not so."""

    sentences: int
    accuracy: float
    log_loss: float
    recall: dict[str, float]
    decided: int
    wrong: int


def read_sentences(path: Path = SENTENCES) -> list[Sentence]:
    """The sentences as they are frozen."""
    return [Sentence(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def parameters() -> dict[str, object]:
    """What training is done with."""
    return {
        "ngrams": f"{SIZES[0]}-{SIZES[1]}",
        "features": FEATURES,
        "inverse_regularisation": INVERSE_REGULARISATION,
        "code_version": CODE_VERSION,
    }


def trained(sentences: Sequence[Sentence]) -> bytes:
    """The artefact, of the sentences of the part `train`."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import chi2
    from sklearn.linear_model import LogisticRegression

    texts = [normalised(s.text) for s in sentences if s.part == "train"]
    labels = [s.label for s in sentences if s.part == "train"]
    counts = {"analyzer": lambda text: ngrams(text, SIZES), "min_df": 3, "sublinear_tf": True, "lowercase": False}
    every = TfidfVectorizer(**counts)
    scores, _ = chi2(every.fit_transform(texts), labels)
    names = every.get_feature_names_out()
    chosen = sorted(names[i] for i in np.argsort(-scores, kind="stable")[:FEATURES])
    vectorizer = TfidfVectorizer(**{**counts, "min_df": 1}, vocabulary=chosen)
    model = LogisticRegression(C=INVERSE_REGULARISATION, class_weight="balanced", max_iter=2_000)
    model.fit(vectorizer.fit_transform(texts), labels)
    order = [list(model.classes_).index(name) for name in CLASSES]
    rows = zip(chosen, vectorizer.idf_, model.coef_[order].T, strict=True)
    made = {
        "sizes": list(SIZES),
        "intercepts": _rounded(model.intercept_[order]),
        "features": {name: [round(float(idf), _DECIMALS), *_rounded(weights)] for name, idf, weights in rows},
    }
    return (json.dumps(made, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n").encode()


def measured(classifier: ReturnTypeClassifier, sentences: Iterable[Sentence]) -> Measured:
    """How well a classifier does on the sentences of the part `held_out`."""
    held_out = [s for s in sentences if s.part == "held_out"]
    right: Counter[str] = Counter()
    loss, decided, wrong = 0.0, 0, 0
    for sentence in held_out:
        probabilities = dict(zip(CLASSES, classifier.probabilities(sentence.text), strict=True))
        best = max(CLASSES, key=lambda name: probabilities[name])
        right[sentence.label] += best == sentence.label
        loss -= math.log(max(probabilities[sentence.label], 1e-12))
        sure = best != NEITHER and probabilities[best] >= _SURE
        decided, wrong = decided + sure, wrong + (sure and best != sentence.label)
    of_label = Counter(s.label for s in held_out)
    n = max(len(held_out), 1)
    recall = {name: right[name] / max(of_label[name], 1) for name in CLASSES}
    return Measured(len(held_out), right.total() / n, loss / n, recall, decided, wrong)


def digest_of_sentences(path: Path = SENTENCES) -> str:
    """SHA-256 of what is trained on."""
    return sha256_hex(path.read_bytes())


def _rounded(weights: Iterable[float]) -> list[float]:
    return [round(float(weight), _DECIMALS) for weight in weights]

"""Trains the linear model of the injection detector: python -m evals.injection_training [--write] [--each 40]

Positives are generated (`injection_templates`), negatives generated or read from the training half of the house's texts
(`injection_corpora`). Nothing that the detector is measured on is read here. Each fold of templates and documents is scored
by a model that saw neither; on those scores the intercepts are set, so that at `detector.THRESHOLD` the model alone
flags no more than the shares of `PERMITTED`. The shipped model is then fitted on all folds.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from compliance_assets.governance.injection.linear import MODEL_FILE, ORIGINS, LinearModel, Origin, features_of
from compliance_assets.governance.injection.tokens import stretches_of, words_of
from evals.injection_corpora import SHARED, Benign, benign, spread
from evals.injection_templates import FOLDS, Label, Sample, fold_of, samples

SEED = 20260101
PERMITTED: dict[Origin, tuple[float, float]] = {
    "passage": (0.002, 0.05),
    "question": (0.005, 0.02),
}  # of real, of generated texts
POSITIVE: dict[Origin, tuple[Label, ...]] = {"question": ("attack",), "passage": ("attack", "general_question")}
_MOST_OF_A_SOURCE = 1200
_REGULARISATION = 20.0
_FEWEST = 4
_LIGHTEST = 0.15
_ENCYCLOPAEDIA = "questions, encyclopaedia (FaQuAD, pt)"  # general knowledge: no part of the passages' head

Stretch = tuple[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Text:
    """A text as the model reads it: its sentences, which head it teaches what, and where it would be met if it is benign."""

    source: str
    stretches: tuple[Stretch, ...]
    label: dict[Origin, bool | None]
    origin: Origin | None
    generated: bool


def train(texts: Sequence[Text]) -> LinearModel:
    """A logistic regression for each head, light features dropped. Intercepts as fitted."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    known = _vocabulary(texts)
    fitted: dict[Origin, Any] = {}
    for origin in ORIGINS:
        rows, columns, values = [], [], []
        labels: list[bool] = []
        for text in texts:
            label = text.label[origin]
            if label is None:
                continue
            for words, mark in text.stretches:
                features = features_of(words, mark)
                there = [known[feature] for feature in features if feature in known]
                rows += [len(labels)] * len(there)
                columns += there
                values += [1.0 / math.sqrt(len(features))] * len(there)
                labels.append(label)
        matrix = csr_matrix((values, (rows, columns)), shape=(len(labels), len(known)))
        model = LogisticRegression(C=_REGULARISATION, solver="lbfgs", max_iter=300, tol=1e-5)
        fitted[origin] = model.fit(matrix, np.array(labels))
    pairs = {f: (float(fitted["question"].coef_[0][i]), float(fitted["passage"].coef_[0][i])) for f, i in known.items()}
    weights = {f: (round(a, 2), round(b, 2)) for f, (a, b) in pairs.items() if max(abs(a), abs(b)) >= _LIGHTEST}
    return LinearModel("unset", {origin: float(fitted[origin].intercept_[0]) for origin in ORIGINS}, weights)


def strongest(model: LinearModel, text: Text, origin: Origin) -> float:
    """The probability of the sentence that looks most like a request; 0 of an empty text."""
    return max((model.probability(words, mark, origin) for words, mark in text.stretches), default=0.0)


def cut_of(origin: Origin, real: Sequence[float], generated: Sequence[float]) -> float:
    """The probability that no more than the permitted shares of benign texts, scored out of fold, reach."""
    return max(_quantile(values, 1 - share) for values, share in zip((real, generated), PERMITTED[origin], strict=True))


def shifted(model: LinearModel, cuts: dict[Origin, float]) -> LinearModel:
    """Intercepts moved so that what had the probability of the cut has one half."""
    moved = {o: round(model.intercepts[o] - math.log(cuts[o] / (1 - cuts[o])), 4) for o in ORIGINS}
    return LinearModel(model.version, moved, model.weights)


def prepared(generated: Iterable[Sample], found: Iterable[Benign]) -> list[Text]:
    """Everything as the model reads it, labelled for both heads."""
    texts = []
    for sample in generated:
        label: dict[Origin, bool | None] = {origin: sample.label in POSITIVE[origin] for origin in ORIGINS}
        if sample.family == "request":
            label["question"] = None  # who asks for a poem is off the subject and no attacker
        origin: Origin | None = (
            None if sample.label == "attack" else "passage" if sample.label == "house_passage" else "question"
        )
        texts.append(Text(f"{sample.label}/{sample.family}", _stretches(sample.text), label, origin, True))
    for text in found:
        label = {"question": False, "passage": None if text.source == _ENCYCLOPAEDIA else False}
        texts.append(Text(text.source, _stretches(text.text), label, text.origin, False))
    return texts


@click.command()
@click.option("--each", type=click.IntRange(1), default=40, show_default=True, help="Texts of every template.")
@click.option("--shared", type=click.Path(file_okay=False, path_type=Path), default=SHARED)
@click.option("--write", is_flag=True, help="Replace the shipped model.")
def main(each: int, shared: Path, write: bool) -> None:
    """Train, show what held-out material scores, and with --write ship the model."""
    found = spread(benign("training", shared), _MOST_OF_A_SOURCE)
    held_out: list[tuple[Text, dict[Origin, float]]] = []
    for fold in range(FOLDS):
        seen = [text for text in found if fold_of(text.document) != fold]
        inside = [text for text in found if fold_of(text.document) == fold]
        model = train(prepared(samples(each, SEED, without=fold), seen))
        texts = prepared(samples(each, SEED, only=fold), inside)
        held_out += [(text, {origin: strongest(model, text, origin) for origin in ORIGINS}) for text in texts]
        click.echo(f"fold {fold}: {len(texts)} texts held out, {len(model.weights)} features")
    cuts = {origin: cut_of(origin, *_benign_scores(held_out, origin)) for origin in ORIGINS}
    for source in sorted({text.source for text, _ in held_out}):
        scores = [score for text, score in held_out if text.source == source]
        over = [sum(score[origin] >= cuts[origin] for score in scores) / len(scores) for origin in ORIGINS]
        click.echo(f"{source:45} n={len(scores):6}  as question {over[0]:7.2%}  as passage {over[1]:7.2%}")
    final = shifted(train(prepared(samples(each, SEED), found)), cuts)
    if write:
        MODEL_FILE.write_text(_as_json(final), encoding="utf-8")
        click.echo(f"written: {MODEL_FILE} ({MODEL_FILE.stat().st_size / 1024:.0f} KiB, {len(final.weights)} features)")


def _benign_scores(
    held_out: Iterable[tuple[Text, dict[Origin, float]]], origin: Origin
) -> tuple[list[float], list[float]]:
    """Of real texts and of generated ones."""
    scores: tuple[list[float], list[float]] = ([], [])
    for text, score in held_out:
        if text.origin == origin:
            scores[text.generated].append(score[origin])
    return scores


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(len(values) * share))]


def _vocabulary(texts: Iterable[Text]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for words, mark in text.stretches:
            for feature in features_of(words, mark):
                counts[feature] = counts.get(feature, 0) + 1
    return {f: i for i, f in enumerate(sorted(f for f, count in counts.items() if count >= _FEWEST))}


def _stretches(text: str) -> tuple[Stretch, ...]:
    words = words_of(text)
    return tuple((words.words[first:end], mark) for first, end, mark in stretches_of(words))


def _as_json(model: LinearModel) -> str:
    weights = dict(sorted(model.weights.items()))
    digest = hashlib.sha256(json.dumps([model.intercepts, weights], sort_keys=True).encode()).hexdigest()
    head = json.dumps({"version": digest[:12], "heads": ORIGINS, "intercepts": dict(model.intercepts)}, indent=1)
    lines = ",\n".join(f"{json.dumps(f, ensure_ascii=False)}:[{a:g},{b:g}]" for f, (a, b) in weights.items())
    return f'{head[:-2]},\n "weights": {{\n{lines}\n}}}}\n'


if __name__ == "__main__":
    main()

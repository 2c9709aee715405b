"""How well a candidate's vectors stand for those of full precision. Pure: arrays in, numbers out."""

from dataclasses import dataclass

import numpy as np

from resources.embedder.protocol import Vectors

NEIGHBOURS = 8
#: Similarities this close are equal to the index, which keeps vectors in half precision.
TIE = 1e-3


@dataclass(frozen=True, slots=True)
class Agreement:
    """Over a probe: the least cosine of a text's two vectors, and the share of true neighbours among the candidate's eight."""

    min_cosine: float
    recall_at_8: float

    #: bf16 keeps 0.9999 and every neighbour but ties; int8, per channel too, fell to 0.99 and lost a neighbour in twelve.
    MIN_COSINE = 0.998
    #: What an index has to find of the exact scan: a precision may not cost more than the index itself may.
    MIN_RECALL_AT_8 = 0.98

    @property
    def holds(self) -> bool:
        """Whether searches cannot tell the two apart."""
        return self.min_cosine >= self.MIN_COSINE and self.recall_at_8 >= self.MIN_RECALL_AT_8


def agreement(reference: Vectors, vectors: Vectors) -> Agreement:
    """Compare unit vectors of the same texts, row by row, and the neighbours of each among the others.

    A neighbour is true if the reference holds it as near as its own eighth, ties included.
    """
    if not np.isfinite(vectors).all():
        return Agreement(-1.0, 0.0)
    exact, found = _similarities(reference), _similarities(vectors)
    eighth = np.sort(exact, axis=1)[:, -NEIGHBOURS, None]
    nearest = np.argsort(-found, axis=1)[:, :NEIGHBOURS]
    true = np.take_along_axis(exact, nearest, axis=1) >= eighth - TIE
    return Agreement(float((reference * vectors).sum(axis=1).min()), float(true.mean()))


def _similarities(vectors: Vectors) -> Vectors:
    similarities: Vectors = vectors @ vectors.T
    np.fill_diagonal(similarities, -2)
    return similarities

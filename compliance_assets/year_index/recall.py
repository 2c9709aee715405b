"""How much of what is nearest an index finds: what is asked, the exact answer, and the share found. Pure."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 8
OTHER_SHARE = 0.25
SAME_DISTANCE = 1e-5  # two ways of computing a cosine in single precision differ by less
ONE_SIDED_95 = 1.645

Floats = NDArray[np.float32]


def unit(vectors: np.ndarray) -> Floats:
    """Rows of length 1, a null row as it is."""
    wide = np.asarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
    shortened: Floats = np.divide(wide, lengths, out=wide.copy(), where=lengths > 0)
    return shortened


def questions_like(stored: np.ndarray) -> Floats:
    """A query beside each stored vector: a quarter of the next one is mixed in.

    A stored vector finds itself and is a node of the graph; a question is neither. Mixed so, recall comes out as it does for
    vectors of the same source that are not stored.
    """
    vectors = unit(stored)
    return unit(vectors + OTHER_SHARE * np.roll(vectors, 1, axis=0))


class ExactNearest:
    """The least cosine distances of every query, kept while the rows pass by in blocks.

    `categories` are numbers, 0 for a query that asks for none. `over_all` and `in_category` have the shape (queries, 8),
    ascending; infinite where there are fewer rows.
    """

    def __init__(self, queries: Floats, categories: Sequence[int]) -> None:
        self._queries = queries
        self._categories = np.asarray(categories)[:, None]
        self.over_all = np.full((len(queries), NEIGHBOURS), np.inf, np.float32)
        self.in_category = self.over_all.copy()

    def add(self, vectors: np.ndarray, categories: np.ndarray) -> None:
        """A block of rows and the numbers of their categories."""
        distances = 1 - self._queries @ unit(vectors).T
        self.over_all = _least(self.over_all, distances)
        outside = (self._categories != categories[None, :]) & (self._categories != 0)
        distances[outside] = np.inf
        self.in_category = _least(self.in_category, distances)


def shares_found(found: Sequence[Sequence[float]], exact: Floats) -> list[float]:
    """Of each query, the share of its true neighbours that was found.

    A row counts if it is as near as the last exact one: twins at equal distance are interchangeable.
    """
    shares = []
    for distances, truth in zip(found, exact, strict=True):
        wanted = truth[np.isfinite(truth)]
        near = sum(distance <= wanted[-1] + SAME_DISTANCE for distance in distances) if len(wanted) else 0
        shares.append(min(near, len(wanted)) / len(wanted) if len(wanted) else 1.0)
    return shares


def lower_bound(shares: Sequence[float]) -> float:
    """What the mean share is at least, with 95% confidence; 0 for none.

    By Wilson's score interval (1927) with a query as one trial: a graph that misses a cluster misses all of a query's
    neighbours at once, so the shares found of one query say little more than whether it was found.
    """
    if not shares:
        return 0.0
    mean, spare = float(np.mean(shares)), ONE_SIDED_95**2 / len(shares)
    width = ONE_SIDED_95 * math.sqrt(max(0.0, mean * (1 - mean)) / len(shares) + spare / 4 / len(shares))
    return (mean + spare / 2 - width) / (1 + spare)


def _least(known: Floats, distances: Floats) -> Floats:
    if distances.shape[1] > NEIGHBOURS:
        distances = np.partition(distances, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    least: Floats = np.sort(np.concatenate([known, distances], axis=1), axis=1)[:, :NEIGHBOURS]
    return least

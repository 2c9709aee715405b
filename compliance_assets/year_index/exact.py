"""The similarity that is recorded: exact, and the same on every machine and in every year. Pure.

The index compares with whatever instructions its processor has, so its figures differ in their last digits from one machine
to the next. The product of two half-precision numbers is exact in double precision, their sum is rounded once, and so this one
depends on the stored vectors alone. A half-precision number is a whole number of 2^-24: of vectors of about unit length the
products are summed as whole numbers, of longer ones by `math.fsum`. Both give the same.
"""

import base64
import math
from collections.abc import Sequence

import numpy as np

_BITS = 48  # a product of two whole numbers of 2^-24 is one of 2^-48
_SMALL = 2.0**14  # sums below are below 2^62 of those, which an int64 holds


def half(vector: np.ndarray) -> np.ndarray:
    """A vector as it is stored and searched with: half precision."""
    return np.asarray(vector, dtype=np.float16)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of two half-precision vectors, 0 where one of them is null."""
    return similarities(a, [b])[0]


def similarities(vector: np.ndarray, others: Sequence[np.ndarray]) -> list[float]:
    """The cosine of a half-precision vector and each of the others, 0 where one of the two is null."""
    if not others:
        return []
    wide, rows = vector.astype(np.float64), np.asarray(others, np.float64)
    (square,), squares, products = _sums((wide * wide)[None]), _sums(rows * rows), _sums(rows * wide)
    norms = [math.sqrt(square) * math.sqrt(each) for each in squares]
    return [product / norm if norm else 0.0 for product, norm in zip(products, norms, strict=True)]


def _sums(products: np.ndarray) -> list[float]:
    """The sum of each row of exact products, rounded once."""
    if products.shape[1] and np.abs(products).max() * products.shape[1] < _SMALL:
        return [math.ldexp(each, -_BITS) for each in np.ldexp(products, _BITS).astype(np.int64).sum(axis=1).tolist()]
    return [math.fsum(row) for row in products.tolist()]


def encoded(vector: np.ndarray) -> str:
    """A half-precision vector as base64 of its little-endian bytes."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def decoded(text: str) -> np.ndarray:
    """The vector again."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float16)

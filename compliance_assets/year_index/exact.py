"""The similarity that is recorded: exact, and the same on every machine and in every year. Pure.

The index compares with whatever instructions its processor has, so its figures differ in their last digits from one machine
to the next. The product of two half-precision numbers is exact in double precision and `math.fsum` rounds a sum once, so
that this one depends on the stored vectors alone.
"""

import base64
import math

import numpy as np


def half(vector: np.ndarray) -> np.ndarray:
    """A vector as it is stored and searched with: half precision."""
    return np.asarray(vector, dtype=np.float16)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """The cosine of two half-precision vectors, 0 where one of them is null."""
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    norms = math.sqrt(math.fsum((wide_a * wide_a).tolist())) * math.sqrt(math.fsum((wide_b * wide_b).tolist()))
    return math.fsum((wide_a * wide_b).tolist()) / norms if norms else 0.0


def encoded(vector: np.ndarray) -> str:
    """A half-precision vector as base64 of its little-endian bytes."""
    return base64.b64encode(vector.astype("<f2").tobytes()).decode()


def decoded(text: str) -> np.ndarray:
    """The vector again."""
    return np.frombuffer(base64.b64decode(text), dtype="<f2").astype(np.float16)

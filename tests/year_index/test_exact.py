"""The recorded similarity is exact: no processor, no order of summation and no storage shows in it."""

import base64
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compliance_assets.year_index.exact import decoded, encoded, half, similarity

HALVES = st.floats(-65504, 65504, width=16)
VECTORS = st.integers(1, 400).flatmap(
    lambda n: st.tuples(*[arrays.arrays(np.float16, n, elements=HALVES) for _ in range(2)])
)


@settings(max_examples=200, deadline=None)
@given(pair=VECTORS)
def test_it_is_the_cosine_that_numpy_computes(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = (vector.astype(np.float64) for vector in pair)
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    expected = float(a @ b / norms) if norms else 0.0
    assert similarity(*pair) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(pair=VECTORS, data=st.data())
def test_the_order_of_summation_does_not_show(pair: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    a, b = pair
    order = np.random.default_rng(data.draw(st.integers(0, 2**32))).permutation(len(a))
    assert similarity(a[order], b[order]) == similarity(a, b) == similarity(b, a)
    assert similarity(a[::-1], b[::-1]) == similarity(a, b)


@settings(max_examples=200, deadline=None)
@given(pair=VECTORS, shrunk=st.integers(0, 30))
def test_it_is_what_fsum_gives_whatever_the_vectors_length(pair: tuple[np.ndarray, np.ndarray], shrunk: int) -> None:
    a, b = (np.asarray(vector / np.float32(2.0**shrunk), dtype=np.float16) for vector in pair)
    dot, aa, bb = (math.fsum((x.astype(np.float64) * y).tolist()) for x, y in ((a, b), (a, a), (b, b)))
    norms = math.sqrt(aa) * math.sqrt(bb)
    assert similarity(a, b) == (dot / norms if norms else 0.0)


def test_where_a_plain_sum_depends_on_the_order_this_one_does_not() -> None:
    a = np.array([60000, 1e-3, -60000, 1e-3, 3.0], dtype=np.float16)
    b = np.array([60000, 1e-3, 60000, 1e-3, 1e-7], dtype=np.float16)
    products = (a.astype(np.float64) * b.astype(np.float64)).tolist()
    plain = {sum(products[k:] + products[:k]) for k in range(5)}
    assert len(plain) > 1
    assert {similarity(np.roll(a, k), np.roll(b, k)) for k in range(5)} == {similarity(a, b)}


@settings(max_examples=200, deadline=None)
@given(vector=arrays.arrays(np.float16, st.integers(0, 400), elements=HALVES))
def test_a_vector_comes_back_from_its_record_bit_for_bit(vector: np.ndarray) -> None:
    again = decoded(encoded(vector))
    assert again.dtype == np.float16
    assert again.tobytes() == vector.tobytes()  # the sign of a zero included
    assert encoded(again) == encoded(vector)


def test_the_record_is_little_endian_whatever_the_machine() -> None:
    assert base64.b64decode(encoded(np.array([1.0, -2.0], dtype=">f2"))) == bytes.fromhex("003c00c0")


def test_a_null_vector_is_similar_to_nothing() -> None:
    null, other = np.zeros(3, dtype=np.float16), np.ones(3, dtype=np.float16)
    assert similarity(null, other) == similarity(null, null) == 0.0


@settings(deadline=None)
@given(vector=arrays.arrays(np.float16, st.integers(1, 400), elements=HALVES).filter(lambda v: bool(np.any(v))))
def test_a_vector_is_as_near_to_itself_as_can_be(vector: np.ndarray) -> None:
    assert math.isclose(similarity(vector, vector), 1.0, rel_tol=0, abs_tol=1e-12)
    assert math.isclose(similarity(vector, -vector), -1.0, rel_tol=0, abs_tol=1e-12)


@given(vector=arrays.arrays(np.float32, 5, elements=st.floats(-1, 1, width=32)))
def test_half_precision_once_is_half_precision_for_good(vector: np.ndarray) -> None:
    assert half(half(vector)).tobytes() == half(vector).tobytes()

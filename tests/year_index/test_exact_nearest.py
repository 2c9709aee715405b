"""The yardstick of an index: what is nearest by an exact scan, and what share of it was found."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance_assets.year_index.recall import ExactNearest, lower_bound, questions_like, shares_found, unit


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 60), block=st.integers(1, 25), seed=st.integers(0, 1_000))
def test_blocks_of_any_size_give_the_least_distances(rows: int, block: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    vectors, queries = dice.normal(size=(rows, 5)), unit(dice.normal(size=(3, 5)))
    categories, asked = dice.integers(0, 3, size=rows), [0, 1, 2]
    nearest = ExactNearest(queries, asked)
    for start in range(0, rows, block):
        nearest.add(vectors[start : start + block], categories[start : start + block])

    distances = 1 - queries @ unit(vectors).T
    for query, category in enumerate(asked):
        inside = distances[query] if category == 0 else distances[query][categories == category]
        for got, expected in ((nearest.over_all, distances[query]), (nearest.in_category, inside)):
            finite = got[query][np.isfinite(got[query])]
            np.testing.assert_allclose(finite, np.sort(expected)[:8], atol=1e-6)


def test_twins_count_as_one_another_and_too_many_count_once() -> None:
    exact = np.array([[0.1, 0.2, 0.2, np.inf]], np.float32)

    assert shares_found([[0.1, 0.2, 0.2, 0.2]], exact) == [1.0]
    assert shares_found([[0.1, 0.2]], exact) == [pytest.approx(2 / 3)]
    assert shares_found([[0.3, 0.4, 0.5]], exact) == [0.0]
    assert shares_found([[]], np.full((1, 8), np.inf, np.float32)) == [1.0]


def test_the_bound_lies_below_the_mean_by_what_the_sample_leaves_open() -> None:
    few, many = [1.0, 0.9] * 10, [1.0, 0.9] * 1_000

    assert lower_bound([]) == 0.0
    assert lower_bound(few) < lower_bound(many) < np.mean(many)
    assert lower_bound([1.0] * 400) == pytest.approx(400 / (400 + 1.645**2))


def test_a_few_queries_of_which_nothing_was_found_are_too_many() -> None:
    assert lower_bound([0.0] * 3 + [1.0] * 397) > 0.98
    assert lower_bound([0.0] * 4 + [1.0] * 396) < 0.98


def test_a_question_is_near_a_stored_vector_and_not_the_same() -> None:
    stored = np.random.default_rng(1).normal(size=(20, 384)).astype(np.float16)
    asked = questions_like(stored)
    near = np.sum(asked * unit(stored), axis=1)

    assert np.allclose(np.linalg.norm(asked, axis=1), 1, atol=1e-5)
    assert near.min() > 0.9
    assert near.max() < 0.999


def test_a_null_vector_stays_null() -> None:
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]

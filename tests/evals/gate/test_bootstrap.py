import numpy as np
import pytest

from evals.gate.bootstrap import Part, by_group, paired_difference, seed_of


def parts(right: np.ndarray) -> list[Part]:
    return [Part(float(one), 1.0) for one in right]


def test_a_planted_regression_is_found() -> None:
    production = np.random.default_rng(1).random(500) < 0.95
    candidate = production.copy()
    candidate[:15] = False

    found = paired_difference(parts(candidate), parts(production), seed=1)

    assert found.worse
    assert found.low is not None
    assert found.high is not None
    assert found.difference is not None
    assert found.low < found.difference < found.high < 0


def test_noise_is_no_regression() -> None:
    """Two releases that are right equally often, each on its own: one interval in forty lies below zero by chance."""
    draw = np.random.default_rng(2)
    found = [
        paired_difference(parts(draw.random(300) < 0.9), parts(draw.random(300) < 0.9), seed=i, resamples=1_000)
        for i in range(100)
    ]

    assert sum(one.worse for one in found) <= 7
    assert sum(one.better for one in found) <= 7


def test_the_same_answers_differ_by_nothing() -> None:
    same = [Part(1, 1), Part(0, 1), Part(3, 4)]

    found = paired_difference(same, same, seed=3)

    assert (found.difference, found.low, found.high, found.worse) == (0, 0, 0, False)


def test_cases_weigh_as_much_as_they_count() -> None:
    found = paired_difference([Part(9, 10), Part(0, 1)], [Part(10, 10), Part(0, 1)], seed=4)

    assert found.difference == pytest.approx(-1 / 11)


def test_a_report_says_the_same_when_it_is_made_again() -> None:
    draw = np.random.default_rng(5)
    one, other = parts(draw.random(50) < 0.8), parts(draw.random(50) < 0.8)
    seed = seed_of("a" * 64, "b" * 64)

    assert paired_difference(one, other, seed) == paired_difference(one, other, seed)
    assert seed != seed_of("b" * 64, "a" * 64)


def test_a_regression_of_one_group_is_that_groups() -> None:
    groups = ["completa"] * 200 + ["simplificada"] * 200
    production, candidate = np.ones(400), np.ones(400)
    candidate[200:212] = 0

    found = by_group(groups, parts(candidate), parts(production), seed=6)

    assert not found["completa"].worse
    assert found["simplificada"].worse
    assert found["simplificada"].n == 200


def test_a_score_of_nothing_has_no_difference() -> None:
    assert paired_difference([], [], seed=7).difference is None
    assert paired_difference([Part(0, 0)], [Part(1, 1)], seed=7).high is None


def test_releases_are_compared_over_the_same_cases() -> None:
    with pytest.raises(ValueError, match="not the same cases: 1 and 0"):
        paired_difference([Part(1, 1)], [], seed=8)

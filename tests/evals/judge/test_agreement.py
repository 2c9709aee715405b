"""AUROC, kappa, intervals by question, and thresholds that are judged where they were not chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from evals.judge.agreement import (
    at_threshold,
    at_threshold_of_other_half,
    auroc,
    auroc_difference,
    auroc_with_interval,
    best_threshold,
    half_of,
    kappa,
)

LABELLED = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.booleans()), min_size=2, max_size=60)


@given(LABELLED)
def test_auroc_and_kappa_are_those_of_the_textbook(rows: list[tuple[float, bool]]) -> None:
    scores, right = np.array([s for s, _ in rows]), np.array([r for _, r in rows])
    if right.all() or not right.any():
        assert auroc(scores, right) is None
        return
    assert auroc(scores, right) == pytest.approx(roc_auc_score(right, scores))
    through = scores >= 0.5
    assert kappa(through, right) == pytest.approx(cohen_kappa_score(through, right))


def test_an_interval_over_few_questions_is_wide_however_many_answers_they_have() -> None:
    chance = np.random.default_rng(1)
    scores, right = chance.random(600), chance.random(600) < 0.5
    alone = auroc_with_interval(scores, right, [f"q{n}" for n in range(600)])
    alike = auroc_with_interval(
        np.repeat(scores[:6], 100), np.repeat(right[:6], 100), [f"q{n // 100}" for n in range(600)]
    )

    assert alone.low is not None
    assert alone.high is not None
    assert alone.low < 0.5 < alone.high
    assert alike.low is not None
    assert alike.high is not None
    assert alike.high - alike.low > 4 * (alone.high - alone.low)


def test_a_threshold_is_judged_on_the_questions_that_it_was_not_chosen_on() -> None:
    questions = [f"q{n}" for n in range(40)]
    halves = np.array([half_of(question) for question in questions])
    right = np.arange(40) % 2 == 0
    scores = np.where(halves == 0, right, 10 + right).astype(float)  # each half on a scale of its own

    found = at_threshold_of_other_half(scores, right, questions)

    assert found is not None
    assert found.thresholds == (11.0, 1.0)
    assert found.right_let_through == np.sum(right & (halves == 1)), (
        "of the one half nothing reaches the other's threshold"
    )
    assert found.wrong_held == np.sum(~right & (halves == 0))


def test_what_is_held_and_let_through_adds_up() -> None:
    found = at_threshold(np.array([0.1, 0.3, 0.3, 0.9]), np.array([True, True, False, True]), list("abcd"), 0.25)
    assert (found.right_let_through, found.right_held, found.wrong_let_through, found.wrong_held) == (2, 1, 1, 0)


def test_the_best_threshold_is_the_lowest_of_the_best() -> None:
    assert best_threshold(np.array([0.1, 0.4, 0.8]), np.array([False, True, True])) == 0.4


def test_a_score_against_itself_gains_nothing() -> None:
    scores, right = np.array([0.1, 0.7, 0.3, 0.2]), np.array([False, True, False, True])
    gained = auroc_difference(scores, scores, right, list("abcd"))
    assert (gained.value, gained.low, gained.high) == (0.0, 0.0, 0.0)

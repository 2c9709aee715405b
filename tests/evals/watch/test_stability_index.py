"""The index, its frozen bins, and a bound that few observations do not cross by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.watch.stability_index import LEAST_OBSERVATIONS, MATTERS, bins_of, bound_of, drift_of, psi_of

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12)


def test_the_index_is_that_of_the_formula() -> None:
    # Shares with half an observation added: (100.5, 300.5) / 401 against (200.5, 200.5) / 401.
    one, other = np.array([100.5, 300.5]) / 401, np.array([200.5, 200.5]) / 401
    assert psi_of([100, 300], [200, 200]) == pytest.approx(float(((other - one) * np.log(other / one)).sum()))


@given(COUNTS)
def test_the_index_is_never_negative_and_the_same_both_ways(counts: list[tuple[int, int]]) -> None:
    one, other = [a for a, _ in counts], [b for _, b in counts]
    assert psi_of(one, other) >= 0
    assert psi_of(one, other) == pytest.approx(psi_of(other, one))
    assert psi_of(one, one) == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80), st.lists(st.floats(-1e7, 1e7), max_size=80))
def test_every_value_lies_in_one_bin_of_the_reference(reference: list[float], now: list[float]) -> None:
    bins = bins_of(reference)
    assert sum(bins.counts(reference)) == len(reference)
    assert sum(bins.counts(now)) == len(now)
    assert len(bins.labels) == len(bins.counts(now))


def test_bins_are_deciles_of_the_reference_and_stay_where_they_were() -> None:
    reference = [float(n) for n in range(1000)]
    assert bins_of(reference).counts(reference) == (100,) * 10
    assert bins_of(reference).counts([2000.0]) == (0,) * 9 + (1,)


def test_a_confidence_that_is_nearly_always_one_has_few_bins() -> None:
    assert bins_of([1.0] * 95 + [0.5] * 5).counts([1.0, 0.4]) == (2,)
    assert len(bins_of([1.0] * 60 + [0.5] * 40).labels) == 2


def test_a_code_that_the_reference_did_not_know_is_other() -> None:
    drift = drift_of("reason", ["a"] * 60 + ["b"] * 40, ["a"] * 60 + ["c"] * 40)
    assert dict(zip(drift.labels, drift.now, strict=True)) == {"a": 60, "b": 0, "other": 40}
    assert drift.state == "moved"


def test_of_few_observations_nothing_is_said() -> None:
    drift = drift_of("confidence", [0.1] * (LEAST_OBSERVATIONS - 1), [0.9] * 1000)
    assert (drift.state, drift.psi, drift.as_row()["reference"]) == ("insufficient", None, LEAST_OBSERVATIONS - 1)


def test_the_bound_is_the_rule_of_thumb_where_there_is_much_and_more_where_there_is_little() -> None:
    assert bound_of([1000] * 10, [1000] * 10) == MATTERS
    assert bound_of([5] * 10, [5] * 10) > 2 * MATTERS


@pytest.mark.parametrize("n", [50, 1000])
def test_windows_of_one_population_seldom_raise_an_alarm(n: int) -> None:
    chance = np.random.default_rng(7)
    alarms = sum(
        drift_of("confidence", chance.beta(8, 2, n).tolist(), chance.beta(8, 2, n).tolist()).state == "moved"
        for _ in range(60)
    )
    assert alarms <= 3, "one in a hundred is permitted; of 60 more than 3 come with a chance of 0.3%"


def test_a_population_that_moved_raises_one() -> None:
    chance = np.random.default_rng(7)
    drift = drift_of("confidence", chance.beta(8, 2, 400).tolist(), chance.beta(4, 3, 400).tolist())
    assert drift.state == "moved"
    assert drift.psi is not None
    assert drift.bound is not None
    assert drift.psi > drift.bound == MATTERS


def test_edges_that_are_somebodys_amounts_are_not_named() -> None:
    drift = drift_of("taxable_income", [float(n) for n in range(12_000, 12_100)], [12_345.67] * 100, private=True)
    assert drift.labels[:2] == ("bin 1", "bin 2")
    assert "12" not in "".join(drift.labels[:1])

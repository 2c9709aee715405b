import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.gate.risk_control import (
    GRID,
    Calibration,
    bonferroni,
    bound_at,
    cases_needed,
    fixed_sequence,
    lowest_threshold,
    upper_bound,
)

DRAWS = 400


def cases(*groups: tuple[int, int, float]) -> Calibration:
    """Groups of (cases, wrong ones among them, their confidence), and as many again that a person sees anyway."""
    rows = [(confidence, True, i < wrong) for n, wrong, confidence in groups for i in range(n)]
    return Calibration.of([*rows, *((0.0, False, True) for _ in rows)])


@pytest.mark.parametrize(
    ("errors", "n", "level", "bound"),
    [
        (0, 598, 0.95, 1 - 0.05 ** (1 / 598)),  # in closed form
        (1, 20, 0.95, 0.216106),  # Clopper and Pearson's chart of 95 %; R: binom.test(1, 20, alternative = "less")
        (5, 10, 0.975, 0.812914),  # R: binom.test(5, 10), its upper limit of 95 % on both sides
        (10, 100, 0.975, 0.176223),  # R: binom.test(10, 100)
        (3, 3, 0.95, 1.0),
        (0, 0, 0.95, 1.0),
    ],
)
def test_the_bound_is_that_of_clopper_and_pearson(errors: int, n: int, level: float, bound: float) -> None:
    assert upper_bound(errors, n, level) == pytest.approx(bound, abs=1e-6)


@given(n=st.integers(1, 3_000), data=st.data())
def test_a_bound_lies_above_what_was_found_and_grows_with_it(n: int, data: st.DataObject) -> None:
    errors = data.draw(st.integers(0, n - 1))

    assert errors / n < upper_bound(errors, n) <= upper_bound(errors + 1, n)
    assert upper_bound(errors, n + 1) <= upper_bound(errors, n)
    assert upper_bound(errors, n, 0.9) < upper_bound(errors, n, 0.95)


def test_it_takes_598_cases_without_an_error_to_bound_half_a_percent() -> None:
    assert [cases_needed(0.005, 0.95, errors) for errors in range(3)] == [598, 947, 1258]
    assert cases_needed(0.005, 1 - 0.05 / len(GRID)) == 1383


def test_the_lowest_threshold_is_the_last_before_one_that_lets_too_much_through() -> None:
    found = lowest_threshold(cases((900, 0, 1.0), (300, 0, 0.9), (100, 10, 0.8)))

    assert found is not None
    assert (found.threshold, found.n, found.errors, found.coverage) == (0.9, 1200, 0, 0.5 * 12 / 13)
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / 1200))
    assert found.searched == 21  # 0.80 is the one that failed


def test_below_a_threshold_that_fails_none_is_looked_for() -> None:
    good_again = cases((700, 3, 1.0), (5_000, 0, 0.9))

    assert bound_at(good_again, 0.9).upper < 0.005
    assert lowest_threshold(good_again) is None
    assert not bound_at(good_again, 0.9).holds


def test_thresholds_that_too_few_cases_reach_are_passed_over() -> None:
    found = lowest_threshold(cases((50, 1, 0.99), (3_000, 0, 0.97)))

    assert found is not None
    assert (found.threshold, found.n, found.errors) == (0.97, 3_050, 1)


def test_nothing_is_accepted_below_the_confidences_that_were_seen() -> None:
    found = lowest_threshold(cases((1_000, 0, 0.955)))

    assert found is not None
    assert found.threshold == 0.95


def test_of_too_few_cases_no_threshold_is_accepted() -> None:
    assert lowest_threshold(cases((597, 0, 1.0))) is None
    assert lowest_threshold(cases((598, 0, 1.0))) is not None
    assert lowest_threshold(Calibration((), (), 0)) is None


def test_a_threshold_that_stands_in_a_workload_is_held_against_the_same_sequence() -> None:
    calibration = cases((900, 0, 1.0), (300, 0, 0.9), (100, 10, 0.8))

    assert bound_at(calibration, 0.955).holds
    assert bound_at(calibration, 0.9).holds
    assert not bound_at(calibration, 0.8).holds
    assert bound_at(calibration, 0.8).errors == 10


def population(shares: list[float], rates: list[float], size: int, draw: np.random.Generator) -> Calibration:
    """A sample where so large a share has each confidence from 1.00 down in hundredths, wrong at that rate."""
    place = draw.choice(len(shares), size, p=shares)
    wrong = draw.random(size) < np.array(rates)[place]
    return Calibration(tuple(np.array(GRID)[place].tolist()), tuple(wrong.tolist()), size)


def beyond(shares: list[float], rates: list[float], target: float) -> set[float]:
    """The thresholds whose true error is above the target."""
    reach, wrong = np.cumsum(shares), np.cumsum(np.array(shares) * np.array(rates))
    return {GRID[i] for i in range(len(shares)) if wrong[i] / reach[i] > target}


FLAT = ([1 / 30] * 30, [0.0101] * 30)  # each threshold a little too lenient
STEEP = ([0.5, *[0.5 / 20] * 20], [0.0, *[0.04] * 20])  # good at the top, soon too lenient
UPSIDE_DOWN = ([0.2, *[0.8 / 20] * 20], [0.03, *[0.006] * 20])  # the surest are the worst


@pytest.mark.parametrize("made_of", [FLAT, STEEP, UPSIDE_DOWN], ids=["flat", "steep", "upside down"])
def test_a_threshold_that_is_too_lenient_is_chosen_in_one_of_twenty_draws_at_most(
    made_of: tuple[list[float], list[float]],
) -> None:
    draw, (shares, rates) = np.random.default_rng(1), made_of
    too_lenient = beyond(shares, rates, 0.01)
    sequence = search = uncorrected = 0
    for _ in range(DRAWS):
        calibration = population(shares, rates, 1_200, draw)
        found = lowest_threshold(calibration, 0.01)
        sequence += found is not None and found.threshold in too_lenient
        n, errors = calibration.counts(GRID[: len(shares)])
        bounded = [i for i in range(len(n)) if upper_bound(int(errors[i]), int(n[i])) <= 0.01]
        search += bool(bounded) and GRID[bounded[-1]] in too_lenient
        below = np.flatnonzero(errors <= 0.01 * n)
        uncorrected += below.size > 0 and GRID[below[-1]] in too_lenient

    three_deviations = 3 * (0.05 * 0.95 / DRAWS) ** 0.5
    assert sequence / DRAWS <= 0.05 + three_deviations
    assert sequence <= search
    assert uncorrected / DRAWS > 0.3  # the lowest whose error on the sample is at most the target


def test_the_sequence_finds_thresholds_where_bonferroni_finds_none() -> None:
    draw = np.random.default_rng(2)
    by_sequence = by_bonferroni = 0
    for _ in range(100):
        n, errors = population([0.8, *[0.2 / 20] * 20], [0.0, *[0.02] * 20], 1_500, draw).counts(GRID)
        by_sequence += fixed_sequence(n, errors)[0] is not None
        by_bonferroni += bonferroni(n, errors) is not None

    assert by_sequence == 100
    assert by_bonferroni < 10

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.promotion.soak import (
    FEWEST_SHADOW_DECISIONS,
    LONGEST_GAP_SECONDS,
    SOAK_SECONDS,
    Observation,
    Reading,
    credit,
    reading_of,
    sample_of,
    soak_of,
)

START = datetime(2026, 3, 3, 13, 0, tzinfo=UTC)
HOUR = 3600.0


def reading(
    wall: float = 0.0, database: float | None = None, boot: float | None = None, boot_id: str | None = "a"
) -> Reading:
    """Seconds since the start, on every clock alike where only the wall's are given."""
    others = [wall if value is None else value for value in (database, boot)]
    return Reading(START + timedelta(seconds=wall), START + timedelta(seconds=others[0]), boot_id, 1_000 + others[1])


def hourly(hours: int, shadow: int = 1) -> list[Observation]:
    return [Observation(reading(hour * HOUR), hour, shadow, shadow) for hour in range(1, hours + 1)]


@pytest.mark.parametrize(
    ("later", "credited"),
    [
        (reading(HOUR), HOUR),
        (reading(72 * HOUR, database=60, boot=60), 60),  # the wall clock was set forward
        (reading(72 * HOUR, database=72 * HOUR, boot=60), 60),  # and the database server's with it
        (reading(72 * HOUR, boot=72 * HOUR, database=60), 60),
        (reading(-HOUR, database=HOUR, boot=HOUR), 0),  # it was set back
        (reading(HOUR, database=-HOUR, boot=HOUR), 0),
        (reading(HOUR, boot=5, boot_id="b"), HOUR),  # booted anew: the two others have to agree
        (reading(HOUR, database=60, boot=5, boot_id="b"), 60),
        (reading(HOUR, boot_id=None), HOUR),
        (reading(9 * HOUR), LONGEST_GAP_SECONDS),  # nobody looked
    ],
)
def test_as_much_is_credited_as_the_slowest_clock_says_and_no_gap_counts_for_more_than_two_hours(
    later: Reading, credited: float
) -> None:
    assert credit(reading(), later) == credited


@given(st.floats(0, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_setting_clocks_never_credits_more_than_passed(passed: float, wall: float, database: float) -> None:
    later = reading(passed + wall, database=passed + database, boot=passed)
    assert 0 <= credit(reading(), later) <= passed + 1e-3


def test_seventy_two_hours_of_hourly_looks_over_real_decisions_are_a_soak() -> None:
    assert soak_of(reading(), hourly(72)).complete
    assert not soak_of(reading(), hourly(71)).complete


def test_a_clock_set_forward_for_one_look_and_back_again_shortens_nothing() -> None:
    looks = hourly(3)
    looks[1] = Observation(reading(73 * HOUR, database=2 * HOUR, boot=2 * HOUR), 2, 1, 1)
    assert soak_of(reading(), looks).credited_seconds <= 3 * HOUR


def test_time_without_traffic_counts_once_there_are_enough_shadow_decisions_in_all() -> None:
    quiet = hourly(72, shadow=0)
    assert soak_of(reading(), quiet).credited_seconds == 0
    few = [*quiet[:-1], Observation(reading(72 * HOUR), 72, 1, FEWEST_SHADOW_DECISIONS - 1)]
    assert soak_of(reading(), few).credited_seconds == HOUR
    enough = [*quiet[:-1], Observation(reading(72 * HOUR), 72, 1, FEWEST_SHADOW_DECISIONS)]
    assert soak_of(reading(), enough).complete


def test_an_hour_in_which_the_candidate_answered_nothing_is_no_soak() -> None:
    looks = [*hourly(71), Observation(reading(72 * HOUR), 72, 5, 0, (), 5)]
    assert soak_of(reading(), looks).credited_seconds == SOAK_SECONDS - HOUR


def test_a_reading_comes_back_from_the_ledger_as_it_was() -> None:
    for each in (reading(1.25), Reading(START, START)):
        assert reading_of(each.as_json()) == each


@given(st.lists(st.integers(), unique=True), st.integers(1, 30))
def test_a_sample_is_spread_over_all_places_and_keeps_their_order(places: list[int], most: int) -> None:
    taken = sample_of(places, most)
    assert len(taken) == min(len(places), most)
    assert [place for place in places if place in taken] == taken
    assert taken[:1] == places[:1]

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance_assets.contracts.errors import InvalidInput
from evals.promotion.window import is_open, next_opening, windows_of

OFFICE = "Mon-Thu 09:00-16:00 America/Sao_Paulo"
SAO_PAULO, NEW_YORK = ZoneInfo("America/Sao_Paulo"), ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = SAO_PAULO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("moment", "opened"),
    [
        ("2026-03-03T09:00", True),  # a Tuesday
        ("2026-03-03T08:59:59", False),
        ("2026-03-03T15:59:59", True),
        ("2026-03-03T16:00", False),
        ("2026-03-06T10:00", False),  # a Friday
    ],
)
def test_a_window_begins_with_its_first_minute_and_ends_before_its_last(moment: str, opened: bool) -> None:
    assert is_open(windows_of(OFFICE), at(moment)) is opened
    assert is_open(windows_of(OFFICE), at(moment).astimezone(UTC)) is opened, "whatever zone the clock is in"


def test_without_a_window_it_is_always_open() -> None:
    assert windows_of(" ; ") == ()
    assert is_open((), at("2026-03-07T03:00"))


def test_several_windows_add_up_and_a_range_of_days_passes_over_the_weeks_end() -> None:
    windows = windows_of("Sat-Mon 22:00-24:00 UTC; Wed,Fri 06:00-07:00 UTC")
    opened = [day for day in range(1, 8) if is_open(windows, datetime(2026, 3, day, 22, 30, tzinfo=UTC))]
    assert opened == [1, 2, 7]  # Sunday, Monday, Saturday
    assert is_open(windows, datetime(2026, 3, 6, 6, 30, tzinfo=UTC))
    assert not is_open(windows, datetime(2026, 3, 5, 6, 30, tzinfo=UTC))


def test_a_window_keeps_its_wall_time_when_summer_time_begins_and_ends() -> None:
    windows = windows_of("Mon-Sun 09:00-10:00 America/New_York")
    for day in ("2026-03-07", "2026-03-08", "2026-10-31", "2026-11-01"):  # before and on the days of the change
        assert is_open(windows, at(f"{day}T09:30", NEW_YORK))
        assert not is_open(windows, at(f"{day}T08:30", NEW_YORK))
    before, after = at("2026-03-07T09:30", NEW_YORK), at("2026-03-08T09:30", NEW_YORK)
    assert after.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=23)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))
def test_the_next_opening_is_open_and_lies_ahead(moment: datetime) -> None:
    windows, now = windows_of(OFFICE), moment.replace(tzinfo=UTC)
    opening = next_opening(windows, now)
    assert opening is not None
    assert opening > now
    assert is_open(windows, opening)


@pytest.mark.parametrize(
    "text",
    [
        "Mon-Thu 09:00-16:00",
        "Mon-Thu 9-16 UTC",
        "Mo-Thu 09:00-16:00 UTC",
        "Mon- 09:00-16:00 UTC",
        "Mon-Thu 16:00-09:00 UTC",
        "Mon-Thu 09:00-24:01 UTC",
        "Mon-Thu 09:60-10:00 UTC",
        "Mon-Thu 09:00-16:00 America/Nowhere",
        "Mon-Thu 09:00-16:00 ../../etc/passwd",
        f"{OFFICE}; tomorrow",
    ],
)
def test_a_window_that_is_none_is_refused_with_the_part_that_is_wrong(text: str) -> None:
    with pytest.raises(InvalidInput, match="COMPLIANCE_DEPLOYMENT_WINDOW") as refused:
        windows_of(text)
    assert refused.value.found.strip("'") in text

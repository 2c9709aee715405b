"""When a release may be promoted: windows of the week in a zone of the world. Pure.

`Mon-Thu 09:00-16:00 America/Sao_Paulo`; several are separated by semicolons. Days are `Mon` to `Sun`, one, a range, or several
separated by commas; a range may pass over the week's end. A window begins with its first minute and ends before its last, in
the wall time of its zone, whatever a change to or from summer time does to that day. Zones are those of the IANA database.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from compliance_assets.contracts.errors import InvalidInput

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW = re.compile(r"(?P<days>\S+)\s+(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)\s+(?P<zone>\S+)")
_MINUTES = 24 * 60
#: How far ahead an opening is looked for: a week, and a day for the week's clock change.
_AHEAD = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Window:
    """`days` counts from 0, Monday; `start` and `end` are minutes after midnight, `end` not included."""

    days: frozenset[int]
    start: int
    end: int
    zone: str

    def holds(self, at: datetime) -> bool:
        """Whether a moment, which knows its zone, lies in it."""
        there = at.astimezone(ZoneInfo(self.zone))
        return there.weekday() in self.days and self.start <= there.hour * 60 + there.minute < self.end


def windows_of(text: str) -> tuple[Window, ...]:
    """The windows that a text names; none for an empty text. Raises InvalidInput, naming the part that is none."""
    return tuple(_window(part.strip()) for part in text.split(";") if part.strip())


def is_open(windows: tuple[Window, ...], at: datetime) -> bool:
    """Whether a release may be promoted at a moment. Without windows it always may."""
    return not windows or any(window.holds(at) for window in windows)


def next_opening(windows: tuple[Window, ...], at: datetime) -> datetime | None:
    """The first whole minute from `at` on at which one is open, None where none opens within eight days."""
    moment = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment <= at + _AHEAD:
        if is_open(windows, moment):
            return moment
        moment += timedelta(minutes=1)
    return None


def _window(part: str) -> Window:
    if (match := _WINDOW.fullmatch(part)) is None:
        raise _unusable(part, "DAYS HH:MM-HH:MM ZONE")
    start, end = _minutes(part, match["start"]), _minutes(part, match["end"])
    if start >= end:
        raise _unusable(part, "an end after the start; a window over midnight is written as two")
    try:
        ZoneInfo(match["zone"])
    except (LookupError, ValueError, OSError):  # unknown, or no name at all
        raise _unusable(part, "a zone of the IANA database, such as America/Sao_Paulo") from None
    days = frozenset(day for some in match["days"].split(",") for day in _days(part, some))
    return Window(days, start, end, match["zone"])


def _minutes(part: str, text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > _MINUTES:
        raise _unusable(part, "times from 00:00 to 24:00")
    return hours * 60 + minutes


def _days(part: str, text: str) -> list[int]:
    ends = text.split("-")
    if len(ends) > 2 or not {*ends} <= {*DAYS}:
        raise _unusable(part, f"days of {', '.join(DAYS)}, such as Mon-Thu or Mon,Wed")
    start = DAYS.index(ends[0])
    length = (DAYS.index(ends[-1]) - start) % len(DAYS)
    return [(start + step) % len(DAYS) for step in range(length + 1)]


def _unusable(part: str, expected: str) -> InvalidInput:
    return InvalidInput(
        "COMPLIANCE_DEPLOYMENT_WINDOW is not usable",
        expected=expected,
        found=repr(part),
        remedy="For example Mon-Thu 09:00-16:00 America/Sao_Paulo; several are separated by semicolons.",
    )

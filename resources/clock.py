"""The clock, as a resource so that tests and replays can hold it still."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 text in UTC with six digits of a second, the form that is hashed."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Uptime:
    """How long the kernel has run since the boot `boot_id`, suspension included: a clock that nobody can set."""

    boot_id: str
    seconds: float


def system_uptime() -> Uptime | None:
    """None on a system that tells no boot id."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return Uptime(boot_id, time.clock_gettime(time.CLOCK_BOOTTIME))

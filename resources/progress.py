"""How long work tells that it is still at it."""

import sys
import time
from types import TracebackType
from typing import Protocol, Self


class Progress(Protocol):
    """`advance` is called as work is done; `total` is None where it is not known beforehand."""

    def advance(self, what: str, done: int, total: int | None = None) -> None:
        """Tell that `done` of `total` are done of what `what` names."""


class Silent:
    """Draws nothing: the default under the Dagster UI, whose log tells the same."""

    def advance(self, what: str, done: int, total: int | None = None) -> None:
        """Nothing to draw."""


class Terminal:
    """Bars on a terminal; elsewhere one line every few seconds. On standard error, so that results stay clean."""

    SECONDS_BETWEEN_LINES = 5.0

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Bars(*columns, console=self._console, transient=False) if self._console.is_terminal else None
        self._tasks: dict[str, int] = {}
        self._last_line = 0.0

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def advance(self, what: str, done: int, total: int | None = None) -> None:
        """Move a bar, or write a line if the last one is some seconds old or the work is complete."""
        if self._bars:
            task = self._tasks.setdefault(what, -1)
            if task < 0:
                task = self._tasks[what] = self._bars.add_task(what, total=total)
            self._bars.update(task, completed=done, total=total if total is not None else done)  # type: ignore[arg-type]
        elif time.monotonic() - self._last_line > self.SECONDS_BETWEEN_LINES or done == total:
            self._last_line = time.monotonic()
            print(f"{what}: {done}{f' of {total}' if total is not None else ''}", file=sys.stderr, flush=True)  # noqa: T201

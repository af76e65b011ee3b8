"""How long work tells of itself: a callback for the stages, and bars on a terminal."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

Progress = Callable[[str, int, int | None], None]
"""Told a stage's name, how many units of its work are done, and of how many (None while unknown)."""


def quiet(stage: str, done: int, total: int | None) -> None:
    """Take progress and show nothing."""


CTRL_C = threading.Event()
"""Set when Ctrl-C is pressed: DuckDB, for one, swallows the exception while it looks for libraries to import."""


class _Rate(ProgressColumn):
    """How many units are done a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.1f}/s" if speed else "", style="progress.data.speed")


class Bars:
    """One bar a stage, on standard error, only where that is a terminal."""

    def __init__(self) -> None:
        """Prepare the bars."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description:6}"), BarColumn(), MofNCompleteColumn())
        times = (_Rate(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bars = RichProgress(*columns, *times, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing."""
        self._bars.stop()

    def show(self, stage: str, done: int, total: int | None) -> None:
        """Draw how far a stage is (a :data:`Progress`).

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, and whatever ran at that moment swallowed it.

        """
        if CTRL_C.is_set():
            raise KeyboardInterrupt
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage)
        self._bars.update(self._tasks[stage], completed=done, total=total)

"""Progress bars, on stderr and only where it is a terminal: stdout is for what was asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BAR_WIDTH = 20
Show = Callable[[str, int, int | None], None]
"""Called with what is going on, how much of it is done, and how much there is (None: unknown)."""


@contextmanager
def progress_bars(*, one_for_each: bool = False) -> Iterator[Show]:
    """Yield what shows progress: in one bar, or in one for each text that it is called with."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from npusim.printable import printable
    from npusim.report.terminal import PlainConsole

    class Left(TimeRemainingColumn):
        """What time is left, nothing where nobody knows how much there is to do."""

        def render(self, task: Task) -> Text:
            return Text("") if task.total is None else super().render(task).append(" left")

    bars: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("passed"),
        Left(),
        console=PlainConsole(to_stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:

        def show(what: str, done: int, total: int | None) -> None:
            what = printable(what)
            bar = what if one_for_each else ""
            if bar not in bars:
                bars[bar] = progress.add_task(what, total=total)
            progress.update(bars[bar], description=what, completed=done, total=total)

        yield show

"""Progress bars, on stderr and only where it is a terminal: stdout is for what was asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Show = Callable[[str, int, int | None], None]
"""Called with what is going on, how much of it is done, and how much there is (None: unknown)."""


@contextmanager
def progress_bars(*, one_for_each: bool = False) -> Iterator[Show]:
    """Yield what shows progress: in one bar, or in one for each text that it is called with."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    from npusim.printable import printable
    from npusim.report.terminal import PlainConsole

    bars: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
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

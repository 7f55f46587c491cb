"""Jobs for tests of where a sweep's tasks run; a worker imports them by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from npusim.explore.sweep.tasks import Outcome


def square(n: int) -> Outcome:
    return Outcome({"square": n * n, "process": os.getpid()})


def die_at_first(marks: Path, most: int) -> Outcome:
    """Leave a mark; kill this process while there are no more than `most` of them."""
    (marks / str(os.getpid())).touch()
    if len(list(marks.iterdir())) <= most:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome({"attempts": len(list(marks.iterdir()))}, "an error of its own")

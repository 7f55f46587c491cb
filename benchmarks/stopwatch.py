"""Processor time: of calls that take turns, and of processes that have ended."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

ROUND_SECONDS = 0.004
"""One timing repeats the run until it takes about as long."""
WARM_UP = 3
"""The second run of a network in npusim still loads what the following ones use."""

Run = Callable[[], object]
Key = TypeVar("Key", str, int)


def seconds(
    runs: Mapping[Key, Run], rounds: int, clock: Callable[[], float] = time.thread_time
) -> dict[Key, float]:
    """Return the median time of each run, timed in turn `rounds` times after a warm-up.

    The clock of one thread's processor time leaves out what other programs take from the machine.
    """
    repeats = {}
    for name, run in runs.items():
        for _ in range(WARM_UP):
            run()
        start = clock()
        run()
        repeats[name] = max(1, int(ROUND_SECONDS / max(clock() - start, 1e-6)))
    times: dict[Key, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = clock()
            for _ in range(repeats[name]):
                run()
            times[name].append((clock() - start) / repeats[name])
    return {name: median(values) for name, values in times.items()}


def children_seconds() -> float:
    """Return the processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def as_installed() -> dict[str, str]:
    """Return the environment of a process that keeps bytecode, as an installed package does."""
    return {name: of for name, of in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

"""`npusim verify UNIT ...`: the RTL of datapath units against their pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from npusim.cli.progress import progress_bars
from npusim.cli.verdicts import AGREES, Case, Verdicts
from npusim.cosim import (
    CosimulationError,
    CoverageGap,
    Mismatch,
    Verification,
    toolchain,
    verify_module,
)
from npusim.cosim.units import load_unit, rtl_directory, unit_names
from npusim.cosim.verify_unit import parameter_sets, verify_set

RANKS = {"vectors": 0, "cycles": 3, "checked": 1, "points": 2, "reached": 2}


@dataclass(frozen=True)
class _Task:
    unit: str
    settings: str
    work: Callable[[], Verification]


def verify_units(
    names: Sequence[str],
    *,
    seed: int = 1,
    waves: Path | None = None,
    simulator: str = "icarus",
    vectors: int = 100_000,
    verdicts: Verdicts | None = None,
) -> int:
    """Verify the units called `names` (all where there are none) and print a table.

    Parameters
    ----------
    waves
        File for the waveform; allowed for one unit.
    vectors
        Random vectors for each unit.

    Returns
    -------
    int
        0 where every unit agrees, 1 where one differs; its report is printed below the table.

    Raises
    ------
    CosimulationError
        A name is unknown, a simulator is missing: a user's mistake.
    """
    if vectors < 1:
        raise CosimulationError(f"--vectors: expected at least 1, found {vectors}")
    toolchain.require(simulator)
    units = [load_unit(name) for name in (names or unit_names())]
    if waves is not None and len(units) != 1:
        raise CosimulationError(f"--waves: expected one unit, found {len(units)}")
    toolchain.require_waves(simulator, waves)
    rtl = rtl_directory()
    given: dict[str, Any] = {
        "seed": seed,
        "vectors": vectors,
        "simulator": simulator,
        "waves": waves,
        "rtl": rtl,
    }

    def tasks() -> Iterator[_Task]:
        for unit in units:
            for number, settings in enumerate(parameter_sets(unit)):

                def work(unit: Any = unit, number: int = number) -> Verification:
                    return verify_set(unit, number, **given)

                yield _Task(unit.name, _shown(settings), work)

    title = f"RTL of {rtl} against its pages, seed {seed}, {simulator}"
    return _verified(title, list(tasks()), verdicts)


def verify_own(
    name: str,
    sources: Sequence[Path],
    arguments: dict[str, Any],
    *,
    seed: int = 1,
    waves: Path | None = None,
    simulator: str = "icarus",
    vectors: int = 100_000,
    verdicts: Verdicts | None = None,
) -> int:
    """Verify a module of one's own against the unit called `name`; as `verify_units`.

    Parameters
    ----------
    arguments
        Further ones of `verify_module`: what own_module.py reads.
    """
    toolchain.require_waves(simulator, waves)
    unit, module = load_unit(name), arguments["module"]
    suffix = toolchain.WAVES[simulator][0]
    files = " ".join(f"--rtl {path}" for path in sources)
    replay = f"npusim verify {name} {files} ... --seed {seed} --waves {module}{suffix}"

    def work() -> Verification:
        return verify_module(
            unit, list(sources), **arguments, seed=seed, vectors=vectors, simulator=simulator,
            waves=waves, replay=replay,
        )  # fmt: skip

    title = f"{module} against the contract of {name}, seed {seed}, {simulator}"
    return _verified(title, [_Task(name, module, work)], verdicts)


def _verified(title: str, tasks: Sequence[_Task], verdicts: Verdicts | None) -> int:
    cases = []
    with progress_bars() as show:
        for number, task in enumerate(tasks):
            show(f"{task.unit} {task.settings}", number, len(tasks) if len(tasks) > 1 else None)
            cases.append(_case(task))
    return (verdicts or Verdicts()).give(title, cases, RANKS)


def _case(task: _Task) -> Case:
    start = time.monotonic()
    try:
        found = task.work()
    except Mismatch as mismatch:
        word = "NOT COVERED" if isinstance(mismatch, CoverageGap) else "DIFFERS"
        seconds = time.monotonic() - start
        return Case(task.unit, task.settings, word, seconds, report=str(mismatch))
    numbers = {
        "vectors": found.vectors,
        "cycles": found.cycles,
        "checked": found.checked,
        "points": len(found.bins),
        "reached": sum(1 for hits in found.bins.values() if hits),
    }
    seconds = time.monotonic() - start
    return Case(task.unit, task.settings, AGREES, seconds, numbers, dict(found.bins))


def _shown(settings: dict[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())

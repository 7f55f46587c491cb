"""A contract as tests of pytest, one for each thing that is checked.

    @parametrize_with_contract(UNIT, ["my_requantizer.v"], module="my_requantizer", wiring=WIRING)
    def test_my_requantizer(check):
        check()

The module is simulated once; each test looks at its part of what was seen. Its name says what it is
about: `requantize-ports`, `requantize-stalls`, `requantize-half_up, tie`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from npusim.cosim.coverage import reaching
from npusim.cosim.errors import CoverageGap, Mismatch
from npusim.cosim.examine import Examined, Task, examine
from npusim.cosim.traffic import Cycle, required_events, styles
from npusim.datapath.contract import Unit

PORTS = "ports"


@dataclass(frozen=True)
class Check:
    """One thing that a contract promises, of one module."""

    name: str
    examined: Callable[[], Examined]
    """Simulates the module, or gives what an earlier check saw."""

    def __call__(self) -> None:
        """Raise Mismatch where it does not hold, CoverageGap where nothing was driven at it."""
        __tracebackhide__ = True  # under pytest the message is the report
        found = self.examined()
        if self.name == PORTS:
            return
        task, vectors = found.task, found.image.vectors
        is_point = self.name in found.bins
        if is_point and not found.bins[self.name]:
            raise CoverageGap(f"{task.module}: no vector reaches: {self.name}")
        reaches = reaching(task.unit, task.settings, task.wiring, self.name)

        def concerns(cycle: Cycle) -> bool:
            if reaches is None:
                return cycle.style == self.name
            return cycle.out >= 0 and reaches(*vectors[cycle.out])

        report = found.report(concerns)
        if report is not None:
            raise Mismatch(report)

    def __repr__(self) -> str:
        return self.name


def contract_checks(
    unit: Unit,
    sources: Sequence[str | Path],
    *,
    vectors: int = 100_000,
    seed: int | None = None,
    unreachable: Sequence[str] = (),
    **module: Any,
) -> tuple[Check, ...]:
    """Return the checks of a module; the arguments are those of `verify_module`."""
    task = Task.of(unit, sources, **module)
    examined = cache(lambda: examine(task, vectors=vectors, seed=seed, every_fault=True))
    names = [PORTS, *styles(task.wiring, task.unit.latency(task.settings))]
    names += [point for point in points(task) if point not in unreachable]
    return tuple(Check(name, examined) for name in names)


def points(task: Task) -> list[str]:
    """Return the coverage points of a module and its contract."""
    from npusim.cosim.coverage import coverage

    traffic = required_events(task.unit.latency(task.settings), task.wiring)
    return [*coverage(task.unit, task.settings, (), task.wiring), *traffic]


def parametrize_with_contract(unit: Unit, sources: Sequence[str | Path], **arguments: Any) -> Any:
    """Return pytest's mark that runs a test with argument `check` once for each check.

    Parameters
    ----------
    arguments
        As those of `verify_module`: module, wiring, parameters, contract_parameters,
        latency_cycles, includes, vectors, seed, simulator, unreachable.
    """
    import pytest

    checks = contract_checks(unit, sources, **arguments)
    return pytest.mark.parametrize(
        "check", [pytest.param(check, id=f"{unit.name}-{check.name}") for check in checks]
    )

"""Drive a module with a contract's stimulus, and keep all that a judgement needs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from npusim.cosim import toolchain
from npusim.cosim.bench import Bench, Image, Outcome, make_image
from npusim.cosim.coverage import coverage
from npusim.cosim.design import Design
from npusim.cosim.elaborate import elaborate
from npusim.cosim.errors import CosimulationError, Mismatch
from npusim.cosim.interface import require_interface, require_parameters
from npusim.cosim.report import describe
from npusim.cosim.traffic import Cycle, required_events
from npusim.cosim.wiring import Wiring
from npusim.datapath.contract import Parameters, Unit


@dataclass(frozen=True)
class Task:
    """A module, and the contract that it shall keep; arguments as those of `verify_module`."""

    unit: Unit
    """With the module's latency, and the contract's own widths."""
    module: str
    files: tuple[Path, ...]
    includes: tuple[Path, ...]
    wiring: Wiring
    settings: Parameters
    """Parameters of the contract."""
    passed: Parameters
    """Parameters of the module."""
    simulator: str

    @classmethod
    def of(
        cls,
        unit: Unit,
        sources: Sequence[str | Path],
        *,
        module: str | None = None,
        wiring: Wiring | None = None,
        parameters: Parameters | None = None,
        contract_parameters: Parameters | None = None,
        latency_cycles: int | None = None,
        includes: Sequence[str | Path] = (),
        simulator: str = "icarus",
    ) -> Task:
        """Return the task; raise CosimulationError where the wiring names what is not there."""
        if latency_cycles is not None:
            unit = replace(unit, latency_cycles=latency_cycles)
        settings = {**unit.parameters, **(contract_parameters or {})}
        passed = dict(parameters or {})
        if module is None:
            settings |= passed
            passed = dict(settings)
        wiring = wiring or Wiring(ties={} if module else unit.ties)
        wiring.require(unit, settings)
        files, folders = (
            tuple(Path(path).resolve() for path in paths) for paths in (sources, includes)
        )
        name = module or unit.module
        return cls(unit, name, files, folders, wiring, settings, passed, simulator)


@dataclass(frozen=True)
class Examined:
    """What was driven and seen."""

    task: Task
    image: Image
    outcome: Outcome
    bins: Mapping[str, int]
    """Coverage point -> number of hits; kinds of traffic are among them."""
    seed: int
    replay: str | None
    """Command that repeats the run; None: the running test's."""

    def report(self, chosen: Callable[[Cycle], bool] = lambda _: True) -> str | None:
        """Return the report of the faults in cycles that are `chosen`; None where there is none."""
        task, cycles = self.task, self.image.cycles
        faults = [fault for fault in self.outcome.faults if chosen(cycles[fault.cycle])]
        if not faults:
            return None
        are_all = len(faults) == len(self.outcome.faults)
        return describe(
            unit=task.wiring.narrow(task.unit),
            module=task.module,
            parameters=task.settings,
            vectors=self.image.vectors,
            cycles=cycles,
            faults=faults,
            fault_count=self.outcome.fault_count if are_all else len(faults),
            checked=self.outcome.checked,
            seed=self.seed,
            replay=self.replay or _pytest_replay(self.seed),
        )


def examine(
    task: Task,
    *,
    vectors: int,
    seed: int | None = None,
    waves: Path | None = None,
    replay: str | None = None,
    every_fault: bool = False,
) -> Examined:
    """Elaborate the module, drive it and count.

    Parameters
    ----------
    every_fault
        Record each, and not the first thousand: for judgements of a part.

    Raises
    ------
    Mismatch
        A port or a parameter of the module does not fit.
    CosimulationError
        The simulation could not be run.
    """
    unit, name, wiring, settings = task.unit, task.module, task.wiring, task.settings
    narrow = wiring.narrow(unit)
    seed = int(os.environ.get("NPUSIM_SEED", "1")) if seed is None else seed
    if waves is None and os.environ.get("NPUSIM_WAVES"):
        waves = Path.cwd() / f"{name}{toolchain.WAVES[task.simulator][0]}"

    design = Design(name, task.files, task.passed, includes=task.includes)
    found = elaborate(design, task.simulator)
    require_parameters(found, task.passed)
    require_interface(found, narrow, wiring, settings)

    image = make_image(unit, settings, wiring, seed=seed, vectors=vectors)
    bins = coverage(unit, settings, image.vectors, wiring)
    bins |= {
        event: image.events[event] for event in required_events(unit.latency(settings), wiring)
    }

    bench = Bench(narrow, name, task.files, settings, wiring, task.passed, task.includes)
    outcome = bench.simulate(
        image, simulator=task.simulator, waves=waves, seed=seed,
        plusargs=[f"+fault_limit={len(image.cycles)}"] if every_fault else [],
    )  # fmt: skip
    if outcome.cycles != len(image.cycles) or not outcome.checked:
        raise CosimulationError(
            f"{name}: expected {len(image.cycles)} cycles to run, found {outcome.cycles} "
            f"({outcome.checked} outputs checked)"
        )
    if outcome.fault_count and not outcome.faults:
        raise Mismatch(f"{name}: {outcome.fault_count} faults, none of them recorded")
    return Examined(task, image, outcome, bins, seed, replay)


def _pytest_replay(seed: int) -> str:
    test, _, _ = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")
    return f"NPUSIM_SEED={seed} NPUSIM_WAVES=1 pytest {shlex.quote(test) if test else ''}".rstrip()

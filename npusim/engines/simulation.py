"""Runs of a program on the simulated machine, prepared when they are first met."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.isa.program import Program, Step
from npusim.kernels.entry import Call
from npusim.simulator.activity import Activity
from npusim.simulator.execute.prepared_run import PreparedRun
from npusim.simulator.run import step_code
from npusim.simulator.timing.timeline import Timeline, time_code


class Simulation:
    """Carries out runs; a step is timed and prepared once for as long as program and DRAM stay.

    Whatever lies in the program's region of constants is taken as unchanged from then on.
    """

    def __init__(self) -> None:
        self._program: Program | None = None
        self._dram: NDArray[np.uint8] | None = None
        self._runs: dict[Step, PreparedRun] = {}

    def __call__(self, program: Program, step: Step, dram: NDArray[np.uint8]) -> Timeline:
        """Carry out one run of `program` on `dram`, in place; return when everything happened.

        Raises
        ------
        UnsupportedError
            The run ended by a fault.
        """
        if program is not self._program or dram is not self._dram:
            self._program, self._dram, self._runs = program, dram, {}
        run = self._runs.get(step)
        if run is None:
            run = self._runs[step] = self._prepared(program, step, dram)
        run.run()
        return run.timeline

    def call(self, step: Step) -> Call | None:
        """Return the run of `step` as one call, once that is known; None where it is not."""
        return self._runs[step].call() if step in self._runs else None

    def _prepared(self, program: Program, step: Step, dram: NDArray[np.uint8]) -> PreparedRun:
        bases = program.region_addresses()
        timeline = time_code(
            step_code(program, step), program.machine, bases, code_address=program.code_address()
        )
        require_no_fault(program, timeline)
        activity = self.activity_of(step, timeline)
        return PreparedRun(timeline, bases, dram, _constants(program), activity=activity)

    def activity_of(self, step: Step, timeline: Timeline) -> Activity | None:
        """Return what counts operand activity as `step` runs: nothing."""
        return None


def require_no_fault(program: Program, timeline: Timeline) -> None:
    """Raise UnsupportedError where a run of `program` ended by a fault."""
    if timeline.fault is not None:
        raise UnsupportedError(f"{program.name}: fault {timeline.fault}")


def _constants(program: Program) -> tuple[int, int]:
    """Return the first byte and the end of the region that holds constants; empty where it changes.

    It is the one region with an image, in which no tensor has its place.
    """
    images = [i for i, region in enumerate(program.regions) if region.image]
    if len(images) != 1 or images[0] in {place.region for place in program.places}:
        return 0, 0
    start = program.region_addresses()[images[0]]
    return start, start + program.regions[images[0]].size_bytes

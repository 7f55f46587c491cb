"""One run of the machine: a program's bytes on a DRAM image, up to HALT or the first fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import CapacityError
from npusim.isa.program import Program, Step
from npusim.machines import Machine
from npusim.simulator.execute.machine_state import State, new_dram
from npusim.simulator.timing.events import Event, events
from npusim.simulator.timing.timeline import LIMIT_CYCLES, Timeline, time_code


@dataclass(frozen=True, eq=False)
class MachineRun:
    """What a run left behind; after a fault, DRAM and scratchpads are undefined.

    Attributes
    ----------
    dram
        uint8 [bytes], the array that was given.
    events
        The trace; empty where none was asked for.
    activity
        int64 [instructions FEATURES] of activity.py; None where it was not asked for.
    """

    timeline: Timeline
    state: State
    dram: NDArray[np.uint8]
    events: tuple[Event, ...]
    activity: NDArray[np.int64] | None = None


def run_code(
    code: bytes,
    machine: Machine,
    dram: NDArray[np.uint8],
    bases: Sequence[int],
    state: State | None = None,
    trace: bool = True,
    limit_cycles: int = LIMIT_CYCLES,
    code_address: int = 0,
    activity: bool = False,
) -> MachineRun:
    """Run `code` on `machine`, in the memory that the machine describes.

    Parameters
    ----------
    dram
        uint8 [bytes of the memory], changed in place.
    bases
        Byte address of each region.
    code_address
        Byte address of `code`; its bytes need not be in `dram`.
    state
        Scratchpads as an earlier run left them; None: all zero.
    activity
        Whether to count operand activity, which takes longer than the MACs themselves.

    Raises
    ------
    FormatError
        The run deadlocks.
    CapacityError
        The run is longer than `limit_cycles`.
    """
    from npusim.simulator.activity import Activity  # who only times needs no kernels
    from npusim.simulator.execute.prepared_run import PreparedRun

    timeline = time_code(code, machine, bases, limit_cycles, code_address)
    toggles = Activity(machine, timeline.columns.count) if activity else None
    run = PreparedRun(timeline, bases, dram, state=state, activity=toggles)
    crcs: dict[int, int] | None = {} if trace else None
    run.carry_out(crcs)
    found = tuple(events(timeline, crcs)) if crcs is not None else ()
    return MachineRun(timeline, run.state, dram, found, toggles.features if toggles else None)


def load_image(program: Program, machine: Machine | None = None) -> NDArray[np.uint8]:
    """Return a DRAM that holds the images of a program's regions.

    Raises
    ------
    CapacityError
        The regions and the longest step's code do not fit the memory.
    """
    machine = machine or program.machine
    longest = max((step.count for step in program.steps), default=0)
    needed = program.code_address() + len(program.code(Step("run", 0, longest)))
    if needed > machine.memory.size_bytes:
        raise CapacityError(
            f"{program.name}: needs {needed} bytes of DRAM, {machine.name} has "
            f"{machine.memory.size_bytes}"
        )
    dram = new_dram(machine)
    for region, address in zip(program.regions, program.region_addresses(), strict=True):
        dram[address : address + len(region.image)] = np.frombuffer(region.image, np.uint8)
    return dram


def step_code(program: Program, step: Step) -> bytes:
    """Return the bytes of the instructions of a step."""
    return program.code(step)[: 16 * step.count]


def run_step(
    program: Program,
    step: Step,
    dram: NDArray[np.uint8],
    state: State | None = None,
    machine: Machine | None = None,
    trace: bool = True,
    activity: bool = False,
) -> MachineRun:
    """Run one step (kind "run") of a program; `machine`: the program's with another memory."""
    machine = machine or program.machine
    code = step_code(program, step)
    return run_code(
        code, machine, dram, program.region_addresses(), state, trace, activity=activity,
        code_address=program.code_address(),
    )  # fmt: skip


def time_program(program: Program, machine: Machine | None = None) -> list[Timeline]:
    """Return the cycles of each run of a program, without data."""
    machine = machine or program.machine
    addresses, code_address = program.region_addresses(), program.code_address()
    return [
        time_code(step_code(program, run), machine, addresses, code_address=code_address)
        for run in program.runs()
    ]

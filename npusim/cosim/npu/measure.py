"""A run of the RTL as a timeline: the cycles of its trace in place of the predicted ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.run import RtlRun, run_code
from npusim.isa.program import Program, Step
from npusim.isa.spec import ENGINES, FETCH_BURST_BYTES
from npusim.simulator.run import step_code
from npusim.simulator.timing.timeline import CAUSES, Timeline, time_code


def measure_step(
    program: Program, step: Step, dram: NDArray[np.uint8], *, simulator: str = "verilator"
) -> Timeline:
    """Run one step (kind "run") of `program` on the RTL.

    Parameters
    ----------
    dram
        uint8 [bytes of the memory], changed in place to what the RTL leaves.

    Returns
    -------
    Timeline
        Issue, retirement, stalls, cycles and the halt code are the RTL's. When an instruction was
        dispatched and in how many bursts a transfer goes is not in a trace: those are predicted.

    Raises
    ------
    CosimulationError
        The RTL could not be run, or it ended by a fault.
    """
    code, machine, bases = step_code(program, step), program.machine, program.region_addresses()
    address = program.code_address()
    end = address + -(-len(code) // FETCH_BURST_BYTES) * FETCH_BURST_BYTES
    predicted = time_code(code, machine, bases, code_address=address)
    found = run_code(
        code, machine, dram[:end], bases, address, simulator=simulator,
        cycles_most=2 * predicted.cycles + 10_000,
    )  # fmt: skip
    if found.registers["fault"]:
        raise CosimulationError(f"RTL: {program.name}: {found.trace[-1]}")
    dram[:end] = found.dram
    return measured(predicted, found)


def measured(predicted: Timeline, found: RtlRun) -> Timeline:
    """Return `predicted` with every cycle that a trace without a fault tells taken from `found`."""
    issue, retire = np.full_like(predicted.issue, -1), np.full_like(predicted.retire, -1)
    stalls = np.zeros_like(predicted.stalls)
    for line in found.trace:
        cycle, _, pc, event, last = line.split()
        kind, _, cause = event.partition(":")
        if kind == "issue":
            issue[int(pc)] = int(cycle)
        elif kind == "retire":
            retire[int(pc)] = int(cycle)
        else:
            stalls[int(pc), CAUSES.index(cause)] = int(last)
    of_fetch = predicted.columns.engine == ENGINES.index("FETCH")  # which never stalls
    return replace(
        predicted,
        issue=issue,
        retire=retire,
        stall_start=np.where(of_fetch, 0, issue - stalls.sum(axis=1)),
        stalls=stalls,
        cycles=found.registers["cycles"],
        halt_code=found.registers["halt_code"],
    )

"""The same code on the simulator and on the RTL: every event, every byte of DRAM, the registers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from npusim.cosim.npu.run import RtlRun, run_code
from npusim.isa.program import Program, Step
from npusim.isa.spec import ENGINES, FAULTS, FETCH_BURST_BYTES, INSTRUCTION_BYTES
from npusim.machines import Machine
from npusim.simulator.run import MachineRun, step_code
from npusim.simulator.run import run_code as simulate_code

CONTEXT_EVENTS = 5
"""Events shown before the first that differs."""


@dataclass(frozen=True)
class Comparison:
    """One run on both sides.

    `difference` is a report of the first difference; empty where there is none.
    """

    instructions: int
    cycles: int
    """As predicted."""
    rtl_cycles: int
    """As measured."""
    events: int
    rtl_seconds: float
    difference: str = ""
    outcome: str = ""
    """Hash of all that was predicted, which is what was measured where nothing differs."""


def compare_code(
    code: bytes,
    machine: Machine,
    dram: NDArray[np.uint8],
    bases: Sequence[int],
    code_address: int,
    *,
    simulator: str = "icarus",
    waves: Path | None = None,
    reset_seeds: Sequence[int | None] = (None,),
) -> Comparison:
    """Run `code` on both sides in the memory that `machine` describes, and compare everything.

    Parameters
    ----------
    dram
        uint8 [bytes of the memory], changed in place to what the simulator leaves.
    bases, code_address
        Byte address of each region, and of the code, which lies behind all data.
    waves
        File for the waveform of the RTL; its name says the format (toolchain.WAVES).
    reset_seeds
        A run of the RTL for each, up to the first that differs; see `run_code`.

    Raises
    ------
    CosimulationError
        The RTL could not be run.
    CapacityError, FormatError
        The simulator refuses the program.
    """
    end = _put_code(code, dram, code_address)
    before = dram[:end].copy()
    expected = simulate_code(code, machine, dram, bases, code_address=code_address)
    start = time.monotonic()
    for reset_seed in reset_seeds:
        found = run_code(
            code, machine, before.copy(), bases, code_address, simulator=simulator,
            cycles_most=2 * expected.timeline.cycles + 10_000, waves=waves, reset_seed=reset_seed,
        )  # fmt: skip
        difference = first_difference(expected, found, dram[:end])
        if difference:
            break
    return Comparison(
        len(code) // INSTRUCTION_BYTES,
        expected.timeline.cycles,
        found.registers["cycles"],
        len(expected.events),
        time.monotonic() - start,
        difference,
        _outcome(expected, dram[:end]),
    )


def predicted_outcome(
    code: bytes,
    machine: Machine,
    dram: NDArray[np.uint8],
    bases: Sequence[int],
    code_address: int,
) -> str:
    """Return the `outcome` of `compare_code` on the same arguments, by the simulator alone."""
    end = _put_code(code, dram, code_address)
    expected = simulate_code(code, machine, dram, bases, code_address=code_address)
    return _outcome(expected, dram[:end])


def _put_code(code: bytes, dram: NDArray[np.uint8], address: int) -> int:
    """Write `code` into `dram`, and return where what is compared ends."""
    dram[address : address + len(code)] = np.frombuffer(code, np.uint8)
    return address + -(-len(code) // FETCH_BURST_BYTES) * FETCH_BURST_BYTES


def _outcome(expected: MachineRun, after: NDArray[np.uint8]) -> str:
    """Return a hash of events, registers and, where no fault left it undefined, DRAM."""
    digest = hashlib.sha256("\n".join(map(str, expected.events)).encode())
    digest.update(repr(_expected_registers(expected)).encode())
    if not expected.timeline.faults:
        digest.update(np.ascontiguousarray(after).tobytes())
    return digest.hexdigest()[:16]


def compare_step(
    program: Program,
    step: Step,
    dram: NDArray[np.uint8],
    machine: Machine | None = None,
    *,
    simulator: str = "icarus",
    waves: Path | None = None,
) -> Comparison:
    """Compare one step (kind "run") of `program`; `machine`: the program's with another memory."""
    return compare_code(
        step_code(program, step), machine or program.machine, dram, program.region_addresses(),
        program.code_address(), simulator=simulator, waves=waves,
    )  # fmt: skip


def first_difference(expected: MachineRun, found: RtlRun, after: NDArray[np.uint8]) -> str:
    """Return what differs first: events, then status and counters, then DRAM; or nothing."""
    return (
        _trace_difference([str(event) for event in expected.events], found.trace)
        or _register_difference(expected, found)
        or ("" if expected.timeline.faults else _dram_difference(after, found.dram))
    )


def _trace_difference(expected: Sequence[str], found: Sequence[str]) -> str:
    same = next(
        (i for i, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b),
        min(len(expected), len(found)),
    )
    if same == len(expected) == len(found):
        return ""
    lines = [f"  {line}" for line in expected[max(0, same - CONTEXT_EVENTS) : same]]
    lines.append(f"  expected: {expected[same] if same < len(expected) else 'no further event'}")
    lines.append(f"  found:    {found[same] if same < len(found) else 'no further event'}")
    return "\n".join([f"event {same} of {len(expected)} (cycle engine pc event crc32):", *lines])


def _expected_registers(expected: MachineRun) -> dict[str, int]:
    timeline = expected.timeline
    fault = timeline.fault
    wanted = {
        "status": 4 if fault else 2,
        "fault": FAULTS.index(fault.cause) | ENGINES.index(fault.engine) << 8 if fault else 0,
        "fault_pc": fault.pc if fault else 0,
        "halt_code": timeline.halt_code or 0,
        "cycles": timeline.cycles,
    }
    if not fault:  # after a fault the last interval of an engine is cut off
        for engine, counters in timeline.counters().items():
            for name in ("busy", "fetch", "prev", "next"):
                key = name if name == "busy" else f"stall_{name}"
                wanted[f"{engine.lower()}_{key}"] = counters[name]
    return wanted


def _register_difference(expected: MachineRun, found: RtlRun) -> str:
    for name, value in _expected_registers(expected).items():
        if found.registers[name] != value:
            return f"control register {name}: expected {value}, found {found.registers[name]}"
    return ""


def _dram_difference(expected: NDArray[np.uint8], found: NDArray[np.uint8]) -> str:
    wrong = np.flatnonzero(expected != found)
    if not wrong.size:
        return ""
    place = int(wrong[0])
    return (
        f"DRAM: {wrong.size} bytes differ, the first at {place:#x}: "
        f"expected {int(expected[place]):#04x}, found {int(found[place]):#04x}"
    )

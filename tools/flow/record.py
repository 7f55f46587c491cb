"""Run a program on the RTL of the whole machine and record what passes an instance's ports."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npusim.cosim.npu.build import MEMORY_STEPS_BYTES, Simulation, design
from npusim.cosim.npu.compare import first_difference
from npusim.cosim.npu.run import run_on
from npusim.isa.program import Program, Step
from npusim.machines import Machine
from npusim.simulator.run import run_code, step_code

NPU = "npu_bench.system.npu"
BURST_BYTES = 512


@dataclass(frozen=True, eq=False)
class Recording:
    """Cycles that were recorded, and each signal's bits in them as text, highest first."""

    cycles: list[int]
    values: Mapping[str, list[str]]
    state: Mapping[str, str]
    """Bits of the registers in the first cycle."""

    def numbers(self, name: str) -> list[int]:
        """Return a signal's values; an unknown bit is 0."""
        return [int(bits.replace("x", "0").replace("z", "0"), 2) for bits in self.values[name]]


def record(
    program: Program,
    step: Step,
    dram: np.ndarray,
    signals: Mapping[str, str],
    states: Mapping[str, str],
    windows: Sequence[tuple[int, int]],
) -> list[Recording]:
    """Return `signals` (name -> path below the machine) in cycles first .. end - 1 of each window.

    The run's events and DRAM are compared with the simulated machine's, so that what is recorded
    is what the golden model does.

    Raises
    ------
    SystemExit
        The RTL and the golden model differ.
    """
    machine, bases, address = program.machine, program.region_addresses(), program.code_address()
    code = step_code(program, step)
    end = address + -(-len(code) // BURST_BYTES) * BURST_BYTES
    dram[address : address + len(code)] = np.frombuffer(code, np.uint8)
    before = dram[:end].copy()
    expected = run_code(code, machine, dram, bases, code_address=address)
    with tempfile.TemporaryDirectory(prefix="npusim-record-") as folder:
        place = Path(folder)
        simulation = _build(machine, end, signals, states, windows, place)
        most = 2 * expected.timeline.cycles + 10_000
        found = run_on(simulation, code, machine, before, bases, address, most)
        difference = first_difference(expected, found, dram[:end])
        if difference:
            raise SystemExit(f"{program.name}: RTL and machine differ: {difference}")
        rows = [line.split() for line in (place / "record.txt").read_text().splitlines()]
        begins = (line.split() for line in (place / "state.txt").read_text().splitlines())
        state_of = {int(begin[0]): begin[1:] for begin in begins}
    recordings = []
    for first, last in windows:
        inside = [row for row in rows if first <= int(row[0]) < last]
        columns = zip(*(row[1:] for row in inside), strict=True)
        values = {name: list(column) for name, column in zip(signals, columns, strict=True)}
        cycles = [int(row[0]) for row in inside]
        recordings.append(
            Recording(cycles, values, dict(zip(states, state_of[first], strict=True)))
        )
    return recordings


def _build(
    machine: Machine,
    needed: int,
    signals: Mapping[str, str],
    states: Mapping[str, str],
    windows: Sequence[tuple[int, int]],
    place: Path,
) -> Simulation:
    inside = " || ".join(f"({NPU}.cycle >= {a} && {NPU}.cycle < {b})" for a, b in windows)
    begins = " || ".join(f"{NPU}.cycle == {a}" for a, _ in windows)
    values, registers = (
        ", ".join(f"{NPU}.{path}" for path in paths.values()) for paths in (signals, states)
    )
    (place / "recorder.v").write_text(f"""\
module recorder;
  integer file, state;
  initial begin
    file = $fopen("{place / "record.txt"}");
    state = $fopen("{place / "state.txt"}");
  end
  always @(posedge npu_bench.clk) begin
    if (!npu_bench.rst && {NPU}.run && ({inside}))
      $fdisplay(file, "%0d{" %b" * len(signals)}", {NPU}.cycle, {values});
    if (!npu_bench.rst && {NPU}.run && ({begins}))
      $fdisplay(state, "%0d{" %b" * len(states)}", {NPU}.cycle, {registers});
  end
endmodule
""")
    memory = next(size for size in MEMORY_STEPS_BYTES if size >= needed)
    wanted = design(machine, "icarus", memory)
    out = place / "npu.vvp"
    command = ["iverilog", "-g2012", "-Wno-timescale", "-s", wanted.top, "-s", "recorder"]
    command += ["-o", str(out), *(f"-I{path}" for path in wanted.includes)]
    command += [f"-P{wanted.top}.{key}={value}" for key, value in wanted.parameters.items()]
    sources = [*map(str, wanted.sources), str(place / "recorder.v")]
    done = subprocess.run([*command, *sources], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"iverilog: {(done.stdout + done.stderr)[:800]}")
    return Simulation(machine, "icarus", memory, ("vvp", "-n", str(out)))

"""Run a program on the RTL of the whole machine and record what passes an instance's ports."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from npusim.cosim.npu.build import MEMORY_STEPS_BYTES, Simulation, design
from npusim.cosim.npu.compare import first_difference
from npusim.cosim.npu.run import run_on
from npusim.isa.program import Program, Step
from npusim.machines import Machine
from npusim.simulator.run import run_code, step_code

NPU = "npu_bench.system.npu"
BURST_BYTES = 512
MOST_WINDOWS = 1024


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


class Recorder:
    """A machine in RTL that writes down `signals` (name -> path below it) in windows of cycles.

    `states` are those of which the value in a window's first cycle is kept. It is compiled once for
    all programs; what was compiled is removed at the end of its `with`.
    """

    def __init__(
        self, machine: Machine, signals: Mapping[str, str], states: Mapping[str, str]
    ) -> None:
        self.machine, self.signals, self.states = machine, signals, states
        self._folder = tempfile.TemporaryDirectory(prefix="npusim-record-")
        self._compiled: dict[int, Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def record(
        self, program: Program, step: Step, dram: np.ndarray, windows: Sequence[tuple[int, int]]
    ) -> list[Recording]:
        """Return the signals in cycles first .. end - 1 of each window of a program's run.

        The run's events and DRAM are compared with the simulated machine's, so that what is
        recorded is what the golden model does.

        Raises
        ------
        SystemExit
            The RTL and the golden model differ.
        """
        bases, address = program.region_addresses(), program.code_address()
        code = step_code(program, step)
        end = address + -(-len(code) // BURST_BYTES) * BURST_BYTES
        dram[address : address + len(code)] = np.frombuffer(code, np.uint8)
        before = dram[:end].copy()
        expected = run_code(code, self.machine, dram, bases, code_address=address)
        memory = next(size for size in MEMORY_STEPS_BYTES if size >= end)
        place = Path(self._folder.name)
        (place / "windows.txt").write_text("".join(f"{a} {b}\n" for a, b in windows))
        command = ("vvp", "-n", str(self._program(memory)))
        simulation = Simulation(self.machine, "icarus", memory, command)
        most = 2 * expected.timeline.cycles + 10_000
        found = run_on(simulation, code, self.machine, before, bases, address, most)
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
            values = {
                name: list(column) for name, column in zip(self.signals, columns, strict=True)
            }
            cycles = [int(row[0]) for row in inside]
            state = dict(zip(self.states, state_of[first], strict=True))
            recordings.append(Recording(cycles, values, state))
        return recordings

    def _program(self, memory_bytes: int) -> Path:
        if memory_bytes not in self._compiled:
            out = Path(self._folder.name) / f"{memory_bytes}.vvp"
            _compile(self.machine, memory_bytes, self.signals, self.states, out)
            self._compiled[memory_bytes] = out
        return self._compiled[memory_bytes]


def _compile(
    machine: Machine,
    memory_bytes: int,
    signals: Mapping[str, str],
    states: Mapping[str, str],
    out: Path,
) -> None:
    place = out.parent
    values, registers = (
        ", ".join(f"{NPU}.{path}" for path in paths.values()) for paths in (signals, states)
    )
    (place / "recorder.v").write_text(f"""\
module recorder;
  integer file, state, places, k, count = 0;
  integer begin_of [0:{MOST_WINDOWS - 1}], end_of [0:{MOST_WINDOWS - 1}];
  reg is_within, is_first;
  initial begin
    places = $fopen("{place / "windows.txt"}", "r");
    file = $fopen("{place / "record.txt"}");
    state = $fopen("{place / "state.txt"}");
    while ($fscanf(places, "%d %d", begin_of[count], end_of[count]) == 2) count = count + 1;
  end
  always @(posedge npu_bench.clk) if (!npu_bench.rst && {NPU}.run) begin
    is_within = 1'b0;
    is_first = 1'b0;
    for (k = 0; k < count; k = k + 1) begin
      if ({NPU}.cycle >= begin_of[k] && {NPU}.cycle < end_of[k]) is_within = 1'b1;
      if ({NPU}.cycle == begin_of[k]) is_first = 1'b1;
    end
    if (is_within) $fdisplay(file, "%0d{" %b" * len(signals)}", {NPU}.cycle, {values});
    if (is_first) $fdisplay(state, "%0d{" %b" * len(states)}", {NPU}.cycle, {registers});
  end
endmodule
""")
    wanted = design(machine, "icarus", memory_bytes)
    command = ["iverilog", "-g2012", "-Wno-timescale", "-s", wanted.top, "-s", "recorder"]
    command += ["-o", str(out), *(f"-I{path}" for path in wanted.includes)]
    command += [f"-P{wanted.top}.{key}={value}" for key, value in wanted.parameters.items()]
    sources = [*map(str, wanted.sources), str(place / "recorder.v")]
    done = subprocess.run([*command, *sources], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"iverilog: {(done.stdout + done.stderr)[:800]}")

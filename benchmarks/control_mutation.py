"""Mutation score of the control modules: how many broken ones the random programs notice.

    python benchmarks/control_mutation.py [MODULE ...] [--mutants 40] [--seed 1] [--programs 150]

Yosys lists mutations of a flattened module of the nano machine and builds a netlist in which a
plus argument switches one on. The whole machine with that netlist then runs random programs, good
and bad, on Verilator, each until its first difference from the simulator.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.build import Simulation, compile_design, design
from npusim.cosim.npu.compare import first_difference
from npusim.cosim.npu.random_runs import random_memory
from npusim.cosim.npu.run import run_on
from npusim.cosim.random_bad import bad_program
from npusim.cosim.random_programs import random_program
from npusim.cosim.units import sources
from npusim.cosim.yosys import run_script
from npusim.isa.encoding import encode_program
from npusim.machines import Machine
from npusim.simulator.machine.run import MachineRun, load_image, run_code

ROOT = Path(__file__).resolve().parents[1]
RTL = ROOT / "rtl"
MODULES = (
    "npu_tokens", "npu_issue", "npu_ownership", "npu_fetch", "npu_ld", "npu_st",
    "npu_mac_engine", "npu_vector_engine", "npu_operands_ex", "npu_scratchpads",
)  # fmt: skip
LEAST_SCORE = 0.90
MEMORY_BYTES = 1 << 18
BAD_EVERY = 3
MORE_CYCLES = 600
"""What a mutant may take beyond the expected cycles before it counts as hanging."""


@dataclass(frozen=True, eq=False)
class Case:
    """A program with what it must do."""

    code: bytes
    machine: Machine
    dram: np.ndarray
    bases: tuple[int, ...]
    code_address: int
    expected: MachineRun
    after: np.ndarray


def cases(count: int, seed: int) -> list[Case]:
    """Return random programs of the nano machine, every third a bad one."""
    made = []
    for number in range(count):
        rng = random.Random(seed * 1000 + number)
        machine = random_memory(rng, Machine.load("nano"))
        if number % BAD_EVERY == BAD_EVERY - 1:
            bad = bad_program(rng, machine, 2)
            program, code = bad.program, bad.code
        else:
            program, _ = random_program(rng, machine, rng.randint(4, 9))
            code = encode_program(program.instructions)
        dram, address = load_image(program), program.code_address()
        dram[address : address + len(code)] = np.frombuffer(code, np.uint8)
        end = address + -(-len(code) // 128) * 128
        before = dram[:end].copy()
        expected = run_code(code, machine, dram, program.region_addresses())
        made.append(
            Case(code, machine, before, program.region_addresses(), address, expected, dram[:end])
        )
    return made


def mutants(module: str, count: int, seed: int, folder: Path) -> tuple[Simulation, list[str]]:
    """Return the machine whose `module` has a switch for each mutation, and the mutations."""
    for path in sources(module, RTL):
        shutil.copy(path, folder)
    shutil.copytree(RTL / "generated", folder / "generated")
    names = " ".join(path.name for path in sources(module, RTL))
    run_script(
        f"read_verilog -sv -I. {names}; hierarchy -check -top {module}; proc; pmuxtree; flatten; "
        f"opt_clean; write_rtlil base.il; mutate -list {count} -seed {seed} -o mutations.txt "
        f"{module}",
        folder,
    )
    commands = (folder / "mutations.txt").read_text().splitlines()
    width = len(commands).bit_length()
    script = ["read_rtlil base.il"]
    script += [f"{line} -ctrl mutant {width} {i}" for i, line in enumerate(commands, 1)]
    script += ["opt_clean", "write_verilog -noattr mutants.v"]
    (folder / "mutants.ys").write_text("\n".join(script) + "\n")
    run_script("script mutants.ys", folder)
    (folder / "netlist.v").write_text(_with_switch(module, (folder / "mutants.v").read_text()))
    wanted = design(Machine.load("nano"), "verilator", MEMORY_BYTES)
    files = [folder / "netlist.v" if f.stem == module else f for f in wanted.sources]
    build = folder / "build"
    build.mkdir()
    compile_design(replace(wanted, sources=tuple(files)), "verilator", build)
    command = (str(build / "Vnpu_system"),)
    return Simulation(Machine.load("nano"), "verilator", MEMORY_BYTES, command), commands


def _with_switch(module: str, text: str) -> str:
    """Return the netlist with the port `mutant` as a plus argument, and the module's parameters."""
    source = (RTL / f"{module}.v").read_text().partition(");")[0]
    parameters = re.findall(r"^\s*parameter\s+int\s+(\w+)\s*=\s*(\w+)", source, re.MULTILINE)
    text = re.sub(r", mutant(?=[,)])", "", text, count=1)
    text, found = re.subn(
        r"^  input (\[.*?\]) mutant;\n  wire .*? mutant;\n",
        lambda m: "".join(f"  parameter {name} = {value};\n" for name, value in parameters)
        + f"  reg {m[1]} mutant;\n"
        '  initial if (!$value$plusargs("mutant=%d", mutant)) mutant = 0;\n',
        text, count=1, flags=re.MULTILINE,
    )  # fmt: skip
    assert found == 1
    return text


def killer(simulation: Simulation, number: int, programs: list[Case]) -> int | None:
    """Return which program notices mutant `number` (0: none is switched on); None: no one."""
    for place, case in enumerate(programs):
        try:
            found = run_on(
                simulation, case.code, case.machine, case.dram, case.bases, case.code_address,
                case.expected.timeline.cycles + MORE_CYCLES, (f"+mutant={number}",),
            )  # fmt: skip
        except (CosimulationError, KeyError, ValueError):
            return place
        if first_difference(case.expected, found, case.after):
            return place
    return None


def score(module: str, count: int, seed: int, programs: list[Case]) -> tuple[int, list[str]]:
    """Return how many mutants of `module` were tried, and those that nobody noticed."""
    with tempfile.TemporaryDirectory(prefix="npusim-") as folder:
        simulation, commands = mutants(module, count, seed, Path(folder))
        noticed = killer(simulation, 0, programs)
        if noticed is not None:
            raise CosimulationError(f"{module}: the original fails program {noticed}")
        alive = [c for i, c in enumerate(commands, 1) if killer(simulation, i, programs) is None]
    return len(commands), alive


def main() -> int:
    """Print a line for each module and its survivors; 1 where the score is below the least."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--mutants", type=int, default=40)
    parser.add_argument("--programs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    programs = cases(options.programs, options.seed)
    tried, lived = 0, 0
    for module in options.modules:
        start = time.monotonic()
        count, alive = score(module, options.mutants, options.seed, programs)
        tried, lived = tried + count, lived + len(alive)
        seconds = time.monotonic() - start
        print(f"{module}: {count - len(alive)} of {count} killed, {seconds:.0f} s", flush=True)
        for command in alive:
            places = re.findall(r"-src (\S+)", command)
            print(f"  survives: {places[-1] if places else '?'}: {command[:150]}", flush=True)
    print(f"score {(tried - lived) / tried:.3f} of {tried} mutants")
    return int((tried - lived) / tried < LEAST_SCORE)


if __name__ == "__main__":
    sys.exit(main())

"""Mutation score of the control modules: how many broken ones the random programs notice.

    python -m tools.mutation.control [MODULE ...] [--mutants 20] [--seed 1] [--programs 200]
        [--programs-seed 1] [--record FILE]

Every module of npu_top that is not a datapath unit is mutated (mutant_netlist.py). The machine
with one mutation switched on runs random programs, good and bad, on Verilator, until its first
difference from the simulator: an event, its cycle, a byte, a register, or a run that does not end.
A mutant that passes all programs is compared with the original by proof (mutant_proof.py: an
equivalent mutant is no fault).

Run without a module, the table in docs/verification.md is written anew. With --record the verdicts
stand in a file too, and a later run with other programs begins with what is open there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.build import Simulation
from npusim.cosim.npu.compare import first_difference
from npusim.cosim.npu.placement import placed
from npusim.cosim.npu.random_runs import SNIPPETS_MOST, random_memory
from npusim.cosim.npu.run import run_on
from npusim.cosim.programs.bad import bad_program
from npusim.cosim.programs.programs import random_program
from npusim.errors import NpuError
from npusim.isa.encoding import encode_program
from npusim.isa.program import Program
from npusim.isa.spec import FETCH_BURST_BYTES
from npusim.machines import Machine
from npusim.machines.memories import Scratchpads
from npusim.simulator.run import MachineRun, run_code
from tools.checkout import commit
from tools.markdown import header, row
from tools.mutation.datapath import DOCUMENT, write_section
from tools.mutation.netlist import Mutant, build, control_modules, elaborate, list_mutants
from tools.mutation.proof import Prover

LEAST_SCORE = 0.90
COMMAND = "python -m tools.mutation.control"
BAD_EVERY = 2
CUT_EVERY = 20
"""So often the memory ends within the code of a good program."""
SLOW_EVERY = 60
"""So often a program meets a memory that answers after 2^14 .. 2^16 cycles."""
MORE_CYCLES = 600
"""What a mutant may take beyond the expected cycles before it counts as hanging."""


def mutated_machine() -> Machine:
    """Return a machine of which no part is idle: two beats a word, fewer banks than mask bits."""
    nano = Machine.load("nano")
    pads = Scratchpads(
        act_banks=4, act_bank_words=64, wgt_banks=2, wgt_bank_words=128, par_banks=2,
        par_bank_words=32, acc_words=128,
    )  # fmt: skip
    sizes = {"name": "mutated", "array.size": 8, "array.line_words": 8, "scratchpads": pads}
    return nano.with_(sizes)


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


def cases(machine: Machine, count: int, seed: int) -> list[Case]:
    """Return random programs of `machine`: half are good; a few wait long, or leave the memory."""
    made = []
    for number in range(count):
        rng = random.Random(seed * 10_000 + number)
        drawn = random_memory(rng, machine)
        if number % BAD_EVERY == BAD_EVERY - 1:
            bad = bad_program(rng, drawn, 2)
            made.append(_case(bad.program, bad.code))
            continue
        snippets = rng.randint(6, SNIPPETS_MOST)
        if number % SLOW_EVERY == SLOW_EVERY - BAD_EVERY:
            slow = {"memory.latency_cycles": rng.randrange(1 << 14, 1 << 16)}
            drawn, snippets = drawn.with_(slow), 2
        program, _ = random_program(rng, drawn, snippets)
        case = _case(program, encode_program(program.instructions))
        made.append(_cut(case, rng) if number % CUT_EVERY == 0 else case)
    return made


def _case(program: Program, code: bytes) -> Case:
    dram, bases, address = placed(program)
    dram[address : address + len(code)] = np.frombuffer(code, np.uint8)
    end = address + -(-len(code) // FETCH_BURST_BYTES) * FETCH_BURST_BYTES
    before = dram[:end].copy()
    expected = run_code(code, program.machine, dram, bases, code_address=address)
    return Case(code, program.machine, before, bases, address, expected, dram[:end])


def _cut(whole: Case, rng: random.Random) -> Case:
    """Return `whole` in a memory that ends within its code: FETCH is answered with an error."""
    code = np.zeros(-(-len(whole.code) // FETCH_BURST_BYTES) * FETCH_BURST_BYTES, np.uint8)
    code[: len(whole.code)] = np.frombuffer(whole.code, np.uint8)
    size_bytes = 1 << (whole.code_address + len(code) - 1).bit_length()
    address = size_bytes - FETCH_BURST_BYTES * rng.randrange(len(code) // FETCH_BURST_BYTES)
    machine = whole.machine.with_({"memory.size_bytes": size_bytes})
    dram = np.zeros(max(size_bytes, address + len(code)), np.uint8)
    dram[: whole.code_address] = whole.dram[: whole.code_address]
    dram[address : address + len(code)] = code
    before = dram[: address + len(code)].copy()
    expected = run_code(whole.code, machine, dram, whole.bases, code_address=address)
    return Case(whole.code, machine, before, whole.bases, address, expected, before)


class Judge:
    """Runs programs on mutants; those that found a fault before come first."""

    def __init__(self, simulation: Simulation, programs: Sequence[Case]) -> None:
        self.simulation = simulation
        self.programs = list(programs)

    def notices(self, number: int) -> bool:
        """Return whether a program notices mutant `number` (0: none)."""
        for index, case in enumerate(self.programs):
            if self._differs(number, case):
                self.programs.insert(0, self.programs.pop(index))
                return True
        return False

    def _differs(self, number: int, case: Case) -> bool:
        try:
            found = run_on(
                self.simulation, case.code, case.machine, case.dram, case.bases,
                case.code_address, case.expected.timeline.cycles + MORE_CYCLES,
                (f"+mutant={number}",),
            )  # fmt: skip
        except (NpuError, KeyError, ValueError):  # it hangs, or says what cannot be
            return True
        return bool(first_difference(case.expected, found, case.after))


@dataclass
class Score:
    """What became of the mutants of one module."""

    killed: int = 0
    equivalent: list[Mutant] = field(default_factory=list)
    surviving: list[Mutant] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Return killed / (killed + surviving)."""
        return self.killed / max(1, self.killed + len(self.surviving))


@dataclass
class Record:
    """The mutants that are decided, by number; those without a proof; the programs of all runs.

    `netlist` says which netlist and mutations they number.
    """

    netlist: str
    killed: set[int] = field(default_factory=set)
    equivalent: set[int] = field(default_factory=set)
    unprovable: set[int] = field(default_factory=set)
    programs: int = 0

    @classmethod
    def load(cls, path: Path | None, netlist: str) -> Record:
        """Return the record of earlier runs; an empty one where there is none."""
        if path is None or not path.exists():
            return cls(netlist)
        found = json.loads(path.read_text())
        if found["netlist"] != netlist:
            raise CosimulationError(
                f"{path}: expected verdicts on the netlist {netlist}, found {found['netlist']}"
            )
        sets = {name: set(found[name]) for name in ("killed", "equivalent", "unprovable")}
        return cls(netlist, **sets, programs=found["programs"])

    def save(self, path: Path | None) -> None:
        """Write the record to `path`."""
        if path is not None:
            sets = {
                name: sorted(getattr(self, name)) for name in ("killed", "equivalent", "unprovable")
            }
            found = {"netlist": self.netlist, **sets, "programs": self.programs}
            path.write_text(json.dumps(found) + "\n")

    def score(self, module: str, mutants: Sequence[Mutant]) -> Score:
        """Return what became of the mutants of `module`."""
        mine = [mutant for mutant in mutants if mutant.module == module]
        return Score(
            sum(mutant.number in self.killed for mutant in mine),
            [mutant for mutant in mine if mutant.number in self.equivalent],
            [mutant for mutant in mine if mutant.number not in self.killed | self.equivalent],
        )


def judge(mutant: Mutant, by: Judge, prover: Prover, record: Record) -> str:
    """Decide on `mutant` where the programs or a proof can, in `record`; return the verdict."""
    number = mutant.number
    if by.notices(number):
        record.killed.add(number)
        return "killed"
    if number not in record.unprovable and prover.is_equivalent(mutant):
        record.equivalent.add(number)
        return "equivalent"
    record.unprovable.add(number)
    return "open"


def score_row(name: str, score: Score) -> str:
    """Return a line of the table."""
    counts = (score.killed, len(score.equivalent), len(score.surviving))
    return row(name, sum(counts), *counts, f"{100 * score.score:.1f} %")


def table(scores: dict[str, Score], programs: int, command: str) -> str:
    """Return the Markdown of the scores and of every mutant that is open."""
    whole = Score(
        sum(score.killed for score in scores.values()),
        [mutant for score in scores.values() for mutant in score.equivalent],
        [mutant for score in scores.values() for mutant in score.surviving],
    )
    lines = [
        f"Written at commit {commit()} by `{command}`. The verdicts were gathered over runs with "
        f"{programs} programs in all; each run went on with what was open before it.",
        "",
        *header("module", "mutants", "killed", "equivalent (proved)", "open", "at least"),
        *(score_row(name, score) for name, score in scores.items()),
        score_row("**all**", whole),
        "",
        f"Open, neither killed nor proved: {len(whole.surviving) or 'none'}.",
        "",
        *(f"* {mutant.where}: {mutant.what}" for mutant in whole.surviving),
    ]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Print a line for each mutant, write the table; 1 where the whole score is below the least."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=control_modules())
    parser.add_argument("--mutants", type=int, default=20)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs-seed", type=int, default=1)
    parser.add_argument("--record", type=Path)
    options = parser.parse_args()
    machine = mutated_machine()
    with tempfile.TemporaryDirectory(prefix="npusim-") as name:
        folder = Path(name)
        elaborate(machine, folder)
        mutants = list_mutants(control_modules(), options.mutants, options.seed, folder)
        record = Record.load(options.record, identity(mutants, folder))
        if options.programs:
            run(mutants, machine, record, options, folder)
    scores = {module: record.score(module, mutants) for module in control_modules()}
    if set(options.modules) == set(control_modules()):
        command = f"{COMMAND} --mutants {options.mutants} --seed {options.seed}"
        if options.record:
            command += f" --record {options.record}"
        text = table(scores, record.programs, command)
        write_section(DOCUMENT, "control-mutation", text)
    killed = sum(scores[module].killed for module in options.modules)
    surviving = sum(len(scores[module].surviving) for module in options.modules)
    return int(killed < LEAST_SCORE * (killed + surviving))


def identity(mutants: Sequence[Mutant], folder: Path) -> str:
    """Return a hash of the netlist in `folder` and of its mutations (16 hexadecimal digits)."""
    digest = hashlib.sha256((folder / "base.il").read_bytes())
    digest.update("\n".join(mutant.command for mutant in mutants).encode())
    return digest.hexdigest()[:16]


def run(
    mutants: Sequence[Mutant], machine: Machine, record: Record, options: Namespace, folder: Path
) -> None:
    """Judge what `record` leaves open of `options.modules`, and print a line for each mutant."""
    simulation = build(machine, list(mutants), folder)
    by = Judge(simulation, cases(machine, options.programs, options.programs_seed))
    if by.notices(0):
        raise CosimulationError("the original fails: run npusim verify --random first")
    record.programs += options.programs
    prover = Prover(mutants, folder)
    for mutant in mutants:
        done = record.killed | record.equivalent
        if mutant.module in options.modules and mutant.number not in done:
            verdict = judge(mutant, by, prover, record)
            print(f"{verdict} {mutant.number} {mutant.where}: {mutant.what}", flush=True)
            record.save(options.record)


if __name__ == "__main__":
    sys.exit(main())

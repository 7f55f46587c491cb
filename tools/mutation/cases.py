"""The programs that control modules are judged by, and what each must do.

A few are networks, the shipped one in every weight format among them, the others random. Half of
these must fault. A few end beyond the memory or lie there whole, which FETCH is answered with an
error. Most machines have a past (past.py).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

import npusim
from npusim import operators as op
from npusim.codes import ARRAY_FORMATS
from npusim.cosim.errors import CosimulationError
from npusim.cosim.npu.build import Simulation
from npusim.cosim.npu.compare import first_difference
from npusim.cosim.npu.placement import placed, turned
from npusim.cosim.npu.random_runs import SNIPPETS_MOST, random_memory
from npusim.cosim.npu.run import RtlRun, run_on
from npusim.cosim.programs.bad import bad_program
from npusim.cosim.programs.programs import random_program
from npusim.errors import NpuError
from npusim.graph.network import Network
from npusim.isa.encoding import encode_program
from npusim.isa.program import Program
from npusim.isa.spec import DRAM_SPACE, FETCH_BURST_BYTES
from npusim.machines import Machine
from npusim.machines.memories import Scratchpads
from npusim.quant.options import PUBLISHED
from npusim.simulator.run import MachineRun, run_code
from tests.quant.networks import Maker
from tools.checkout import DIGITS
from tools.flow.streams import SCHEMES, digits
from tools.flow.traffic import on_sample
from tools.mutation.netlist import MEMORY_BYTES, Mutant
from tools.mutation.past import Past, random_past, stalls_of
from tools.mutation.reach import reached

BAD_EVERY = 2
CUT_EVERY = 20
"""So often the memory ends within the code of a good program, or before it."""
CYCLES_LEAST, CYCLES_MOST = 1000, 6000
"""Of a good program: many short ones see more than a few long ones, but the host takes its time."""
PAST_SHARE = 0.7
WINDOWED = ("uniform8", "subset", "pwlq")
MORE_CYCLES = 600
"""What a mutant may take beyond the expected cycles before it counts as hanging."""


def mutated_machine() -> Machine:
    """Return a machine of which no part is idle: two beats a word, fewer banks than mask bits."""
    nano = Machine.load("nano")
    pads = Scratchpads(
        act_banks=4, act_bank_words=64, wgt_banks=2, wgt_bank_words=128, par_banks=2,
        par_bank_words=32, acc_words=128,
    )  # fmt: skip
    return nano.with_({
        "name": "mutated",
        "array.size": 8,
        "array.rows": 16,
        "array.formats": ARRAY_FORMATS,
        "array.line_words": 8,
        "array.fp32_requantizer": 1,
        "array.lanes_per_requantizer": 2,
        "array.lanes_per_lookup": 2,
        "scratchpads": pads,
        "memory.size_bytes": MEMORY_BYTES,
    })  # fmt: skip


@dataclass(frozen=True, eq=False)
class Case:
    """A program with what it must do, on a machine with a past."""

    code: bytes
    machine: Machine
    dram: np.ndarray
    bases: tuple[int, ...]
    code_address: int
    expected: MachineRun
    after: np.ndarray
    past: Past = field(default_factory=Past)


def cases(machine: Machine, count: int, seed: int) -> list[Case]:
    """Return random programs of `machine`: half are good; a few leave the memory."""
    made = []
    for number in range(count):
        rng = random.Random(seed * 10_000 + number)
        while True:
            case = _random_case(rng, machine, number)
            least = 0 if case.expected.timeline.faults else CYCLES_LEAST
            if least <= case.expected.timeline.cycles <= CYCLES_MOST:
                break
        made.append(replace(case, past=random_past(rng)) if rng.random() < PAST_SHARE else case)
    return made


def network_cases(machine: Machine) -> list[Case]:
    """Return the shipped network in each weight format of `machine`, and windows in some."""
    samples = np.load(DIGITS / "digits_test.npz")["x"]
    networks = [
        (digits(weight_format), samples[sample : sample + 1])
        for sample, weight_format in enumerate(machine.array.formats)
    ]
    networks += [windowed(*SCHEMES[weight_format]) for weight_format in WINDOWED]
    made = []
    for source, x in networks:
        network = on_sample(source, machine, "auto", x)
        (step,) = network.program.runs()
        made.append(_case(network.program, network.program.code(step), network.dram))
    return made


def windowed(scheme: str, bits: int) -> tuple[Network, np.ndarray]:
    """Return two depthwise layers, narrow enough for the lines of a window, and a sample."""
    rng, relu = np.random.default_rng(0), op.Clamp(0.0)
    maker = Maker((1, 7, 6, 16), (0, 3, 1, 2))
    last = "x"
    for name, stride in (("one", (1, 1)), ("two", (2, 1))):
        weights = maker.constant(f"{name} w", rng.normal(size=(16, 3, 3, 1)))
        window = op.Window((3, 3), stride, padding=(1, 1, 1, 1))
        last = maker.node(name, op.Conv2D(window, 16, relu), last, weights)
    samples = rng.normal(size=(8, 16, 7, 6))
    network = npusim.quantize(maker.network(last), samples, scheme=scheme, bits=bits, **PUBLISHED)
    return network, samples[:1]


def _random_case(rng: random.Random, machine: Machine, number: int) -> Case:
    drawn = random_memory(rng, machine)
    if number % BAD_EVERY == BAD_EVERY - 1:
        bad = bad_program(rng, drawn, 2)
        return _case(bad.program, bad.code)
    program, _ = random_program(rng, drawn, rng.randint(6, SNIPPETS_MOST))
    case = _case(program, encode_program(program.instructions))
    if number % CUT_EVERY:
        return case
    return _far(case, rng) if number % (2 * CUT_EVERY) else _cut(case, rng)


def _case(program: Program, code: bytes, image: np.ndarray | None = None) -> Case:
    """Return a case of a program as it is placed; `image`: what its regions hold, from 0 on."""
    dram, regions, address = placed(program)
    if image is not None:
        moved = address - program.code_address()
        dram[moved:address] = image[: program.code_address()]
    code, bases = turned(code, regions, program.machine)
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
    address = size_bytes - FETCH_BURST_BYTES * rng.randrange(1, len(code) // FETCH_BURST_BYTES + 1)
    machine = whole.machine.with_({"memory.size_bytes": size_bytes})
    dram = np.zeros(max(size_bytes, address + len(code)), np.uint8)
    dram[: whole.code_address] = whole.dram[: whole.code_address]
    dram[address : address + len(code)] = code
    before = dram[: address + len(code)].copy()
    expected = run_code(whole.code, machine, dram, whole.bases, code_address=address)
    return Case(whole.code, machine, before, whole.bases, address, expected, dram[: len(before)])


def _far(whole: Case, rng: random.Random) -> Case:
    """Return `whole` begun one address bit away from its code, beyond the memory."""
    memory_bits = (whole.machine.memory.size_bytes - 1).bit_length()
    bit = 1 << rng.randrange(memory_bits, DRAM_SPACE.bit_length() - 1)
    address = whole.code_address + bit
    expected = run_code(
        whole.code, whole.machine, whole.dram.copy(), whole.bases, code_address=address
    )
    return replace(whole, code_address=address, expected=expected, after=whole.dram)


class Judge:
    """Runs programs on the mutants that they reach; those that found a fault before come first."""

    def __init__(self, simulation: Simulation, programs: Sequence[Case]) -> None:
        self.simulation = simulation
        self._programs = tuple(programs)
        self._finds: Counter[int] = Counter()
        self._reached = {id(case): self._reached_by(case) for case in programs}

    def reaching(self, mutant: Mutant) -> list[Case]:
        """Return the programs that may notice `mutant`: first what found most, the long before."""
        found = [
            case for case in self._programs
            if mutant.is_of_a_clock or mutant.number in self._reached[id(case)]
        ]  # fmt: skip
        return sorted(found, key=lambda one: (-self._finds[id(one)], -one.expected.timeline.cycles))

    def notices(self, mutant: Mutant) -> bool:
        """Return whether one of the programs notices `mutant`."""
        for case in self.reaching(mutant):
            found = self._run(mutant.number, case)
            if found is None or self._differs(found, case):
                self._finds[id(case)] += 1
                return True
        return False

    def _reached_by(self, case: Case) -> set[int]:
        """Return the numbers of the mutants that a program reaches; raise where it fails anyway."""
        found = self._run(0, case)
        if found is None or self._differs(found, case):
            raise CosimulationError("the original fails: run npusim verify --random first")
        return reached(found.printed)

    def _run(self, number: int, case: Case) -> RtlRun | None:
        """Return what mutant `number` does (0: the original); None: it hangs, or cannot be read."""
        try:
            return run_on(
                self.simulation, case.code, case.machine, case.dram, case.bases,
                case.code_address, case.expected.timeline.cycles + MORE_CYCLES,
                (f"+mutant={number}", *case.past.plusargs),
                instructions_before=case.past.instructions, after_reset=case.past.registers,
            )  # fmt: skip
        except (NpuError, KeyError, ValueError):
            return None

    def _differs(self, found: RtlRun, case: Case) -> bool:
        found = case.past.without(found, stalls_of(case.expected.events))
        return bool(first_difference(case.expected, found, case.after))

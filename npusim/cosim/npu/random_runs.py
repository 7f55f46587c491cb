"""Random programs on both sides: good and bad ones, under all models of the memory; shrunk."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from npusim.cosim.npu.compare import Comparison, compare_code, predicted_outcome
from npusim.cosim.npu.placement import addresses_of, moved_bytes, placed, turned
from npusim.cosim.programs.bad import BadRecipe, bad_recipe, shrink_bad
from npusim.cosim.programs.machines import INDEPENDENT, random_machine, shared_in_a_third
from npusim.cosim.programs.programs import Recipe, assembly, recipe, shrink
from npusim.isa.encoding import encode_program
from npusim.isa.program import Program
from npusim.isa.spec import INSTRUCTION_BYTES
from npusim.machines import Machine
from npusim.simulator.timing.timeline import Timeline, time_code

BAD_SHARE = 0.25
"""How many of the programs must fault."""
SNIPPETS_MOST = 14
PROGRAMS_OF_A_MACHINE = 10
"""Of a drawn machine: each is a build of the Verilog."""
RESET_SEEDS: dict[str, tuple[int | None, ...]] = {"icarus": (None,), "verilator": (1, 2, 3)}
"""Each program runs once for each: on Verilator, what nobody resets then begins with other bits."""
LEAST_MEMORY_BYTES = 1 << 20
"""Of a drawn memory: every random program lies in it."""
_LATENCIES_CYCLES = (1, 2, 5, 10, 40, 100)
_OUTSTANDING = (1, 2, 4, 8, 64)


@dataclass(frozen=True)
class RandomRun:
    """One random program on both sides; where it differs, the small one that it shrank to.

    Attributes
    ----------
    family
        `good`, or the fault that a bad one was made for.
    code
        The program's bytes; an illegal opcode is there alone.
    """

    seed: int
    family: str
    program: Program
    code: bytes
    comparison: Comparison


def random_memory(rng: random.Random, machine: Machine) -> Machine:
    """Return `machine` with a memory of any model, of random latency, depth, seed and DRAM."""
    whole = machine.memory.size_bytes
    memory = {
        "memory.model": rng.choice(INDEPENDENT),
        "memory.latency_cycles": rng.choice(_LATENCIES_CYCLES),
        "memory.outstanding": rng.choice(_OUTSTANDING),
        "memory.seed": rng.randrange(1, 1 << 16),
        "memory.size_bytes": rng.choice((min(LEAST_MEMORY_BYTES, whole), whole)),
    }
    shared = shared_in_a_third(random.Random(memory["memory.seed"]), machine.clock.frequency_hz)
    return machine.with_({**memory, **shared})


def drawn(seed: int, machine: Machine | None, *, any_memory: bool = True) -> Recipe | BadRecipe:
    """Return the recipe of the random program of a seed; other arguments as in `random_runs`."""
    rng = random.Random(seed)
    machine = random_machine(seed // PROGRAMS_OF_A_MACHINE) if machine is None else machine
    its_machine = random_memory(rng, machine) if any_memory else machine
    size = rng.randint(1, SNIPPETS_MOST)
    if rng.random() < BAD_SHARE:
        return bad_recipe(rng, its_machine, min(size, 5))
    return recipe(rng, its_machine, size)


def random_runs(
    machine: Machine | None,
    seeds: Iterable[int],
    *,
    simulator: str = "icarus",
    any_memory: bool = True,
) -> Iterator[RandomRun]:
    """Yield the comparison of one random program for each seed.

    Parameters
    ----------
    machine
        Of all programs; None: one is drawn for each PROGRAMS_OF_A_MACHINE of them.
    any_memory
        Draw a memory for each program; else the machine's.
    """
    for seed in seeds:
        made = drawn(seed, machine, any_memory=any_memory)
        if isinstance(made, BadRecipe):
            yield _bad(seed, made, simulator)
        else:
            yield _good(seed, made, simulator)


def random_outcomes(machine: Machine | None, seeds: Iterable[int]) -> Iterator[str]:
    """Yield the `outcome` of each comparison of `random_runs`, by the simulator alone."""
    for seed in seeds:
        program, code = code_of(drawn(seed, machine))
        dram, addresses, code_address = placed(program)
        code, addresses = turned(code, addresses, program.machine)
        yield predicted_outcome(code, program.machine, dram, addresses, code_address)


def timeline_of(program: Program, code: bytes) -> Timeline:
    """Return the cycles of a random program at its place in DRAM."""
    addresses, code_address = addresses_of(program)
    code, addresses = turned(code, addresses, program.machine)
    return time_code(code, program.machine, addresses, code_address=code_address)


def code_of(made: Recipe | BadRecipe) -> tuple[Program, bytes]:
    """Return the program of a recipe, and its bytes."""
    if isinstance(made, BadRecipe):
        bad = made.build()
        return bad.program, bad.code
    program = made.build()
    return program, encode_program(program.instructions)


def _compare(program: Program, code: bytes, simulator: str) -> Comparison:
    dram, addresses, code_address = placed(program)
    code, addresses = turned(code, addresses, program.machine)
    return compare_code(
        code, program.machine, dram, addresses, code_address, simulator=simulator,
        reset_seeds=RESET_SEEDS[simulator],
    )  # fmt: skip


def _bad(seed: int, made: BadRecipe, simulator: str) -> RandomRun:
    bad = made.build()
    comparison = _compare(bad.program, bad.code, simulator)
    if comparison.difference:
        bad = shrink_bad(
            made, lambda one: bool(_compare(one.program, one.code, simulator).difference)
        )
        comparison = _compare(bad.program, bad.code, simulator)
    return RandomRun(seed, bad.cause, bad.program, bad.code, comparison)


def _good(seed: int, made: Recipe, simulator: str) -> RandomRun:
    def compare(candidate: Program) -> Comparison:
        return _compare(candidate, encode_program(candidate.instructions), simulator)

    program = made.build()
    comparison = compare(program)
    if comparison.difference:
        program = shrink(made, lambda candidate: bool(compare(candidate).difference))
        comparison = compare(program)
    return RandomRun(seed, "good", program, encode_program(program.instructions), comparison)


def report(run: RandomRun) -> str:
    """Return what differs, for whom, and the program as assembly: comments and instructions.

    Its data are in the program file that `save` writes beside it.
    """
    machine, memory = run.program.machine, run.program.machine.memory
    lines = [
        f"seed {run.seed} ({run.family}) on {machine.name}, memory {memory.model} "
        f"latency {memory.latency_cycles} outstanding {memory.outstanding} seed {memory.seed}, "
        f"all of it {moved_bytes(run.program, machine)} bytes behind its place:",
        *run.comparison.difference.splitlines(),
    ]
    written = encode_program(run.program.instructions)
    for first in range(0, len(written), INSTRUCTION_BYTES):
        found = run.code[first : first + INSTRUCTION_BYTES]
        if found != written[first : first + INSTRUCTION_BYTES]:
            lines.append(f"pc {first // INSTRUCTION_BYTES} is in memory {found.hex()}")
    return "".join(f"; {line}\n" for line in lines) + assembly(run.program)


def save(run: RandomRun, folder: Path) -> Path:
    """Write `random-SEED.s`, the report, and `random-SEED.npu`, to verify again; return the first.

    The `.npu` has the program's data, machine and memory, but no illegal opcode.
    """
    text, program = folder / f"random-{run.seed}.s", folder / f"random-{run.seed}.npu"
    text.write_text(report(run), encoding="utf-8")
    program.write_bytes(run.program.to_bytes())
    return text

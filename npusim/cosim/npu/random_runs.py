"""Random programs on both sides: good and bad ones, under both models of the memory; shrunk."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from npusim.cosim.npu.compare import Comparison, compare_code, compare_step
from npusim.cosim.random_bad import bad_program
from npusim.cosim.random_programs import Recipe, assembly, recipe, shrink
from npusim.isa.program import Program
from npusim.machines import Machine
from npusim.simulator.machine.run import load_image

BAD_SHARE = 0.25
"""How many of the programs must fault."""
SNIPPETS_MOST = 14
_LATENCIES_CYCLES = (1, 2, 5, 10, 40, 100)
_OUTSTANDING = (1, 2, 4, 8)


@dataclass(frozen=True)
class RandomRun:
    """One random program on both sides."""

    seed: int
    family: str
    """`good`, or the fault that a bad one was made for."""
    machine: Machine
    comparison: Comparison
    shrunk: Program | None = None
    """Where it differs and is a good one: a small program that still does."""


def random_memory(rng: random.Random, machine: Machine) -> Machine:
    """Return `machine` with a memory of either model, of random latency, depth and seed."""
    memory = replace(
        machine.memory,
        model=rng.choice(("fixed", "lfsr")),
        latency_cycles=rng.choice(_LATENCIES_CYCLES),
        outstanding=rng.choice(_OUTSTANDING),
        seed=rng.randrange(1, 1 << 16),
    )
    return replace(machine, memory=memory)


def random_runs(
    machine: Machine, seeds: range, *, simulator: str = "icarus", any_memory: bool = True
) -> Iterator[RandomRun]:
    """Yield the comparison of one random program for each seed.

    Parameters
    ----------
    any_memory
        Draw a memory for each program; else the machine's.
    """
    for seed in seeds:
        rng = random.Random(seed)
        drawn = random_memory(rng, machine) if any_memory else machine
        size = rng.randint(1, SNIPPETS_MOST)
        if rng.random() < BAD_SHARE:
            yield _bad(seed, rng, drawn, min(size, 5), simulator)
        else:
            yield _good(seed, recipe(rng, drawn, size), simulator)


def _bad(seed: int, rng: random.Random, machine: Machine, size: int, simulator: str) -> RandomRun:
    bad = bad_program(rng, machine, size)
    program = bad.program
    comparison = compare_code(
        bad.code, machine, load_image(program), program.region_addresses(),
        program.code_address(), simulator=simulator,
    )  # fmt: skip
    return RandomRun(seed, bad.cause, machine, comparison)


def _good(seed: int, made: Recipe, simulator: str) -> RandomRun:
    program = made.build()

    def compare(candidate: Program) -> Comparison:
        dram = load_image(candidate)
        return compare_step(candidate, candidate.steps[0], dram, simulator=simulator)

    comparison = compare(program)
    if not comparison.difference:
        return RandomRun(seed, "good", made.machine, comparison)
    small = shrink(made, lambda candidate: bool(compare(candidate).difference))
    return RandomRun(seed, "good", made.machine, compare(small), small)


def report(run: RandomRun) -> str:
    """Return what differs, for whom, and the shrunk program as assembly."""
    memory = run.machine.memory
    lines = [
        f"seed {run.seed} ({run.family}) on {run.machine.name}, memory {memory.model} "
        f"latency {memory.latency_cycles} outstanding {memory.outstanding} seed {memory.seed}:",
        run.comparison.difference,
    ]
    if run.shrunk is not None:
        lines += ["shrunk to:", assembly(run.shrunk).rstrip()]
    return "\n".join(lines)

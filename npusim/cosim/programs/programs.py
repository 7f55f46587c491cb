"""Random programs: legal by construction, or bad in one way that must fault; the RTL's main test.

A program is a list of snippet seeds: each snippet is drawn from its own seed and from what the ones
before it have left (random_builder.py). So a failing program shrinks by leaving snippets out, and
stays legal; then instruction by instruction, as long as the checker still accepts it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from npusim.cosim.programs.builder import Builder
from npusim.cosim.programs.dram import REGION_NAMES, Dram
from npusim.cosim.programs.snippets import SNIPPETS
from npusim.errors import NpuError
from npusim.isa.assembly import disassemble
from npusim.isa.check import check
from npusim.isa.encoding import Instruction, instruction
from npusim.isa.program import Program, Region, Step
from npusim.machines import Machine


@dataclass(frozen=True)
class Recipe:
    """What a random program is made from: a seed for its data, one for each snippet."""

    machine: Machine
    data_seed: int
    snippet_seeds: tuple[int, ...]

    def build(self) -> Program:
        """Return the program; the same recipe gives the same bytes."""
        builder, dram = grow(self)
        code = random.Random(self.data_seed).getrandbits(16)
        program = [*builder.program, instruction("HALT", code=code)]
        return as_program(f"random-{self.data_seed}", self.machine, program, dram.images())


def recipe(rng: random.Random, machine: Machine, size: int) -> Recipe:
    """Return the recipe of a program of `size` snippets."""
    return Recipe(machine, rng.getrandbits(32), tuple(rng.getrandbits(32) for _ in range(size)))


def random_program(
    rng: random.Random, machine: Machine, size: int = 12
) -> tuple[Program, tuple[bytes, ...]]:
    """Return a legal program of `size` snippets and the whole content of each of its DRAM regions.

    The static checker accepts it; it ends with HALT.
    """
    program = recipe(rng, machine, size).build()
    return program, tuple(region.image for region in program.regions)


def grow(of: Recipe) -> tuple[Builder, Dram]:
    """Return the program of a recipe without its HALT, and its DRAM."""
    builder, dram = Builder(of.machine), Dram(of.machine, random.Random(of.data_seed))
    snippets, weights = zip(*SNIPPETS, strict=True)
    for seed in of.snippet_seeds:
        rng = random.Random(seed)
        rng.choices(snippets, weights)[0](builder, dram, rng)
    return builder, dram


def as_program(
    name: str, machine: Machine, instructions: Sequence[Instruction], images: Sequence[bytes]
) -> Program:
    """Return one run of `instructions` with regions that hold `images`."""
    return Program(
        name=name,
        machine=machine,
        requant="tflite",
        samples=1,
        instructions=tuple(instructions),
        regions=tuple(
            Region(region, len(image), image)
            for region, image in zip(REGION_NAMES, images, strict=True)
        ),
        places=(),
        inputs=(),
        outputs=(),
        steps=(Step("run", 0, len(instructions)),),
        layers=(),
    )


def assembly(program: Program) -> str:
    """Return the program as text for a `.s` file."""
    return disassemble(program.instructions)


def shrink(of: Recipe, fails: Callable[[Program], bool]) -> Program:
    """Return a small program for which `fails` still holds, as it does for the recipe's.

    Whatever is tried passes the static checker, so what remains is a legal program.
    """
    seeds = without(
        of.snippet_seeds, lambda left: fails(replace(of, snippet_seeds=tuple(left)).build())
    )
    program = replace(of, snippet_seeds=tuple(seeds)).build()

    def still(instructions: Sequence[Instruction]) -> bool:
        if not instructions:
            return False
        try:
            check(instructions, of.machine, [region.size_bytes for region in program.regions])
        except NpuError:
            return False
        return fails(_with_instructions(program, instructions))

    return _with_instructions(program, without(program.instructions, still))


def _with_instructions(program: Program, instructions: Sequence[Instruction]) -> Program:
    return replace(
        program, instructions=tuple(instructions), steps=(Step("run", 0, len(instructions)),)
    )


def without(items: Sequence, still: Callable[[Sequence], bool]) -> list:
    """Return `items` without those that can go while `still` holds; halves first, then singles."""
    left, size = list(items), max(1, len(items) // 2)
    while size:
        start = 0
        while start < len(left):
            fewer = left[:start] + left[start + size :]
            if still(fewer):
                left = fewer
            else:
                start += size
        size //= 2
    return left

"""A thousand programs with one field changed: rejected by the checker, or the same on both."""

from __future__ import annotations

import random

import pytest

from npusim.cosim.npu.compare import compare_step
from npusim.cosim.npu.random_runs import random_memory
from npusim.cosim.programs.mutations import mutate
from npusim.cosim.programs.programs import random_program
from npusim.errors import NpuError
from npusim.isa.check import check
from npusim.machines import Machine
from npusim.simulator.run import load_image

CHUNKS, PROGRAMS = 5, 200


@pytest.mark.rtl
@pytest.mark.usefixtures("verilator")
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_mutants(chunk):
    accepted = 0
    for seed in range(chunk * PROGRAMS, (chunk + 1) * PROGRAMS):
        rng = random.Random(seed)
        machine = random_memory(rng, Machine.load("nano"))
        program, images = random_program(rng, machine, rng.randint(1, 8))
        mutant = mutate(rng, program)
        try:
            check(mutant.instructions, machine, [len(image) for image in images])
        except NpuError:
            continue
        accepted += 1
        found = compare_step(mutant, mutant.steps[0], load_image(mutant), simulator="verilator")
        assert not found.difference, f"seed {seed}: {found.difference}"
    assert PROGRAMS // 5 < accepted < PROGRAMS

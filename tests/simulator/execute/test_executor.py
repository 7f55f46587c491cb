"""Bytes that every instruction writes, against a reference in plain Python."""

from __future__ import annotations

import random
import zlib

import numpy as np
import pytest

from npusim.cosim.programs.programs import random_program
from npusim.isa.order import order
from npusim.machines import Machine
from npusim.simulator.run import load_image, run_step
from tests.isa.instructions.drawn import FLAT, TALL
from tests.simulator.execute.reference import Reference

MADE = {"flat": FLAT, "tall": TALL}


@pytest.mark.parametrize(
    ("name", "programs", "size"),
    [
        ("nano", 60, 14),
        ("small", 15, 14),
        ("base", 8, 14),
        ("wide", 4, 14),
        ("flat", 15, 14),
        ("tall", 15, 14),
    ],
)
def test_every_instruction_writes_the_reference_bytes(name, programs, size):
    machine, seen = MADE.get(name) or Machine.load(name), set()
    for seed in range(programs):
        program, _ = random_program(random.Random(seed), machine, size)
        run = run_step(program, program.steps[0], load_image(program))
        assert run.timeline.halt_code == program.instructions[-1]["code"]
        crcs = {e.pc: e.last for e in run.events if e.event == "retire"}
        dram = load_image(program)
        reference = Reference(machine, program.region_addresses(), dram)
        for pc in order(program.instructions).sequence:
            item = program.instructions[pc]
            written = reference.run(item)
            assert crcs[pc] == (zlib.crc32(written) if written else 0), (
                f"seed {seed}, pc {pc}: {item}"
            )
            seen.add((item.name, item.values.get("op"), item.values.get("depthwise")))
        assert np.array_equal(run.dram, dram), f"seed {seed}"
    if name == "nano":
        assert {("MAC", None, 0), ("MAC", None, 1), *(("VEC", op, None) for op in range(6))} <= seen

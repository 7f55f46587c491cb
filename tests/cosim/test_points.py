"""Random programs reach every point of the instruction set, but those named with a reason."""

from __future__ import annotations

import random
from collections.abc import Iterator

from npusim.cosim.npu.random_runs import code_of, drawn, timeline_of
from npusim.cosim.programs.bad import BadRecipe
from npusim.cosim.programs.machines import random_machine
from npusim.cosim.programs.points import UNREACHED, every_point, points_of, reached
from npusim.cosim.programs.programs import Recipe
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.machines import Machine
from npusim.simulator.timing.timeline import Timeline, time_code

PROGRAMS, MISTAKES = 400, 2600


def timelines() -> Iterator[Timeline]:
    """Yield programs as `npusim verify --random` draws them, then mistakes behind one snippet."""
    for seed in range(1, PROGRAMS + 1):
        yield timeline_of(*code_of(drawn(seed, None)))
    for seed in range(MISTAKES):
        legal = Recipe(random_machine(seed % 40), seed, (seed,))
        yield timeline_of(*code_of(BadRecipe(legal, random.Random(seed).getstate())))


def test_every_point_is_reached() -> None:
    found = reached(map(points_of, timelines()))
    assert {name for name, times in found.items() if not times} == UNREACHED.keys()


def test_what_a_program_reaches() -> None:
    program = assemble(
        """
        CFG engine=LD index=element element.beats=1 pads.left=0
        LD columns=2 rows=1 blocks=1 banks=0x1 signal_next=1
        CFG engine=MX index=63 wait_prev=1
        HALT
        """
    )
    found = points_of(time_code(encode_program(program), Machine.load("nano")))
    assert found["LD.columns bit 0"] == 0
    assert found["LD.rows bit 0"] == found["LD element.beats bit 0"] == 1
    assert found["LD signal_next"] == found["MX wait_prev"] == 1
    assert found["MX stalls for prev"] == 1
    assert found["LD while ST"] == found["LD while MAC"] == 0
    assert found.keys() <= set(every_point())


def test_engines_that_run_at_once() -> None:
    program = assemble(
        """
        CFG engine=LD index=element element.beats=1
        CFG engine=ST index=element element.beats=1
        FENCE
        LD columns=9 rows=1 blocks=1 banks=0x1
        ST columns=9 rows=1 blocks=1 banks=0x2 address=256
        HALT
        """
    )
    found = points_of(time_code(encode_program(program), Machine.load("nano")))
    assert found["LD while ST"] == 1

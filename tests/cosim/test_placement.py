"""Where random programs lie: near ends of pages, and at addresses whose sums wrap."""

from __future__ import annotations

from itertools import product

import numpy as np

from npusim.cosim.npu.placement import addresses_of, placed, turned
from npusim.cosim.npu.random_runs import code_of, drawn, timeline_of
from npusim.isa.program import PAGE_BYTES
from npusim.machines import Machine
from npusim.simulator.run import run_code
from npusim.simulator.timing.transfers import moves_of

NANO = Machine.load("nano")
FEW_PROGRAMS = 20


def test_turned_programs_do_the_same() -> None:
    names = 0
    for seed in range(8):
        made = drawn(seed, NANO)
        program, code = code_of(made)
        machine = program.machine.with_({"memory.seed": 3 * seed + 3})
        dram, addresses, code_address = placed(program, machine)
        moved, others = turned(code, addresses, machine)
        assert (moved, others) == turned(code, addresses, machine)
        names += moved != code
        assert max(others) >= 1 << 31
        before = dram.copy()
        one = run_code(code, machine, dram, addresses, code_address=code_address)
        other = run_code(moved, machine, before, others, code_address=code_address)
        assert one.events == other.events
        assert one.timeline.faults or np.array_equal(dram, before)
    assert names > 4


def test_two_memories_of_three_leave_programs_as_they_are() -> None:
    assert turned(bytes(16), (0, 4096), NANO) == (bytes(16), (0, 4096))


def segments(seed: int) -> list[tuple[int, int]]:
    """Return (first beat, beats) of every row that a random program moves."""
    program, code = code_of(drawn(seed, NANO))
    _, addresses = turned(code, addresses_of(program)[0], program.machine)
    columns = timeline_of(program, code).columns
    moves, _ = moves_of(columns, program.machine, addresses)
    found = []
    for move in moves:
        for block in range(min(int(move["blocks"]), 64)):
            for row in range(min(int(move["rows"]), 64)):
                start = move["start"] + block * move["block_stride"] + row * move["row_stride"]
                found.append((int(start), int(move["columns"]) * int(move["element_beats"])))
    return found


def bursts(start: int, beats: int, stuck: tuple[int, int]) -> list[int]:
    """Return the beats of each burst where a bit of what is left of a page is stuck at a value."""
    bit, value = stuck
    page, found = PAGE_BYTES // NANO.bus.bus_bytes, []
    while beats > 0:
        left = page - start % page
        left = left | bit if value else left & ~bit
        length = min(beats, NANO.bus.burst_beats, left)
        found.append(length)
        if not length:
            break
        start, beats = start + length, beats - length
    return found


def test_a_page_rule_with_a_wrong_bit_is_seen_by_a_few_programs() -> None:
    found = {segment for seed in range(FEW_PROGRAMS) for segment in segments(seed)}
    for stuck in product((1 << n for n in range(10)), (0, 1)):
        assert any(bursts(*one, (0, 0)) != bursts(*one, stuck) for one in found), stuck

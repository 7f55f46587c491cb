"""Live words: a program written by hand, and a word-by-word count of a whole network."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from npusim.analysis.occupancy import SCRATCHPADS, Occupancy, occupancy
from npusim.isa.assembly import assemble
from npusim.isa.columns import RegisterFile, group_of
from npusim.isa.instructions import PAGES
from npusim.isa.nest import words_of
from npusim.isa.program import Program, Region, Step
from npusim.machines import Machine
from npusim.simulator.run import time_program
from tests.reported import Reported

COPY = """
CFG engine=LD index=element element.beats=1
LD signal_across=1 target=ACT region=0 address=0 banks=0x1 columns=4 rows=1 blocks=1
LD signal_across=1 target=ACT region=0 offset=4 address=1024 banks=0x10 columns=2 rows=1 blocks=1
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=3 vec_x.stride=1
CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1
CFG engine=EP index=vec_x_out vec_x_out.out=1
VEC wait_across=1 op=copy act=0 out=256 read_banks=0x1 write_banks=0x2
VEC wait_across=1 op=copy act=1 out=256 read_banks=0x1 write_banks=0x2 signal_next=1
CFG engine=ST index=element element.beats=1
ST wait_prev=1 region=0 offset=64 address=257 banks=0x2 columns=1 rows=1 blocks=1
HALT
"""


def by_hand() -> Program:
    items = assemble(COPY)
    return Program(
        name="copy", machine=Machine.load("nano"), requant="half_up", samples=1,
        instructions=tuple(items), regions=(Region("data", 4096),), places=(),
        inputs=(), outputs=(), steps=(Step("run", 0, len(items)),), layers=(),
    )  # fmt: skip


def at(held: Occupancy, cycle: int) -> int:
    return int(held.live[np.searchsorted(held.cycles, cycle, side="right") - 1])


def test_words_live_from_their_writing_to_their_last_reading() -> None:
    program = by_hand()
    timelines = time_program(program)
    assert timelines[0].fault is None
    held = occupancy(program, timelines)
    issue, retire = timelines[0].issue, timelines[0].retire
    act = held["ACT"]
    assert act.words == 2048
    # Words 0..3 are loaded and read by one copy or the other; 1024 and 1025 are never read.
    assert at(act, issue[1] - 1) == 0
    assert at(act, issue[1]) == 4
    assert at(act, issue[2]) == 4
    # Behind the first copy word 0 is free; its outputs are written over before anyone reads them.
    assert at(act, retire[6] + 1) == 3
    # Of the second copy's outputs the one that ST reads is live, from the copy's issue.
    assert at(act, issue[7]) == 4
    assert at(act, retire[7] + 1) == 1
    assert at(act, retire[9]) == 1
    assert at(act, retire[9] + 1) == 0
    assert act.live.max() == 4
    assert all(held[name].live.max() == 0 for name in ("WGT", "PAR", "ACC"))


def test_live_words_of_a_network_counted_one_by_one(reported: Reported) -> None:
    program, timeline = reported.result.cost.program, reported.result.cost.timelines[0]
    assert program is not None
    registers, touched = RegisterFile(), defaultdict(list)
    for pc in np.argsort(timeline.issue, kind="stable").tolist():
        item = program.instructions[pc]
        if item.name == "CFG":
            registers.configure(item)
            continue
        seen = registers.of(item.engine) if item.engine != "FETCH" else {}
        for nest in PAGES[item.name].nests(group_of(item, seen), program.machine):
            for word in set(words_of(*nest.of(0)).tolist()) if nest.applies[0] else ():
                touched[nest.scratchpad, word].append((nest.is_write, pc))
    expected = {name: np.zeros(timeline.cycles + 1, np.int64) for name in SCRATCHPADS}
    for (name, _), history in touched.items():
        for begin, (is_write, writer) in enumerate(history):
            if not is_write:
                continue
            end = 0
            for is_next_write, pc in history[begin + 1 :]:
                replaced = (True, pc) in history[begin + 1 :]
                if is_next_write:
                    break
                end = timeline.issue[pc] if replaced else timeline.retire[pc] + 1
            expected[name][timeline.issue[writer] : end] += 1
    for name, held in occupancy(program, reported.result.cost.timelines).items():
        every = np.zeros(timeline.cycles + 1, np.int64)
        every[held.cycles] = np.diff(held.live, prepend=0)
        np.testing.assert_array_equal(np.cumsum(every), expected[name])
        assert held.live.max() <= held.words
        for bins in (1, 13, 400):
            edges = np.arange(1, bins) * timeline.cycles // bins
            parts = np.split(np.cumsum(every)[:-1], edges)
            assert held.peaks(timeline.cycles, bins).tolist() == [int(p.max()) for p in parts]

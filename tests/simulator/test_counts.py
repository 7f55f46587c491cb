"""Event counts of a run: the pages' (tests/isa/instructions), of instructions that retired."""

from __future__ import annotations

import random

import pytest

from npusim.cosim.programs.programs import random_program
from npusim.isa.assembly import assemble
from npusim.isa.columns import RegisterFile, group_of
from npusim.isa.encoding import encode_program
from npusim.isa.instructions import PAGES
from npusim.machines import Machine
from npusim.simulator.counts import NAMES, OUTCOMES, event_counts
from npusim.simulator.run import time_program
from npusim.simulator.timing.timeline import time_code

FLOAT32 = Machine.load("nano").with_({"array.fp32_requantizer": 1})


@pytest.mark.parametrize(
    "machine",
    [Machine.load("nano"), Machine.load("base"), FLOAT32],
    ids=["nano", "base", "nano with the float32 requantizer"],
)
def test_counts_are_those_of_the_pages(machine):
    seen = set()
    for seed in range(25):
        program, _ = random_program(random.Random(seed), machine, 12)
        counts = event_counts(time_program(program)[0])
        files = RegisterFile()
        for pc, item in enumerate(program.instructions):
            if item.name == "CFG":
                files.configure(item)
            registers = files.of(item.engine) if item.engine != "FETCH" else {}
            own = PAGES[item.name].counts(group_of(item, registers), machine)
            expected = {"fetch_bytes": 16, **{k: int(column[0]) for k, column in own.items()}}
            found = {key: value for key, value in counts.total(pc, 1).items() if value}
            assert found == {key: value for key, value in expected.items() if value}
            seen |= found.keys()
    unbuilt = {
        "macs_uniform8": "uniform8" not in machine.array.formats,
        "macs_uniform6": "uniform8" not in machine.array.formats,
        "macs_lut": "lut" not in machine.array.formats,
        "macs_pwlq_double": "pwlq_double" not in machine.array.formats,
        "float32_requantizations": not machine.array.fp32_requantizer,
        "line_reads": not machine.array.line_words,
        "line_writes": not machine.array.line_words,
    }
    left = {name for name, is_unbuilt in unbuilt.items() if is_unbuilt}
    assert machine.memory.model == "fixed"
    left |= set(OUTCOMES)  # of a DRAM of banks and rows alone
    assert seen == set(NAMES) - left


def test_what_did_not_retire_counts_nothing_but_its_fetch():
    load = "LD target=ACT plain=1 banks=1 columns=2 address={}\n"
    code = encode_program(assemble(load.format(0) + load.format(0xFFFF) + load.format(0) + "HALT"))
    timeline = time_code(code, Machine.load("nano"))
    assert (timeline.fault.cause, timeline.fault.pc) == ("address", 1)
    words = event_counts(timeline).columns["act_writes"]
    assert words.tolist() == [2, 2, 0, 0]  # LD 1 ends when its fault is told

"""Faults: priorities, what several in one cycle leave, addresses that wrap, runs without an end."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from npusim.errors import CapacityError, FormatError, RangeError
from npusim.isa.assembly import assemble
from npusim.isa.encoding import encode_program
from npusim.isa.nest import reached
from npusim.machines import Machine
from npusim.simulator.timing.events import events
from npusim.simulator.timing.timeline import time_code

NANO = Machine.load("nano")
EX_ONE = """
CFG engine=EP index=vec_kx vec_kx.count=1 vec_ky.count=1 vec_x.count=40
CFG engine=EP index=vec_y vec_y.count=1 vec_b.count=1
"""


def timed(text: str, **options):
    return time_code(encode_program(assemble(text)), NANO, (0, 4096), **options)


def test_reached_is_every_word_of_the_nest():
    rng = np.random.default_rng(1)
    for _ in range(200):
        levels = [(int(rng.integers(1, 9)), int(rng.integers(-700, 700))) for _ in range(4)]
        base = int(rng.integers(0, 1 << 16))
        words = {
            (base + sum(i * s for i, (_, s) in zip(place, levels, strict=True))) % 65536
            for place in product(*(range(count) for count, _ in levels))
        }
        found = reached(base, levels)
        assert {a for a in words if found >> a & 1} == words
        assert found.bit_count() == len(words)


def test_an_address_that_wraps_into_the_scratchpad_is_legal():
    load = "LD target=ACT plain=1 region=1 address={} banks=1 columns=3\nHALT"
    assert timed(load.format(0)).fault is None
    assert timed(load.format(0xFFFF)).fault.cause == "address"
    wrapping = """
    CFG engine=LD index=act_stride act_stride.row=2 element.beats=1
    LD target=ACT region=1 address=65534 banks=1 columns=1 rows=2 blocks=1
    HALT"""
    assert timed(wrapping).fault.cause == "address"  # word 65534 itself
    assert timed(wrapping.replace("address=65534", "address=1")).fault is None


def test_operand_wins_over_bank_and_the_trace_keeps_both_engines():
    text = (
        EX_ONE
        + """
    FENCE
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=60
    VEC op=copy act=0 out=256 read_banks=1 write_banks=1
    HALT"""
    )
    timeline = timed(text)
    assert [(f.engine, f.cause) for f in timeline.faults] == [("EP", "operand")]
    timeline = timed(text.replace("write_banks=1", "write_banks=2"))
    assert [(f.engine, f.cause) for f in timeline.faults] == [("EP", "bank")]
    assert timeline.issue[timeline.fault.pc] == -1


def test_engines_that_issue_together_on_one_bank_blame_the_higher():
    """MX gives LD and ST a token each at once; both want bank 0 in the next cycle."""
    text = """
    CFG engine=ST index=element element.beats=1
    LD target=ACT plain=1 region=1 address=0 banks=1 columns=4 wait_next=1
    ST region=1 address=0 banks=1 columns=4 rows=1 blocks=1 wait_across=1
    CFG engine=MX index=40
    CFG engine=MX index=40
    CFG engine=MX index=40 signal_prev=1 signal_across=1
    HALT"""
    timeline = timed(text)
    assert [(f.engine, f.cause, f.pc) for f in timeline.faults] == [("ST", "bank", 2)]
    assert timeline.issue[1] == timeline.fault.cycle
    several = timed(text.replace("columns=4 wait_next", "columns=0 wait_next"))
    assert [(f.engine, f.cause) for f in several.faults] == [("LD", "operand"), ("ST", "bank")]
    assert several.fault.engine == "LD"
    names = [e.event for e in events(several, {}) if e.cycle == several.fault.cycle]
    assert names == ["fault:operand", "fault:bank"]


def test_address_wins_over_axi_and_token():
    signals = "CFG engine=LD signal_next=1\n" * 15
    load = "LD target=ACT plain=1 region=1 offset={} address={} banks=1 columns=1 signal_next=1\n"
    text = signals + load + "HALT"
    beyond = NANO.memory.size_bytes // NANO.bus.bus_bytes
    for offset, address, cause in ((beyond, 300, "address"), (beyond, 0, "axi"), (0, 0, "token")):
        timeline = timed(text.format(offset, address))
        assert (timeline.fault.cause, timeline.fault.pc) == (cause, 15)
        assert timeline.retire[15] == timeline.fault.cycle
        assert not [e for e in events(timeline, {}) if e.pc == 15 and e.event == "retire"]


def test_a_stall_that_outlasts_a_fault_is_not_in_the_trace():
    text = """
    CFG engine=ST index=element element.beats=1 wait_prev=1
    LD target=ACT plain=1 region=1 address=0 banks=2 columns=4
    HALT"""
    timeline = timed(text)
    assert timeline.fault.engine == "LD"
    trace = events(timeline, {})
    assert [e.event for e in trace if e.engine == "ST"] == ["stall:fetch"]
    for row in timeline.counters().values():
        assert sum(row.values()) == timeline.cycles


def test_stalls_of_an_instruction_that_never_issues_end_one_by_one():
    """ST waits for LD, whose token it is never given, after EP has given its own."""
    text = """
    CFG engine=ST index=40 wait_prev=1 wait_next=1
    CFG engine=EP index=40 signal_next=1
    """
    cause = "CFG engine=LD index=40\nLD target=ACT plain=1 address=0 banks=0 columns=50\nHALT"
    timeline = timed(text + cause)
    stalls = [e for e in events(timeline, {}) if e.engine == "ST"]
    assert [e.event for e in stalls] == ["stall:fetch", "stall:prev"]
    assert stalls[1].cycle == timeline.dispatch[0] + 1
    assert stalls[1].cycle + stalls[1].last == timeline.retire[1] + 1


def test_running_past_the_end_is_an_opcode_fault_there():
    timeline = timed("CFG engine=LD\nFENCE")
    assert (timeline.fault.cause, timeline.fault.engine, timeline.fault.pc) == (
        "opcode",
        "FETCH",
        2,
    )
    assert timeline.fault.cycle == timeline.retire[1] + 1
    timeline = timed("CFG engine=LD\nCFG engine=LD")
    assert timeline.fault.cycle == timeline.dispatch[1] + 1


def test_a_deadlock_is_an_error_that_names_who_waits():
    with pytest.raises(FormatError, match="deadlock, waiting for a token: MX at pc 0"):
        timed("CFG engine=MX wait_prev=1\nHALT")


def test_a_run_beyond_the_limit_is_an_error():
    long = """
    CFG engine=LD index=act_stride element.beats=1
    LD target=ACT region=1 address=0 banks=1 columns=60000 rows=60000 blocks=4000
    HALT"""
    assert timed(EX_ONE + "HALT").fault is None
    with pytest.raises(CapacityError, match="at most 2147483647 cycles"):
        timed(long)
    with pytest.raises(CapacityError, match="at most 100 cycles"):
        timed(EX_ONE * 30 + "HALT", limit_cycles=100)


def test_what_was_dispatched_before_an_illegal_opcode_goes_on():
    text = "LD target=ACT plain=1 banks=1 columns=4\n" + "CFG engine=MX\n" * 30 + "HALT"
    whole, code = timed(text), bytearray(encode_program(assemble(text)))
    for pc in (3, 9, 30):
        code[16 * pc] = 0xF
        timeline = time_code(bytes(code), NANO, (0, 4096))
        end = timeline.fault.cycle
        assert (timeline.fault.cause, timeline.fault.pc, end) == ("opcode", pc, whole.dispatch[pc])
        for found, expected in ((timeline.issue, whole.issue), (timeline.retire, whole.retire)):
            assert (found == np.where(expected <= end, expected, -1)).all()
        code[16 * pc] = 0x21  # CFG in the queue of MX


def test_a_fence_before_a_deadlock_is_issued_when_a_fault_comes_first():
    load = "LD target=ACT plain=1 banks=1 columns="
    timeline = timed(f"CFG engine=MX wait_prev=1\n{load}60\n{load}0\nHALT")
    assert (timeline.fault.cause, timeline.fault.pc) == ("operand", 2)
    assert timeline.dispatch[2] < timeline.issue[3] == timeline.dispatch[3] < timeline.fault.cycle
    assert timeline.retire[3] == -1


def test_code_beyond_the_memory_faults_axi_in_fetch():
    code = encode_program(assemble("CFG engine=LD\n" * 5 + "HALT"))
    end = NANO.memory.size_bytes
    timeline = time_code(code, NANO, code_address=end - 3 * 16)
    assert (timeline.fault.engine, timeline.fault.cause, timeline.fault.pc) == ("FETCH", "axi", 3)
    assert timeline.fault.cycle == timeline.dispatch[3]
    assert time_code(code, NANO, code_address=end - 6 * 16).fault is None


def test_an_empty_program_is_an_error():
    with pytest.raises(FormatError, match="multiple of 16 bytes"):
        time_code(b"", NANO)


def test_a_region_begins_at_a_whole_beat():
    with pytest.raises(RangeError, match="region 1: expected a multiple of 4, found 4098"):
        time_code(encode_program(assemble("HALT")), NANO, (0, 4098))

"""The bursts of FETCH, LD and ST, one by one: when each is asked for, and when it is answered.

A burst has two halves. `ask_...` finds when it reaches the memory, which its own port alone
decides; `answer_...` finds when its beats or its response pass. A memory whose ports are
independent answers at once. A DRAM that they share answers in the order of arrival (schedule.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from npusim.datapath.jit import scalar
from npusim.isa.spec import (
    FETCH_BURST_INSTRUCTIONS,
    FETCH_SLOTS,
    INSTRUCTION_BYTES,
    REQUEST_CYCLES,
)
from npusim.simulator.timing.dram import (
    Dram,
    Timing,
    access,
    first_tick,
    read_beats,
    refresh,
    seen_at,
)
from npusim.simulator.timing.port import address, finish, first_beat, free_at, respond, stream
from npusim.simulator.timing.port import handshake as take
from npusim.simulator.timing.transfers import Move


class Sizes(NamedTuple):
    """Beats of an instruction, of the longest burst, of 4 KB, of the memory and of all addresses.

    `code_byte` is where the program begins, `beat_bytes` what a beat of LD and ST holds. The
    memory's latency and the longest run are cycles.
    """

    instruction_beats: int
    burst_beats: int
    page_beats: int
    memory_beats: int
    wrap_beats: int
    code_byte: int
    beat_bytes: int
    latency_cycles: int
    limit_cycles: int


class Port(NamedTuple):
    """The memory's `channels` [CHANNELS 3] (port.py), or what stands behind them.

    `ends` [3 N]: when the last N bursts of FETCH, LD and ST were complete. `walks` [3 WALK]: where
    each of them is.
    """

    channels: Any
    ends: Any
    walks: Any
    dram: Dram


class Times(NamedTuple):
    """The result, [instructions]: cycles, -1 in the first three where it never happened.

    `tokens` [instructions 3]: the cycles after the signals awaited from each side, NEVER where they
    do not come.
    `bad_beat`: 1 where a beat lies beyond the memory; `bursts`: how many a LD or ST took.
    `outcomes` [instructions OUTCOMES]: what its accesses met in a DRAM of banks and rows.
    """

    dispatch: Any
    issue: Any
    retire: Any
    tokens: Any
    bad_beat: Any
    bursts: Any
    outcomes: Any


FETCH_PORT, LD_PORT, ST_PORT = range(3)
"""The ports, in the order in which a shared memory takes bursts of one cycle."""
PC, BLOCK, ROW, BEAT, LEFT, VALID, CURSOR, PADS, BEATS, ARRIVAL, IS_ASKING = range(11)
"""Of a port: the instruction (of FETCH the number of its burst), its block and row, the next beat
of DRAM and how many are left of the row; when the next address may stand; the cycle of the last
beat or response, and padding words since; beats and arrival of the burst on its way, if one is."""
WALK = IS_ASKING + 1


@scalar
def burst_of(beat: int, left: int, sizes: Sizes) -> int:
    """Return the beats of the next burst at DRAM beat `beat`."""
    return min(left, sizes.burst_beats, sizes.page_beats - beat % sizes.page_beats)


@scalar
def begin(walk: Any, move: Move, issue: int, pc: int) -> None:
    """Stand before the first burst of a LD or ST issued at `issue`."""
    walk[PC], walk[BLOCK], walk[ROW] = pc, 0, 0
    walk[BEAT], walk[LEFT] = move.start, move.columns * move.element_beats
    walk[VALID], walk[CURSOR] = issue + REQUEST_CYCLES, issue
    walk[PADS] = move.top * (move.left + move.columns + move.right) + move.left


@scalar
def advance(walk: Any, move: Move) -> bool:
    """Go beyond the burst that has been answered; return whether there is another."""
    walk[BEAT] += walk[BEATS]
    walk[LEFT] -= walk[BEATS]
    if walk[LEFT] > 0:
        return True
    width = move.left + move.columns + move.right
    walk[PADS] += move.right
    walk[ROW] += 1
    if walk[ROW] == move.rows:
        walk[PADS] += move.bottom * width
        walk[ROW] = 0
        walk[BLOCK] += 1
        if walk[BLOCK] == move.blocks:
            return False
        walk[PADS] += move.top * width
    walk[PADS] += move.left
    walk[BEAT] = move.start + walk[BLOCK] * move.block_stride + walk[ROW] * move.row_stride
    walk[LEFT] = move.columns * move.element_beats
    return True


@scalar
def ask(which: int, port: Port, sizes: Sizes, times: Times) -> None:
    """Ask for the next burst of a LD or ST: a read arrives with its address, a write when whole."""
    walk, ends = port.walks[which], port.ends[which]
    beat = walk[BEAT] % sizes.wrap_beats
    beats = burst_of(beat, walk[LEFT], sizes)
    if which == LD_PORT:
        arrival = address(port.channels[2], ends, walk[VALID])
        walk[VALID] = arrival + 2
    else:
        accepted, data = address(port.channels[4], ends, walk[VALID]), port.channels[5]
        take(data, max(accepted + 1, free_at(data)))
        arrival = stream(data, beats - 1)
        walk[VALID] = arrival + 2
    if beat >= sizes.memory_beats:
        times.bad_beat[walk[PC]] = 1
    times.bursts[walk[PC]] += 1
    walk[BEAT], walk[BEATS], walk[ARRIVAL], walk[IS_ASKING] = beat, beats, arrival, 1


@scalar
def answer_load(port: Port, sizes: Sizes, timing: Timing, times: Times) -> None:
    """Pass the beats of the burst that LD has asked for."""
    walk, data = port.walks[LD_PORT], port.channels[3]
    ready, arrival = walk[CURSOR] + 1 + walk[PADS], walk[ARRIVAL]
    if timing.is_shared:
        start, tick = walk[BEAT] * sizes.beat_bytes, first_tick(arrival + 1, timing)
        refresh(port.dram, timing, tick)
        read_beats(
            data, start, sizes.beat_bytes, walk[BEATS], start >> timing.access_log2, ready, tick,
            port.dram, timing, times.outcomes[walk[PC]],
        )  # fmt: skip
    else:
        first_beat(data, arrival, ready, sizes.latency_cycles)
        stream(data, walk[BEATS] - 1)
    walk[CURSOR], walk[PADS], walk[IS_ASKING] = data[1], 0, 0
    finish(port.channels[2], port.ends[LD_PORT], data[1])


@scalar
def answer_store(port: Port, sizes: Sizes, timing: Timing, times: Times) -> None:
    """Pass the response to the burst that ST has written."""
    walk, written = port.walks[ST_PORT], port.walks[ST_PORT][ARRIVAL]
    if timing.is_shared:
        start, tick, done = walk[BEAT] * sizes.beat_bytes, first_tick(written + 1, timing), 0
        refresh(port.dram, timing, tick)
        last = (start + walk[BEATS] * sizes.beat_bytes - 1) >> timing.access_log2
        for number in range(start >> timing.access_log2, last + 1):
            done = access(port.dram, timing, number, True, tick, times.outcomes[walk[PC]])
        written = seen_at(done, timing)
    walk[CURSOR] = respond(port.channels[6], written, sizes.latency_cycles)
    walk[IS_ASKING] = 0
    finish(port.channels[4], port.ends[ST_PORT], walk[CURSOR])


@scalar
def may_fetch(burst: int, dispatched: Any, port: Port) -> bool:
    """Return whether FETCH asks for `burst` next and knows when: a slot is known to be free."""
    walk = port.walks[FETCH_PORT]
    first = burst * FETCH_BURST_INSTRUCTIONS
    if walk[IS_ASKING] or first >= len(dispatched):
        return False
    return (
        burst < FETCH_SLOTS
        or dispatched[first - (FETCH_SLOTS - 1) * FETCH_BURST_INSTRUCTIONS - 1] >= 0
    )


@scalar
def ask_fetch(dispatched: Any, port: Port) -> None:
    """Ask for the next burst of instructions."""
    walk, addresses = port.walks[FETCH_PORT], port.channels[0]
    first, valid = walk[PC] * FETCH_BURST_INSTRUCTIONS, 1
    if walk[PC] > 0:
        valid = addresses[1] + 2
    if walk[PC] >= FETCH_SLOTS:
        valid = max(valid, dispatched[first - (FETCH_SLOTS - 1) * FETCH_BURST_INSTRUCTIONS - 1] + 2)
    walk[ARRIVAL] = address(addresses, port.ends[FETCH_PORT], valid)
    walk[IS_ASKING] = 1


@scalar
def answer_fetch(port: Port, sizes: Sizes, timing: Timing, times: Times, last: Any) -> None:
    """Fetch a burst of instructions; write the cycle of each one's last beat to `last` [N]."""
    walk, data = port.walks[FETCH_PORT], port.channels[1]
    arrival, beats = walk[ARRIVAL], sizes.instruction_beats
    first = walk[PC] * FETCH_BURST_INSTRUCTIONS
    end = min(first + FETCH_BURST_INSTRUCTIONS, len(last))
    if timing.is_shared:
        start = (sizes.code_byte + first * INSTRUCTION_BYTES) % (1 << 32)
        tick, served = first_tick(arrival + 1, timing), start >> timing.access_log2
        refresh(port.dram, timing, tick)
        for i in range(first, end):
            served = read_beats(
                data, start, INSTRUCTION_BYTES // beats, beats, served, 0, tick, port.dram, timing,
                times.outcomes[i],
            )  # fmt: skip
            start += INSTRUCTION_BYTES
            last[i] = data[1]
    else:
        take(data, max(free_at(data), arrival + sizes.latency_cycles))
        beats -= 1
        for i in range(first, end):
            last[i] = stream(data, beats)
            beats = sizes.instruction_beats
    finish(port.channels[0], port.ends[FETCH_PORT], data[1])
    walk[PC] += 1
    walk[IS_ASKING] = 0

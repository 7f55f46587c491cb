"""Cycles of dispatch, issue and retirement: one pass over the instructions, none over cycles.

Every time is a maximum of earlier times plus constants (docs/architecture.md, section 4), so the
walk takes what can be known until nothing is left. Faults do not end it: faults.py finds the
earliest, and whatever the walk says beyond that cycle is not looked at.
"""

from __future__ import annotations

from typing import Any

from npusim.datapath.jit import kernel, scalar
from npusim.isa.spec import FETCH_BURST_INSTRUCTIONS, FETCH_SLOTS, QUEUE_DEPTH
from npusim.simulator.machine.port import address, finish, first_beat, free_at, respond, stream
from npusim.simulator.machine.port import handshake as take

MOVES = (
    "start", "blocks", "rows", "columns", "element_beats", "row_stride", "block_stride",
    "top", "bottom", "left", "right",
)  # fmt: skip
"""What the walk knows of a LD or ST: `start` is a DRAM beat, the rest as in the instruction."""
START, BLOCKS, ROWS, COLUMNS, ELEMENT, ROW_STRIDE, BLOCK_STRIDE, TOP, BOTTOM, LEFT, RIGHT = range(
    len(MOVES)
)

SIZES = (
    "instruction_beats", "burst_beats", "page_beats", "memory_beats", "wrap_beats",
    "latency_cycles", "limit_cycles",
)  # fmt: skip
"""Sizes that the walk takes: beats of an instruction, of the longest burst, of 4 KB, of the memory
and of the 32-bit address space."""
INSTRUCTION_BEATS, BURST_BEATS, PAGE_BEATS, MEMORY_BEATS, WRAP_BEATS, LATENCY, LIMIT = range(
    len(SIZES)
)

WAIT_PREV, WAIT_NEXT, SIGNAL_PREV, SIGNAL_NEXT = range(4)
FETCH_KIND, PLAIN_KIND, LOAD_KIND, STORE_KIND, ILLEGAL_KIND, HALT_KIND = range(6)
DISPATCH, ISSUE, RETIRE, PREV_TOKEN, NEXT_TOKEN, BAD_BEAT, BURSTS = range(7)
"""Rows of the walk's result; -1 in DISPATCH, ISSUE and RETIRE: never happened."""
FINISHED, STUCK, ENDLESS = range(3)
NEVER = (1 << 62) - 1
"""A cycle that does not come."""


@scalar
def burst_of(beat: int, left: int, sizes: Any) -> int:
    """Return the beats of the next burst at DRAM beat `beat`."""
    return min(left, sizes[BURST_BEATS], sizes[PAGE_BEATS] - beat % sizes[PAGE_BEATS])


@scalar
def load(move: Any, issue: int, channels: Any, ends: Any, sizes: Any, result: Any, pc: int) -> int:
    """Return the retirement of a LD; count its bursts and note errors in `result` [rows N]."""
    width = move[LEFT] + move[COLUMNS] + move[RIGHT]
    valid, cursor, pads = issue + 2, issue, 0  # cursor: the cycle of the last word's last beat
    for block in range(move[BLOCKS]):
        pads += move[TOP] * width
        for row in range(move[ROWS]):
            pads += move[LEFT]
            beat = move[START] + block * move[BLOCK_STRIDE] + row * move[ROW_STRIDE]
            left = move[COLUMNS] * move[ELEMENT]
            while left > 0:
                beat = beat % sizes[WRAP_BEATS]
                beats = burst_of(beat, left, sizes)
                accepted = address(channels[0], ends, valid)
                first_beat(channels[1], accepted, cursor + 1 + pads, sizes[LATENCY])
                cursor, pads = stream(channels[1], beats - 1), 0
                finish(channels[0], ends, cursor)
                valid = accepted + 2
                if beat >= sizes[MEMORY_BEATS]:
                    result[BAD_BEAT][pc] = 1
                result[BURSTS][pc] += 1
                beat, left = beat + beats, left - beats
            pads += move[RIGHT]
            if cursor + pads > sizes[LIMIT]:
                return cursor + pads
        pads += move[BOTTOM] * width
    return cursor + pads + 2


@scalar
def store(move: Any, issue: int, channels: Any, ends: Any, sizes: Any, result: Any, pc: int) -> int:
    """Return the retirement of a ST; count its bursts and note errors in `result` [rows N]."""
    valid, done = issue + 2, issue
    for block in range(move[BLOCKS]):
        for row in range(move[ROWS]):
            beat = move[START] + block * move[BLOCK_STRIDE] + row * move[ROW_STRIDE]
            left = move[COLUMNS] * move[ELEMENT]
            while left > 0:
                beat = beat % sizes[WRAP_BEATS]
                beats = burst_of(beat, left, sizes)
                accepted = address(channels[0], ends, valid)
                take(channels[1], max(accepted + 1, free_at(channels[1])))
                last = stream(channels[1], beats - 1)
                done = respond(channels[2], last, sizes[LATENCY])
                finish(channels[0], ends, done)
                valid = last + 2
                if beat >= sizes[MEMORY_BEATS]:
                    result[BAD_BEAT][pc] = 1
                result[BURSTS][pc] += 1
                beat, left = beat + beats, left - beats
            if done > sizes[LIMIT]:
                return done
    return done + 1


@scalar
def fetch_burst(
    burst: int, dispatched: Any, channels: Any, ends: Any, sizes: Any, last: Any
) -> None:
    """Fetch a burst of instructions; write the cycle of each one's last beat to `last` [N]."""
    first = burst * FETCH_BURST_INSTRUCTIONS
    valid = 1
    if burst > 0:
        valid = channels[0][1] + 2
    if burst >= FETCH_SLOTS:
        valid = max(valid, dispatched[first - (FETCH_SLOTS - 1) * FETCH_BURST_INSTRUCTIONS - 1] + 2)
    accepted = address(channels[0], ends, valid)
    take(channels[1], max(free_at(channels[1]), accepted + sizes[LATENCY]))
    beats = sizes[INSTRUCTION_BEATS] - 1
    for i in range(first, min(first + FETCH_BURST_INSTRUCTIONS, len(last))):
        last[i] = stream(channels[1], beats)
        beats = sizes[INSTRUCTION_BEATS]
    finish(channels[0], ends, channels[1][1])


@kernel
def walk(  # type: ignore[no-untyped-def]
    engine, kind, sync, duration, place, moves, channels, ends, sizes, fetched, members, given,
    by_engine, tokens, result,
):  # fmt: skip
    """Fill `result` [rows N]; return FINISHED, STUCK or ENDLESS, and the first cycle not yet used.

    engine, kind, duration [N]; sync [N 4]; place [N]: row of `moves` of a LD or ST; channels
    [CHANNELS 3]; ends [3 N_outstanding]; sizes [SIZES]. All zero at the start: fetched [N],
    members [4 N], given [4 4 N] (by giver and taker, the cycles after the signals), by_engine
    [4 4], tokens [2 4 4]. Lists serve as well as arrays, where plain Python runs this.
    """
    count = len(engine)
    queued, issued, free, endless = by_engine[0], by_engine[1], by_engine[2], by_engine[3]
    # free: the cycle after an engine's last retirement
    gifts, takes = tokens[0], tokens[1]
    pc, next_dispatch, moved, ended = 0, 0, True, False
    while moved:
        moved = False
        while pc < count and not ended:
            if pc % FETCH_BURST_INSTRUCTIONS == 0 and fetched[pc] == 0:
                fetch_burst(
                    pc // FETCH_BURST_INSTRUCTIONS, result[DISPATCH], channels[0:2], ends[0],
                    sizes, fetched,
                )  # fmt: skip
            e = engine[pc]
            cycle = max(fetched[pc] + 1, next_dispatch)
            if kind[pc] == ILLEGAL_KIND:
                result[DISPATCH][pc], next_dispatch = cycle, cycle + 1
                ended = True  # what was dispatched before goes on up to this cycle
                break
            if kind[pc] == FETCH_KIND or kind[pc] == HALT_KIND:
                result[DISPATCH][pc] = result[ISSUE][pc] = cycle
                if issued[1] != queued[1] or issued[2] != queued[2] or issued[3] != queued[3]:
                    break
                retire = max(cycle, max(free[1], free[2], free[3]) - 1) + 1
                result[RETIRE][pc] = retire
                next_dispatch = retire + 1
                if kind[pc] == HALT_KIND:
                    return FINISHED, retire + 1
            else:
                before = queued[e] - QUEUE_DEPTH
                if before >= 0:
                    if before >= issued[e]:
                        break
                    cycle = max(cycle, result[ISSUE][members[e][before]] + 1)
                result[DISPATCH][pc] = cycle
                members[e][queued[e]] = pc
                queued[e] += 1
                next_dispatch = cycle + 1
            pc += 1
            moved = True
        for e in range(1, 4):
            prev, after = 1 + (e + 1) % 3, 1 + e % 3
            while issued[e] < queued[e] and not endless[e]:
                i = members[e][issued[e]]
                waits_prev, waits_next = sync[i][WAIT_PREV], sync[i][WAIT_NEXT]
                has_prev = not waits_prev or takes[prev][e] < gifts[prev][e]
                has_next = not waits_next or takes[after][e] < gifts[after][e]
                if waits_prev:
                    result[PREV_TOKEN][i] = given[prev][e][takes[prev][e]] if has_prev else NEVER
                if waits_next:
                    result[NEXT_TOKEN][i] = given[after][e][takes[after][e]] if has_next else NEVER
                if not has_prev or not has_next:
                    break
                takes[prev][e] += waits_prev
                takes[after][e] += waits_next
                cycle = max(result[DISPATCH][i] + 1, free[e])
                cycle = max(cycle, result[PREV_TOKEN][i], result[NEXT_TOKEN][i])
                if kind[i] == LOAD_KIND:
                    retire = load(moves[place[i]], cycle, channels[2:4], ends[1], sizes, result, i)
                elif kind[i] == STORE_KIND:
                    retire = store(moves[place[i]], cycle, channels[4:7], ends[2], sizes, result, i)
                else:
                    retire = cycle + duration[i]
                result[ISSUE][i], result[RETIRE][i] = cycle, retire
                if retire > sizes[LIMIT]:
                    endless[e] = 1
                    break
                free[e] = retire + 1
                if sync[i][SIGNAL_PREV]:
                    given[e][prev][gifts[e][prev]] = retire + 1
                    gifts[e][prev] += 1
                if sync[i][SIGNAL_NEXT]:
                    given[e][after][gifts[e][after]] = retire + 1
                    gifts[e][after] += 1
                issued[e] += 1
                moved = True
    if pc < count and not ended:
        return (ENDLESS if endless[1] + endless[2] + endless[3] > 0 else STUCK), next_dispatch
    return FINISHED, next_dispatch

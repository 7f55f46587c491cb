"""Cycles of dispatch, issue and retirement: one pass over the instructions, none over cycles.

Every time is a maximum of earlier times plus constants (docs/architecture.md, section 4), so the
pass takes what can be known until nothing is left. Faults do not end it: faults.py finds the
earliest, and whatever is said beyond that cycle is not looked at.

Compiled, the columns below are arrays; for short programs, for which that is not worth while,
plain Python runs the same on lists (Kernel.is_worth_compiling).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from npusim.datapath.jit import kernel, scalar
from npusim.isa.spec import (
    ENGINES,
    FETCH_BURST_INSTRUCTIONS,
    FETCH_SLOTS,
    QUEUE_DEPTH,
    QUEUED_ENGINES,
    SIDES,
)
from npusim.simulator.timing.port import address, finish, first_beat, free_at, respond, stream
from npusim.simulator.timing.port import handshake as take
from npusim.simulator.timing.transfers import Move


class Sizes(NamedTuple):
    """Beats of an instruction, of the longest burst, of 4 KB, of the memory and of all addresses.

    The memory's latency and the longest run are cycles.
    """

    instruction_beats: int
    burst_beats: int
    page_beats: int
    memory_beats: int
    wrap_beats: int
    latency_cycles: int
    limit_cycles: int


class Instructions(NamedTuple):
    """What is known of each instruction, [instructions]; `number`: of a LD or ST among `moves`.

    `waits`, `signals` [instructions 3]: whether for a token of, or to, the engine at each of SIDES.
    """

    moves: Any
    engine: Any
    kind: Any
    duration: Any
    number: Any
    waits: Any
    signals: Any


class Port(NamedTuple):
    """The memory's `channels` [CHANNELS 3] (port.py).

    `ends` [3 N]: when the last N bursts of FETCH, LD and ST were complete.
    """

    channels: Any
    ends: Any


class Times(NamedTuple):
    """The result, [instructions]: cycles, -1 in the first three where it never happened.

    `tokens` [instructions 3]: the cycles after the signals awaited from each side, NEVER where they
    do not come.
    `bad_beat`: 1 where a beat lies beyond the memory; `bursts`: how many a LD or ST took.
    """

    dispatch: Any
    issue: Any
    retire: Any
    tokens: Any
    bad_beat: Any
    bursts: Any


class Progress(NamedTuple):
    """What the pass keeps, all zero at its start, by engine (5: FETCH is 0).

    `fetched` [instructions]: the cycle of an instruction's last beat. `members` [5 instructions]:
    what was put into an engine's queue, `queued` and `issued` [5] of them; `free` [5]: the cycle
    after the last retirement; `endless` [5]: a run beyond the limit. `given` [5 5 instructions]: by
    giver and taker the cycles after the signals, `gifts` and `takes` [5 5] of them.
    """

    fetched: Any
    members: Any
    queued: Any
    issued: Any
    free: Any
    endless: Any
    given: Any
    gifts: Any
    takes: Any


FETCH_KIND, PLAIN_KIND, LOAD_KIND, STORE_KIND, ILLEGAL_KIND, HALT_KIND = range(6)
FINISHED, STUCK, ENDLESS = range(3)
NEVER = (1 << 62) - 1
"""A cycle that does not come."""
_ENDS, _RING = len(ENGINES), len(QUEUED_ENGINES)
_STEPS = tuple(SIDES.values())


@scalar
def burst_of(beat: int, left: int, sizes: Sizes) -> int:
    """Return the beats of the next burst at DRAM beat `beat`."""
    return min(left, sizes.burst_beats, sizes.page_beats - beat % sizes.page_beats)


@scalar
def load(move: Move, issue: int, port: Port, sizes: Sizes, times: Times, pc: int) -> int:
    """Return the retirement of a LD; count its bursts and note errors in `times`."""
    channels, ends = port.channels[2:4], port.ends[1]
    width = move.left + move.columns + move.right
    valid, cursor, pads = issue + 2, issue, 0  # cursor: the cycle of the last word's last beat
    for block in range(move.blocks):
        pads += move.top * width
        for row in range(move.rows):
            pads += move.left
            beat = move.start + block * move.block_stride + row * move.row_stride
            left = move.columns * move.element_beats
            while left > 0:
                beat = beat % sizes.wrap_beats
                beats = burst_of(beat, left, sizes)
                accepted = address(channels[0], ends, valid)
                first_beat(channels[1], accepted, cursor + 1 + pads, sizes.latency_cycles)
                cursor, pads = stream(channels[1], beats - 1), 0
                finish(channels[0], ends, cursor)
                valid = accepted + 2
                if beat >= sizes.memory_beats:
                    times.bad_beat[pc] = 1
                times.bursts[pc] += 1
                beat, left = beat + beats, left - beats
            pads += move.right
            if cursor + pads > sizes.limit_cycles:
                return cursor + pads
        pads += move.bottom * width
    return cursor + pads + 2


@scalar
def store(move: Move, issue: int, port: Port, sizes: Sizes, times: Times, pc: int) -> int:
    """Return the retirement of a ST; count its bursts and note errors in `times`."""
    channels, ends = port.channels[4:7], port.ends[2]
    valid, done = issue + 2, issue
    for block in range(move.blocks):
        for row in range(move.rows):
            beat = move.start + block * move.block_stride + row * move.row_stride
            left = move.columns * move.element_beats
            while left > 0:
                beat = beat % sizes.wrap_beats
                beats = burst_of(beat, left, sizes)
                accepted = address(channels[0], ends, valid)
                take(channels[1], max(accepted + 1, free_at(channels[1])))
                last = stream(channels[1], beats - 1)
                done = respond(channels[2], last, sizes.latency_cycles)
                finish(channels[0], ends, done)
                valid = last + 2
                if beat >= sizes.memory_beats:
                    times.bad_beat[pc] = 1
                times.bursts[pc] += 1
                beat, left = beat + beats, left - beats
            if done > sizes.limit_cycles:
                return done
    return done + 1


@scalar
def fetch_burst(burst: int, dispatched: Any, port: Port, sizes: Sizes, last: Any) -> None:
    """Fetch a burst of instructions; write the cycle of each one's last beat to `last` [N]."""
    channels, ends = port.channels[0:2], port.ends[0]
    first = burst * FETCH_BURST_INSTRUCTIONS
    valid = 1
    if burst > 0:
        valid = channels[0][1] + 2
    if burst >= FETCH_SLOTS:
        valid = max(valid, dispatched[first - (FETCH_SLOTS - 1) * FETCH_BURST_INSTRUCTIONS - 1] + 2)
    accepted = address(channels[0], ends, valid)
    take(channels[1], max(free_at(channels[1]), accepted + sizes.latency_cycles))
    beats = sizes.instruction_beats - 1
    for i in range(first, min(first + FETCH_BURST_INSTRUCTIONS, len(last))):
        last[i] = stream(channels[1], beats)
        beats = sizes.instruction_beats
    finish(channels[0], ends, channels[1][1])


@kernel
def schedule(
    program: Instructions, port: Port, sizes: Sizes, progress: Progress, times: Times
) -> tuple[int, int]:
    """Fill `times`; return FINISHED, STUCK or ENDLESS, and the first cycle not yet used."""
    engine, kind, number, moves = program.engine, program.kind, program.number, program.moves
    dispatch, issue, retired = times.dispatch, times.issue, times.retire
    fetched, members, given = progress.fetched, progress.members, progress.given
    queued, issued, free = progress.queued, progress.issued, progress.free
    gifts, takes, endless = progress.gifts, progress.takes, progress.endless
    count = len(engine)
    pc, next_dispatch, moved, ended = 0, 0, True, False
    while moved:
        moved = False
        while pc < count and not ended:
            if pc % FETCH_BURST_INSTRUCTIONS == 0 and fetched[pc] == 0:
                fetch_burst(pc // FETCH_BURST_INSTRUCTIONS, dispatch, port, sizes, fetched)
            e = engine[pc]
            cycle = max(fetched[pc] + 1, next_dispatch)
            if kind[pc] == ILLEGAL_KIND:
                dispatch[pc], next_dispatch = cycle, cycle + 1
                ended = True  # what was dispatched before goes on up to this cycle
                break
            if kind[pc] == FETCH_KIND or kind[pc] == HALT_KIND:
                dispatch[pc] = issue[pc] = cycle
                all_issued, retire = True, cycle
                for e in range(1, _ENDS):
                    all_issued = all_issued and issued[e] == queued[e]
                    retire = max(retire, free[e] - 1)
                if not all_issued:
                    break
                retire += 1
                retired[pc] = retire
                next_dispatch = retire + 1
                if kind[pc] == HALT_KIND:
                    return FINISHED, retire + 1
            else:
                before = queued[e] - QUEUE_DEPTH
                if before >= 0:
                    if before >= issued[e]:
                        break
                    cycle = max(cycle, issue[members[e][before]] + 1)
                dispatch[pc] = cycle
                members[e][queued[e]] = pc
                queued[e] += 1
                next_dispatch = cycle + 1
            pc += 1
            moved = True
        for e in range(1, _ENDS):
            while issued[e] < queued[e] and not endless[e]:
                i = members[e][issued[e]]
                cycle, has_all = max(dispatch[i] + 1, free[e]), True
                for side in range(len(_STEPS)):
                    if program.waits[i][side]:
                        giver = 1 + (e - 1 + _STEPS[side]) % _RING
                        has = takes[giver][e] < gifts[giver][e]
                        token = given[giver][e][takes[giver][e]] if has else NEVER
                        times.tokens[i][side] = token
                        cycle, has_all = max(cycle, token), has_all and has
                if not has_all:
                    break
                for side in range(len(_STEPS)):
                    takes[1 + (e - 1 + _STEPS[side]) % _RING][e] += program.waits[i][side]
                if kind[i] == LOAD_KIND:
                    retire = load(moves[number[i]], cycle, port, sizes, times, i)
                elif kind[i] == STORE_KIND:
                    retire = store(moves[number[i]], cycle, port, sizes, times, i)
                else:
                    retire = cycle + program.duration[i]
                issue[i], retired[i] = cycle, retire
                if retire > sizes.limit_cycles:
                    endless[e] = 1
                    break
                free[e] = retire + 1
                for side in range(len(_STEPS)):
                    if program.signals[i][side]:
                        taker = 1 + (e - 1 + _STEPS[side]) % _RING
                        given[e][taker][gifts[e][taker]] = retire + 1
                        gifts[e][taker] += 1
                issued[e] += 1
                moved = True
    if pc < count and not ended:
        has_endless = False
        for e in range(1, _ENDS):
            has_endless = has_endless or endless[e] > 0
        return (ENDLESS if has_endless else STUCK), next_dispatch
    return FINISHED, next_dispatch

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
from npusim.isa.spec import ENGINES, QUEUE_DEPTH, QUEUED_ENGINES, SIDES
from npusim.simulator.timing.bursts import (
    ARRIVAL,
    CURSOR,
    FETCH_PORT,
    IS_ASKING,
    LD_PORT,
    PADS,
    PC,
    ST_PORT,
    Port,
    Sizes,
    Times,
    advance,
    answer_fetch,
    answer_load,
    answer_store,
    ask,
    ask_fetch,
    begin,
    may_fetch,
)
from npusim.simulator.timing.dram import Timing


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


class Progress(NamedTuple):
    """What the pass keeps, all zero at its start, by engine (5: FETCH is 0).

    `fetched` [instructions]: the cycle of an instruction's last beat. `members` [5 instructions]:
    what was put into an engine's queue, `queued` and `issued` [5] of them; `free` [5]: the cycle
    after the last retirement; `busy` [5]: an instruction whose retirement is not known yet;
    `endless` [5]: a run beyond the limit. `given` [5 5 instructions]: by
    giver and taker the cycles after the signals, `gifts` and `takes` [5 5] of them.
    """

    fetched: Any
    members: Any
    queued: Any
    issued: Any
    free: Any
    busy: Any
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
_LD, _ST = ENGINES.index("LD"), ENGINES.index("ST")


@scalar
def finished(e: int, i: int, retire: int, program: Instructions, progress: Progress) -> None:
    """Give the tokens of an instruction of engine `e` that retires at `retire`; free the engine."""
    progress.free[e], progress.busy[e] = retire + 1, 0
    for side in range(len(_STEPS)):
        if program.signals[i][side]:
            taker = 1 + (e - 1 + _STEPS[side]) % _RING
            progress.given[e][taker][progress.gifts[e][taker]] = retire + 1
            progress.gifts[e][taker] += 1


@scalar
def move_on(
    which: int, program: Instructions, port: Port, sizes: Sizes, timing: Timing, progress: Progress,
    times: Times,
) -> None:  # fmt: skip
    """Answer the burst that a port has asked for; ask for its next, or retire the instruction."""
    walk, e = port.walks[which], _LD
    if which == FETCH_PORT:
        answer_fetch(port, sizes, timing, times, progress.fetched)
        return
    move = program.moves[program.number[walk[PC]]]
    if which == LD_PORT:
        answer_load(port, sizes, timing, times)
        more, extra = advance(walk, move), 2
    else:
        answer_store(port, sizes, timing, times)
        more, extra, e = advance(walk, move), 1, _ST
    retire = walk[CURSOR] + walk[PADS] + extra
    if retire > sizes.limit_cycles:
        times.retire[walk[PC]], progress.endless[e] = retire, 1
    elif more:
        ask(which, port, sizes, times)
    else:
        times.retire[walk[PC]] = retire
        finished(e, walk[PC], retire, program, progress)


@scalar
def next_port(port: Port) -> int:
    """Return the port whose burst reaches the memory first, -1 where there is none.

    What no port has asked for yet follows from a burst that is on its way, and so arrives later.
    """
    found, first = -1, NEVER
    for which in range(len(port.walks)):
        if port.walks[which][IS_ASKING] and port.walks[which][ARRIVAL] < first:
            found, first = which, port.walks[which][ARRIVAL]
    return found


@kernel
def schedule(
    program: Instructions, port: Port, sizes: Sizes, timing: Timing, progress: Progress,
    times: Times,
) -> tuple[int, int]:  # fmt: skip
    """Fill `times`; return FINISHED, STUCK or ENDLESS, and the first cycle not yet used."""
    engine, kind, number, moves = program.engine, program.kind, program.number, program.moves
    walks = port.walks
    dispatch, issue, retired = times.dispatch, times.issue, times.retire
    fetched, members, given = progress.fetched, progress.members, progress.given
    queued, issued, free, busy = progress.queued, progress.issued, progress.free, progress.busy
    gifts, takes = progress.gifts, progress.takes
    count = len(engine)
    pc, next_dispatch, moved, ended = 0, 0, True, False
    while moved:
        moved = False
        while may_fetch(walks[FETCH_PORT][PC], dispatch, port):
            ask_fetch(dispatch, port)
            if not timing.is_shared:
                answer_fetch(port, sizes, timing, times, fetched)
        while pc < count and not ended and fetched[pc] > 0:
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
                    all_issued = all_issued and issued[e] == queued[e] and not busy[e]
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
            while issued[e] < queued[e] and not busy[e]:
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
                issue[i], busy[e] = cycle, 1
                issued[e] += 1
                moved = True
                if kind[i] == LOAD_KIND or kind[i] == STORE_KIND:
                    which = LD_PORT if kind[i] == LOAD_KIND else ST_PORT
                    begin(walks[which], moves[number[i]], cycle, i)
                    ask(which, port, sizes, times)
                    while not timing.is_shared and walks[which][IS_ASKING]:
                        move_on(which, program, port, sizes, timing, progress, times)
                    continue
                retired[i] = cycle + program.duration[i]
                if retired[i] > sizes.limit_cycles:
                    progress.endless[e] = 1
                    break
                finished(e, i, retired[i], program, progress)
        if timing.is_shared and not moved:
            which = next_port(port)
            if which >= 0:
                move_on(which, program, port, sizes, timing, progress, times)
                moved = True
    if pc < count and not ended:
        has_endless = False
        for e in range(1, _ENDS):
            has_endless = has_endless or progress.endless[e] > 0
        return (ENDLESS if has_endless else STUCK), next_dispatch
    return FINISHED, next_dispatch

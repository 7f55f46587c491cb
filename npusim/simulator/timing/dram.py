"""The DRAM behind the ports: when each access's data have passed, by banks, rows and refresh.

One controller serves the bursts of all ports in the order of their arrival, with rows left open.
An access is one column command, `access_bytes` of DRAM. Row commands (PRE, ACT, REF) go in the
order of the accesses, and so do column commands (RD, WR); row commands run ahead. Every tick below
is one of the DRAM's clock and a maximum of earlier ones: docs/architecture.md, section 5.
"""

from __future__ import annotations

from math import gcd
from typing import Any, NamedTuple

import numpy as np

from npusim.datapath.jit import scalar
from npusim.machines import Machine
from npusim.simulator.timing.port import free_at, handshake, stream

ROW, ACT_AT, PRE_FROM, ACT_FROM = range(4)
"""Of a bank: its open row or CLOSED, its last ACT, and from when on PRE and ACT may go."""
CLOSED = -1
RD_FROM, WR_FROM, ROW_FROM = range(3)
"""Of a bank group: from when on RD, WR and ACT may go to its banks."""
ALL_RD, ALL_WR, ALL_ACT, ROW_NEXT, DUE, ACTS = range(6)
"""Of the whole DRAM: the same for every group, from when on the next row command may go, when the
next refresh arrives, and how many ACTs there were."""
HITS, MISSES, CONFLICTS, READS, WRITES = range(5)
OUTCOMES = ("dram_hits", "dram_misses", "dram_conflicts", "dram_reads", "dram_writes")
"""What is counted of each instruction's accesses: their row was open, its bank was closed or held
another; they read or wrote. A miss and a conflict are an activation each."""
WINDOW = 4
"""Activations that tFAW is about."""


class Timing(NamedTuple):
    """Sizes as logarithms and masks, times in ticks; `cycles` of the NPU are `ticks` of the DRAM.

    `is_shared` is 0 where each port has a memory of its own, not this one. `delay_cycles` pass
    from the last data of an access to the port.
    """

    is_shared: int
    cycles: int
    ticks: int
    delay_cycles: int
    access_log2: int
    group_log2: int
    column_log2: int
    bank_log2: int
    CL: int
    CWL: int
    BL: int
    RCD: int
    RP: int
    RAS: int
    RC: int
    RRD_S: int
    RRD_L: int
    FAW: int
    CCD_S: int
    CCD_L: int
    RTP: int
    WR: int
    WTR_S: int
    WTR_L: int
    RTW: int
    REFI: int
    RFC: int


class Dram(NamedTuple):
    """State: `banks` [banks 4], `groups` [groups 3], `whole` [6], ticks of the last `acts` [4]."""

    banks: Any
    groups: Any
    whole: Any
    acts: Any


def timing_of(machine: Machine) -> Timing:
    """Return what the DRAM of `machine` is; it is not looked at where the model is another."""
    dram = machine.dram
    common = gcd(machine.clock.frequency_hz, dram.clock_hz)
    groups, accesses = dram.bank_groups, dram.row_bytes // dram.access_bytes
    times = {name: getattr(dram, f"t{name}_clocks") for name in Timing._fields[8:]}
    return Timing(
        int(machine.memory.model == "dram"), machine.clock.frequency_hz // common,
        dram.clock_hz // common, machine.memory.latency_cycles, _log2(dram.access_bytes),
        _log2(groups), _log2(accesses), _log2(dram.banks // groups), **times,
    )  # fmt: skip


def new_dram(timing: Timing) -> Dram:
    """Return the DRAM at the start of a run: all banks closed, the first refresh tREFI away."""
    groups = 1 << timing.group_log2
    banks, whole = np.zeros((groups << timing.bank_log2, 4), np.int64), np.zeros(6, np.int64)
    banks[:, ROW], whole[DUE] = CLOSED, timing.REFI
    return Dram(banks, np.zeros((groups, 3), np.int64), whole, np.zeros(WINDOW, np.int64))


def refreshes_in(cycles: int, timing: Timing) -> int:
    """Return how many refreshes come due in a run of so many cycles; 0 in another memory."""
    return first_tick(cycles, timing) // timing.REFI if timing.is_shared else 0


def _log2(value: int) -> int:
    return value.bit_length() - 1


@scalar
def first_tick(cycle: int, timing: Timing) -> int:
    """Return the first tick of a cycle of the NPU."""
    return cycle * timing.ticks // timing.cycles


@scalar
def seen_at(tick: int, timing: Timing) -> int:
    """Return the first cycle that begins at `tick` or later."""
    return (tick * timing.cycles + timing.ticks - 1) // timing.ticks


@scalar
def refresh(dram: Dram, timing: Timing, arrival: int) -> None:
    """Refresh all banks for each tREFI up to `arrival`, after all that arrived before it."""
    whole = dram.whole
    while whole[DUE] <= arrival:
        command, is_open = max(whole[DUE], whole[ROW_NEXT]), False
        for bank in dram.banks:
            if bank[ROW] != CLOSED:
                command, is_open = max(command, bank[PRE_FROM]), True
        if is_open:  # PREA closes all banks at once
            for bank in dram.banks:
                if bank[ROW] != CLOSED:
                    bank[ROW] = CLOSED
                    bank[ACT_FROM] = max(bank[ACT_FROM], command + timing.RP)
            command += 1
        for bank in dram.banks:
            command = max(command, bank[ACT_FROM])
        for bank in dram.banks:
            bank[ACT_FROM] = command + timing.RFC
        whole[ROW_NEXT] = command + 1
        whole[DUE] += timing.REFI


@scalar
def access(
    dram: Dram, timing: Timing, number: int, is_write: bool, arrival: int, outcomes: Any
) -> int:
    """Serve the next access; return the tick in which its last data have passed.

    Parameters
    ----------
    number
        Its byte address divided by `access_bytes`.
    outcomes
        [OUTCOMES], counted up.
    """
    whole = dram.whole
    group = number & ((1 << timing.group_log2) - 1)
    place = number >> (timing.group_log2 + timing.column_log2)
    bank = (place & ((1 << timing.bank_log2) - 1)) << timing.group_log2 | group
    row = place >> timing.bank_log2
    mine, ours = dram.banks[bank], dram.groups[group]
    if mine[ROW] == row:
        outcomes[HITS] += 1
    else:
        if mine[ROW] == CLOSED:
            outcomes[MISSES] += 1
        else:
            outcomes[CONFLICTS] += 1
            precharge = max(arrival, whole[ROW_NEXT], mine[PRE_FROM])
            mine[ACT_FROM] = max(mine[ACT_FROM], precharge + timing.RP)
            whole[ROW_NEXT] = precharge + 1
        activate = max(arrival, whole[ROW_NEXT], mine[ACT_FROM], ours[ROW_FROM], whole[ALL_ACT])
        oldest = whole[ACTS] % WINDOW
        if whole[ACTS] >= WINDOW:
            activate = max(activate, dram.acts[oldest] + timing.FAW)
        dram.acts[oldest] = activate
        whole[ACTS] += 1
        whole[ROW_NEXT], whole[ALL_ACT] = activate + 1, activate + timing.RRD_S
        ours[ROW_FROM] = activate + timing.RRD_L
        mine[ROW], mine[ACT_AT] = row, activate
        mine[PRE_FROM], mine[ACT_FROM] = activate + timing.RAS, activate + timing.RC
    opened = max(arrival, mine[ACT_AT] + timing.RCD)
    if is_write:
        outcomes[WRITES] += 1
        command = max(opened, whole[ALL_WR], ours[WR_FROM])
        done = command + timing.CWL + timing.BL
        mine[PRE_FROM] = max(mine[PRE_FROM], done + timing.WR)
        whole[ALL_RD] = max(whole[ALL_RD], done + timing.WTR_S)
        ours[RD_FROM] = max(ours[RD_FROM], done + timing.WTR_L)
        whole[ALL_WR] = max(whole[ALL_WR], command + timing.CCD_S)
        ours[WR_FROM] = max(ours[WR_FROM], command + timing.CCD_L)
    else:
        outcomes[READS] += 1
        command = max(opened, whole[ALL_RD], ours[RD_FROM])
        done = command + timing.CL + timing.BL
        mine[PRE_FROM] = max(mine[PRE_FROM], command + timing.RTP)
        whole[ALL_RD] = max(whole[ALL_RD], command + timing.CCD_S)
        ours[RD_FROM] = max(ours[RD_FROM], command + timing.CCD_L)
        whole[ALL_WR] = max(whole[ALL_WR], command + timing.RTW)
    return done


@scalar
def read_beats(
    channel: Any, start: int, size: int, beats: int, served: int, ready: int, arrival: int,
    dram: Dram, timing: Timing, outcomes: Any,
) -> int:  # fmt: skip
    """Pass `beats` beats of a burst from byte `start` on; return the first access not yet served.

    Parameters
    ----------
    size
        Bytes of a beat.
    served
        The first access of the burst that has not been served.
    ready
        From when on the first beat is taken.
    arrival
        The tick in which the burst arrived.
    """
    passed = min((served << timing.access_log2) - start, beats * size) // size
    if passed > 0:
        handshake(channel, max(free_at(channel), ready))
        stream(channel, passed - 1)
    passed = max(passed, 0)
    while passed < beats:
        done = access(dram, timing, served, False, arrival, outcomes)
        served += 1
        whole = min((served << timing.access_log2) - start, beats * size) // size
        if whole > passed:
            arrived = seen_at(done, timing) + timing.delay_cycles
            handshake(channel, max(free_at(channel), arrived, ready))
            stream(channel, whole - passed - 1)
            passed = whole
    return served

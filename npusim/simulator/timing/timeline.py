"""When everything in a program happens: issue, retirement, stalls by cause, counters, faults.

No data is needed: cycles depend on the program, the machine and the memory alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import CapacityError, FormatError
from npusim.isa.columns import Columns, columns_of
from npusim.isa.nest import Column, Mask
from npusim.isa.program import PAGE_BYTES
from npusim.isa.spec import DRAM_SPACE, ENGINES, INSTRUCTION_BYTES, QUEUED_ENGINES, SIDES
from npusim.isa.traffic import instruction_beats
from npusim.machines import Machine
from npusim.simulator.timing.bursts import WALK, Port, Sizes, Times
from npusim.simulator.timing.dram import OUTCOMES, Dram, new_dram, refreshes_in, timing_of
from npusim.simulator.timing.durations import durations
from npusim.simulator.timing.faults import Fault, find_faults, legal_operands
from npusim.simulator.timing.port import new_channels
from npusim.simulator.timing.schedule import (
    ENDLESS,
    FETCH_KIND,
    HALT_KIND,
    ILLEGAL_KIND,
    LOAD_KIND,
    NEVER,
    PLAIN_KIND,
    STORE_KIND,
    STUCK,
    Instructions,
    Progress,
    schedule,
)
from npusim.simulator.timing.transfers import Move, moves_of

LIMIT_CYCLES = (1 << 31) - 1
"""The longest run that is simulated."""
CAUSES = ("fetch", *SIDES)
_KINDS = {"FENCE": FETCH_KIND, "HALT": HALT_KIND, "LD": LOAD_KIND, "ST": STORE_KIND}


@dataclass(frozen=True, eq=False)
class Timeline:
    """The cycles of one run.

    Attributes
    ----------
    dispatch, issue, retire
        int64 [instructions]: cycles, -1 where the run ended before.
    stall_start, stalls
        int64 [instructions], [instructions CAUSES]: the engine's stall before each issue, first
        cycle and length by cause; 0 where the run ended before.
    bursts
        int64 [instructions]: DRAM bursts of each LD and ST.
    outcomes
        int64 [instructions OUTCOMES]: what each one's accesses, of FETCH too, met in a DRAM of
        banks and rows (dram.py); 0 in another memory.
    refreshes
        Those that came due during the run.
    cycles
        Length of the run.
    faults
        All that happen in the last cycle, the one that is reported first; empty after HALT.
    halt_code
        What HALT said; None after a fault.
    """

    machine: Machine
    columns: Columns
    dispatch: Column
    issue: Column
    retire: Column
    stall_start: Column
    stalls: Column
    bursts: Column
    outcomes: Column
    refreshes: int
    cycles: int
    faults: tuple[Fault, ...]
    halt_code: int | None

    @property
    def fault(self) -> Fault | None:
        """The fault that the status registers report."""
        return self.faults[0] if self.faults else None

    def of_engine(self, engine: str) -> Column:
        """Return the pcs of the instructions of `engine` that issued, in order."""
        mine = self.columns.engine == ENGINES.index(engine)
        return np.flatnonzero(mine & (self.columns.opcode > 0) & (self.issue >= 0))

    def counters(self) -> dict[str, dict[str, int]]:
        """Return for each engine: busy, stalls by cause, idle; they add up to the cycles."""
        result = {}
        for engine in QUEUED_ENGINES:
            pcs = self.of_engine(engine)
            last = np.where(self.retire[pcs] < 0, self.cycles - 1, self.retire[pcs])
            row = {"busy": int((last - self.issue[pcs] + 1).sum())}
            mine = self.columns.engine == ENGINES.index(engine)
            for index, cause in enumerate(CAUSES):
                row[cause] = int(self.stalls[mine, index].sum())
            result[engine] = row | {"idle": self.cycles - sum(row.values())}
        return result


def _kinds(columns: Columns, legal: dict[str, Mask]) -> Column:
    kinds = np.full(columns.count, ILLEGAL_KIND, np.int64)
    for name, group in columns.groups.items():
        kinds[group.pcs] = np.where(legal[name], _KINDS.get(name, PLAIN_KIND), PLAIN_KIND)
    return kinds


def time_code(
    code: bytes,
    machine: Machine,
    bases: Sequence[int] = (0,) * 8,
    limit_cycles: int = LIMIT_CYCLES,
    code_address: int = 0,
) -> Timeline:
    """Return the cycles of one run of `code` on `machine` with its memory.

    Parameters
    ----------
    code
        The program's bytes, 16 an instruction.
    bases
        Byte address of each DRAM region.
    code_address
        Byte address of `code`: instructions beyond the memory fault.

    Raises
    ------
    FormatError
        The run never ends: instructions wait for tokens that nobody gives.
    CapacityError
        The run is longer than `limit_cycles`.
    RangeError
        A region does not begin at a whole beat.
    """
    ends = code_address + INSTRUCTION_BYTES * np.arange(1, len(code) // INSTRUCTION_BYTES + 1)
    columns = columns_of(code, (ends - 1) % DRAM_SPACE >= machine.memory.size_bytes)
    legal = legal_operands(columns, machine)
    bus, memory = machine.bus, machine.memory
    sizes = Sizes(
        instruction_beats(machine), bus.burst_beats, PAGE_BYTES // bus.bus_bytes,
        memory.size_bytes // bus.bus_bytes, DRAM_SPACE // bus.bus_bytes,
        code_address, bus.bus_bytes, memory.latency_cycles, limit_cycles,
    )  # fmt: skip
    moves, number = moves_of(columns, machine, bases)
    program = Instructions(
        moves, columns.engine, _kinds(columns, legal), durations(columns, machine), number,
        *(
            np.stack([columns.header(f"{flag}_{side}") for side in SIDES], axis=1)
            for flag in ("wait", "signal")
        ),
    )  # fmt: skip
    timing = timing_of(machine)
    port = Port(
        new_channels(memory), np.zeros((3, memory.outstanding), np.int64),
        np.zeros((3, WALK), np.int64), new_dram(timing),
    )  # fmt: skip
    count, five = columns.count, len(ENGINES)
    progress = Progress(*(
        np.zeros(shape, np.int64)
        for shape in (
            count, (five, count), five, five, five, five, five, (five, five, count), (five, five),
            (five, five),
        )
    ))  # fmt: skip
    never, zeros = np.full((3, count), -1, np.int64), np.zeros((2, count), np.int64)
    (dispatch, issue, retire), (bad_beat, bursts) = never, zeros
    tokens = np.zeros((count, len(SIDES)), np.int64)
    outcomes = np.zeros((count, len(OUTCOMES)), np.int64)
    times = Times(dispatch, issue, retire, tokens, bad_beat, bursts, outcomes)
    if schedule.is_worth_compiling(_rounds(columns, moves, machine)):
        status, next_cycle = schedule(program, port, sizes, timing, progress, times)
    else:
        rows = [Move(*row) for row in moves.tolist()]
        listed = Times(*_lists(times))
        of_ports = _lists([port.channels, port.ends, port.walks])
        port = Port(of_ports[0], of_ports[1], of_ports[2], Dram(*_lists(port.dram)))
        status, next_cycle = schedule.function(
            Instructions(rows, *_lists(program[1:])), port, sizes, timing,
            Progress(*_lists(progress)), listed,
        )  # fmt: skip
        times = Times(*(np.array(column, np.int64) for column in listed))
    halts = columns.groups["HALT"]
    halted = halts.pcs[times.retire[halts.pcs] >= 0]
    reached_end = status not in (STUCK, ENDLESS) and not halted.size and (columns.opcode > 0).all()
    faults = find_faults(columns, machine, legal, times, next_cycle if reached_end else None)
    if halted.size and not faults:  # HALT waits for everything: a fault would be earlier
        return _timeline(machine, columns, times, int(times.retire[halted[0]]), ())
    if not faults or faults[0].cycle > limit_cycles:
        raise _no_end(status, columns, times, limit_cycles)
    return _timeline(machine, columns, times, faults[0].cycle, faults)


def _lists(arrays: Sequence[NDArray]) -> list[list]:
    return [array.tolist() for array in arrays]


def _rounds(columns: Columns, moves: NDArray, machine: Machine) -> int:
    """Return about how often the schedule goes through its loops: instructions, rows, bursts.

    A memory that draws its waits also takes each beat by itself, a DRAM each access.
    """
    access_beats = max(machine.dram.access_bytes // machine.bus.bus_bytes, 1)
    each = {"fixed": machine.bus.burst_beats, "lfsr": 1, "dram": access_beats}[machine.memory.model]
    rounds = moves["columns"] * moves["element_beats"] // each
    return columns.count + int((moves["blocks"] * moves["rows"] * (rounds + 2)).sum())


def _no_end(status: int, columns: Columns, times: Times, limit_cycles: int) -> Exception:
    if status == STUCK:
        waiting = np.flatnonzero((times.dispatch >= 0) & (times.issue < 0))
        stuck = {int(columns.engine[pc]): int(pc) for pc in waiting[::-1]}
        text = ", ".join(f"{ENGINES[e]} at pc {pc}" for e, pc in sorted(stuck.items()))
        return FormatError(f"program: deadlock, waiting for a token: {text}")
    return CapacityError(f"program: expected at most {limit_cycles} cycles, it runs longer")


def _timeline(
    machine: Machine, columns: Columns, times: Times, end: int, faults: tuple[Fault, ...]
) -> Timeline:
    """Return the timeline up to and with cycle `end`."""
    dispatch, issue, retire = times.dispatch, times.issue, times.retire
    start = np.zeros(columns.count, np.int64)
    stalls = np.zeros((columns.count, len(CAUSES)), np.int64)
    for engine in range(1, len(ENGINES)):
        mine = np.flatnonzero((columns.engine == engine) & (columns.opcode > 0) & (dispatch >= 0))
        before = retire[mine[:-1]]
        start[mine[1:]] = np.where(before >= 0, before + 1, NEVER)
        edge = start[mine]
        for index, until in enumerate((dispatch[mine] + 1, *times.tokens[mine].T)):
            after = np.maximum(edge, until)
            stalls[mine, index] = np.where(after <= end, after - edge, 0)  # ended in time
            edge = after
    at_issue = [fault.pc for fault in faults if fault.cause in ("operand", "bank")]
    issued = (issue >= 0) & (issue <= end)
    issued[at_issue] = False
    retired = issued & (retire <= end)
    halt_code = None
    if not faults:
        halts = columns.groups["HALT"]
        halt_code = int(halts["code"][np.searchsorted(halts.pcs, np.flatnonzero(retired)[-1])])
    return Timeline(
        machine=machine,
        columns=columns,
        dispatch=np.where(dispatch <= end, dispatch, -1),
        issue=np.where(issued, issue, -1),
        retire=np.where(retired, retire, -1),
        stall_start=start,
        stalls=stalls,
        bursts=np.where(issued, times.bursts, 0),
        outcomes=times.outcomes,
        refreshes=refreshes_in(end + 1, timing_of(machine)),
        cycles=end + 1,
        faults=faults,
        halt_code=halt_code,
    )

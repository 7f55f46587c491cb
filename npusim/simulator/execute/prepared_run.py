"""A run of a program on data: once, with trace and activity where asked, or again and again.

Cycles, order and faults depend on the program alone. So do weights and constants, where no ST and
no host writes to the DRAM that they are loaded from; the calls of a first run then serve all
further ones, without the LDs of constants. A run that this does not hold for, or of which an
instruction took the plain form, is carried out instruction after instruction each time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npusim.isa.spec import TARGETS
from npusim.kernels.entry import make_calls, walk_table
from npusim.simulator.activity import Activity
from npusim.simulator.execute.call_record import Call
from npusim.simulator.execute.executor import Executor
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.rows import dram_spans, within
from npusim.simulator.execute.unwritten import clear, unwritten_reads
from npusim.simulator.timing.faults import AT_RETIREMENT
from npusim.simulator.timing.timeline import Timeline


class PreparedRun:
    """The run of `timeline` on `dram` uint8 [bytes].

    Parameters
    ----------
    bases
        Byte address of each region, as the timeline was made with.
    constant
        Bytes first .. end - 1 of `dram` that nobody but STs of this run writes from now on; None
        where the run is not repeated.
    state
        Scratchpads as an earlier run left them; None: all zero.
    activity
        Takes what MACs change in the array, from registers of zero in each run.
    """

    def __init__(
        self,
        timeline: Timeline,
        bases: Sequence[int],
        dram: NDArray[np.uint8],
        constant: tuple[int, int] | None = None,
        state: State | None = None,
        activity: Activity | None = None,
    ) -> None:
        self.timeline, self.activity, machine = timeline, activity, timeline.machine
        self.state = State(machine) if state is None else state
        repeats = constant is not None
        self.executor = Executor(timeline.columns, machine, bases, self.state, dram, repeats)
        done = timeline.retire >= 0
        done[[f.pc for f in timeline.faults if f.cause in AT_RETIREMENT]] = False
        pcs = np.flatnonzero(done)
        self.pcs = pcs[np.argsort(timeline.issue[pcs], kind="stable")].tolist()
        self.is_repeatable = constant is not None and self._is_constant(constant)
        self.table: NDArray[np.int64] | None = None
        """The calls of a repeated run; the first ones clear what it reads and has not written."""

    def carry_out(self, crcs: dict[int, int] | None = None) -> list[tuple[int, Call | None]]:
        """Carry out the run on what DRAM and scratchpads hold; return the calls, each with its pc.

        `crcs` takes the crc32 of what each instruction writes. The call that counts a MAC's
        activity stands before its own; None stands for an instruction that is no call.
        """
        executor = self.executor
        calls: list[tuple[int, Call | None]] = []
        for pc in self.pcs:
            if self.activity is not None and executor.names[pc] == "MAC":
                number = int(executor.number[pc])
                calls.append((pc, self.activity.add(pc, self.state, executor.macs.rows, number)))
            calls.append((pc, executor.carry_out(pc, crcs)))
        return calls

    def run(self) -> None:
        """Carry out the run once more, from empty scratchpads, on what `dram` now holds."""
        if self.table is not None:
            make_calls(self.table)
            return
        self.state.clear()
        if self.activity is not None:
            self.activity.clear()
        calls = self.carry_out()
        if self.is_repeatable:
            executor, constant = self.executor, self._constants()
            kept = [
                call for pc, call in calls
                if executor.names[pc] in executor.parts and pc not in constant
            ]  # fmt: skip
            self.is_repeatable = None not in kept
            if self.is_repeatable:
                self.table = np.array([*self._clearing(), *kept], np.int64).reshape(-1, 6)

    def call(self) -> Call | None:
        """Return a repeated run as one call; None of any other, and before a first `run`."""
        if self.table is None:
            return None
        return (walk_table().address, self.table.ctypes.data, 0, 0, 0, len(self.table))

    def _clearing(self) -> list[Call]:
        """Return the calls that clear what a run reads unwritten, and what it counts from."""
        executor, state = self.executor, self.state
        memories: dict[str, NDArray] = {"ACT": state.act, "ACC": state.acc, "table": state.table}
        timeline = self.timeline
        unwritten = unwritten_reads(executor.nests, timeline.columns, self.pcs, timeline.machine)
        cleared = [memory for name, memory in memories.items() if name in unwritten]
        if self.activity is not None:
            cleared += self.activity.registers
        return [(clear().address, one.ctypes.data, one.nbytes, 0, 0, 0) for one in cleared]

    def _constants(self) -> set[int]:
        """Return the pcs of the LDs of weights and constants."""
        loads = self.timeline.columns.groups["LD"]
        return set(loads.pcs[loads["target"] != TARGETS.index("ACT")].tolist())

    def _is_constant(self, constant: tuple[int, int]) -> bool:
        """Return whether what WGT and PAR are loaded with is `constant`, and no ST writes there."""
        loads, stores = self.executor.loads, self.executor.stores.rows
        fixed = loads.rows[loads.targets != TARGETS.index("ACT")]
        if not within(fixed, *constant).all():
            return False
        (first, end), (others, other_ends) = dram_spans(fixed), dram_spans(stores)
        if not fixed.size or not stores.size:
            return True
        ascending = np.argsort(first)
        furthest = np.maximum.accumulate(end[ascending])
        before = np.searchsorted(first[ascending], other_ends) - 1  # the last that begins before
        return not ((before >= 0) & (furthest[before] > others)).any()

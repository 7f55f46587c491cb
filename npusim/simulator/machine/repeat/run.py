"""A run that is repeated on new data: its cycles found once, its instructions a table of calls.

Cycles, order and faults depend on the program alone. So do weights and constants, where no ST and
no host writes to the DRAM that they are loaded from; they are then decoded once, and their LDs need
not be carried out again. A run that cannot be prepared so (addresses that wrap, a word that one MAC
meets twice, constants that change) is carried out by execute.py, instruction after instruction.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column
from npusim.isa.spec import PAR_HEADER_WORDS, TARGETS
from npusim.kernels.entry import ROW_WORDS, walk
from npusim.kernels.vnni import chosen_form
from npusim.machines import Machine
from npusim.simulator.machine import epilogue, multiply, nest, vector
from npusim.simulator.machine.execute import Executor
from npusim.simulator.machine.moves import moves_of
from npusim.simulator.machine.repeat.epilogue import Requantizer, requantize
from npusim.simulator.machine.repeat.move import load, store
from npusim.simulator.machine.repeat.multiply import DENSE, Multiplier, depthwise, is_repeatable
from npusim.simulator.machine.repeat.vector import Vectors
from npusim.simulator.machine.repeat.vector import vector as vector_entry
from npusim.simulator.machine.state import State
from npusim.simulator.machine.timeline import Timeline
from npusim.simulator.machine.transfer import load_words
from npusim.simulator.machine.walk import (
    BLOCK_STRIDE,
    BLOCKS,
    BOTTOM,
    COLUMNS,
    ELEMENT,
    LEFT,
    MOVES,
    RIGHT,
    ROW_STRIDE,
    ROWS,
    START,
    TOP,
)

MARGIN_WORDS = 16
"""Behind a scratchpad: vectors of sixteen lanes read past words of fewer."""
_ACT = TARGETS.index("ACT")
_NAMES = ("LD", "ST", "MAC", "RQ", "VEC")


class RepeatedRun:
    """The run of `timeline`, which ends with HALT, on `dram` uint8 [bytes], from empty scratchpads.

    Parameters
    ----------
    bases
        Byte address of each region, as the timeline was made with.
    constant
        Bytes first .. end - 1 of `dram` that nobody but STs of this run writes from now on.
    """

    def __init__(
        self,
        timeline: Timeline,
        bases: Sequence[int],
        dram: NDArray[np.uint8],
        constant: tuple[int, int],
    ) -> None:
        self.timeline, self.machine, self.dram = timeline, timeline.machine, dram
        self.bases = bases
        done = np.flatnonzero(timeline.retire >= 0)
        self.pcs = done[np.argsort(timeline.issue[done], kind="stable")]
        self.moves, self.place = moves_of(timeline.columns, self.machine, bases)
        self.state = _wide_state(self.machine)
        self.table: NDArray[np.int64] | None = None
        if chosen_form() != "plain" and self._can_prepare(constant):
            self._prepare()

    def run(self) -> None:
        """Carry out the run once more, on what `dram` now holds."""
        if self.table is not None:
            for memory in (self.state.act, self.state.acc, self.state.table):
                memory.fill(0)
            walk(self.table)
            return
        state = State(self.machine)
        Executor(self.timeline.columns, self.machine, self.bases, state, self.dram).run(
            self.pcs.tolist(), trace=False
        )

    def _can_prepare(self, constant: tuple[int, int]) -> bool:
        """Return whether nothing wraps, no MAC meets a word twice, and constants are constant."""
        columns, machine = self.timeline.columns, self.machine
        words = {"ACT": machine.act_words, "WGT": machine.wgt_words, "PAR": machine.par_words}
        words["ACC"] = machine.scratchpads.acc_words
        for name in _NAMES:
            group = columns.groups[name]
            for reached in PAGES[name].nests(group) if group.pcs.size else ():
                low, high = reached.bounds()
                if ((low < 0) | (high >= words[reached.scratchpad]))[reached.applies].any():
                    return False
        if not all(is_repeatable(o) for o in multiply.operands(columns.groups["MAC"], machine)):
            return False
        first, end = self._spans()
        loads = columns.groups["LD"]
        fixed = np.flatnonzero(loads["target"] != _ACT)
        stores = slice(len(loads.pcs), None)
        if (first < 0).any() or (end > len(self.dram)).any():
            return False
        if (first[fixed] < constant[0]).any() or (end[fixed] > constant[1]).any():
            return False
        return not _overlap(first[fixed], end[fixed], first[stores], end[stores])

    def _spans(self) -> tuple[Column, Column]:
        """Return the first byte and the end of what each LD, then each ST, touches in DRAM."""
        m, bus = self.moves, self.machine.bus.bus_bytes
        steps = [(m[:, level] - 1) * m[:, stride]
                 for level, stride in ((BLOCKS, BLOCK_STRIDE), (ROWS, ROW_STRIDE))]  # fmt: skip
        low = m[:, START] + sum(np.minimum(step, 0) for step in steps)
        high = m[:, START] + sum(np.maximum(step, 0) for step in steps)
        return low * bus, (high + m[:, COLUMNS] * m[:, ELEMENT]) * bus

    def _prepare(self) -> None:
        """Make the table of calls; LDs of weights and constants are carried out here, once."""
        columns, machine, state = self.timeline.columns, self.machine, self.state
        form = chosen_form()
        self.parts = (
            Multiplier(form, machine.act_words, machine.size, machine.acc_regions),
            Requantizer(machine.size, machine.acc_regions),
            Vectors(machine.size, machine.acc_regions, state.table),
        )
        multiplier, requantizer, vectors = self.parts
        operands = {
            "MAC": multiply.operands(columns.groups["MAC"], machine),
            "RQ": epilogue.operands(columns.groups["RQ"]),
            "VEC": vector.operands(columns.groups["VEC"]),
        }
        moves = self._move_rows()
        names = np.full(columns.count, "", object)
        place = self.place.copy()
        for name in _NAMES:
            group = columns.groups[name]
            names[group.pcs] = name
            if name in operands:
                place[group.pcs] = np.arange(len(group.pcs))
        targets = columns.groups["LD"]["target"]
        sources = {pad: np.full(len(getattr(state, pad)), -1) for pad in ("wgt", "par")}
        dram, act, acc = (a.ctypes.data for a in (self.dram, state.act, state.acc))
        entries = {
            "LD": load().address, "ST": store().address, "RQ": requantize().address,
            "VEC": vector_entry().address,
        }  # fmt: skip
        dense, deep = DENSE[form]().address, depthwise().address
        calls, rows = [], []
        for pc in self.pcs.tolist():
            name, i = names[pc], place[pc]
            if name in ("LD", "ST"):
                if name == "LD" and targets[i] != _ACT:
                    self._load_constants(i, TARGETS[targets[i]].lower(), sources)
                    continue
                calls.append((entries[name], dram, act))
                rows.append(moves[i])
            elif name in operands:
                o = operands[name][i]
                entry = entries.get(name, 0)
                if name == "MAC":
                    entry = deep if o[multiply.DEPTHWISE] else dense
                    first, count = int(o[multiply.WGT]), _weight_words(o)
                    content = sources["wgt"][first : first + count].tobytes()
                    rows.append(multiplier.row(o, state.wgt, content, first))
                elif name == "RQ":
                    first = int(o[epilogue.PAR])
                    count = int(o[nest.B] * (PAR_HEADER_WORDS + o[epilogue.TERMS]))
                    content = sources["par"][first : first + count].tobytes()
                    rows.append(requantizer.row(o, state.par, content, first))
                else:
                    rows.append(vectors.row(o))
                calls.append((entry, act, acc))
        self._close(calls, rows)

    def _close(self, calls: list[tuple[int, int, int]], rows: list[list[int]]) -> None:
        """Put the rows into one array and their addresses into the table of calls."""
        lengths = np.array([len(row) for row in rows])
        self.rows = np.concatenate([np.array(row, np.int64) for row in rows])
        at = self.rows.ctypes.data + 8 * (np.cumsum(lengths) - lengths)
        self.table = np.zeros((len(calls), ROW_WORDS), np.int64)
        self.table[:, :3] = calls
        self.table[:, 3] = at

    def _load_constants(self, i: int, pad: str, sources: dict[str, Column]) -> None:
        """Carry out LD number `i` to WGT or PAR; note where each word came from."""
        group, move = self.timeline.columns.groups["LD"], self.moves[i]
        memory, bus = getattr(self.state, pad), self.machine.bus.bus_bytes
        address, count = int(group["address"][i]), int(move[COLUMNS])
        load_words(
            self.dram, memory, move, (address, 0, 0, 0), bus, len(self.dram),
            np.empty((0, memory.shape[1]), np.uint8),
        )  # fmt: skip
        beats = int(move[START]) + np.arange(count) * int(move[ELEMENT])
        sources[pad][address : address + count] = beats

    def _move_rows(self) -> list[list[int]]:
        """Return move.CALL of each LD to ACT and each ST; other LDs have one nobody uses."""
        columns, machine = self.timeline.columns, self.machine
        bus, width, m = machine.bus.bus_bytes, machine.size, self.moves
        ends = []
        for name in ("LD", "ST"):
            group = columns.groups[name]
            stride = group.registers["act_stride"]
            fill = group.registers["element"]["fill"] if name == "LD" else np.zeros_like(group.pcs)
            ends.append([group["address"], stride["row"], stride["block"], fill])
        address, row, block, fill = (np.concatenate(pair) for pair in zip(*ends, strict=True))
        assert len(MOVES) == m.shape[1]
        rows = [
            m[:, START] * bus, m[:, BLOCKS], m[:, ROWS], m[:, COLUMNS], m[:, ELEMENT] * bus,
            m[:, ROW_STRIDE] * bus, m[:, BLOCK_STRIDE] * bus, m[:, TOP], m[:, BOTTOM], m[:, LEFT],
            m[:, RIGHT], address * width, row * width, block * width, fill,
            np.full(len(m), width),
        ]  # fmt: skip
        return np.stack(rows, axis=1).tolist()


def _overlap(first: Column, end: Column, others: Column, other_ends: Column) -> bool:
    """Return whether one of the spans first .. end - 1 meets one of the others."""
    if not first.size or not others.size:
        return False
    ascending = np.argsort(first)
    furthest = np.maximum.accumulate(end[ascending])
    before = np.searchsorted(first[ascending], other_ends) - 1  # the last that begins before
    return bool(((before >= 0) & (furthest[before] > others)).any())


def _weight_words(o: NDArray[np.int64]) -> int:
    """Return the WGT words that a MAC reads."""
    tiles = o[multiply.OB] * o[multiply.CB] * o[multiply.KH] * o[multiply.KW]
    return int(tiles * multiply.tile_words(o))


def _wide_state(machine: Machine) -> State:
    """Return empty scratchpads with a margin that vectors may read."""
    state = State(machine)
    state.act = np.zeros((machine.act_words + MARGIN_WORDS, machine.size), np.uint8)
    state.acc = np.zeros(
        (machine.scratchpads.acc_words + MARGIN_WORDS, machine.acc_regions, machine.size), np.int32
    )
    return state

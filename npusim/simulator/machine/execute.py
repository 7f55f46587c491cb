"""Instructions on data: what each writes, in the order of issue cycles.

Two engines never use one bank at once and FENCE and tokens order the rest, so an instruction's
effect is computed at once, as a whole, when it issues (docs/architecture.md, section 1).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from npusim.isa.columns import Columns
from npusim.isa.instructions import mac
from npusim.isa.nest import Column
from npusim.isa.spec import TARGETS
from npusim.machines import Machine
from npusim.simulator.machine import epilogue, multiply, nest, vector
from npusim.simulator.machine.activity import Activity
from npusim.simulator.machine.moves import moves_of
from npusim.simulator.machine.multiply_fast import multiply_words
from npusim.simulator.machine.state import State
from npusim.simulator.machine.transfer import load_words, store_words
from npusim.simulator.machine.walk import BLOCKS, BOTTOM, COLUMNS, ELEMENT, LEFT, RIGHT, ROWS, TOP


class Executor:
    """Carries out a program's instructions on `state` and `dram` (uint8 [bytes]).

    `activity`, where given, counts what changes in the array at each MAC.
    """

    def __init__(
        self,
        columns: Columns,
        machine: Machine,
        bases: Sequence[int],
        state: State,
        dram: NDArray[np.uint8],
        activity: Activity | None = None,
    ) -> None:
        self.machine, self.state, self.dram = machine, state, dram
        self.activity = activity
        self.moves, self.place = moves_of(columns, machine, bases)
        groups = columns.groups
        self.names = np.full(columns.count, "", object)
        for name, group in groups.items():
            self.names[group.pcs] = name
            if name not in ("LD", "ST"):
                self.place[group.pcs] = np.arange(len(group.pcs))
        self.configured = np.stack([groups["CFG"][f"value{slot}"] for slot in range(3)], axis=1)
        self.multiply = multiply.operands(groups["MAC"], machine)
        self.epilogue = epilogue.operands(groups["RQ"])
        self.vector = vector.operands(groups["VEC"])
        self.results = mac.results(groups["MAC"])
        load, store = groups["LD"], groups["ST"]
        self.targets = load["target"]
        self.loads = self._words(load, load.registers["element"]["fill"])
        self.stores = self._words(store)

    def _words(self, group, *further: Column) -> Column:  # type: ignore[no-untyped-def]
        stride = group.registers["act_stride"]
        return np.stack([group["address"], stride["row"], stride["block"], *further], axis=1)

    def run(self, pcs: Sequence[int], trace: bool) -> dict[int, int]:
        """Carry out the instructions `pcs`, in this order; return the crc32 of what each wrote.

        The result is empty unless `trace`.
        """
        actions = {
            "CFG": self._configure, "LD": self._load, "ST": self._store,
            "MAC": self._multiply, "RQ": self._requantize, "VEC": self._vector,
        }  # fmt: skip
        crcs = {}
        for pc in pcs:
            if self.activity is not None and self.names[pc] == "MAC":
                o = self.multiply[self.place[pc]]
                self.activity.add(pc, self.state.act, self.state.wgt, o)
            action = actions.get(self.names[pc])
            if action is not None:
                written = action(self.place[pc], trace)
                if trace:
                    crcs[pc] = zlib.crc32(cast(Any, written))
        return crcs

    def _configure(self, i: int, trace: bool) -> NDArray:
        return self.configured[i].astype("<u4").view(np.uint8)

    def _load(self, i: int, trace: bool) -> NDArray:
        move, target = self.moves[i], TARGETS[self.targets[i]]
        memory = {"ACT": self.state.act, "WGT": self.state.wgt, "PAR": self.state.par}[target]
        rows = int(move[TOP] + move[ROWS] + move[BOTTOM])
        count = int(move[BLOCKS]) * rows * int(move[LEFT] + move[COLUMNS] + move[RIGHT])
        written = np.empty((count if trace else 0, memory.shape[1]), np.uint8)
        words = tuple(self.loads[i].tolist())
        load_words(
            self.dram, memory, move, words, self.machine.bus.bus_bytes, len(self.dram), written
        )
        return written

    def _store(self, i: int, trace: bool) -> NDArray:
        move = self.moves[i]
        count = int(move[BLOCKS] * move[ROWS] * move[COLUMNS])
        held = int(move[ELEMENT]) * self.machine.bus.bus_bytes
        written = np.empty((count if trace else 0, held), np.uint8)
        words = tuple(self.stores[i - len(self.targets)].tolist())
        store_words(
            self.dram, self.state.act, move, words, self.machine.bus.bus_bytes, len(self.dram),
            written,
        )  # fmt: skip
        return written

    def _multiply(self, i: int, trace: bool) -> NDArray:
        o = self.multiply[i]
        count = int(self.results[i] * o[multiply.OB]) if trace else 0
        written = np.empty((count, multiply.regions_of(o), self.machine.size), np.int32)
        multiply_words(self.state.act, self.state.wgt, self.state.acc, o, written)
        return written

    def _requantize(self, i: int, trace: bool) -> NDArray:
        o, state = self.epilogue[i], self.state
        count = nest.words(o) if trace else 0
        written = np.empty((count, self.machine.size), np.uint8)
        epilogue.requantize_words(state.act, state.par, state.acc, o, written)
        return written

    def _vector(self, i: int, trace: bool) -> NDArray:
        o, state, size = self.vector[i], self.state, self.machine.size
        count = nest.words(o)
        if o[vector.OP] == vector.TABLE:
            count *= int(o[vector.KY] * o[vector.KX])
        is_sum = o[vector.OP] == vector.SUM
        written = np.empty((count if trace and not is_sum else 0, size), np.uint8)
        sums = np.empty((count if trace and is_sum else 0, size), np.int32)
        vector.vector_words(state.act, state.acc, state.table, o, written, sums)
        return sums if is_sum else written

"""Instructions on data: what each writes, in the order of issue cycles.

Two engines never use one bank at once and FENCE and tokens order the rest, so an instruction's
effect is computed at once, as a whole, when it issues (docs/architecture.md, section 1). Each is
prepared to a call when its turn comes; the plain form carries out what no call can: addresses that
wrap, a word that one MAC meets twice, sums of more than 62 bits, a trace of a word written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from npusim.isa.columns import Columns
from npusim.isa.instructions import PAGES
from npusim.isa.nest import Column, Mask, Nest, words_of
from npusim.isa.page import Group
from npusim.isa.scratchpads import pad_words
from npusim.kernels.entry import make_calls
from npusim.kernels.vnni import chosen_form
from npusim.machines import Machine
from npusim.simulator.execute.call_record import Call, Records
from npusim.simulator.execute.ld import Loads
from npusim.simulator.execute.mac import Macs
from npusim.simulator.execute.machine_state import State
from npusim.simulator.execute.rq import Requantizations
from npusim.simulator.execute.st import Stores
from npusim.simulator.execute.vec import Vectors
from npusim.simulator.execute.written import beats_crc, pad_crc, registers_crc, table_crc
from npusim.simulator.timing.transfers import moves_of

_NO_WORDS = np.zeros(0, np.int64)


class Part(Protocol):
    """The instructions of one name: their records, and which of them a call can carry out."""

    rows: Records
    prepared: Mask

    def call(self, i: int) -> Call | None:
        """Return instruction number `i` as a call, with the constants that now stand there."""

    def plain(self, i: int, written: NDArray) -> None:
        """Carry out instruction number `i`; `written` takes what it writes, where it has rows."""


class Executor:
    """Carries out a program's instructions on `state` and `dram` (uint8 [bytes]).

    `is_repeated`: it will do so often, so that calls may take long to prepare.

    Attributes
    ----------
    prepared
        bool [instructions]: a call can be made of it, whatever the data (of a RQ: if sums fit).
    """

    def __init__(
        self,
        columns: Columns,
        machine: Machine,
        bases: Sequence[int],
        state: State,
        dram: NDArray[np.uint8],
        is_repeated: bool = False,
    ) -> None:
        self.machine, self.state, self.groups = machine, state, columns.groups
        moves, _ = moves_of(columns, machine, bases)
        groups, form = columns.groups, chosen_form()
        split = len(groups["LD"].pcs)
        self.loads = Loads(groups["LD"], moves[:split], machine, dram, state)
        self.stores = Stores(groups["ST"], moves[split:], machine, dram, state)
        self.macs = Macs(groups["MAC"], machine, state, "blocked" if form == "plain" else form)
        self.parts: dict[str, Part] = {
            "LD": self.loads,
            "ST": self.stores,
            "MAC": self.macs,
            "RQ": Requantizations(groups["RQ"], machine, state),
            "VEC": Vectors(groups["VEC"], machine, state, is_repeated),
        }
        self.names = np.full(columns.count, "", object)
        self.number = np.zeros(columns.count, np.int64)
        self.effect = np.zeros(columns.count, np.int64)
        self.prepared = np.ones(columns.count, np.bool_)
        self.nests: dict[str, list[Nest]] = {}
        for name, group in groups.items():
            self.names[group.pcs], self.number[group.pcs] = name, np.arange(len(group.pcs))
            self.nests[name] = PAGES[name].nests(group, machine)
            if name in self.parts:
                usable = self.parts[name].prepared & self._inside(name, group)
                self.prepared[group.pcs] = usable & (form != "plain")
                self.effect[group.pcs] = _effects(self.nests[name])

    def _inside(self, name: str, group: Group) -> Mask:
        """Return which instructions touch only words of their scratchpads, so that none wraps."""
        inside = np.ones(len(group.pcs), np.bool_)
        for nest in self.nests[name]:
            low, high = nest.bounds()
            fits = (low >= 0) & (high < pad_words(self.machine, nest.scratchpad))
            inside &= fits | ~nest.applies
        return inside

    def carry_out(self, pc: int, crcs: dict[int, int] | None = None) -> Call | None:
        """Carry out the instruction at `pc`; return the call that did, None where none did.

        `crcs` takes the crc32 of what it writes and where, in order, under its pc.
        """
        name, i = self.names[pc], int(self.number[pc])
        if name not in self.parts:
            if crcs is not None and name == "CFG":
                cfg = self.groups[name]
                values = tuple(int(cfg[f"value{slot}"][i]) for slot in range(3))
                crcs[pc] = registers_crc(int(cfg["index"][i]), values)
            return None
        part, nest = self.parts[name], self.nests[name][self.effect[pc]]
        memory = self._memory(name, i, nest)
        words = words_of(*nest.of(i)) if crcs is not None else _NO_WORDS
        once = crcs is None or not nest.is_write or len(np.unique(words)) == len(words)
        call = part.call(i) if self.prepared[pc] and once else None
        if call is not None:
            make_calls(np.array([call], np.int64))
            kept = memory[words]
        else:
            kept = np.empty((len(words), *memory.shape[1:]), memory.dtype)
            part.plain(i, kept)
        if crcs is not None:
            crcs[pc] = self._crc(name, i, nest, words, kept)
        return call

    def _crc(self, name: str, i: int, nest: Nest, words: NDArray, kept: NDArray) -> int:
        """Return the crc32 of what instruction number `i` wrote: the words `kept` of `nest`."""
        if name == "ST":
            return beats_crc(self.stores.rows, i, kept, self.machine.bus.bus_bytes)
        if not nest.is_write:
            return table_crc(kept)
        return pad_crc(nest.scratchpad, words, kept)

    def _memory(self, name: str, i: int, nest: Nest) -> NDArray:
        """Return what a trace shows of each word of `nest`: bytes or sums of all its scratchpad."""
        state = self.state
        if nest.scratchpad == "ACC":
            return state.acc[:, : nest.regions_of(i)]
        memory = {"ACT": state.act, "WGT": state.wgt, "PAR": state.par}[nest.scratchpad]
        return memory[:, : self.parts[name].rows["held"][i]] if name == "ST" else memory


def _effects(nests: Sequence[Nest]) -> Column:
    """Return for each instruction the place in `nests` of what its trace shows.

    That is what it writes to a scratchpad; of ST and VEC table, which write none, what they read.
    """
    found = np.zeros_like(nests[0].base)
    for index, nest in enumerate(nests):
        if nest.is_write:
            found[nest.applies] = index
    return found

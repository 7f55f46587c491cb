"""Images in another size, each pixel a sum of two or four neighbours: one RQ of as many terms.

The tile of a row of neighbours lies in ACT up to four times, in planes of equal size: as it is,
from the next column on, from the next row on, and from both. So the neighbours of a pixel are
terms a plane apart. Their shares are the multipliers of the RQ, which takes all pixels that lie as
far from their neighbours; it writes them where they stand in the rows of the output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.emit.elementwise import output_register, uniform_parameters
from npusim.compiler.emit.emit import Emitter, level
from npusim.compiler.emit.memory import ActTile, Constants, Stored
from npusim.compiler.emit.resample import Progression
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Patch, load_constant, load_tile, store_tile
from npusim.isa.spec import PAR_HEADER_WORDS, TERMS_MAX
from npusim.machines import Machine
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS

PLANES = TERMS_MAX
_PAR_WORDS = PAR_HEADER_WORDS + TERMS_MAX
_START_CYCLES = 24
"""Of an RQ with its registers."""


@dataclass(frozen=True)
class Run:
    """Along an axis: outputs that lie `share` from one input, the one of `places`, to the next."""

    share: int
    places: Progression


def runs(low: NDArray[np.int64], share: NDArray[np.int64]) -> tuple[Run, ...]:
    """Return the outputs, input `low` and share of the next one of each given, in few runs."""
    found = []
    for value in np.unique(share).tolist():
        to = np.flatnonzero(share == value)
        first = 0
        while first < len(to):
            end, steps = first + 1, (0, 0)
            while end < len(to):
                step = (int(to[end] - to[end - 1]), int(low[to[end]] - low[to[end - 1]]))
                if end > first + 1 and step != steps:
                    break
                end, steps = end + 1, step
            at = int(to[first])
            found.append(Run(value, Progression(at, steps[0], int(low[at]), steps[1], end - first)))
            first = end
    return tuple(found)


@dataclass(frozen=True)
class Blend:
    """How shares, in units of 1 / `ones` by rows and by columns, become one rounded sum."""

    ones: tuple[int, int]
    shift: int
    rounding: str

    def planes(self, row: int, column: int) -> tuple[int, ...]:
        """Return the planes that count under two shares."""
        return tuple(p for p in range(PLANES) if (row or p < 2) and (column or p % 2 == 0))

    def requantization(self, row: int, column: int, unsigned: bool) -> Requantization:
        """Return the constants of the sum under two shares."""
        rows, columns = (self.ones[0] - row, row), (self.ones[1] - column, column)
        terms = [rows[p // 2] * columns[p % 2] for p in self.planes(row, column)]
        none, low = np.zeros(1, np.int64), 0 if unsigned else -128
        multipliers, shift = np.array(terms, np.int64)[:, None], none + self.shift
        return Requantization(multipliers, none, shift, self.rounding, 0, low, low + 255)


@dataclass(frozen=True)
class _Plan:
    """Rows of a tile and its buffers in ACT."""

    rows: int
    ins: tuple[int, ...]
    outs: tuple[int, ...]


def _plan(machine: Machine, width: int, wide: int) -> _Plan | None:
    """Return the buffers for rows of `width` pixels that become `wide`; None where none fits."""
    banks, bank = machine.scratchpads.act_banks, machine.scratchpads.act_bank_words
    for slots in (2, 1):
        best = _Plan(0, (), ())
        for each in range(1, banks):
            rest = (banks - slots * each) // slots
            rows = min(each * bank // (PLANES * width), max(rest, 0) * bank // wide)
            if rows > best.rows:
                ins = tuple(i * each * bank for i in range(slots))
                outs = tuple((slots * each + i * rest) * bank for i in range(slots))
                best = _Plan(rows, ins, outs)
        if best.rows:
            return best
    return None


def may_interpolate(machine: Machine, width: int, wide: int) -> bool:
    """Return whether rows of `width` pixels and of `wide` fit `machine`."""
    return _plan(machine, width, wide) is not None and _PAR_WORDS <= machine.par_words


def interpolation_cycles(
    machine: Machine, rows: Sequence[Run], columns: Sequence[Run], blend: Blend
) -> int:
    """Return about how many cycles a block of channels takes."""
    lanes = machine.array.lanes_per_requantizer
    return sum(
        _START_CYCLES
        + len(blend.planes(row.share, column.share))
        * lanes
        * row.places.count
        * column.places.count
        for row in rows
        for column in columns
    )


def emit_interpolation(
    emitter: Emitter,
    constants: Constants,
    source: Stored,
    target: Stored,
    rows: Sequence[Run],
    columns: Sequence[Run],
    blend: Blend,
) -> None:
    """Emit target = `source` between its pixels; the machine is one that `may_interpolate`."""
    _Interpolation(emitter, constants, (source, target), columns, blend).run(rows)


class _Interpolation:
    def __init__(
        self,
        emitter: Emitter,
        constants: Constants,
        tensors: tuple[Stored, Stored],
        columns: Sequence[Run],
        blend: Blend,
    ) -> None:
        self.emitter, self.constants, self.blend = emitter, constants, blend
        self.source, self.target = tensors
        machine = emitter.machine
        plan = _plan(machine, self.source.width, self.target.width)
        assert plan is not None
        self.held = plan.rows
        self.ins, self.outs = Slots(plan.ins), Slots(plan.outs)
        bank, words = machine.scratchpads.par_bank_words, machine.par_words
        page = bank if bank >= _PAR_WORDS else words
        self.par = Slots([*range(0, words, page)])
        each = page // _PAR_WORDS
        self.pages = [columns[first : first + each] for first in range(0, len(columns), each)]
        """Runs of columns whose constants are loaded at once."""
        self.next_columns = any(run.share for run in columns)
        self.placed: dict[tuple[int, int], tuple[int, list[int]]] = {}

    def run(self, rows: Sequence[Run]) -> None:
        """Emit all rows, those of one share after the other, for its constants stay in PAR."""
        for run in sorted(rows, key=lambda run: run.share):
            for block in range(self.target.blocks):
                for first in range(0, run.places.count, self.held):
                    self._tile(run, block, first, min(self.held, run.places.count - first))

    def _tile(self, run: Run, block: int, first: int, count: int) -> None:
        """Emit rows `first` .. of a run in one block."""
        places, target = run.places, self.target
        act, out = self.ins.next(), self.outs.next()
        plane_words = count * self.source.width
        for plane in self.blend.planes(run.share, int(self.next_columns)):
            row = places.first + first * places.step + plane // 2
            width = self.source.width - plane % 2
            load_tile(
                self.emitter, self.source, Patch(block, 1, row, count, plane % 2, width),
                ActTile(act + plane * plane_words, self.source.width, plane_words),
                row_step=places.step,
            )  # fmt: skip
        for number, page in enumerate(self.pages):
            for column, par in zip(page, self._parameters(run.share, number), strict=True):
                self._requantize(run.share, column, (act, plane_words), out, count, par)
        store_tile(
            self.emitter, target,
            Patch(block, 1, places.to + first * places.to_step, count, 0, target.width),
            ActTile(out, target.width, target.width * count), row_step=places.to_step,
        )  # fmt: skip

    def _parameters(self, share: int, number: int) -> Iterator[int]:
        """Return the PAR words of the constants of a page of columns, loaded by now."""
        address, fresh = self.par.find((share, number))
        if (share, number) not in self.placed:
            words, data = [0], b""
            for column in self.pages[number]:
                r = self.blend.requantization(share, column.share, self.source.unsigned)
                data += uniform_parameters(r, self.emitter.machine.size)
                words.append(words[-1] + PAR_HEADER_WORDS + len(r.multipliers))
            self.placed[share, number] = self.constants.place_bytes(data), words
        offset, words = self.placed[share, number]
        if fresh:
            load_constant(self.emitter, "PAR", offset, words[-1], address)
        return (address + word for word in words[:-1])

    def _requantize(
        self, share: int, column: Run, tile: tuple[int, int], out: int, count: int, par: int
    ) -> None:
        """Emit the RQ of a run of columns in `count` rows; `tile`: first word, words of a plane."""
        (act, plane_words), at, emitter = tile, column.places, self.emitter
        planes = self.blend.planes(share, column.share)
        apart = (planes[1] if len(planes) > 1 else 0) * plane_words
        width, wide = self.source.width, self.target.width
        first, result = act + at.first, out + at.to
        end = (count - 1) * width + (at.count - 1) * at.step + 1
        read = 0
        for term in range(len(planes)):
            read |= emitter.banks("ACT", first + term * apart, first + term * apart + end)
        low = 0 if self.source.unsigned else -128
        emitter.configure(
            "EP",
            vec_b=level(1, 0),
            vec_y=level(count, width),
            vec_x=level(at.count, at.step),
            vec_kx=level(len(planes), apart),
            vec_y_out={"out": wide if count > 1 else 0, "acc": 0},
            vec_x_out={"out": at.to_step if at.count > 1 else 0, "acc": 0},
            rq_output=output_register(0, low, low + 255),
            rq_mode={
                "rounding": ROUNDINGS.index(self.blend.rounding),
                "unsigned": int(self.source.unsigned), "pwlq_bits": 0,
            },
        )  # fmt: skip
        emitter.execute(
            "RQ", act_terms=(1 << len(planes)) - 1, act=first, out=result, par=par,
            read_banks=read,
            write_banks=emitter.banks(
                "ACT", result, result + (count - 1) * wide + (at.count - 1) * at.to_step + 1
            ),
            par_banks=emitter.banks("PAR", par, par + PAR_HEADER_WORDS + len(planes)),
        )  # fmt: skip

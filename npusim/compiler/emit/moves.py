"""Operators that move values: rectangles LD -> ST, padding, and channels across lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.codes import CODES, LEAST_BITS, WeightCode
from npusim.compiler.emit.elementwise import act_plan, output_register
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Constants, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import (
    Pads,
    Patch,
    load_constant,
    load_tile,
    store_tile,
)
from npusim.errors import CapacityError
from npusim.isa.instructions.ld import MOST_PADS
from npusim.isa.instructions.mac import registers_of_levels
from npusim.isa.layout import pack_parameters, pack_weight_tiles, weight_tile_words
from npusim.isa.spec import PAR_HEADER_WORDS, VEC_OPS
from npusim.machines import Machine
from npusim.words import ROUNDINGS


@dataclass(frozen=True)
class Rectangle:
    """Pixels of a tensor: first row, rows, first column, columns."""

    row: int
    rows: int
    column: int
    columns: int


def emit_copy(
    emitter: Emitter,
    source: Stored,
    target: Stored,
    area: Rectangle,
    to: tuple[int, int, int],
    step: tuple[int, int] = (1, 1),
    from_block: int = 0,
    blocks: int | None = None,
) -> None:
    """Emit the copy of an area, whole channel blocks, to (block, row, column) of `target`.

    `area` counts target pixels; `step` is how far apart the source's rows and columns are. Rows and
    blocks are stepped by LD's addresses, columns by VEC copy.
    """
    blocks = min(source.blocks - from_block, target.blocks - to[0]) if blocks is None else blocks
    plan = act_plan(emitter.machine, step[1], area.rows * area.columns * blocks)
    ins, outs = Slots(plan.ins), Slots(plan.outs)
    words = max(plan.words, 1)
    columns = min(words, area.columns)
    rows = min(max(words // columns, 1), area.rows)
    if step[1] > 1:
        rows = 1
    for block in range(blocks):
        for row in range(0, area.rows, rows):
            for column in range(0, area.columns, columns):
                height, width = min(rows, area.rows - row), min(columns, area.columns - column)
                read = (width - 1) * step[1] + 1
                act = ins.next()
                load_tile(
                    emitter, source,
                    Patch(
                        from_block + block, 1, area.row + row * step[0], height,
                        area.column + column * step[1], read,
                    ),
                    ActTile(act, read, read * height), row_step=step[0],
                )  # fmt: skip
                if step[1] > 1:
                    act = _take_columns(emitter, act, outs.next(), width, step[1])
                store_tile(
                    emitter, target,
                    Patch(to[0] + block, 1, to[1] + row, height, to[2] + column, width),
                    ActTile(act, width, width * height),
                )  # fmt: skip


def _take_columns(emitter: Emitter, act: int, result: int, count: int, step: int) -> int:
    emitter.configure(
        "EP",
        **{name: {"count": 1, "stride": 0} for name in ("vec_b", "vec_y", "vec_ky", "vec_kx")},
        vec_x={"count": count, "stride": step},
        vec_x_out={"out": 1, "acc": 0},
    )
    emitter.execute(
        "VEC", op=VEC_OPS.index("copy"), act=act, out=result,
        read_banks=emitter.banks("ACT", act, act + (count - 1) * step + 1),
        write_banks=emitter.banks("ACT", result, result + count),
    )  # fmt: skip
    return result


@dataclass(frozen=True)
class Columns:
    """A column of pixels of one block that goes to a column of another."""

    from_block: int
    from_column: int
    to_block: int
    to_column: int


def emit_columns(
    emitter: Emitter, source: Stored, target: Stored, moves: Sequence[Columns]
) -> None:
    """Emit the copy of columns, between tensors of as many rows: LD and ST step over the rows."""
    plan = act_plan(emitter.machine, 1, source.height)
    slots = Slots((*plan.ins, *plan.outs))  # nothing is computed: any buffer is loaded and stored
    words = max(plan.words, 1)
    for move in moves:
        for row in range(0, source.height, words):
            count, act = min(words, source.height - row), slots.next()
            load_tile(
                emitter, source, Patch(move.from_block, 1, row, count, move.from_column, 1),
                ActTile(act, 1, count),
            )  # fmt: skip
            store_tile(
                emitter, target, Patch(move.to_block, 1, row, count, move.to_column, 1),
                ActTile(act, 1, count),
            )  # fmt: skip


def emit_swap(emitter: Emitter, source: Stored, target: Stored) -> None:
    """Emit target[column, row] = source[row, column], pixels whole: a column comes by LD's rows."""
    plan = act_plan(emitter.machine, 1, target.pixels)
    slots = Slots((*plan.ins, *plan.outs))  # nothing is computed: any buffer is loaded and stored
    words = max(plan.words, 1)
    for block in range(source.blocks):
        for column in range(source.width):
            for row in range(0, source.height, words):
                count, act = min(words, source.height - row), slots.next()
                load_tile(
                    emitter, source, Patch(block, 1, row, count, column, 1),
                    ActTile(act, 1, count),
                )  # fmt: skip
                store_tile(
                    emitter, target, Patch(block, 1, column, 1, row, count),
                    ActTile(act, count, count),
                )  # fmt: skip


def emit_pad(
    emitter: Emitter, source: Stored, target: Stored, top: int, left: int, fill: int
) -> None:
    """Emit target = source with pixels of `fill` around it."""
    image = Rectangle(0, source.height, 0, source.width)
    emit_copy(emitter, source, target, image, (0, top, left))
    below, right = top + source.height, left + source.width
    frame = (
        Rectangle(0, top, 0, target.width),
        Rectangle(below, target.height - below, 0, target.width),
        Rectangle(top, source.height, 0, left),
        Rectangle(top, source.height, right, target.width - right),
    )
    words = emitter.machine.scratchpads.act_bank_words
    count = min(MOST_PADS, words - 1)
    load_tile(
        emitter, source, Patch(0, 1, 0, 1, 0, 1), ActTile(0, count + 1, count + 1),
        Pads(right=count), fill,
    )  # fmt: skip
    for part in frame:
        for block in range(target.blocks):
            for row in range(part.row, part.row + part.rows):
                for column in range(part.column, part.column + part.columns, count):
                    width = min(count, part.column + part.columns - column)
                    store_tile(
                        emitter, target, Patch(block, 1, row, 1, column, width),
                        ActTile(1, width, width),
                    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Selection:
    """Output channel c is channel `channels[c]` of input number `inputs[c]`, through an epilogue.

    The epilogue's constants are [OC]; `identity` gives those that change nothing.
    """

    inputs: NDArray[np.int64]
    channels: NDArray[np.int64]
    multipliers: NDArray[np.int64]
    bias: NDArray[np.int64]
    shift: NDArray[np.int64]
    rounding: str
    zero_point: int


def identity(inputs: NDArray[np.int64], channels: NDArray[np.int64]) -> Selection:
    """Return a selection that keeps the bytes."""
    zeros = np.zeros(len(channels), np.int64)
    return Selection(inputs, channels, zeros + 1, zeros, zeros, "floor", 0)


@dataclass(frozen=True)
class _One:
    """Codes of a kind that the machine has, of which code 0 is worth 0 and code 1 one."""

    code: WeightCode
    bits: int = LEAST_BITS

    @property
    def code_bits(self) -> int:
        return self.code.stored_bits(self.bits)

    @property
    def level_registers(self) -> dict[str, dict[str, int]]:
        return registers_of_levels(self.code, tuple(range(self.code.level_count(self.bits))))


def one_code(machine: Machine) -> _One:
    """Return a code that the machine has, with codes worth 0 and one."""
    return _One(next(code for code in CODES if machine.most_bits(code)))


def emit_select(
    emitter: Emitter,
    constants: Constants,
    sources: list[Stored],
    target: Stored,
    selection: Selection,
) -> None:
    """Emit the selection of channels: the array moves them across lanes with weights 0 and 1."""
    machine, size = emitter.machine, emitter.machine.size
    one = one_code(machine)
    rows = min(machine.rows_of_word, max(s.channels for s in sources))
    tile_words = weight_tile_words(rows, one.code_bits)
    par_words = PAR_HEADER_WORDS + 1
    for needed, limit, pad in (
        (tile_words, machine.wgt_words, "WGT"),
        (par_words, machine.par_words, "PAR"),
    ):
        if needed > limit:
            raise CapacityError(f"needs {needed} {pad} words, {machine.name} has {limit}")
    plan = act_plan(machine, 1, target.pixels)
    words = min(plan.words, machine.scratchpads.acc_words, target.pixels)
    ins, outs = Slots(plan.ins), Slots(plan.outs)
    wgt = Slots([i * tile_words for i in range(machine.wgt_words // tile_words)])
    par = Slots([i * par_words for i in range(machine.par_words // par_words)])
    flat = [replace(s, height=1, width=s.pixels) for s in sources]
    out = replace(target, height=1, width=target.pixels)
    limits = (0, 255) if target.unsigned else (-128, 127)
    for block in range(target.blocks):
        lanes = slice(block * size, min((block + 1) * size, target.channels))
        tiles = _selection_tiles(selection, lanes, machine, rows)
        places = []
        for _, codes in tiles:
            places.append(constants.place_bytes(pack_weight_tiles(codes[None], one.code_bits)))
        data = pack_parameters(
            selection.multipliers[None, lanes], selection.bias[lanes], selection.shift[lanes],
            0 * selection.shift[lanes], size,
        )  # fmt: skip
        par_place = constants.place_bytes(data)
        for first in range(0, target.pixels, words):
            count = min(words, target.pixels - first)
            acc = emitter.accumulators(count)
            sums = emitter.banks("ACC", acc, acc + count)
            loaded, act = None, 0
            for number, ((source, in_block, slice_), _) in enumerate(tiles):
                weights, fresh = wgt.find((block, number))
                if fresh:
                    load_constant(emitter, "WGT", places[number], tile_words, weights)
                x = flat[source]
                if loaded != (source, in_block):
                    loaded, act = (source, in_block), ins.next()
                    patch = Patch(in_block, 1, 0, 1, first, count)
                    load_tile(emitter, x, patch, ActTile(act, count, count))
                held = min(rows, x.channels - in_block * size - slice_ * machine.rows_of_word)
                _configure_selection(emitter, one, count, (rows, held, slice_), x.unsigned)
                emitter.execute(
                    "MAC", wgt_banks=emitter.banks("WGT", weights, weights + tile_words),
                    accumulate=int(number > 0), acc=acc, act=act, wgt=weights,
                    read_banks=emitter.banks("ACT", act, act + count), acc_banks=sums,
                )  # fmt: skip
            address, fresh = par.find(block)
            if fresh:
                load_constant(emitter, "PAR", par_place, par_words, address)
            result = outs.next()
            emitter.configure(
                "EP",
                **{name: {"count": 1, "stride": 0} for name in ("vec_b", "vec_y", "vec_kx")},
                vec_x={"count": count, "stride": 0},
                vec_x_out={"out": 1, "acc": 1},
                rq_output=output_register(selection.zero_point, *limits),
                rq_mode={
                    "rounding": ROUNDINGS.index(selection.rounding), "unsigned": 0, "pwlq_bits": 0
                },
            )  # fmt: skip
            emitter.execute(
                "RQ", acc=acc, out=result, par=address, acc_banks=sums,
                write_banks=emitter.banks("ACT", result, result + count),
                par_banks=emitter.banks("PAR", address, address + par_words),
            )  # fmt: skip
            store_tile(
                emitter, out, Patch(block, 1, 0, 1, first, count), ActTile(result, count, count)
            )


def _selection_tiles(
    selection: Selection, lanes: slice, machine: Machine, rows: int
) -> list[tuple[tuple[int, int, int], NDArray[np.uint8]]]:
    """Return ((input, its block, slice), codes [rows SIZE]) of everything that a block takes from.

    Slices of a block follow each other.
    """
    size = machine.size
    tiles: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
    pairs = zip(selection.inputs[lanes].tolist(), selection.channels[lanes].tolist(), strict=True)
    for lane, (source, channel) in enumerate(pairs):
        slice_, row = divmod(channel % size, machine.rows_of_word)
        key = (source, channel // size, slice_)
        tile = tiles.setdefault(key, np.zeros((rows, size), np.uint8))
        tile[row, lane] = 1
    blocks = list(dict.fromkeys(key[:2] for key in tiles))
    return sorted(tiles.items(), key=lambda tile: blocks.index(tile[0][:2]))


def _configure_selection(
    emitter: Emitter, one: _One, count: int, tile: tuple[int, int, int], unsigned: bool
) -> None:
    """Configure MX for `count` pixels; `tile`: its rows, those that count, the slice."""
    rows, held, slice_ = tile
    emitter.configure(
        "MX",
        **{
            name: {"count": 1, "stride": 0}
            for name in ("mac_y", "mac_kw", "mac_kh", "mac_cb", "mac_ob")
        },
        mac_x={"count": count, "stride": 1 if count > 1 else 0},
        mac_tile={"rows": rows, "row_first": 0, "row_end": held},
        mac_output={"acc_stride": 0, "warm": 0, "step": 0},
        mac_format={
            "format": CODES.index(one.code), "bits": one.bits,
            "unsigned": int(unsigned), "zero_point": 0, "slice": slice_,
        },
        **one.level_registers,
    )  # fmt: skip

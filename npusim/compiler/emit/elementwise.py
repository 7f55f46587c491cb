"""Pixel by pixel: Add, Mul, Quantize, table activations. Every word of an operand is read once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Constants, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Patch, load_constant, load_tile, store_tile
from npusim.compiler.pair_operations import Extreme, PairOperation, three_roundings
from npusim.errors import CapacityError
from npusim.isa.layout import pack_parameters
from npusim.isa.spec import PAR_HEADER_WORDS, VEC_OPS
from npusim.machines import Machine
from npusim.operators.kinds.sums import ThreeStepAdd
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS

SMALLEST_TILE_WORDS = 64
"""Below it the start of a transfer costs more than its overlap with others gains."""
TILES_WANTED = 4
TABLE_ENTRIES = 256

Pointwise = Requantization | ThreeStepAdd | PairOperation | Extreme | NDArray[np.uint8]
"""An epilogue of operands, an operation on two of them, or a table."""


@dataclass(frozen=True)
class ActPlan:
    """ACT cut into buffers for tiles of `words` words an operand."""

    words: int
    ins: tuple[int, ...]
    outs: tuple[int, ...]


def act_plan(machine: Machine, operands: int, total_words: int) -> ActPlan:
    """Return the buffers for an operation of `operands` inputs on `total_words` words each.

    Double buffers where the banks allow them; no tile longer than what lets transfers overlap.
    """
    banks, bank = machine.scratchpads.act_banks, machine.scratchpads.act_bank_words
    best = ActPlan(0, (), ())
    for count in (2, 1):
        for each in range(1, banks):
            rest = (banks - count * each) // count
            words = min(each * bank // operands, rest * bank) if rest >= 1 else 0
            if words > best.words and not (count == 1 and best.words >= SMALLEST_TILE_WORDS):
                ins = tuple(i * each * bank for i in range(count))
                outs = tuple((count * each + i * rest) * bank for i in range(count))
                best = ActPlan(words, ins, outs)
    wanted = max(-(-total_words // TILES_WANTED), SMALLEST_TILE_WORDS)
    return replace(best, words=min(best.words, wanted))


def _tiles(blocks: int, pixels: int, words: int) -> list[tuple[int, int, int, int]]:
    """Return (block, blocks, pixel, pixels) of tiles of up to `words` words."""
    if pixels <= words:
        each = words // pixels
        return [(b, min(each, blocks - b), 0, pixels) for b in range(0, blocks, each)]
    return [
        (block, 1, first, min(words, pixels - first))
        for block in range(blocks)
        for first in range(0, pixels, words)
    ]


def emit_elementwise(
    emitter: Emitter,
    constants: Constants,
    sources: list[Stored],
    target: Stored,
    function: Pointwise,
) -> None:
    """Emit target = function(sources), all of one type and size (or a single pixel, repeated).

    `function`: an epilogue whose terms are the operands less nothing (zero points in the bias), a
    operation on two, or a table uint8 [256] by the operand's byte.
    """
    machine = emitter.machine
    flat = [replace(s, height=1, width=s.pixels) for s in sources]
    out = replace(target, height=1, width=target.pixels)
    pixels, blocks = target.pixels, target.blocks
    plan = act_plan(machine, len(sources), pixels * blocks)
    if plan.words < 1:
        raise CapacityError(
            f"{target.name}: needs {len(sources)} ACT words in one bank, {machine.name} has "
            f"{machine.scratchpads.act_bank_words}"
        )
    ins, outs = Slots(plan.ins), Slots(plan.outs)
    _prepare(emitter, constants, function)
    for block, held, first, count in _tiles(blocks, pixels, plan.words):
        act, result = ins.next(), outs.next()
        for index, source in enumerate(flat):
            tile = ActTile(act + index * plan.words, count, count)
            load_repeated(emitter, source, Patch(block, held, 0, 1, first, count), tile)
        words = held * count
        first_word, last, out_tile = (
            ActTile(address, words, words)
            for address in (act, act + (len(flat) - 1) * plan.words, result)
        )
        apply(
            emitter, function, (first_word, last), out_tile, Extent(1, 1, words),
            sources[0].unsigned,
        )  # fmt: skip
        store_tile(
            emitter, out, Patch(block, held, 0, 1, first, count), ActTile(result, count, count)
        )


def load_repeated(emitter: Emitter, source: Stored, patch: Patch, tile: ActTile) -> None:
    """Emit the LD of a patch of one row; a tensor of one pixel gives it again for each column."""
    if source.pixels > 1:
        load_tile(emitter, source, patch, tile)
        return
    repeated = replace(patch, column=0, columns=1, rows=patch.columns)
    load_tile(emitter, source, repeated, replace(tile, row_stride=1), row_step=0)


def _prepare(
    emitter: Emitter,
    constants: Constants,
    function: Pointwise,
) -> None:
    size = emitter.machine.size
    if isinstance(function, Requantization):
        words = PAR_HEADER_WORDS + len(function.multipliers)
        load_uniform_parameters(emitter, constants, function, 0)
        _check_par(emitter.machine, words)
    elif isinstance(function, np.ndarray):
        offset = constants.place_bytes(function.tobytes())
        machine, words, act = emitter.machine, max(TABLE_ENTRIES // size, 1), 0
        if words > machine.act_words:
            raise CapacityError(
                f"lookup: needs {words} ACT words for its table, {machine.name} has "
                f"{machine.act_words}"
            )
        load_constant(emitter, "ACT", offset, words, act)
        _levels(emitter, (1, 1, words), (0, 0, 1), (0, 0, 0), 1, 0)
        emitter.execute(
            "VEC", op=VEC_OPS.index("table"), act=act,
            read_banks=emitter.banks("ACT", act, act + words),
        )  # fmt: skip


def _check_par(machine: Machine, words: int) -> None:
    if words > machine.par_words:
        raise CapacityError(f"needs {words} PAR words, {machine.name} has {machine.par_words}")


def load_uniform_parameters(
    emitter: Emitter, constants: Constants, r: Requantization, address: int
) -> None:
    """Load one channel block of constants, the same for every lane, to PAR word `address`."""
    offset = constants.place_bytes(uniform_parameters(r, emitter.machine.size))
    load_constant(emitter, "PAR", offset, PAR_HEADER_WORDS + len(r.multipliers), address)


def uniform_parameters(r: Requantization, size: int) -> bytes:
    """Return the PAR words of one channel block of constants, the same for every lane."""
    lanes = np.ones(size, np.int64)
    return pack_parameters(
        r.multipliers[:, :1] * lanes, r.bias[:1] * lanes, r.shift[:1] * lanes, 0 * lanes, size
    )


def _levels(
    emitter: Emitter,
    counts: tuple[int, int, int],
    act: tuple[int, int, int],
    out: tuple[int, int, int],
    taps: int,
    tap_stride: int,
    **registers: dict[str, int],
) -> None:
    names = ("vec_b", "vec_y", "vec_x")
    levels = {
        name: {"count": count, "stride": stride if count > 1 else 0}
        for name, count, stride in zip(names, counts, act, strict=True)
    }
    steps = {
        f"{name}_out": {"out": step if count > 1 else 0, "acc": 0}
        for name, count, step in zip(names, counts, out, strict=True)
    }
    emitter.configure(
        "EP",
        **levels,
        **steps,
        vec_ky={"count": 1, "stride": 0},
        vec_kx={"count": taps, "stride": tap_stride if taps > 1 else 0},
        **registers,
    )


@dataclass(frozen=True)
class Extent:
    """The words of a tile: rows of neighbours in each of its blocks."""

    blocks: int
    rows: int
    columns: int

    def words(self, tile: ActTile) -> int:
        """Return the words from the first to the end of the last, lying as `tile` does."""
        rows = (self.blocks - 1) * tile.block_stride + (self.rows - 1) * tile.row_stride
        return rows + self.columns

    def joined(self, *tiles: ActTile) -> Extent:
        """Return the same words as one row a block, if they lie so in each of `tiles`."""
        if all(tile.row_stride == self.columns for tile in tiles):
            return Extent(self.blocks, 1, self.rows * self.columns)
        return self


def apply(
    emitter: Emitter,
    function: Pointwise,
    operands: tuple[ActTile, ActTile],
    target: ActTile,
    extent: Extent,
    unsigned: bool,
    par: int = 0,
) -> None:
    """Emit the RQ or VEC of a tile; `operands`: the first and the last, of the same strides."""
    if isinstance(function, ThreeStepAdd):
        function = three_roundings(function)
    source = operands[0]
    act, last, result = source.address, operands[1].address, target.address
    extent = extent.joined(source, target)
    if isinstance(function, Requantization) and min(extent.rows, extent.blocks) > 1:
        # RQ reads other constants for each step of its outermost loop: a block at a time
        for block in range(extent.blocks):
            one, other, into = (
                replace(tile, address=tile.address + block * tile.block_stride)
                for tile in (*operands, target)
            )
            rows = Extent(1, extent.rows, extent.columns)
            apply(emitter, function, (one, other), into, rows, unsigned, par)
        return
    terms = 1
    if isinstance(function, Requantization):
        terms = len(function.multipliers)
    elif isinstance(function, PairOperation | Extreme):
        terms = 2
    apart = (last - act) // max(terms - 1, 1)
    words = extent.words(source)
    counts = (extent.blocks, extent.rows, extent.columns)
    strides = (source.block_stride, source.row_stride, 1)
    steps = (target.block_stride, target.row_stride, 1)
    if extent.rows == 1:
        counts, strides, steps = ((1, levels[0], levels[2]) for levels in (counts, strides, steps))
    read = 0
    for term in range(terms):
        first = act + term * apart
        read |= emitter.banks("ACT", first, first + words)
    write = emitter.banks("ACT", result, result + extent.words(target))
    banks = {"read_banks": read, "write_banks": write}
    if isinstance(function, Requantization):
        _levels(
            emitter, counts, strides, steps, terms, apart,
            rq_output=output_register(function.zero_point, function.low, function.high),
            rq_mode={
                "rounding": ROUNDINGS.index(function.rounding), "unsigned": int(unsigned),
                "pwlq_bits": 0,
            },
        )  # fmt: skip
        emitter.execute(
            "RQ", act_terms=(1 << terms) - 1, act=act, out=result, par=par,
            par_banks=emitter.banks("PAR", par, par + PAR_HEADER_WORDS + terms), **banks,
        )  # fmt: skip
    elif isinstance(function, PairOperation):
        z, m, s = function.zero_points, function.multipliers, function.shifts
        _levels(
            emitter, counts, strides, steps, terms, apart,
            rq_output=output_register(z[2], function.low, function.high),
            rq_mode={
                "rounding": ROUNDINGS.index(function.rounding), "unsigned": int(unsigned),
                "pwlq_bits": 0,
            },
            add_multiplier0={"value": m[0]}, add_multiplier1={"value": m[1]},
            add_multiplier2={"value": m[2]},
            add_shift={f"shift{i}": s[i] for i in range(3)},
            add_zero_point={"zero_point0": z[0], "zero_point1": z[1]},
        )  # fmt: skip
        emitter.execute(
            "VEC", op=VEC_OPS.index(function.op), subtract=int(function.subtract), act=act,
            out=result, **banks,
        )  # fmt: skip
    elif isinstance(function, Extreme):
        mode = {"rounding": 0, "unsigned": int(unsigned), "pwlq_bits": 0}
        _levels(emitter, counts, strides, steps, terms, apart, rq_mode=mode)
        emitter.execute("VEC", op=VEC_OPS.index(function.op), act=act, out=result, **banks)
    else:
        _levels(emitter, counts, strides, steps, 1, 0)
        emitter.execute("VEC", op=VEC_OPS.index("lookup"), act=act, out=result, **banks)


def output_register(zero_point: int, low: int, high: int) -> dict[str, int]:
    """Return the fields of register rq_output."""
    return {"zero_point": zero_point, "low": low, "high": high}

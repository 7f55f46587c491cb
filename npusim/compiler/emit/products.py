"""Products of computed matrices: the second one's bytes in DRAM are weight tiles as they lie.

A tensor of K pixels and N channels has, block by block of channels, a word of SIZE bytes for each
pixel. A weight tile of 8-bit codes has a word for each row, whose byte c belongs to column c: the
same bytes. Its zero point is a constant plane: sum (a - z_a) * (b - z_b) is the sum over b, and the
sum over weights that are all -z_b, in the same accumulators.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from npusim.codes import CODES, UNIFORM
from npusim.compiler.emit.elementwise import act_plan, load_uniform_parameters, output_register
from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import ActTile, Constants, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Patch, load_constant, load_tile, store_tile
from npusim.isa.spec import PAR_HEADER_WORDS, TARGETS
from npusim.machines import Machine
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS

CODE_BITS = 8
SMALLEST_WEIGHT = -128


@dataclass(frozen=True)
class Product:
    """y[i] = a[i] @ b[i] for `count` matrices a of M rows and `count`, or one, b of K rows.

    All three are one row of pixels. `last`: the last block of b's channels where its elements do
    not fill whole words in b itself.
    """

    count: int
    a: Stored
    b: Stored
    last: Stored | None
    y: Stored
    rows: int
    zero_points: tuple[int, int]
    epilogue: Requantization
    shares_b: bool

    @property
    def depth(self) -> int:
        """K."""
        return self.a.channels


def has_whole_words(stored: Stored) -> bool:
    """Return whether the elements of the last block fill their words."""
    return stored.element_beats(stored.blocks - 1) == stored.size // stored.bus_bytes


def may_multiply(machine: Machine, depth: int, zero_point: int) -> bool:
    """Return whether a product over `depth` fits `machine`, second operand of that zero point."""
    return (
        machine.most_bits(UNIFORM) >= CODE_BITS
        and depth * (2 if zero_point else 1) <= machine.wgt_words
        and PAR_HEADER_WORDS + 1 <= machine.par_words
        and act_plan(machine, -(-depth // machine.size), 1).words >= 1
    )


def emit_product(emitter: Emitter, constants: Constants, p: Product) -> None:
    """Emit the products, matrix by matrix: rows of a stay in ACT, b's blocks pass through WGT."""
    machine = emitter.machine
    z = p.zero_points[1]
    base = p.depth if z else 0
    factor, times = (-z, 1) if -z <= -1 - SMALLEST_WEIGHT else (-z // 2, 2)
    if z:
        plane = bytes([factor & 0xFF]) * (p.depth * machine.size)
        load_constant(emitter, "WGT", constants.place_bytes(plane), p.depth, 0)
    load_uniform_parameters(emitter, constants, p.epilogue, 0)
    plan = act_plan(machine, p.a.blocks, p.count * p.rows * p.a.blocks)
    words = min(plan.words, machine.scratchpads.acc_words, p.rows)
    ins, outs = Slots(plan.ins), Slots(plan.outs)
    slots = Slots(_weight_slots(machine, p.depth, base))
    for number in range(p.count):
        for first in range(0, p.rows, words):
            count = min(words, p.rows - first)
            act, column = ins.next(), number * p.rows + first
            load_tile(
                emitter, p.a, Patch(0, p.a.blocks, 0, 1, column, count), ActTile(act, count, count)
            )
            for block in range(p.y.blocks):
                matrix = 0 if p.shares_b else number
                wgt, fresh = slots.find((matrix, block))
                if fresh:
                    _load_weights(emitter, p, matrix, block, wgt)
                passes = [(wgt, False), *[(0, True)] * (times if z else 0)]
                acc = emitter.accumulators(count)
                for weights, accumulate in passes:
                    _multiply(emitter, p, (act, acc), count, weights, accumulate)
                result = outs.next()
                _requantize(emitter, p, count, acc, result)
                store_tile(
                    emitter, p.y, Patch(block, 1, 0, 1, column, count),
                    ActTile(result, count, count),
                )  # fmt: skip


def _weight_slots(machine: Machine, depth: int, base: int) -> list[int]:
    """Return the first words of slots for one block's weights: whole banks where two fit."""
    bank = machine.scratchpads.wgt_bank_words
    whole = -(-depth // bank) * bank
    aligned = list(range(-(-base // bank) * bank, machine.wgt_words - whole + 1, whole))
    if len(aligned) > 1:
        return aligned
    return list(range(base, machine.wgt_words - depth + 1, depth))


def _load_weights(emitter: Emitter, p: Product, matrix: int, block: int, wgt: int) -> None:
    """Emit the LD of one block of columns of a matrix b, as weight tiles."""
    is_last = p.last is not None and block == p.b.blocks - 1
    stored, at = (p.last, 0) if p.last is not None and is_last else (p.b, block)
    first = stored.beat(at, 0, matrix * p.depth)
    end = first + p.depth * (stored.size // stored.bus_bytes)
    emitter.load(
        (stored.spot.region, first, end), TARGETS[1], p.depth, offset=first, address=wgt,
        columns=p.depth, rows=1, blocks=1,
    )  # fmt: skip


def _parts(depth: int, machine: Machine) -> Iterator[tuple[int, int, int, int]]:
    """Yield (first block, slice of it, tiles, rows of each): as many equal tiles as follow.

    A tile of fewer rows than the array has, at a block's end or at that of all, is one by itself.
    """
    rows, size = machine.rows_of_word, machine.size
    piece = depth if size % rows == 0 else size  # whose tiles but the last are equal
    for first in range(0, depth, piece):
        channels = min(piece, depth - first)
        if channels >= rows:
            yield first // size, 0, channels // rows, rows
        if channels % rows:
            at = first + channels // rows * rows
            yield at // size, at % size // rows, 1, channels % rows


def _multiply(
    emitter: Emitter,
    p: Product,
    places: tuple[int, int],
    count: int,
    wgt: int,
    accumulate: bool,
) -> None:
    """Emit the MACs of `count` rows; `places`: their first words in ACT and in ACC."""
    size, (act, acc) = emitter.machine.size, places
    for block, number, tiles, rows in _parts(p.depth, emitter.machine):
        at = block * size + number * emitter.machine.rows_of_word
        blocks = -(-(number + tiles) // emitter.machine.slices)
        first, weights = act + block * count, wgt + at
        emitter.configure(
            "MX",
            **{
                name: {"count": 1, "stride": 0}
                for name in ("mac_y", "mac_kw", "mac_kh", "mac_ob")
            },
            mac_x={"count": count, "stride": 1 if count > 1 else 0},
            mac_cb={"count": tiles, "stride": count if blocks > 1 else 0},
            mac_tile={"rows": rows, "row_first": 0, "row_end": rows},
            mac_output={"acc_stride": 0, "warm": 0, "step": 0},
            mac_format={
                "format": CODES.index(UNIFORM), "bits": CODE_BITS,
                "unsigned": int(p.a.unsigned), "zero_point": p.zero_points[0],
                "slice": number,
            },
        )  # fmt: skip
        emitter.execute(
            "MAC", accumulate=int(accumulate or at > 0), acc=acc, act=first, wgt=weights,
            wgt_banks=emitter.banks("WGT", weights, weights + tiles * rows),
            read_banks=emitter.banks("ACT", first, first + blocks * count),
            acc_banks=emitter.banks("ACC", acc, acc + count),
        )  # fmt: skip


def _requantize(emitter: Emitter, p: Product, count: int, acc: int, result: int) -> None:
    r = p.epilogue
    emitter.configure(
        "EP",
        **{name: {"count": 1, "stride": 0} for name in ("vec_b", "vec_y", "vec_kx")},
        vec_x={"count": count, "stride": 0},
        vec_x_out={"out": 1, "acc": 1},
        rq_output=output_register(r.zero_point, r.low, r.high),
        rq_mode={"rounding": ROUNDINGS.index(r.rounding), "unsigned": 0, "pwlq_bits": 0},
    )
    emitter.execute(
        "RQ", acc=acc, out=result, par=0, acc_banks=emitter.banks("ACC", acc, acc + count),
        write_banks=emitter.banks("ACT", result, result + count),
        par_banks=emitter.banks("PAR", 0, PAR_HEADER_WORDS + 1),
    )  # fmt: skip

"""Matrices turned on the array: pixels become channels, channels pixels.

    target[channel j of block cb][lane p of block ob] = source[pixel ob * SIZE + p][lane j of cb]

One MAC for each lane j: its SIZE taps are the pixels of a block, tap p's weights are one in column
p, and all rows but that of j are masked. So each byte is one product, SIZE of them a cycle of which
one counts; every block of the tile takes part at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from npusim.codes import CODES
from npusim.compiler.emit.elementwise import act_plan, load_uniform_parameters, output_register
from npusim.compiler.emit.emit import Emitter, level
from npusim.compiler.emit.memory import ActTile, Constants, Stored
from npusim.compiler.emit.moves import one_code
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import (
    Pads,
    Patch,
    load_constant,
    load_tile,
    store_tile,
)
from npusim.isa.layout import pack_weight_tiles, weight_tile_words
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.machines import Machine
from npusim.runtimes.requantization import Requantization
from npusim.words import ROUNDINGS


@dataclass(frozen=True)
class Matrices:
    """`count` matrices one after the other, each `rows` pixels of `channels` channels."""

    count: int
    rows: int
    channels: int


def may_turn(machine: Machine) -> bool:
    """Return whether the weights and one block of pixels fit `machine`."""
    size = machine.size
    tile_words = weight_tile_words(machine.rows_of_word, one_code(machine).code_bits)
    pads = machine.scratchpads
    return (
        size * tile_words <= machine.wgt_words
        and PAR_HEADER_WORDS + 1 <= machine.par_words
        and size <= min(act_plan(machine, 1, 1).words, pads.acc_words)
    )


def emit_turn(
    emitter: Emitter, constants: Constants, source: Stored, target: Stored, matrices: Matrices
) -> None:
    """Emit target = the matrices of `source`, each turned; both are one row of pixels.

    The machine is one that `may_turn`.
    """
    machine, size = emitter.machine, emitter.machine.size
    one = one_code(machine)
    codes = np.zeros((size, machine.rows_of_word, size), np.uint8)  # tap, row, column
    codes[np.arange(size), :, np.arange(size)] = 1
    tile_words = weight_tile_words(machine.rows_of_word, one.code_bits)
    plan = act_plan(machine, 1, matrices.count * matrices.rows * source.blocks)
    room = min(plan.words, machine.scratchpads.acc_words) // size
    place = constants.place_bytes(pack_weight_tiles(codes, one.code_bits))
    load_constant(emitter, "WGT", place, size * tile_words, 0)
    low, high = (0, 255) if source.unsigned else (-128, 127)
    ones, none = np.ones(1, np.int64), np.zeros(1, np.int64)
    same = Requantization(ones[None], none, none, "floor", 0, low, high)
    load_uniform_parameters(emitter, constants, same, 0)
    ins, outs = Slots(plan.ins), Slots(plan.outs)
    groups = min(-(-matrices.rows // size), room)
    blocks = min(source.blocks, room // groups)
    for number in range(matrices.count):
        for ob in range(0, target.blocks, groups):
            for cb in range(0, source.blocks, blocks):
                _turn(
                    emitter, (source, target), matrices, (ins.next(), outs.next()),
                    (number, ob, min(groups, target.blocks - ob)),
                    (cb, min(blocks, source.blocks - cb)), tile_words,
                )  # fmt: skip


def _turn(
    emitter: Emitter,
    tensors: tuple[Stored, Stored],
    matrices: Matrices,
    buffers: tuple[int, int],
    outputs: tuple[int, int, int],
    inputs: tuple[int, int],
    tile_words: int,
) -> None:
    """Emit one tile: output blocks (matrix, first, count) of input blocks (first, count)."""
    size, one = emitter.machine.size, one_code(emitter.machine)
    (source, target), (act, out) = tensors, buffers
    (number, ob, groups), (cb, blocks) = outputs, inputs
    pixels, words = min(groups * size, matrices.rows - ob * size), groups * size
    load_tile(
        emitter, source, Patch(cb, blocks, 0, 1, number * matrices.rows + ob * size, pixels),
        ActTile(act, words, words), Pads(right=words - pixels),
    )  # fmt: skip
    lanes = min(size, matrices.channels - cb * size)
    acc = emitter.accumulators(lanes * groups * blocks)
    sums = emitter.banks("ACC", acc, acc + lanes * groups * blocks)
    for lane in range(lanes):
        slice_, row = divmod(lane, emitter.machine.rows_of_word)
        emitter.configure(
            "MX",
            **{name: {"count": 1, "stride": 0} for name in ("mac_kh", "mac_cb", "mac_ob")},
            mac_x=level(groups, size),
            mac_y=level(blocks, words),
            mac_kw=level(size, 1),
            mac_tile={"rows": emitter.machine.rows_of_word, "row_first": row, "row_end": row + 1},
            mac_output={"acc_stride": 0, "warm": 0, "step": 0},
            mac_format={
                "format": CODES.index(one.code), "bits": one.bits,
                "unsigned": int(source.unsigned), "zero_point": 0, "slice": slice_,
            },
            **one.level_registers,
        )  # fmt: skip
        emitter.execute(
            "MAC", acc=acc + lane * groups * blocks, act=act, wgt=0, acc_banks=sums,
            wgt_banks=emitter.banks("WGT", 0, size * tile_words),
            read_banks=emitter.banks("ACT", act, act + blocks * words),
        )  # fmt: skip
    low, high = (0, 255) if source.unsigned else (-128, 127)
    for block in range(blocks):
        lanes = min(size, matrices.channels - (cb + block) * size)
        result = out + block * size * groups
        emitter.configure(
            "EP",
            **{name: {"count": 1, "stride": 0} for name in ("vec_b", "vec_kx")},
            vec_y={"count": groups, "stride": 0},
            vec_x={"count": lanes, "stride": 0},
            vec_y_out={"out": lanes if groups > 1 else 0, "acc": 1 if groups > 1 else 0},
            vec_x_out={
                "out": 1 if lanes > 1 else 0, "acc": groups * blocks if lanes > 1 else 0
            },
            rq_output=output_register(0, low, high),
            rq_mode={"rounding": ROUNDINGS.index("floor"), "unsigned": 0, "pwlq_bits": 0},
        )  # fmt: skip
        emitter.execute(
            "RQ", acc=acc + block * groups, out=result, par=0, acc_banks=sums,
            write_banks=emitter.banks("ACT", result, result + groups * lanes),
            par_banks=emitter.banks("PAR", 0, PAR_HEADER_WORDS + 1),
        )  # fmt: skip
        first = number * matrices.channels + (cb + block) * size
        store_tile(
            emitter, target, Patch(ob, groups, 0, 1, first, lanes), ActTile(result, lanes, lanes)
        )

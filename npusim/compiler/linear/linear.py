"""Convolution, depthwise convolution and fully connected layers, one at a time."""

from __future__ import annotations

from npusim.compiler.emit.emit import Emitter
from npusim.compiler.emit.memory import Constants, Kept
from npusim.compiler.emit.slots import Slots
from npusim.compiler.linear.bands import TileLayout, banded, whole
from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.constants import LayerConstants
from npusim.compiler.linear.cut import areas, chunks, groups, quick_end
from npusim.compiler.linear.layer import LinearLayer, ceil_divide, choose_tiling
from npusim.compiler.linear.loops import SMALLEST_PART_PIXELS, Buffers, TileLoops, buffer_banks
from npusim.compiler.linear.tiling import Tiling, out_buffers
from npusim.isa.fields import COUNT_MAX


def emit_linear(emitter: Emitter, constants: Constants, layer: LinearLayer) -> None:
    """Emit the instructions of `layer` and place its constants.

    Raises
    ------
    CapacityError
        One minimal tile does not fit the machine.
    """
    shape, tiling = choose_tiling(layer, emitter.machine, emitter.act_banks)
    if emitter.ends_run:
        tiling = quick_end(layer, shape, tiling, emitter.machine)
    layout, slots = _layout(emitter, layer, shape, tiling)
    placed = LayerConstants(emitter, constants, layer, shape, tiling)
    pieces = [layout.banks] * slots
    taken = emitter.take_banks("ACT", pieces + buffer_banks(emitter.machine, layer, tiling))
    buffers = Buffers.of(layer, tiling, taken[slots:])
    loops = TileLoops(emitter, layer, shape, tiling, placed, layout, Slots(taken[:slots]), buffers)
    loops.run(groups(shape, tiling))


def _layout(
    emitter: Emitter, layer: LinearLayer, shape: LinearShape, t: Tiling
) -> tuple[TileLayout, int]:
    """Return how input tiles lie in ACT, and the slots for them."""
    machine = emitter.machine
    if layer.source.kept is not None:
        return in_place(layer.source.kept), 0
    columns = (t.tw - 1) * shape.stride[1] + (t.gkw - 1) * shape.dilation[1] + 1
    rows = (t.th - 1) * shape.stride[0] + (t.gkh - 1) * shape.dilation[0] + 1
    blocks = t.gob if layer.depthwise else t.gcb
    chunked = len(chunks(layer, shape, t, 0)) > 1
    inputs = len([*areas(shape.outputs, t.th, t.tw, shape.samples)])
    if layer.depthwise or shape.one_block:
        inputs *= ceil_divide(shape.out_blocks, t.gob)
    if chunked or (t.act_slots > 1 and inputs > 1) or t.th * t.tw < 2 * SMALLEST_PART_PIXELS:
        return whole(machine, rows, columns, blocks, shape.words), t.act_slots
    outs = out_buffers(shape, t.out_slots) * t.out_slot_words
    banks = emitter.act_banks - outs // machine.scratchpads.act_bank_words
    banks -= t.between_banks
    steps = max(shape.stride[0], shape.dilation[0])
    return banded(machine, rows, columns, blocks, banks, steps, shape.words), 1


def in_place(kept: Kept) -> TileLayout:
    """Return how tiles lie in a tensor that is kept."""
    return TileLayout(kept.row_stride, kept.block_stride, COUNT_MAX, 0)

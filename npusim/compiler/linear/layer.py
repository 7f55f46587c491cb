"""A linear layer in integers, and what the tile search and the weights' layout know of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.compiler.emit.memory import Constants, Stored
from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.planes import Plane, Terms
from npusim.compiler.linear.tiling import Tiling, best_tiling, least_banks
from npusim.errors import CapacityError
from npusim.graph.attributes import Window
from npusim.isa.instructions.mac import LEAST_LINE, LINES
from npusim.isa.layout import pack_parameters
from npusim.isa.spec import PAR_HEADER_WORDS
from npusim.machines import Machine
from npusim.operators.kinds.sums import ThreeStepAdd
from npusim.runtimes.requantization import Requantization


@dataclass(frozen=True, eq=False)
class Residual:
    """An Add that ends a layer: `source` is its other operand, the first one or the second."""

    source: Stored
    function: Requantization | ThreeStepAdd
    is_first: bool

    @property
    def parameter_words(self) -> int:
        """PAR words of the addition's constants."""
        if isinstance(self.function, ThreeStepAdd):
            return 0
        return PAR_HEADER_WORDS + len(self.function.multipliers)


@dataclass(frozen=True, eq=False)
class LinearLayer:
    """A layer in integers, ready to be tiled; `groups` as in Conv2D.

    With a `residual`, `target` is what the addition gives.
    """

    name: str
    source: Stored
    target: Stored
    window: Window
    groups: int
    terms: Terms
    input_zero_point: int
    rounding: str
    zero_point: int
    low: int
    high: int
    residual: Residual | None = None
    samples: int = 1
    """Images of source and target, one below the other; windows end at each one's edges."""

    @property
    def depthwise(self) -> bool:
        """Whether each output channel reads the input channel of its own number."""
        return self.groups == self.source.channels == self.target.channels and self.groups > 1

    @property
    def source_rows(self) -> int:
        """Rows of one sample of the source."""
        return self.source.height // self.samples

    @property
    def target_rows(self) -> int:
        """Rows of one sample of the target."""
        return self.target.height // self.samples

    @property
    def row_step(self) -> int:
        """Source rows from one loaded row to the next: kernels of one row skip what they stride."""
        window = self.window
        one_row = window.kernel[0] == 1 and window.padding[:2] == (0, 0)
        return window.stride[0] if one_row and self.source.kept is None else 1


def ceil_divide(a: int, b: int) -> int:
    """Return a / b rounded up."""
    return -(-a // b)


def tile_words_of(shape: LinearShape, plane: Plane) -> int:
    """Return the WGT words of one weight tile of a plane."""
    return ceil_divide(shape.rows * plane.code_bits, 8)


def first_in_block(layer: LinearLayer, size: int, ob: int) -> int:
    """Return the first input block that output block `ob` reads."""
    if layer.groups == 1 or layer.depthwise:
        return 0
    ics = layer.source.channels // layer.groups
    ocs = layer.target.channels // layer.groups
    first = ob * size // ocs * ics // size
    return min(first, layer.source.blocks - _group_blocks(layer, size))


def _group_blocks(layer: LinearLayer, size: int) -> int:
    """Return the most input blocks that an output block reads."""
    if layer.groups == 1:
        return layer.source.blocks
    ics = layer.source.channels // layer.groups
    ocs = layer.target.channels // layer.groups
    most = 1
    for first in range(0, layer.target.channels, size):
        last = min(first + size, layer.target.channels) - 1
        low, high = first // ocs * ics, (last // ocs + 1) * ics - 1
        most = max(most, high // size - low // size + 1)
    return most


def _rows_of_slice(machine: Machine, channels: int) -> int:
    """Return the rows of the last slice that `channels` of a word fill."""
    return (channels - 1) % machine.rows_of_word + 1


def tiles_of(layer: LinearLayer, machine: Machine, cb: int, blocks: int) -> int:
    """Return the weight tiles of input blocks cb .. cb + blocks - 1 for each tap."""
    if layer.depthwise:
        return blocks
    last = machine.size
    if cb + blocks == layer.source.blocks:
        last = _last_channels(layer)
    slices = (blocks - 1) * machine.slices + ceil_divide(last, machine.rows_of_word)
    return ceil_divide(slices, words_of(layer, machine))


def words_of(layer: LinearLayer, machine: Machine) -> int:
    """Return the channel blocks that a weight tile multiplies: several where they lie odd apart."""
    kept = layer.source.kept
    if layer.depthwise or (kept is not None and kept.block_stride % 2 == 0):
        return 1
    return min(machine.words, _group_blocks(layer, machine.size))


def rows_at_end(
    layer: LinearLayer, machine: Machine, shape: LinearShape, blocks: tuple[int, int]
) -> int:
    """Return the active rows of the last weight tile of a chunk: its first block, its blocks."""
    (cb, count), words = blocks, shape.words
    if layer.depthwise:
        return shape.rows
    held = (count - 1) % words * machine.size
    if cb + count != layer.source.blocks:
        return shape.rows if words == 1 else held + machine.size
    return held + _rows_of_slice(machine, _last_channels(layer))


def _last_channels(layer: LinearLayer) -> int:
    return layer.source.channels - (layer.source.blocks - 1) * layer.source.size


def choose_tiling(
    layer: LinearLayer,
    machine: Machine,
    act_banks: int | None = None,
    out_blocks: int | None = None,
    is_alone: bool = True,
) -> tuple[LinearShape, Tiling]:
    """Return the layer's shape and its best tiling: the first choice of taps that fits.

    A window, though, is weighed against the choice behind it.

    `act_banks`: those that its buffers may take; None: all. `out_blocks`: output blocks that are
    computed one after the other before another layer takes its turn; None: all. `is_alone`: whether
    no other layer's work runs beside its first and last one.
    """
    if act_banks is None:
        act_banks = machine.scratchpads.act_banks
    window = None
    for shape in _shapes(layer, machine, act_banks, out_blocks):
        tiling = best_tiling(shape, machine, is_alone)
        if tiling is None:
            continue
        if shape.is_window:
            window = shape, tiling
        elif window is None or tiling.cost < window[1].cost:
            return shape, tiling
        else:
            return window
    if window is None:
        raise CapacityError(_too_small(layer, machine, shape))
    return window


def has_tiling(layer: LinearLayer, machine: Machine, act_banks: int, out_blocks: int) -> bool:
    """Return whether `choose_tiling` finds one, in less time than it takes."""
    shapes = _shapes(layer, machine, act_banks, out_blocks)
    return any(least_banks(shape, machine) <= act_banks for shape in shapes)


def _shapes(
    layer: LinearLayer, machine: Machine, act_banks: int, out_blocks: int | None
) -> Iterator[LinearShape]:
    """Yield the layer's shape for each choice of taps, or that of `out_blocks` output blocks."""
    for taps in tap_choices(layer, machine):
        shape = linear_shape(layer, machine, taps, act_banks)
        if out_blocks is not None:
            beats = ceil_divide(shape.out_pixel_beats * out_blocks, shape.out_blocks)
            shape = replace(shape, out_blocks=out_blocks, out_pixel_beats=beats)
        yield shape


def tap_choices(layer: LinearLayer, machine: Machine) -> list[tuple[int, int]]:
    """Return how many kernel rows, and taps of each, a depthwise tile may hold, the best first.

    The taps fill as many rows of the array: those of the whole kernel where the array has lines for
    the rows of pixels above, or those of a kernel row. One tap a pass needs one row, and always
    fits.
    """
    (kh, kw), (dh, dw) = layer.window.kernel, layer.window.dilation
    zero = all(plane.has_zero for plane in layer.terms.planes)
    row_taps = (kw - 1) * dw + 1
    if not layer.depthwise or row_taps > machine.rows or (dw > 1 and not zero):
        return [(1, 1)]
    fits = (
        kh - 1 <= LINES and kh * row_taps <= machine.rows and row_taps <= machine.array.line_words
    )
    window = [(kh, row_taps)] if kh > 1 and dh == 1 and row_taps >= LEAST_LINE and fits else []
    return [*window, (1, row_taps), (1, 1)]


def linear_shape(
    layer: LinearLayer, machine: Machine, taps: tuple[int, int], act_banks: int
) -> LinearShape:
    """Return what the tile search knows of a layer; `taps`: one of `tap_choices`."""
    size, words = machine.size, words_of(layer, machine)
    kernel_rows, row_taps = taps
    most = words * size if words > 1 else machine.rows_of_word
    rows = kernel_rows * row_taps if layer.depthwise else min(most, layer.source.channels)
    planes = layer.terms.planes
    grouped = layer.groups > 1 and not layer.depthwise
    source, target = layer.source, layer.target
    added = layer.residual.source.kept if layer.residual else None
    in_blocks = 1 if layer.depthwise else _group_blocks(layer, size)
    whole = in_blocks == source.blocks
    return LinearShape(
        samples=layer.samples,
        outputs=(layer.target_rows, target.width),
        inputs=(-(-layer.source_rows // layer.row_step), source.width),
        out_blocks=target.blocks,
        in_blocks=in_blocks,
        in_tiles=tiles_of(layer, machine, 0, in_blocks)
        if whole
        else ceil_divide(in_blocks * machine.slices, words),
        words=words,
        slices=1 if layer.depthwise else machine.slices,
        kernel=layer.window.kernel,
        stride=(layer.window.stride[0] // layer.row_step, layer.window.stride[1]),
        dilation=layer.window.dilation,
        padding=(layer.window.padding[0], layer.window.padding[2]),
        rows=rows,
        kernel_rows=kernel_rows,
        row_taps=row_taps,
        line_words=machine.array.line_words,
        tile_words=sum(ceil_divide(rows * plane.code_bits, 8) for plane in planes),
        code_planes=len(planes),
        sum_planes=layer.terms.sum_planes,
        terms=layer.terms.count,
        lanes_per_requantizer=machine.array.lanes_per_requantizer,
        depthwise=layer.depthwise,
        one_block=grouped,
        in_pixel_beats=source.pixel_beats,
        out_pixel_beats=target.pixel_beats,
        source_blocks=source.blocks,
        residual=layer.residual is not None,
        add_words=layer.residual.parameter_words if layer.residual else 0,
        act_banks=act_banks,
        keeps_source=source.kept is not None,
        keeps_target=target.kept is not None,
        residual_strides=(added.row_stride, added.block_stride) if added else None,
    )


def _too_small(layer: LinearLayer, machine: Machine, shape: LinearShape) -> str:
    pads = machine.scratchpads
    for needed, limit, what in (
        (shape.tile_words, machine.wgt_words, "WGT words for one weight tile"),
        (PAR_HEADER_WORDS + shape.terms, machine.par_words, "PAR words for one channel block"),
        (shape.sum_planes, pads.acc_words, "ACC words for one pixel"),
    ):
        if needed > limit:
            return f"{layer.name}: needs {needed} {what}, {machine.name} has {limit}"
    return f"{layer.name}: its smallest tile does not fit the ACT banks of {machine.name}"


def weight_tiles(
    layer: LinearLayer, shape: LinearShape, plane: Plane, array_rows: int
) -> NDArray[np.uint8]:
    """Return the codes as tiles [out block, tile of the input, KH, passes, rows, SIZE].

    Each input block has `slices` tiles, of `array_rows` channels but for its last. One for all
    kernel rows in a window.
    """
    size = layer.target.size
    codes = plane.codes
    out_channels, kh, kw, ics = codes.shape
    wide = np.zeros((shape.out_blocks * size, kh, kw, ics), np.uint8)
    wide[:out_channels] = codes
    if layer.depthwise:
        taps = wide[..., 0].reshape(shape.out_blocks, size, kh, kw)
        if shape.row_taps == 1:
            return taps.transpose(0, 2, 3, 1)[:, None, :, :, None, :]
        rows = np.zeros((shape.out_blocks, 1, kh, 1, shape.row_taps, size), np.uint8)
        dilation = layer.window.dilation[1]
        for tap in range(kw):  # the shift register brings the last tap's pixel first
            row = shape.row_taps - 1 - tap * dilation
            rows[:, 0, :, 0, row] = taps[..., tap].transpose(0, 2, 1)
        if shape.is_window:  # as the lines do the last row's
            return rows[:, :, ::-1].reshape(shape.out_blocks, 1, 1, 1, shape.rows, size)
        return rows
    if layer.groups > 1:
        wide = _ungrouped(layer, shape, wide)
    block = min(size, shape.slices * shape.rows)
    if shape.words > 1:
        columns = np.zeros((*wide.shape[:3], shape.in_tiles * shape.rows), np.uint8)
        columns[..., : wide.shape[3]] = wide
        split = columns.reshape(shape.out_blocks, size, kh, kw, shape.in_tiles, shape.rows)
        return split.transpose(0, 4, 2, 3, 5, 1)
    columns = np.zeros((*wide.shape[:3], shape.in_blocks * block), np.uint8)
    columns[..., : wide.shape[3]] = wide
    split = columns.reshape(shape.out_blocks, size, kh, kw, shape.in_blocks, block)
    tiles = np.zeros((*split.shape[:5], shape.slices, shape.rows), np.uint8)
    for number in range(shape.slices):
        held = split[..., number * array_rows :][..., : shape.rows]
        tiles[..., number, : held.shape[-1]] = held
    tiles = tiles.reshape(*split.shape[:4], -1, shape.rows)
    return tiles.transpose(0, 4, 2, 3, 5, 1)


def _ungrouped(
    layer: LinearLayer, shape: LinearShape, codes: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return grouped codes as dense ones over the input blocks that each output block reads."""
    size = layer.target.size
    ics = layer.source.channels // layer.groups
    ocs = layer.target.channels // layer.groups
    block = min(size, shape.slices * shape.rows)
    channels = shape.in_tiles * shape.rows if shape.words > 1 else shape.in_blocks * block
    dense = np.zeros((*codes.shape[:3], channels), np.uint8)
    for channel in range(layer.target.channels):
        ob = channel // size
        base = first_in_block(layer, size, ob) * size
        first = channel // ocs * ics - base
        dense[channel, :, :, first : first + ics] = codes[channel]
    return dense


def input_span(
    first: int, count: int, tap: int, taps: int, shape: LinearShape, axis: int
) -> tuple[int, int, int, int] | None:
    """Return first input row, rows, pads before and after; None where all is padding."""
    stride, dilation = shape.stride[axis], shape.dilation[axis]
    low = first * stride - shape.padding[axis] + tap * dilation
    high = low + (count - 1) * stride + (taps - 1) * dilation + 1
    inside_low, inside_high = max(low, 0), min(high, shape.inputs[axis])
    if inside_low >= inside_high:
        return None
    return inside_low, inside_high - inside_low, inside_low - low, high - inside_high


def weight_words(shape: LinearShape, out_blocks: int) -> int:
    """Return the WGT words of the weights of `out_blocks` output blocks."""
    passes = ceil_divide(shape.kernel[0], shape.kernel_rows)
    passes *= ceil_divide(shape.kernel[1], shape.row_taps)
    return out_blocks * shape.in_tiles * passes * shape.tile_words


def parameter_words(layer: LinearLayer) -> int:
    """Return the PAR words of all output blocks."""
    return layer.target.blocks * (PAR_HEADER_WORDS + layer.terms.count)


def place_parameters(constants: Constants, layer: LinearLayer) -> int:
    """Place the PAR words of all output blocks; return their offset in bytes."""
    terms, size, words = layer.terms, layer.target.size, parameter_words(layer)

    def make() -> bytes:
        parts = []
        for first in range(0, layer.target.channels, size):
            lanes = slice(first, first + size)
            parts.append(
                pack_parameters(
                    terms.multipliers[:, lanes], terms.bias[lanes], terms.shift[lanes],
                    terms.channel_shift[lanes], size,
                )
            )  # fmt: skip
        return b"".join(parts)

    return constants.place(words * 4 * size, make)

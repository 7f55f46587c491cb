"""How a cascade is computed: rows of a band, blocks at a time, and what each takes of ACT.

In ACT lie, for one band: the input's rows (twice where there is room, so that the next come while
these are read), and the rows of every tensor between two layers. A depthwise layer reads its own
channel blocks alone, so that the layer before it may be computed some blocks at a time: then only
these lie in ACT between the two, or twice as many where the layer before is one part ahead
(turns.py). Weights and parameters stay in WGT and PAR where they fit (room.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from npusim.compiler.cascade.bands import Band, Part
from npusim.compiler.cascade.room import constant_words
from npusim.compiler.emit.memory import TENSORS, Kept, Spot, Stored
from npusim.compiler.linear.candidates import LinearShape
from npusim.compiler.linear.layer import LinearLayer, Residual, ceil_divide
from npusim.compiler.linear.tiling import Tiling
from npusim.machines import Machine


@dataclass(frozen=True)
class Between:
    """How the band of a tensor that one layer writes and the next reads lies in ACT.

    `fill`: what surrounds it; None where nothing does in any band.
    """

    rows: int
    columns: int
    """With padding, of the largest band."""
    blocks: int
    """Held at a time."""
    fill: int | None

    @property
    def block_stride(self) -> int:
        """Words from block to block."""
        return self.rows * self.columns

    @property
    def words(self) -> int:
        """Words of ACT."""
        return self.blocks * self.block_stride

    def at(self, address: int, part: Part, first_block: int = 0) -> Kept:
        """Return the place of a part whose first pixel behind its padding is row 0, column 0."""
        start = address - first_block * self.block_stride
        return Kept(
            start, self.columns, self.block_stride, self.block_stride, part.rows.before,
            part.columns.before, self.fill,
        )  # fmt: skip


@dataclass(frozen=True)
class Addresses:
    """First words in ACT of a band's tensors: the input's slots, and the tensors between."""

    inputs: tuple[int, ...]
    between: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """A way to compute `layers`, the outputs in bands of rows.

    `tensors`: how the input (None where it is kept whole) and the tensors between layers lie.
    `streams`: whether a layer's weights are loaded for each band. `par`: for each layer where its
    parameters stay, or the two places where those of one group after the other come. `is_ahead`:
    whether a layer that takes turns computes a part while the last one is read.
    """

    layers: tuple[LinearLayer, ...]
    machine: Machine
    bands: tuple[Band, ...]
    tensors: tuple[Between | None, ...]
    input_slots: int
    streams: tuple[bool, ...]
    tilings: tuple[tuple[LinearShape, Tiling], ...]
    par: tuple[tuple[int, ...], ...]
    is_ahead: bool = False

    @cached_property
    def widest(self) -> Band:
        """The largest band."""
        return widest(self.bands)

    def groups(self, index: int, first: int = 0, end: int | None = None) -> list[tuple[int, int]]:
        """Return (first block, blocks) of the output groups of layer `place` in a range."""
        each = self.tilings[index][1].gob
        stop = self.layers[index].target.blocks if end is None else end
        return [(ob, min(each, stop - ob)) for ob in range(first, stop, each)]

    def all_groups(self, index: int) -> list[tuple[int, int]]:
        """Return the output groups of all parts."""
        blocks, held = self.layers[index].target.blocks, self.held_blocks(index)
        return [g for part in block_parts(blocks, held) for g in self.groups(index, *part)]

    def held_blocks(self, index: int) -> int:
        """Return the output blocks of a layer that are computed before the next layer runs."""
        return held_blocks(self.layers, self.tensors, index)

    @property
    def input_beats(self) -> int:
        """DRAM beats of the input, and of what is added where that lies in DRAM."""
        beats = 0
        if self.tensors[0] is not None:
            pixels = sum(band[0].pixels for band in self.bands)
            beats += pixels * self.layers[0].source.pixel_beats
        residual = self.layers[-1].residual
        if residual is not None and residual.source.kept is None and not self.adds_input:
            beats += residual.source.pixels * residual.source.pixel_beats
        return beats

    @property
    def adds_input(self) -> bool:
        """Whether what is added lies in ACT, as the cascade's input."""
        return adds_input(self.layers, self.bands)

    @property
    def constant_words(self) -> list[tuple[int, int]]:
        """The words of WGT and of PAR that each layer's constants take."""
        return constant_words(self.layers, [shape for shape, _ in self.tilings])

    @property
    def dram_beats(self) -> int:
        """All DRAM beats."""
        target = self.layers[-1].target
        out = 0 if target.kept else target.pixels * target.pixel_beats
        word = self.machine.word_beats
        fills = sum(self._fills_before(number) for number in range(len(self.bands))) * word
        constants = 0
        for index, (weights, parameters) in enumerate(self.constant_words):
            constants += weights * word * (len(self.bands) if self.streams[index] else 1)
            pages = len(self.par[index]) > 1
            constants += 4 * parameters * word * (len(self.bands) if pages else 1)
        return self.input_beats + out + constants + fills

    def _fills_before(self, number: int) -> int:
        """Return how many tensors between layers get new padding for band `number`."""
        band = self.bands[number]
        before = self.bands[number - 1] if number else (None,) * len(band)
        return sum(
            min(self.copies(index), self.parts(index))
            for index in range(len(self.layers) - 1)
            if needs_fill(band[index + 1], before[index + 1])
        )

    def parts(self, index: int) -> int:
        """Return the parts in which a layer computes its output blocks."""
        return ceil_divide(self.layers[index].target.blocks, self.held_blocks(index))

    def words_of(self, index: int) -> int:
        """Return the words of the tensor before layer `index`, once."""
        tensor = self.tensors[index]
        return 0 if tensor is None else tensor.words

    def copies(self, index: int) -> int:
        """Return how often the tensor that a layer writes lies in ACT."""
        return copies(self.layers, index, self.is_ahead)

    @property
    def cycles(self) -> int:
        """An estimate: what MX and EP take in turn, or the bus."""
        (taken,) = self._taken(lambda tiling: (tiling.cycles,))
        return self._with_input(taken)

    @property
    def overlapped_cycles(self) -> int:
        """An estimate where EP works beside MX: on another piece, or ahead on another layer's."""
        mx, ep, together, moving = self._taken(
            lambda tiling: (*tiling.pieces[3:], tiling.moving_cycles)
        )
        return self._with_input((max(mx, ep) if self.is_ahead else together) + moving)

    def _taken(self, cycles_of: Callable[[Tiling], Sequence[int]]) -> list[int]:
        """Return the sums of a tiling's cycles over layers, their parts and the bands' pixels."""
        sums, largest = [], self.widest
        for index, (_, tiling) in enumerate(self.tilings):
            computed = sum(band[index + 1].pixels for band in self.bands)
            times, of = self.parts(index) * computed, largest[index + 1].pixels
            sums.append([times * count // of for count in cycles_of(tiling)])
        return [*map(sum, zip(*sums, strict=True))]

    def _with_input(self, cycles: int) -> int:
        """Return cycles with those of loads and stores that nothing hides."""
        if self.tensors[0] is not None and self.input_slots == 1:
            cycles += self.input_beats  # nothing is loaded while the array reads
        return max(cycles, self.dram_beats)


def widest(cut: Sequence[Band]) -> Band:
    """Return the largest band, the first of them without padding before it if there is one."""
    return max(
        cut,
        key=lambda band: (
            *(part.columns.count for part in reversed(band)),
            *(part.rows.count for part in reversed(band)),
        ),
    )


def block_parts(blocks: int, each: int) -> Iterator[tuple[int, int]]:
    """Yield (first, end) of parts of `each` blocks."""
    for first in range(0, blocks, each):
        yield first, min(first + each, blocks)


def leads_pair(layers: Sequence[LinearLayer], index: int) -> bool:
    """Return whether a layer may be computed some blocks at a time for the depthwise one behind."""
    is_last = index + 1 == len(layers)
    return not is_last and layers[index + 1].depthwise and not layers[index].depthwise


def held_blocks(
    layers: Sequence[LinearLayer], tensors: Sequence[Between | None], index: int
) -> int:
    """Return the output blocks of layer `place` that are computed before another layer runs."""
    target = layers[index].target
    if leads_pair(layers, index):
        of = tensors[index + 1]
        assert of is not None
        return of.blocks
    if layers[index].depthwise and index and leads_pair(layers, index - 1):
        return held_blocks(layers, tensors, index - 1)
    return target.blocks


def adds_input(layers: Sequence[LinearLayer], cut: Sequence[Band]) -> bool:
    """Return whether what the last layer adds is always among its cascade's input."""
    residual = layers[-1].residual
    if residual is None or residual.source.spot is not layers[0].source.spot:
        return False
    return all(
        band[0].rows.covers(band[-1].rows) and band[0].columns.covers(band[-1].columns)
        for band in cut
    )


def copies(layers: Sequence[LinearLayer], index: int, is_ahead: bool) -> int:
    """Return how often the tensor that a layer writes lies in ACT: twice where it is ahead."""
    return 2 if is_ahead and leads_pair(layers, index) else 1


def needs_fill(part: Part, before: Part | None) -> bool:
    """Return whether a part of a tensor sees padding that is not there from the part before it."""
    if part.rows.before or part.rows.after:
        return True
    columns = part.columns
    has_padding = columns.before > 0 or columns.after > 0
    return has_padding and (before is None or before.columns != columns)


def layers_of_band(
    layers: Sequence[LinearLayer],
    tensors: Sequence[Between | None],
    band: Band,
    at: Addresses,
    slot: int = 0,
    first_block: int = 0,
) -> Iterator[LinearLayer]:
    """Yield the layers on the rows of a band, the input in slot `slot`.

    `first_block`: where tensors that hold some of their blocks begin.
    """
    source = _input_of_band(layers[0], tensors[0], band, at, slot)
    for index, layer in enumerate(layers):
        read, part = band[index], band[index + 1]
        padding = (read.rows.before, read.rows.after, read.columns.before, read.columns.after)
        window = replace(layer.window, padding=padding)
        if index + 1 < len(layers):
            between = tensors[index + 1]
            assert between is not None
            is_part = between.blocks < layer.target.blocks
            kept = between.at(at.between[index], part, first_block * is_part)
            target = _seen(layer.target, part, kept)
        else:
            target = _part_of(layer.target, part)
        residual = layer.residual
        if residual is not None:
            residual = _residual_of_band(residual, layers, tensors[0], band, at, slot)
        yield replace(layer, source=source, target=target, window=window, residual=residual)
        source = target


def _seen(stored: Stored, part: Part, kept: Kept) -> Stored:
    rows, columns = part.rows.count, part.columns.count
    return replace(stored, height=rows, width=columns, spot=Spot(TENSORS, 0, kept))


def _part_of(stored: Stored, part: Part) -> Stored:
    rows, columns = part.rows, part.columns
    return stored.part((rows.first, rows.count), (columns.first, columns.count))


def _input_of_band(
    layer: LinearLayer, tensor: Between | None, band: Band, at: Addresses, slot: int
) -> Stored:
    if tensor is None:
        return _part_of(layer.source, band[0])
    return _seen(layer.source, band[0], tensor.at(at.inputs[slot], band[0]))


def _residual_of_band(
    residual: Residual,
    layers: Sequence[LinearLayer],
    tensor: Between | None,
    band: Band,
    at: Addresses,
    slot: int,
) -> Residual:
    part, read = band[-1], band[0]
    if tensor is None or not adds_input(layers, [band]):
        return replace(residual, source=_part_of(residual.source, part))
    kept = tensor.at(at.inputs[slot], read).part_from(
        part.rows.first - read.rows.first, part.columns.first - read.columns.first
    )
    return replace(residual, source=_seen(residual.source, part, kept))


def region_words(
    layers: Sequence[LinearLayer],
    tensors: Sequence[Between | None],
    slots: int,
    is_ahead: bool,
    bank: int,
) -> list[int]:
    """Return the words of the pieces of ACT: all tensors between layers, each input's slot.

    Copies of a tensor lie in different banks, of `bank` words: one is written while the other is
    read.
    """
    between = apart = 0
    for index, tensor in enumerate(tensors[1:]):
        assert tensor is not None
        times = copies(layers, index, is_ahead)
        between += times * tensor.words
        apart = max(apart, (times > 1) * times * ceil_divide(tensor.words, bank) * bank)
    first = tensors[0]
    return [max(between, apart), *([] if first is None else [first.words] * slots)]

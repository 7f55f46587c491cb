"""How a cascade is computed: rows of a band, blocks at a time, and what each takes of ACT.

In ACT lie, for one band: the input's rows (twice where there is room, so that the next come while
these are read), and the rows of every tensor between two layers. A depthwise layer reads its own
channel blocks alone, so that the layer before it may be computed some blocks at a time: then only
these lie in ACT between the two. Weights and parameters stay in WGT and PAR where they fit
(room.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from npusim.compiler.cascade.room import constant_words, fits, parameter_places, streamed, tiled
from npusim.compiler.cascade.rows import Band, bands
from npusim.compiler.emit.memory import TENSORS, Border, Kept, Spot, Stored
from npusim.compiler.linear.candidates import LinearShape, cuts, halves
from npusim.compiler.linear.layer import (
    LinearLayer,
    Residual,
    ceil_divide,
    linear_shape,
    tap_choices,
)
from npusim.compiler.linear.tiling import Tiling
from npusim.compiler.lower.kinds.windowed import padding_of
from npusim.errors import CapacityError
from npusim.isa.fields import STRIDE_MAX
from npusim.isa.instructions.ld import MOST_PADS
from npusim.machines import Machine


@dataclass(frozen=True)
class Between:
    """How the band of a tensor that one layer writes and the next reads lies in ACT."""

    border: Border
    width: int
    rows: int
    blocks: int
    """Held at a time."""

    @property
    def row_stride(self) -> int:
        """Words from row to row."""
        return self.border.left + self.width + self.border.right

    @property
    def block_stride(self) -> int:
        """Words from block to block."""
        return self.rows * self.row_stride

    @property
    def words(self) -> int:
        """Words of ACT."""
        return self.blocks * self.block_stride

    def at(self, address: int, above: int, first_block: int = 0) -> Kept:
        """Return the place of a band whose first row but `above` of padding is row 0."""
        start = address - first_block * self.block_stride
        return Kept(
            start, self.row_stride, self.block_stride, self.block_stride, above, self.border.left,
            self.border.fill,
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
    parameters stay, or the two places where those of one group after the other come.
    """

    layers: tuple[LinearLayer, ...]
    machine: Machine
    bands: tuple[Band, ...]
    tensors: tuple[Between | None, ...]
    input_slots: int
    streams: tuple[bool, ...]
    tilings: tuple[tuple[LinearShape, Tiling], ...]
    par: tuple[tuple[int, ...], ...]

    @cached_property
    def widest(self) -> Band:
        """The band of the most rows."""
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
            source = self.layers[0].source
            rows = sum(band[0].count for band in self.bands)
            beats += rows * source.width * source.pixel_beats
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
        fills = sum(fills_before(self, number) for number in range(len(self.bands))) * word
        constants = 0
        for index, (weights, parameters) in enumerate(self.constant_words):
            constants += weights * word * (len(self.bands) if self.streams[index] else 1)
            pages = len(self.par[index]) > 1
            constants += 4 * parameters * word * (len(self.bands) if pages else 1)
        return self.input_beats + out + constants + fills

    @property
    def cycles(self) -> int:
        """An estimate: what the array takes, or the bus."""
        array, rows = 0, self.widest
        for index, (_, tiling) in enumerate(self.tilings):
            parts = ceil_divide(self.layers[index].target.blocks, self.held_blocks(index))
            computed = sum(band[index + 1].count for band in self.bands)
            array += parts * tiling.cycles * computed // rows[index + 1].count
        if self.tensors[0] is not None and self.input_slots == 1:
            array += self.input_beats  # nothing is loaded while the array reads
        return max(array, self.dram_beats)


def widest(cut: Sequence[Band]) -> Band:
    """Return the band of the most rows, the first of them without padding above if there is one."""
    return max(cut, key=lambda band: tuple(rows.count for rows in reversed(band)))


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
    """Return whether the rows that the last layer adds are among its cascade's input's."""
    residual = layers[-1].residual
    if residual is None or residual.source.spot is not layers[0].source.spot:
        return False
    return all(b[0].first <= b[-1].first and b[-1].end <= b[0].end for b in cut)


def fills_before(plan: Plan, number: int) -> int:
    """Return how many tensors between layers get new padding before band `number`."""
    return sum(needs_fill(plan, number, index) for index in range(1, len(plan.layers)))


def needs_fill(plan: Plan, number: int, index: int) -> bool:
    """Return whether band `number` of tensor `place` sees padding that is not there yet."""
    tensor, rows = plan.tensors[index], plan.bands[number][index]
    assert tensor is not None
    if number == 0:
        return tensor.border.fill is not None
    return bool(rows.above or rows.below)


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
        above, below = band[index].above, band[index].below
        window = replace(layer.window, padding=(above, below, *layer.window.padding[2:]))
        rows = band[index + 1]
        if index + 1 < len(layers):
            between = tensors[index + 1]
            assert between is not None
            is_part = between.blocks < layer.target.blocks
            kept = between.at(at.between[index], rows.above, first_block * is_part)
            target = _seen(layer.target, rows.count, kept)
        else:
            target = layer.target.rows_from(rows.first, rows.count)
        residual = layer.residual
        if residual is not None:
            residual = _residual_of_band(residual, layers, tensors[0], band, at, slot)
        yield replace(layer, source=source, target=target, window=window, residual=residual)
        source = target


def _seen(stored: Stored, rows: int, kept: Kept) -> Stored:
    return replace(stored, height=rows, spot=Spot(TENSORS, 0, kept))


def _input_of_band(
    layer: LinearLayer, tensor: Between | None, band: Band, at: Addresses, slot: int
) -> Stored:
    rows = band[0]
    if tensor is None:
        return layer.source.rows_from(rows.first, rows.count)
    return _seen(layer.source, rows.count, tensor.at(at.inputs[slot], rows.above))


def _residual_of_band(
    residual: Residual,
    layers: Sequence[LinearLayer],
    tensor: Between | None,
    band: Band,
    at: Addresses,
    slot: int,
) -> Residual:
    rows = band[-1]
    if tensor is not None and adds_input(layers, [band]):
        kept = tensor.at(at.inputs[slot], band[0].above).rows_from(rows.first - band[0].first)
        return replace(residual, source=_seen(residual.source, rows.count, kept))
    return replace(residual, source=residual.source.rows_from(rows.first, rows.count))


def plan_cascade(layers: tuple[LinearLayer, ...], machine: Machine, act_banks: int) -> Plan:
    """Return the plan of the fewest DRAM beats and cycles, of those of the tallest bands that fit.

    Raises
    ------
    CapacityError
        None fits.
    """
    shapes = [linear_shape(x, machine, tap_choices(x, machine)[0], act_banks) for x in layers]
    streams = streamed(constant_words(layers, shapes), machine)
    found = []
    if streams is not None:
        found = [
            plan
            for slots in ((2, 1) if layers[0].source.kept is None else (1,))
            if (plan := _tallest(layers, machine, act_banks, slots, streams)) is not None
        ]
    if not found:
        raise CapacityError(f"{layers[-1].name}: no band of {len(layers)} layers fits")
    return min(found, key=lambda plan: plan.dram_beats + plan.cycles)


def _tallest(
    layers: tuple[LinearLayer, ...],
    machine: Machine,
    act_banks: int,
    slots: int,
    streams: tuple[bool, ...],
) -> Plan | None:
    """Return the plan of the tallest bands that fit of the fewest beats, then cycles."""
    for rows in cuts(layers[-1].target.height):
        cut = bands(layers, rows)
        if not all(part.count for band in cut for part in band):
            continue
        fitted = (
            _fitted(layers, machine, act_banks, cut, tensors, slots, streams)
            for tensors in _layouts(layers, cut, machine.words > 1)
        )
        found = [plan for plan in fitted if plan is not None]
        if found:
            return min(found, key=lambda plan: (plan.dram_beats, plan.cycles))
    return None


def _layouts(
    layers: Sequence[LinearLayer], cut: Sequence[Band], is_tall: bool
) -> Iterator[tuple[Between | None, ...]]:
    """Yield how the tensors may lie, the most blocks at a time first.

    `is_tall`: blocks lie an odd distance apart, as an array that reads several at once needs it.
    """
    most = max(
        (layers[p].target.blocks for p in range(len(layers)) if leads_pair(layers, p)), default=1
    )
    for blocks in halves(most):
        tensors: list[Between | None] = []
        for index, layer in enumerate(layers):
            source = layer.source
            if index == 0 and source.kept is not None:
                tensors.append(None)
                continue
            held = source.blocks
            if index and leads_pair(layers, index - 1):
                held = min(held, blocks)
            rows = max(band[index].all for band in cut)
            border = padding_of(layer)
            if is_tall and (border.left + source.width + border.right) % 2 == 0:
                border = replace(border, right=border.right + 1)
            tensors.append(Between(border, source.width, rows | is_tall, held))
        yield tuple(tensors)


def _fitted(
    layers: tuple[LinearLayer, ...],
    machine: Machine,
    act_banks: int,
    cut: Sequence[Band],
    tensors: tuple[Between | None, ...],
    slots: int,
    streams: tuple[bool, ...],
) -> Plan | None:
    """Return a plan with these tensors in ACT, if they and the outputs' buffers fit."""
    bank = machine.scratchpads.act_bank_words
    taken = sum(ceil_divide(n, bank) for n in region_words(tensors, slots))
    left = act_banks - taken
    if left < 0 or not all(_is_addressable(tensor) for tensor in tensors):
        return None
    nowhere = Addresses((0,) * slots, (0,) * (len(layers) - 1))
    parts = [
        (layer, machine, left, held_blocks(layers, tensors, index), streams[index])
        for index, layer in enumerate(layers_of_band(layers, tensors, widest(cut), nowhere))
    ]
    if not all(fits(*part) for part in parts):
        return None
    try:
        found = [tiled(*part) for part in parts]
    except CapacityError:
        return None
    words = constant_words(layers, [shape for shape, _ in found])
    par = parameter_places(layers, found, machine)
    if par is None or streamed(words, machine) != streams:
        return None
    return Plan(layers, machine, tuple(cut), tensors, slots, streams, tuple(found), par)


def region_words(tensors: Sequence[Between | None], slots: int) -> list[int]:
    """Return the words of the pieces of ACT: all tensors between layers, each input's slot."""
    between = sum(tensor.words for tensor in tensors[1:] if tensor is not None)
    first = tensors[0]
    return [between, *([] if first is None else [first.words] * slots)]


def _is_addressable(tensor: Between | None) -> bool:
    if tensor is None:
        return True
    steps = tensor.row_stride * tensor.rows
    return max(tensor.rows, tensor.row_stride) <= MOST_PADS and steps <= STRIDE_MAX

"""The search for a cascade's plan: how large its bands are, what of it lies in ACT at a time.

Each way to lay out a band in ACT takes the tallest bands for which there is room. What they cost is
estimated without cutting the layers into tiles, and tiles are chosen for the cheapest of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from math import inf
from operator import mul

from npusim.compiler.cascade.bands import Cut, bands, cut
from npusim.compiler.cascade.plan import (
    Addresses,
    Between,
    Plan,
    copies,
    held_blocks,
    layers_of_band,
    leads_pair,
    region_words,
    widest,
)
from npusim.compiler.cascade.room import constant_words, fits, parameter_places, streamed, tiled
from npusim.compiler.linear.candidates import LinearShape, halves
from npusim.compiler.linear.layer import LinearLayer, ceil_divide, linear_shape, tap_choices
from npusim.compiler.linear.pieces import LAUNCH_CYCLES
from npusim.compiler.lower.kinds.windowed import padding_of
from npusim.errors import CapacityError
from npusim.isa.fields import STRIDE_MAX
from npusim.isa.instructions.ld import MOST_PADS
from npusim.isa.spec import MAC_DRAIN_CYCLES, MAC_LOAD_CYCLES, RQ_DRAIN_CYCLES
from npusim.machines import Machine

STRIPS = (1, 2, 4)
"""Into how many strips of columns a cascade's output may be cut."""
LOW_PERCENT = 3
"""By which estimates are below what tiles take, at the least."""
TILED = 2
"""Plans whose tiles are chosen before the quickest of them is taken."""


def plan_cascade(layers: tuple[LinearLayer, ...], machine: Machine, act_banks: int) -> Plan:
    """Return the plan of the fewest DRAM beats and cycles if MX and EP work in turn.

    Raises
    ------
    CapacityError
        None fits.
    """
    plan = _Search(layers, machine, act_banks).best(
        (False,), lambda work: work.mx + work.ep, lambda plan: plan.cycles
    )
    if plan is None:
        raise CapacityError(f"{layers[-1].name}: no band of {len(layers)} layers fits")
    return plan


def quickest(plan: Plan, act_banks: int) -> Plan:
    """Return `plan`, or one of the same layers that takes fewer beats and cycles.

    Which layers stand in a cascade is decided without what EP does beside MX. How they are computed
    may be.
    """
    found = _Search(plan.layers, plan.machine, act_banks).best(
        (False, True),
        lambda work: work.overlapped,
        lambda plan: plan.overlapped_cycles,
        plan.dram_beats + plan.overlapped_cycles,
    )
    return plan if found is None else found


@dataclass(frozen=True, order=True)
class _Way:
    """How a band lies in ACT: see Plan; `held`: blocks of a tensor between a pair, at most."""

    columns: int
    slots: int
    is_ahead: bool
    held: int


@dataclass(frozen=True)
class _Work:
    """Beats of DRAM, and cycles of MX, of EP, and of EP where no other turn hides them."""

    beats: int
    mx: int
    ep: int
    exposed: int
    loading: int
    """Cycles of loads that nothing hides."""
    is_ahead: bool

    @property
    def overlapped(self) -> int:
        """Cycles where EP works beside MX."""
        return max(self.mx, self.ep) if self.is_ahead else self.mx + self.exposed

    def cost(self, computing: int) -> int:
        """Return beats and cycles if MX and EP take `computing` cycles."""
        return self.beats + max(computing + self.loading, self.beats)


class _Search:
    """The ways to compute some layers with so many banks of ACT."""

    def __init__(self, layers: tuple[LinearLayer, ...], machine: Machine, act_banks: int) -> None:
        self.layers, self.machine, self.act_banks = layers, machine, act_banks
        self.shapes = [
            linear_shape(x, machine, tap_choices(x, machine)[0], act_banks) for x in layers
        ]
        words = constant_words(layers, self.shapes)
        self.streams = streamed(words, machine)
        self.fills = [padding_of(layer).fill for layer in layers]
        self.leads = [leads_pair(layers, index) for index in range(len(layers))]
        self.cuts: dict[tuple[int, int], Cut] = {}
        height, beat = layers[-1].target.height, machine.word_beats
        self.heights = sorted({ceil_divide(height, n) for n in range(1, height + 1)}, reverse=True)
        self.constant_beats = [beat * (weights + 4 * params) for weights, params in words]

    def best(
        self,
        ahead: tuple[bool, ...],
        estimated: Callable[[_Work], int],
        cycles: Callable[[Plan], int],
        least: float = inf,
    ) -> Plan | None:
        """Return the plan of the least beats and `cycles`; None where none is below `least`.

        Those thought to cost the least come first; a few whose estimate is below the least that is
        known are cut into tiles. `estimated`: cycles of MX and EP.
        """
        queue: list[tuple[int, _Way, int]] = []

        def push(way: _Way, first: int) -> None:
            if first < len(self.heights):
                work = self._work(way, self.heights[first])
                heappush(queue, (work.cost(estimated(work)), way, first))

        if self.streams is not None:
            for way in self._ways(ahead):
                push(way, self._tallest(way))
        best, left = None, TILED
        while queue and left and queue[0][0] * (100 + LOW_PERCENT) < 100 * least:
            _, way, at = heappop(queue)
            plan = self._fitted(way, self.heights[at])
            if plan is None:
                push(way, at + 1)
                continue
            left -= 1
            cost = plan.dram_beats + cycles(plan)
            if cost < least:
                best, least = plan, cost
        return best

    def _ways(self, ahead: tuple[bool, ...]) -> Iterator[_Way]:
        width = self.layers[-1].target.width
        blocks = [
            x.target.blocks for x, leads in zip(self.layers, self.leads, strict=True) if leads
        ]
        overlap = any(x.window.kernel[0] > x.window.stride[0] for x in self.layers)
        strips = STRIPS if overlap else STRIPS[:1]  # which spare what low bands compute twice
        for columns in {ceil_divide(width, count) for count in strips}:
            for slots in (2, 1) if self.layers[0].source.kept is None else (1,):
                for held in halves(max(blocks, default=1)):
                    for is_ahead in ahead if blocks else (False,):
                        yield _Way(columns, slots, is_ahead, held)

    def _cut(self, each: int, axis: int) -> Cut:
        if (each, axis) not in self.cuts:
            self.cuts[each, axis] = cut(self.layers, each, axis)
        return self.cuts[each, axis]

    def _tallest(self, way: _Way) -> int:
        """Return the place of the tallest bands for which there is room."""
        columns = self._cut(way.columns, 1).largest
        words = [
            columns[index] * self._copies(way, index) * self._held(way, index)
            for index in range(len(self.layers))
        ]
        most = self.act_banks * self.machine.scratchpads.act_bank_words

        def may_fit(rows: int) -> bool:
            return sum(map(mul, words, self._cut(rows, 0).largest)) <= most

        at = bisect_left(self.heights, True, key=may_fit)
        while at < len(self.heights) and not self._has_room(way, self.heights[at]):
            at += 1
        return at

    def _held(self, way: _Way, index: int) -> int:
        """Return the blocks that ACT holds of the tensor before layer `index`."""
        source = self.layers[index].source
        if index and self.leads[index - 1]:
            return min(source.blocks, way.held)
        return 0 if index == 0 and source.kept is not None else source.blocks

    def _copies(self, way: _Way, index: int) -> int:
        """Return how often the tensor before layer `index` lies in ACT."""
        return copies(self.layers, index - 1, way.is_ahead) if index else way.slots

    def _tensors(self, way: _Way, rows: int) -> tuple[Between | None, ...]:
        """Return how the tensors lie.

        Blocks lie an odd distance apart where the array reads several at once.
        """
        is_tall = self.machine.words > 1
        down, across = self._cut(rows, 0).largest, self._cut(way.columns, 1).largest
        found: list[Between | None] = []
        for index, layer in enumerate(self.layers):
            if index == 0 and layer.source.kept is not None:
                found.append(None)
                continue
            size = down[index] | is_tall, across[index] | is_tall
            found.append(Between(*size, self._held(way, index), self.fills[index]))
        return tuple(found)

    def _banks_left(self, way: _Way, tensors: tuple[Between | None, ...]) -> int:
        bank = self.machine.scratchpads.act_bank_words
        words = region_words(self.layers, tensors, way.slots, way.is_ahead, bank)
        return self.act_banks - sum(ceil_divide(count, bank) for count in words)

    def _has_room(self, way: _Way, rows: int) -> bool:
        """Return whether a buffer of each kind finds a bank beside the tensors."""
        down, last = self._cut(rows, 0), self.layers[-1]
        if not (down.is_filled and self._cut(way.columns, 1).is_filled):
            return False
        tensors = self._tensors(way, rows)
        least = (last.target.kept is None) + (last.residual is not None)
        return self._banks_left(way, tensors) >= least and all(map(_is_addressable, tensors))

    def _work(self, way: _Way, rows: int) -> _Work:
        """Return what a way is thought to cost."""
        down, across = self._cut(rows, 0), self._cut(way.columns, 1)
        bands = len(down.parts) * len(across.parts)
        mx = ep = exposed = 0
        for index, (layer, shape) in enumerate(zip(self.layers, self.shapes, strict=True)):
            blocks = layer.target.blocks
            held = min(blocks, way.held) if self._takes_turns(index) else blocks
            pixels = down.most[index + 1] * across.most[index + 1]
            pieces = ceil_divide(pixels * held * shape.sum_planes, self._piece_words)
            begun = bands * ceil_divide(blocks, held) * pieces
            all_pixels = blocks * down.total[index + 1] * across.total[index + 1]
            mx += blocks * _walked(shape, down, across, index + 1)
            mx += begun * (shape.rows + MAC_LOAD_CYCLES + MAC_DRAIN_CYCLES + LAUNCH_CYCLES)
            taken = all_pixels * shape.lanes_per_requantizer * (shape.terms + 2 * shape.residual)
            taken += begun * (RQ_DRAIN_CYCLES + LAUNCH_CYCLES)
            ep += taken
            exposed += taken // pieces
        loaded, beats = self._beats(bands, down, across)
        return _Work(beats, mx, ep, exposed, loaded * (way.slots == 1), way.is_ahead)

    @cached_property
    def _piece_words(self) -> int:
        pads = self.machine.scratchpads
        return pads.acc_words // pads.acc_banks

    def _takes_turns(self, index: int) -> bool:
        return self.leads[index] or (index > 0 and self.leads[index - 1])

    def _beats(self, bands: int, down: Cut, across: Cut) -> tuple[int, int]:
        """Return DRAM beats of the input, and all of them."""
        source, target = self.layers[0].source, self.layers[-1].target
        loaded = 0
        if source.kept is None:
            loaded = down.total[0] * across.total[0] * source.pixel_beats
        beats = loaded + (0 if target.kept else target.pixels * target.pixel_beats)
        assert self.streams is not None
        for count, streams in zip(self.constant_beats, self.streams, strict=True):
            beats += count * (bands if streams else 1)
        return loaded, beats

    def _fitted(self, way: _Way, rows: int) -> Plan | None:
        """Return the plan of a way, if the outputs' buffers fit as well."""
        layers, machine, streams = self.layers, self.machine, self.streams
        assert streams is not None
        tensors = self._tensors(way, rows)
        left = self._banks_left(way, tensors)
        found_bands = bands(self._cut(rows, 0), self._cut(way.columns, 1))
        nowhere = Addresses((0,) * way.slots, (0,) * (len(layers) - 1))
        parts = [
            (layer, machine, left, held_blocks(layers, tensors, index), streams[index])
            for index, layer in enumerate(
                layers_of_band(layers, tensors, widest(found_bands), nowhere)
            )
        ]
        if not fits(*parts[-1]):  # the others' buffers are the tensors
            return None
        try:
            found = [tiled(*part, is_alone=not way.is_ahead) for part in parts]
        except CapacityError:
            return None
        words = constant_words(layers, [shape for shape, _ in found])
        par = parameter_places(layers, found, machine)
        if par is None or streamed(words, machine) != streams:
            return None
        return Plan(
            layers, machine, tuple(found_bands), tensors, way.slots, streams, tuple(found), par,
            way.is_ahead,
        )  # fmt: skip


def _walked(shape: LinearShape, down: Cut, across: Cut, index: int) -> int:
    """Return the cycles of MX for a block of a layer's output, tensor `index`, in all bands."""
    (kernel_rows, kernel_columns), (row_step, column_step) = shape.kernel, shape.stride
    rows, columns = down.total[index], across.total[index]
    passes = ceil_divide(kernel_rows, shape.kernel_rows)
    passes *= ceil_divide(kernel_columns, shape.row_taps)
    if shape.is_window:
        rows = rows * row_step + len(down.parts) * (kernel_rows - row_step)
    if shape.depthwise:
        columns = columns * column_step + len(across.parts) * (shape.row_taps - column_step)
    return rows * columns * passes * shape.in_tiles * shape.code_planes


def _is_addressable(tensor: Between | None) -> bool:
    if tensor is None:
        return True
    return max(tensor.rows, tensor.columns) <= MOST_PADS and tensor.block_stride <= STRIDE_MAX

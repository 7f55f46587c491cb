"""The instructions of a cascade: for each band its loads, then layer after layer."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate, islice

from npusim.compiler.cascade.bands import Band, Part
from npusim.compiler.cascade.packing import packed
from npusim.compiler.cascade.plan import (
    Addresses,
    Plan,
    layers_of_band,
    needs_fill,
    region_words,
)
from npusim.compiler.cascade.search import plan_cascade, quickest
from npusim.compiler.cascade.turns import turns
from npusim.compiler.context import Context
from npusim.compiler.emit.memory import ActTile, Border, Spot, Stored
from npusim.compiler.emit.slots import Slots
from npusim.compiler.emit.transfers import Pads, Patch, load_fill, load_tile
from npusim.compiler.linear.constants import LayerConstants, Room
from npusim.compiler.linear.layer import LinearLayer, ceil_divide, linear_shape
from npusim.compiler.linear.linear import in_place
from npusim.compiler.linear.loops import Buffers, TileLoops, buffer_banks
from npusim.compiler.lower.kinds.windowed import border_of
from npusim.machines import Machine


@dataclass(frozen=True, eq=False)
class Cascade:
    """How the machine computes several layers in a row: a band of rows at a time."""

    context: Context
    layers: tuple[LinearLayer, ...]
    _plans: dict[Hashable, Plan] = field(default_factory=dict)
    """Found so far, by what lies in ACT already and by the banks."""

    def __call__(self, target: Stored) -> None:
        """Emit it; the last layer has said where it writes."""
        emitter = self.context.emitter
        plan = quickest(self._plan(emitter.machine, emitter.act_banks), emitter.act_banks)
        _Emission(self.context, plan).run()

    def _plan(self, machine: Machine, act_banks: int) -> Plan:
        residual = self.layers[-1].residual
        seen = [self.layers[0].source, self.layers[-1].target]
        if residual is not None:
            seen.append(residual.source)
        key = (
            machine,
            act_banks,
            *(x.kept and (x.kept.row_stride, x.kept.block_stride) for x in seen),
        )
        if key not in self._plans:
            self._plans[key] = plan_cascade(self.layers, machine, act_banks)
        return self._plans[key]

    @property
    def reads(self) -> tuple[Spot, ...]:
        """The spots of its input and of what its last layer adds."""
        residual = self.layers[-1].residual
        added = () if residual is None else (residual.source.spot,)
        return (self.layers[0].source.spot, *added)

    @property
    def target(self) -> Stored | None:
        """The last layer's output."""
        return self.layers[-1].target

    @property
    def samples(self) -> int:
        """One: no other layers are joined."""
        return 1

    @property
    def row_steps(self) -> int:
        """The most rows that a loop steps at once in the input."""
        window = self.layers[0].window
        return max(*window.stride, *window.dilation)

    def border(self, stored: Stored) -> Border | None:
        """Return what the first layer sees around `stored`, or the last one that adds it."""
        first, last = self.layers[0], self.layers[-1]
        found = border_of(replace(first, residual=None), stored)
        if last.residual is not None and last.residual.source.spot is stored.spot:
            alone = replace(last, source=replace(last.source, spot=Spot(0)))
            return found if border_of(alone, stored) is not None else None
        return found

    def cost(self, machine: Machine, act_banks: int) -> tuple[int, int]:
        """Return DRAM beats and cycles."""
        plan = self._plan(machine, act_banks)
        return plan.dram_beats, plan.cycles


class _Emission:
    """The state of a cascade's emission."""

    def __init__(self, context: Context, plan: Plan) -> None:
        self.emitter, self.constants, self.plan = context.emitter, context.constants, plan
        machine, bank = plan.machine, plan.machine.scratchpads.act_bank_words
        words = region_words(plan.layers, plan.tensors, plan.input_slots, plan.is_ahead, bank)
        regions = [ceil_divide(count, bank) for count in words]
        nowhere = Addresses((0,) * plan.input_slots, (0,) * (len(plan.layers) - 1))
        last = [*layers_of_band(plan.layers, plan.tensors, plan.widest, nowhere)][-1]
        tiling = plan.tilings[-1][1]
        taken = self.emitter.take_banks("ACT", regions + buffer_banks(machine, last, tiling))
        self.turns = turns(plan)
        places = packed(plan, self.turns, regions[0])
        self.at = [
            Addresses(
                tuple(taken[1 : len(regions)]),
                tuple(
                    taken[0] + places[index, copy % plan.copies(index - 1)]
                    for index in range(1, len(plan.layers))
                ),
            )
            for copy in range(max(map(plan.copies, range(len(plan.layers)))))
        ]
        self.buffers = Buffers.of(last, tiling, taken[len(regions) :])
        self.placed = self._place_constants()

    def _place_constants(self) -> list[LayerConstants]:
        """Place all constants, and say where those that stay will lie."""
        plan, emitter = self.plan, self.emitter
        pads, words = plan.machine.scratchpads, plan.constant_words
        stay = [0 if plan.streams[at] else weights for at, (weights, _) in enumerate(words)]
        banks = [ceil_divide(sum(stay), pads.wgt_bank_words)]
        if any(plan.streams):
            banks.append(pads.wgt_banks // 2)
        first, *stream = emitter.take_banks("WGT", banks)
        starts = [*accumulate(stay, initial=first)]
        placed = []
        for index, layer in enumerate(plan.layers):
            (shape, tiling), streams = plan.tilings[index], plan.streams[index]
            blocks = layer.target.blocks
            each, count = tiling.wgt_slot_words, tiling.wgt_slots if streams else 0
            slots = [stream[0] + number * each for number in range(count)]
            room = Room(
                plan.all_groups(index), None if streams else starts[index], slots, plan.par[index]
            )
            page = tiling.gob if room.has_pages else blocks
            found = LayerConstants(
                emitter, self.constants, layer, replace(shape, out_blocks=blocks),
                replace(tiling, wgt_resident=not streams, par_page_blocks=page), room,
            )  # fmt: skip
            placed.append(found)
        return placed

    def run(self) -> None:
        """Emit all bands."""
        seen: dict[tuple[int, int], tuple[int, Part]] = {}
        for turn in self.turns:
            band = self.plan.bands[turn.band]
            if turn.begins:
                self._begin(turn.band)
            if turn.index + 1 < len(self.plan.layers):
                written = turn.index, turn.copy
                last, before = seen.get(written, (-1, None))
                part = band[turn.index + 1]
                if last < turn.band and needs_fill(part, before):
                    self._fill(part, *written)
                seen[written] = turn.band, part
            layers = layers_of_band(
                self.plan.layers, self.plan.tensors, band, self.at[turn.copy],
                turn.band % self.plan.input_slots, turn.first,
            )  # fmt: skip
            layer = next(islice(layers, turn.index, None))
            self._layer(turn.index, layer, (turn.first, turn.end))

    def _begin(self, number: int) -> None:
        """Load a band's input; before the first one what is loaded once."""
        early = self.placed if number == 0 else []
        for constants in early[:1]:
            constants.load_room()
        self._load_input(self.plan.bands[number], number % self.plan.input_slots)
        for constants in early[1:]:
            constants.load_room()

    def _fill(self, part: Part, index: int, copy: int) -> None:
        """Write the padding around what a layer writes."""
        tensor = self.plan.tensors[index + 1]
        assert tensor is not None
        kept = tensor.at(self.at[copy].between[index], part)
        inner = part.rows.count, part.columns.count
        of = self.emitter, self.constants, kept, tensor.blocks, inner
        self.emitter.before_results(partial(load_fill, *of))

    def _load_input(self, band: Band, slot: int) -> None:
        tensor, layer = self.plan.tensors[0], self.plan.layers[0]
        rows, columns = band[0].rows, band[0].columns
        if tensor is None:
            return
        load_tile(
            self.emitter,
            layer.source,
            Patch(0, layer.source.blocks, rows.first, rows.count, columns.first, columns.count),
            ActTile(self.at[0].inputs[slot], tensor.columns, tensor.block_stride),
            Pads(rows.before, rows.after, columns.before, columns.after),
            layer.input_zero_point,
        )

    def _layer(self, index: int, layer: LinearLayer, part: tuple[int, int]) -> None:
        emitter, plan = self.emitter, self.plan
        widest_shape, tiling = plan.tilings[index]
        taps = widest_shape.kernel_rows, widest_shape.row_taps
        shape = linear_shape(layer, plan.machine, taps, widest_shape.act_banks)
        assert layer.source.kept is not None
        self.placed[index].forget()
        loops = TileLoops(
            emitter, layer, replace(shape, out_blocks=part[1] - part[0]), tiling,
            self.placed[index], in_place(layer.source.kept), Slots([]), self.buffers,
        )  # fmt: skip
        loops.run(plan.groups(index, *part))

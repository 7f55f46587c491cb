"""Which layers are computed depth first: the cut of a network of the fewest beats and cycles.

Layers stand in a cascade where what lies between them has one reader and would go through DRAM
otherwise. Every cut of such a run of layers into cascades and single layers is weighed, with the
banks that kept tensors leave. Rows that two bands need are computed twice, so that bytes are bought
with cycles: a beat of DRAM may cost a cycle, which is about what either takes in energy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from npusim.compiler.cascade.lowering import Cascade
from npusim.compiler.cascade.search import plan_cascade
from npusim.compiler.emit.memory import Spot
from npusim.compiler.linear.layer import LinearLayer
from npusim.compiler.lower.kinds.windowed import Windowed
from npusim.compiler.lowered import Unit
from npusim.compiler.residency import Residency
from npusim.errors import CapacityError
from npusim.machines import Machine

MOST_LAYERS = 6
"""Of a cascade: the rows that two bands share grow with each kernel."""

Cost = tuple[int, int]
"""DRAM beats and cycles."""


def with_cascades(
    units: list[Unit], machine: Machine, in_dram: set[Spot]
) -> tuple[list[Unit], Residency]:
    """Return the units, some of them joined, and which tensors they keep on chip."""
    apart = Residency([unit.lowering for unit in units], machine, in_dram)
    joined = _joined(units, _Choice(units, machine, in_dram, apart).segments())
    if len(joined) == len(units):
        return units, apart
    apart_cost = apart.cost(range(len(units)))
    apart.release()
    together = Residency([unit.lowering for unit in joined], machine, in_dram)
    try:
        together_cost = together.cost(range(len(joined)))
    except CapacityError:  # what a cascade was to read in ACT is not kept after all
        together_cost = apart_cost
    if together_cost[0] < apart_cost[0] and sum(together_cost) < sum(apart_cost):
        return joined, together
    together.release()
    apart.hold()
    return units, apart


def _joined(units: list[Unit], segments: list[range]) -> list[Unit]:
    """Return the units with each segment as one."""
    found = []
    for segment in segments:
        parts = [units[number] for number in segment]
        last = parts[-1]
        if len(parts) == 1:
            found.append(last)
            continue
        assert isinstance(last.lowering, Windowed)
        cascade = Cascade(last.lowering.context, tuple(_layer(part) for part in parts))
        before = tuple(part.node for part in parts[:-1])
        found.append(Unit(last.place, last.node, last.targets, cascade, before))
    return found


def _layer(unit: Unit) -> LinearLayer:
    assert isinstance(unit.lowering, Windowed)
    assert unit.lowering.layer is not None
    return unit.lowering.layer


class _Choice:
    """The search for the cut of a list of units."""

    def __init__(
        self, units: Sequence[Unit], machine: Machine, in_dram: set[Spot], residency: Residency
    ) -> None:
        self.units, self.machine, self.residency = units, machine, residency
        self.layers = [
            unit.lowering.layer if isinstance(unit.lowering, Windowed) else None for unit in units
        ]
        readers: dict[Spot, int] = {}
        for unit in units:
            if isinstance(unit.lowering, Windowed):
                for spot in unit.lowering.reads:
                    readers[spot] = readers.get(spot, 0) + 1
        self.joins = [
            self._may_join(a, b, readers, in_dram)
            for a, b in zip(self.layers, self.layers[1:], strict=False)
        ]
        """Whether what a unit writes may stay between it and the next one."""

    def _may_join(
        self,
        a: LinearLayer | None,
        b: LinearLayer | None,
        readers: dict[Spot, int],
        in_dram: set[Spot],
    ) -> bool:
        if a is None or b is None or a.residual is not None:
            return False
        if any(layer.groups > 1 and not layer.depthwise for layer in (a, b)):
            return False
        if a.samples > 1 or b.samples > 1:
            return False
        spot = a.target.spot
        same = (a.target.height, a.target.width, a.target.channels) == (
            b.source.height, b.source.width, b.source.channels
        )  # fmt: skip
        return b.source.spot is spot and same and readers[spot] == 1 and spot not in in_dram

    def segments(self) -> list[range]:
        """Return the units of each cascade, and the single ones, in order."""
        count = len(self.units)
        best: list[tuple[Cost, int]] = [((0, 0), 0)]
        """For each number of units: the least cost of the first so many, and the last cut."""
        for end in range(1, count + 1):
            choices = [
                (_sum(best[first][0], cost), first)
                for first in range(max(end - MOST_LAYERS, 0), end)
                for cost in self._costs(first, end)
            ]
            best.append(min(choices, key=lambda choice: (sum(choice[0]), -choice[1])))
        found, end = [], count
        while end:
            found.append(range(best[end][1], end))
            end = best[end][1]
        return found[::-1]

    def _costs(self, first: int, end: int) -> Iterator[Cost]:
        """Yield what units first .. end - 1 cost together, if they can be."""
        units = range(first, end)
        if len(units) == 1:
            yield self.residency.cost(units)
            return
        if not all(self.joins[first : end - 1]):
            return
        layers = [layer for layer in self.layers[first:end] if layer is not None]
        inside = {layer.target.spot for layer in layers[:-1]}
        if all(spot.kept is not None for spot in inside):
            return
        try:
            banks = self.residency.free_banks(units, inside)
            plan = plan_cascade(tuple(layers), self.machine, banks)
        except CapacityError:
            return
        yield plan.dram_beats, plan.cycles


def _sum(a: Cost, b: Cost) -> Cost:
    return a[0] + b[0], a[1] + b[1]

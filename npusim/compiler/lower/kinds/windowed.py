"""Layers and pools: lowerings that read tensors where they lie in ACT."""

from __future__ import annotations

from dataclasses import dataclass

from npusim.compiler.context import Context
from npusim.compiler.emit.memory import Border, Spot, Stored
from npusim.compiler.emit.pooling import Pool, emit_pool
from npusim.compiler.linear.layer import LinearLayer, choose_tiling
from npusim.compiler.linear.linear import emit_linear
from npusim.errors import CapacityError
from npusim.machines import Machine


@dataclass(frozen=True, eq=False)
class Windowed:
    """How the machine computes a layer of weights, or sums and maxima of windows."""

    context: Context
    work: LinearLayer | Pool

    def __call__(self, target: Stored) -> None:
        """Emit it; `work` has said where it writes."""
        emitter, constants = self.context.emitter, self.context.constants
        if isinstance(self.work, LinearLayer):
            emit_linear(emitter, constants, self.work)
        else:
            emit_pool(emitter, constants, self.work)

    @property
    def layer(self) -> LinearLayer | None:
        """The layer of weights; None for a pool."""
        return self.work if isinstance(self.work, LinearLayer) else None

    @property
    def reads(self) -> tuple[Spot, ...]:
        """The spots of what it reads."""
        residual = None if self.layer is None else self.layer.residual
        added = () if residual is None else (residual.source.spot,)
        return (self.work.source.spot, *added)

    @property
    def target(self) -> Stored | None:
        """A layer's output: pools write to DRAM."""
        return None if self.layer is None else self.layer.target

    @property
    def samples(self) -> int:
        """The images that its tensors are to it, one below the other."""
        return self.work.samples

    @property
    def row_steps(self) -> int:
        """The most rows that a loop steps at once."""
        return max(*self.work.window.stride, *self.work.window.dilation)

    def border(self, stored: Stored) -> Border | None:
        """Return the padding around `stored`; None where it is seen in another shape."""
        if isinstance(self.work, LinearLayer):
            return border_of(self.work, stored)
        pool = self.work
        inside = not any(_reach(pool))
        is_sum = pool.finish is not None and inside
        return Border() if is_sum and _same(pool.source, stored) else None

    def cost(self, machine: Machine, act_banks: int) -> tuple[int, int]:
        """Return DRAM beats and cycles; a pool's input is all that it moves."""
        if isinstance(self.work, LinearLayer):
            tiling = choose_tiling(self.work, machine, act_banks)[1]
            return tiling.dram_beats, tiling.cycles
        if act_banks < 2:
            raise CapacityError(f"{self.work.name}: needs two banks")
        source = self.work.source
        if source.kept is not None:
            return 0, 0
        return source.pixels * source.pixel_beats, 0


def border_of(layer: LinearLayer, stored: Stored) -> Border | None:
    """Return what a layer sees around a tensor that it reads; None where its shape is another."""
    border = Border()
    if layer.source.spot is stored.spot:
        if not _same(layer.source, stored):
            return None
        border = padding_of(layer)
    if layer.residual is not None and layer.residual.source.spot is stored.spot:
        return border if _same(layer.residual.source, stored) else None
    return border


def padding_of(layer: LinearLayer) -> Border:
    """Return how far a layer's windows reach over the edges of its input, and what they see."""
    sides = _reach(layer)
    return Border(*sides, layer.input_zero_point) if any(sides) else Border()


def _same(source: Stored, stored: Stored) -> bool:
    return (source.height, source.width, source.channels) == (
        stored.height, stored.width, stored.channels
    )  # fmt: skip


def _reach(work: LinearLayer | Pool) -> tuple[int, int, int, int]:
    """Return how far windows reach over the edges of a sample: top, bottom, left, right."""
    window, source, target, samples = work.window, work.source, work.target, work.samples
    sides = []
    for axis, inside, outputs in (
        (0, source.height // samples, target.height // samples), (1, source.width, target.width)
    ):  # fmt: skip
        before = window.padding[2 * axis]
        span = (window.kernel[axis] - 1) * window.dilation[axis] + 1
        sides += [before, max((outputs - 1) * window.stride[axis] + span - before - inside, 0)]
    return sides[0], sides[1], sides[2], sides[3]

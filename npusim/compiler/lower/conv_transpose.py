"""How the machine computes ConvTranspose: see npusim/operators/conv_transpose.py.

Output i meets the taps k of which i + cut - k * dilation is a multiple of the stride: outputs that
are a stride apart meet the same ones. So each phase of rows and columns is a convolution of stride
1 with these taps, the last one first, whose outputs are stored a stride apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from npusim import operators as op
from npusim.compiler import epilogues
from npusim.compiler.context import Context, Lowering, all_bytes
from npusim.compiler.emit.memory import Border, Spot, Stored
from npusim.compiler.linear.layer import LinearLayer, choose_tiling
from npusim.compiler.linear.linear import emit_linear
from npusim.compiler.lower.kinds.linear import linear_layer
from npusim.compiler.lower.kinds.windowed import border_of
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.machines import Machine
from npusim.runtimes.litert_opt import LANES, VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.runtimes.twins import differences

WHEN = (
    "weights known beforehand, one group, where integers give the runtime's outputs; under "
    "`litert-opt` whole vectors"
)


@dataclass(frozen=True)
class Phase:
    """Along one axis: outputs `first`, `first` + stride, ..., the taps that they meet, in order.

    `before`: how far the first of their windows reaches over the edge; less than 0 where it begins
    behind it. `dilation`: pixels from tap to tap.
    """

    first: int
    taps: tuple[int, ...]
    before: int
    dilation: int


def phases(outputs: int, kernel: int, stride: int, dilation: int, cut: int) -> list[Phase]:
    """Return the phases of an axis; `cut`: outputs that are cut off before the first."""
    found = []
    apart = dilation // gcd(stride, dilation)
    for first in range(min(stride, outputs)):
        whole, rest = divmod(first + cut, stride)
        taps = tuple(k for k in range(kernel) if k * dilation % stride == rest)[::-1]
        before = (taps[0] * dilation - rest) // stride - whole if taps else 0
        found.append(Phase(first, taps, before, apart))
    return found


@dataclass(frozen=True, eq=False)
class _Phases:
    """The layers of all phases, which read one tensor (InPlace)."""

    context: Context
    layers: tuple[LinearLayer, ...]
    samples: int = 1
    row_steps: int = 1
    target: None = None

    def __call__(self, target: Stored) -> None:
        for layer in self.layers:
            emit_linear(self.context.emitter, self.context.constants, layer)

    @property
    def reads(self) -> tuple[Spot, ...]:
        return (self.layers[0].source.spot,)

    def border(self, stored: Stored) -> Border | None:
        """Return the padding of the phase that sees the most on each side."""
        found = [border_of(layer, stored) for layer in self.layers]
        borders = [border for border in found if border is not None]
        if len(borders) < len(found):
            return None
        top, bottom, left, right = (
            max(0, *(getattr(border, side) for border in borders))
            for side in ("top", "bottom", "left", "right")
        )
        fill = self.layers[0].input_zero_point if top or bottom or left or right else None
        return Border(top, bottom, left, right, fill)

    def cost(self, machine: Machine, act_banks: int) -> tuple[int, int]:
        """Return the sums of all phases."""
        tilings = [choose_tiling(layer, machine, act_banks)[1] for layer in self.layers]
        return sum(t.dram_beats for t in tilings), sum(t.cycles for t in tilings)


def lower(
    network: Network,
    node: Node,
    c: Requantization | VectorAndRest[Requantization] | FloatRequantization,
    context: Context,
) -> Lowering | None:
    """Return how the array computes each phase; None where the host has to."""
    operator = node.operator
    assert isinstance(operator, op.ConvTranspose)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    if isinstance(c, VectorAndRest):
        if (y.shape[3] if c.lanes == LANES else np.prod(y.shape)) % c.lanes:
            return None
        c = c.vector
    if not all_bytes(*network.inputs_of(node)[:2], y) or context.samples > 1 or x.shape[0] > 1:
        return None
    if operator.groups > 1 or not context.lies_as_is(node.inputs[0]):
        return None
    window = operator.window
    rows, columns = (
        phases(
            y.shape[1 + axis], window.kernel[axis], window.stride[axis], window.dilation[axis],
            window.padding[2 * axis],
        )
        for axis in (0, 1)
    )  # fmt: skip
    layers = []
    for row in rows:
        for column in columns:
            layer = _layer(network, node, c, context, (row, column))
            if layer is None:
                return None
            layers.append(layer)
    return _Phases(context, tuple(layers))


def _layer(
    network: Network,
    node: Node,
    c: Requantization | FloatRequantization,
    context: Context,
    phase: tuple[Phase, Phase],
) -> LinearLayer | None:
    """Return the convolution of a phase; None where no integer constants give its outputs."""
    operator = node.operator
    assert isinstance(operator, op.ConvTranspose)
    row, column = phase
    kernel = (max(len(row.taps), 1), max(len(column.taps), 1))
    window = op.Window(
        kernel, (1, 1), (row.dilation, column.dilation), (row.before, 0, column.before, 0)
    )
    target = context.as_stored(network.output_of(node))
    target = target.every((row.first, column.first), operator.window.stride)
    part = _convolution(network, node, window, phase, target)
    convolution = part.nodes[0]
    if isinstance(c, FloatRequantization):
        c = epilogues.per_channel(c, target.channels)
    source = context.source(node.inputs[0])
    layer = linear_layer(part, convolution, c, context, source, target, window, 1, 1)
    if isinstance(c, FloatRequantization):
        found = epilogues.linear(part, convolution, c, context.machine)
        if differences(c, found, epilogues.linear_reach(part, convolution)):
            return None
    return layer


def _convolution(
    network: Network, node: Node, window: op.Window, phase: tuple[Phase, Phase], target: Stored
) -> Network:
    """Return the convolution of a phase, its weights as Conv2D has them; padding is the layer's."""
    x, w = network.inputs_of(node)[:2]
    weights = _weights(w, phase)
    height, width = (
        (size - 1) + (kernel - 1) * dilation + 1
        for size, kernel, dilation in zip(
            (target.height, target.width), window.kernel, window.dilation, strict=True
        )
    )  # fmt: skip
    seen = replace(x, shape=(1, height, width, x.shape[3]), data=None, file_order=None)
    y = replace(
        network.output_of(node), shape=(1, target.height, target.width, target.channels),
        file_order=None,
    )  # fmt: skip
    bare = op.Conv2D(replace(window, padding=(0, 0, 0, 0)))
    inner = Node(node.name, bare, (x.name, w.name), node.outputs)
    tensors = {x.name: seen, w.name: weights, y.name: y}
    return Network(node.name, network.source, (inner,), tensors, (x.name,), node.outputs)


def _weights(w: Tensor, phase: tuple[Phase, Phase]) -> Tensor:
    """Return the taps of a phase of w [IC OC KH KW] as [OC KH KW IC]; a zero where it has none."""
    assert w.data is not None
    assert w.quantization is not None
    q = replace(w.quantization, axis=None if w.quantization.axis is None else 0)
    rows, columns = (list(along.taps) for along in phase)
    if rows and columns:
        codes = w.data[:, :, rows][:, :, :, columns].transpose(1, 2, 3, 0)
    else:
        shape = (w.shape[1], max(len(rows), 1), max(len(columns), 1), w.shape[0])
        codes = np.broadcast_to(q.zero_point.reshape(-1, 1, 1, 1), shape).astype(w.dtype)
    return Tensor(w.name, codes.shape, w.dtype, q, np.ascontiguousarray(codes))

"""volume_pool: the greatest value or the mean over each window of a volume [N C D H W]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.types import require_same_quantization
from npusim.operators.kinds.volume import RANK, Volume, columns, volume_window
from npusim.operators.page import Absent, Step

Kind = Literal["max", "mean"]


@dataclass(frozen=True)
class VolumePool(Operator):
    """The greatest value, or the mean, of the places that each window has inside the volume.

    With `count_padding` a mean counts those outside too, as zeros.
    """

    kind: Kind
    window: Volume
    count_padding: bool = False

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(x) != RANK:
            raise ShapeError(f"expected volumes [N C D H W], found {list(x)}")
        return ((*x[:2], *self.window.output_extent(x)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def single(operator: VolumePool, x: NDArray) -> NDArray:
    """Return the values in x's type; a mean is summed in that of float64."""
    taps = (2, 3, 4)
    if operator.kind == "max":
        return columns(x, operator.window, -np.inf).max(taps)
    sums = columns(x.astype(np.float64), operator.window, 0).sum(taps)
    inside = np.ones((1, 1, *x.shape[2:]))
    counts = columns(inside, operator.window, 1 if operator.count_padding else 0).sum(taps)
    return (sums / counts).astype(x.dtype)


def read(kind: Kind, b: Builder, node: OnnxNode) -> None:
    """Read a pool of volumes."""
    x = b.value(node, 0)
    if len([name for name in node.outputs if name]) != 1:
        raise UnsupportedError(f"{node.name} ({node.kind}): a second output is not supported")
    padded = bool(node.integer("count_include_pad", 0))
    if padded and node.integer("ceil_mode", 0):
        raise UnsupportedError(f"{node.name}: ceil_mode together with count_include_pad")
    at = volume_window(node, None, b.shape(x)[2:])
    b.emit(node.name, VolumePool(kind, at, padded), (x,), node.outputs[0])


def read_global(kind: Kind, b: Builder, node: OnnxNode) -> None:
    """Read a pool over whole volumes."""
    x = b.value(node, 0)
    d, h, w = b.shape(x)[2:]
    b.emit(node.name, VolumePool(kind, Volume((d, h, w))), (x,), node.outputs[0])


def greatest(network: Network, node: Node) -> Step:
    """Return the step of the greatest integers; of means there is none."""
    operator = node.operator
    assert isinstance(operator, VolumePool)
    if operator.kind != "max":
        raise UnsupportedError(f"{node.name}: means over volumes are on floats alone")
    least = np.iinfo(network.output_of(node).dtype).min
    return lambda threads, x: columns(x, operator.window, least).max((2, 3, 4))


def quantized(network: Network, node: Node, constants: None) -> Step:
    """Return the same of quantized integers, which keep their scale."""
    require_same_quantization(node, network.inputs_of(node)[0], network.output_of(node))
    return greatest(network, node)


PAGE = replace(
    float_page(VolumePool, (), single),
    constants=Absent("takes integers as they are"),
    quantized=quantized,
    plain=greatest,
)

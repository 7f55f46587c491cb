"""One value of all elements along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axes_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteLayer


@dataclass(frozen=True)
class Reduce(Operator):
    """f over `axes` (canonical, ascending), kept as extent 1 with `keep_dims`."""

    axes: tuple[int, ...]
    keep_dims: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not all(0 <= axis < len(x) for axis in self.axes):
            raise ShapeError(f"axes {list(self.axes)} are outside input {list(x)}")
        if self.keep_dims:
            return (tuple(1 if axis in self.axes else n for axis, n in enumerate(x)),)
        return (tuple(n for axis, n in enumerate(x) if axis not in self.axes),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return 0 not in self.axes


def read_axes(layer: TfliteLayer) -> tuple[tuple[int, ...], bool]:
    """Return the axes, ascending, that a .tflite reduction names, and whether they are kept."""
    axes = sorted({layer.axis(axis, layer.rank) for axis in layer.constant(1)})
    return tuple(axes), bool(layer.option("KeepDims"))


def reduction(name: str, make: Callable[[tuple[int, ...], bool], Sequence[Operator]]) -> OnnxForm:
    """Return the form of an ONNX reduction: operators one after the other, by axes kept or not."""

    def read(b: Builder, node: OnnxNode) -> None:
        x = b.value(node, 0)
        rank = len(b.shape(x))
        axes = axes_of(node, b.optional_integers(node, 1, "axes"), rank)
        if not axes:
            if node.integer("noop_with_empty_axes", 0):
                return b.emit_identity(node)
            axes = tuple(range(rank))
        keep = bool(node.integer("keepdims", 1))
        return b.emit_chain(node, x, make(tuple(sorted(axes)), keep))

    return OnnxForm(name, read)

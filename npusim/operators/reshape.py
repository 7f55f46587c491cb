"""reshape: the same values in row-major order under another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import reshape_target, squeezed, unsqueezed
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Attributes, Call, Field, OwnForm
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import Movement
from npusim.operators.page import Step


@dataclass(frozen=True)
class Reshape(Movement):
    """The same values in row-major order under another shape, the batch axis kept."""

    shape: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        if prod(self.shape) != prod(inputs[0]):
            raise ShapeError(f"cannot reshape {list(inputs[0])} to {list(self.shape)}")
        return (self.shape,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True

    def for_batch(self, extent: int) -> Reshape:
        return Reshape((extent, *self.shape[1:]))


def _read(layer: TfliteLayer) -> Reshape:
    if len(layer.inputs) > 1 and layer.inputs[1] is not None:
        wanted = layer.constant(1)
    else:
        wanted = layer.record.options["NewShape"] if layer.record.options else layer.output.shape
    total = prod(layer.input(0).shape)
    if sum(n == -1 for n in wanted) == 1:
        known = prod(n for n in wanted if n != -1)
        wanted = tuple(total // max(known, 1) if n == -1 else n for n in wanted)
    if min(wanted, default=1) < min(total, 1):
        raise ShapeError(f"{layer.record.name}: cannot reshape to {list(wanted)}")
    return Reshape(tuple(wanted))


def _read_squeeze(layer: TfliteLayer) -> Reshape:
    shape = layer.input(0).shape
    axes = [layer.axis(axis, len(shape)) for axis in layer.option("SqueezeDims")]
    chosen = axes or [axis for axis, n in enumerate(shape) if n == 1]
    if any(shape[axis] != 1 for axis in chosen):
        raise ShapeError(f"{layer.record.name}: axes {axes} of {list(shape)} are not all 1")
    return Reshape(tuple(n for axis, n in enumerate(shape) if axis not in chosen))


def _read_expand(layer: TfliteLayer) -> Reshape:
    shape = layer.input(0).shape
    axis = layer.axis(layer.constant(1)[0], len(shape) + 1)
    return Reshape((*shape[:axis], 1, *shape[axis:]))


def step(network: Network, node: Node) -> Step:
    """Return the step that gives the values another shape, the batch kept where it is one."""
    x, operator = network.inputs_of(node)[0], node.operator
    assert isinstance(operator, Reshape)
    shape = operator.shape
    if shape and x.shape[:1] == shape[:1]:
        return lambda threads, x: x.reshape(len(x), *shape[1:])
    return lambda threads, x: x.reshape(shape)


def real(operator: Reshape, x: NDArray) -> NDArray:
    """Return the values in their places."""
    return x.reshape(operator.shape)


def _write_shape(operator: Reshape, x: Tensor) -> Attributes:
    kept = x.shape[:1] == operator.shape[:1]
    return {"shape": (0, *operator.shape[1:]) if kept else operator.shape}


def _read_shape(call: Call) -> dict[str, tuple[int, ...]]:
    shape = call.integers("shape")
    return {"shape": (call.x.shape[0], *shape[1:]) if shape[0] == 0 else shape}


SHAPE = Field(_write_shape, _read_shape)
"""0 keeps the batch, whatever it is."""


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    if node.kind == "Reshape":
        target = reshape_target(node, shape, b.integers(node, 1, "shape"))
    elif node.kind == "Flatten":
        axis = node.integer("axis", 1)
        if not -len(shape) <= axis <= len(shape):
            raise FormatError(f"{node.name} (Flatten): axis {axis} is outside {list(shape)}")
        axis += len(shape) if axis < 0 else 0
        target = (prod(shape[:axis]), prod(shape[axis:]))
    elif node.kind == "Squeeze":
        target = squeezed(node, shape, b.optional_integers(node, 1, "axes"))
    else:
        target = unsqueezed(node, shape, b.optional_integers(node, 1, "axes"))
    b.emit(node.name, Reshape(target), (x,), node.outputs[0])


def _read_dropout(b: Builder, node: OnnxNode) -> None:
    """Read Dropout, which drops nothing but in training: its mask is all true."""
    training = b.optional(node, 2, "training_mode")
    ratio = b.optional(node, 1, "ratio") if len(node.inputs) > 1 else None
    if training is not None and training.any() and (ratio is None or ratio.any()):
        raise UnsupportedError(f"{node.name} (Dropout): training is not supported")
    b.emit_identity(node)
    if len(node.outputs) > 1 and node.outputs[1]:
        b.constants[node.outputs[1]] = np.ones(b.shape(node.input(0)), np.bool_)


PAGE = any_type_page(
    Reshape,
    (
        TfliteForm("RESHAPE", 1, _read),
        TfliteForm("SQUEEZE", 1, _read_squeeze),
        TfliteForm("EXPAND_DIMS", 1, _read_expand),
    ),
    real,
    step,
    onnx=(
        *(OnnxForm(name, _read_onnx) for name in ("Reshape", "Flatten", "Squeeze", "Unsqueeze")),
        OnnxForm("Identity", Builder.emit_identity),
        OnnxForm("Dropout", _read_dropout),
    ),
    own=(OwnForm("Reshape", (SHAPE,)),),
    unit="data movement",
)

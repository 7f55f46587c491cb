"""instance_normalization: each group of channels of an image less its mean over its deviation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels.float_sums import sums_of_rows
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Field, number
from npusim.operators.forms.own_float import is_island, island_form
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class InstanceNormalization(Operator):
    """x [N C ...]: channels in `groups` (None: each alone) normalized, times scale, plus bias.

    Scale and bias have a value for each channel.
    """

    groups: int | None
    epsilon: float

    @property
    def arity(self) -> tuple[int, int]:
        return 3, 3

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x = inputs[0]
        groups = self.groups or (x[1] if len(x) > 1 else 1)
        if len(x) < 2 or x[1] % groups or any(shape != (x[1],) for shape in inputs[1:]):
            raise ShapeError(f"scales {list(inputs[1:])} and {groups} groups do not fit {list(x)}")
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def real(operator: InstanceNormalization, x: NDArray, scale: NDArray, bias: NDArray) -> NDArray:
    """Return the normalized values in the type of x; sums run in float64."""
    rows = x.reshape(len(x), operator.groups or x.shape[1], -1)
    mean = rows.mean(2, keepdims=True, dtype=np.float64).astype(x.dtype)
    centred = rows - mean
    variance = (centred * centred).mean(2, keepdims=True, dtype=np.float64).astype(x.dtype)
    inverse = x.dtype.type(1) / np.sqrt(variance + x.dtype.type(operator.epsilon))
    shape = (1, -1, *[1] * (x.ndim - 2))
    return (centred * inverse).reshape(x.shape) * scale.reshape(shape) + bias.reshape(shape)


def single(
    operator: InstanceNormalization,
    x: NDArray[np.float32],
    scale: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return onnxruntime's float32 values, in its order of sums.

    Channels alone: instance_norm.cc. Groups: the function body that ONNX states for
    GroupNormalization, whose variance is the mean of the squares less the square of the mean.
    """
    shape = (1, -1, *[1] * (x.ndim - 2))
    rows = x.reshape(len(x), operator.groups or x.shape[1], -1)
    count, epsilon = np.float32(rows.shape[2]), np.float32(operator.epsilon)
    mean = _sums(rows) / count
    if operator.groups is not None:
        variance = _sums(rows * rows) / count - mean * mean
        normal = (rows - mean) / np.sqrt(variance + epsilon)
        return scale.reshape(shape) * normal.reshape(x.shape) + bias.reshape(shape)
    centred = rows - mean  # its squares are no tensor: each row begins aligned
    variance = _sums(centred * centred, 0) / count
    factor = (np.float32(1) / np.sqrt(variance + epsilon))[:, :, 0] * scale
    offset = bias - mean[:, :, 0] * factor
    return (rows * factor[:, :, None] + offset[:, :, None]).reshape(x.shape)


def _sums(rows: NDArray[np.float32], pitch: int | None = None) -> NDArray[np.float32]:
    """Return the sums [N G 1] of rows [N G K]; each sample is a tensor of its own."""
    found = np.empty((*rows.shape[:2], 1), np.float32)
    for sample, y in zip(np.ascontiguousarray(rows), found[:, :, 0], strict=True):
        sums_of_rows(sample, rows.shape[2] if pitch is None else pitch, y)
    return found


def _read(b: Builder, node: OnnxNode) -> None:
    values = [b.value(node, index) for index in range(3)]
    groups = node.integer("num_groups", 0) if node.kind == "GroupNormalization" else None
    channels = b.shape(values[0])[1]
    for index in (1, 2):  # before opset 21 a group has one scale
        shape = b.shape(values[index])
        if groups and shape != (channels,):
            data = b.constant(node, index, "scale")
            values[index] = b.store(node.input(index), np.repeat(data, channels // groups))
    operator = InstanceNormalization(groups, node.number("epsilon", 1e-5))
    b.emit(node.name, operator, tuple(values), node.outputs[0])


def _alone(node: Node) -> bool:
    operator = node.operator
    return isinstance(operator, InstanceNormalization) and operator.groups is None


CHANNELS_ALONE = Field(lambda o, x: {}, lambda call: {"groups": None})
"""Groups of channels have no form of their own."""


PAGE = float_page(
    InstanceNormalization,
    (OnnxForm("InstanceNormalization", _read), OnnxForm("GroupNormalization", _read)),
    single,
    real,
    (
        replace(
            island_form("InstanceNormalization", number("epsilon"), CHANNELS_ALONE, values=3),
            suits=lambda network, node: is_island(network, node) and _alone(node),
        ),
    ),
)

"""batch_normalization: gamma * (x - mean) / sqrt(variance + epsilon) + beta, of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.float32 import by_runtime, constant, elementwise
from npusim.operators.page import Absent, Page, Step, no_macs
from npusim.words import Rule


@dataclass(frozen=True)
class BatchNormalization(Operator):
    """x, gamma, beta, mean, variance -> gamma * (x - mean) / sqrt(variance + epsilon) + beta."""

    epsilon: float

    @property
    def arity(self) -> tuple[int, int]:
        return 5, 5

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (inputs[0],)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def real(
    operator: BatchNormalization, x: NDArray, gamma: NDArray, beta: NDArray, mean: NDArray,
    variance: NDArray,
) -> NDArray:  # fmt: skip
    """Return gamma * (x - mean) / sqrt(variance + epsilon) + beta along the last axis."""
    epsilon = x.dtype.type(operator.epsilon)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def one_factor(network: Network, node: Node, rule: Rule) -> Step:
    """Return onnxruntime's: x times one factor plus one offset per channel."""
    operator = node.operator
    assert isinstance(operator, BatchNormalization)
    scale, bias, mean, variance = (constant(t) for t in network.inputs_of(node)[1:])
    factor = scale * (np.float32(1) / np.sqrt(variance + np.float32(operator.epsilon)))
    offset = bias - mean * factor
    return lambda threads, x, *constants: x * factor + offset


def _read(b: Builder, node: OnnxNode) -> None:
    if node.integer("training_mode", 0) or len([o for o in node.outputs if o]) != 1:
        raise UnsupportedError(f"{node.name} (BatchNormalization): training is not supported")
    names = ("scale", "bias", "mean", "variance")
    inputs = [b.value(node, 0)]
    inputs += [
        b.store(node.input(i), b.constant(node, i, what)) for i, what in enumerate(names, start=1)
    ]
    operator = BatchNormalization(node.number("epsilon", 1e-5))
    b.emit_channels_last(node.name, operator, tuple(inputs), node.outputs[0])


PAGE = Page(
    operator=BatchNormalization,
    tflite=(),
    onnx=(OnnxForm("BatchNormalization", _read, weights=(1, 2, 3, 4), image=True),),
    own=Absent("has no form in npusim's ONNX files"),
    real=real,
    constants=Absent("is folded into the layer before it"),
    quantized=Absent("on integers is not supported"),
    float32=by_runtime(elementwise(real), onnxruntime=one_factor),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)

"""batch_normalization: gamma * (x - mean) / sqrt(variance + epsilon) + beta, of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.page import Absent, Page, no_macs


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


PAGE = Page(
    operator=BatchNormalization,
    tflite=(),
    onnx=(),
    own=Absent("has no form in npusim's ONNX files"),
    real=real,
    constants=Absent("is folded into the layer before it"),
    quantized=Absent("on integers is not supported"),
    float32=elementwise(real),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="host",
)

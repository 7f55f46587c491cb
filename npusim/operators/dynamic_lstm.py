"""dynamic_lstm: an LSTM whose products are of integers (DynamicQuantizeLSTM of quantize_dynamic).

Inputs and hidden states are quantized to uint8 by their own range before each product, and the
sums come out as reals. Source: onnxruntime 1.31, contrib_ops/cpu/quantization/
dynamic_quantize_lstm.cc, core/providers/cpu/rnn/rnn_helpers.cc (ComputeGemm).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.kernels import mlas
from npusim.operators.dynamic_quantize import quantized
from npusim.operators.float_lstm import FUNCTIONS, FloatLstm, lstm_direction
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import FLOATS_ALONE
from npusim.operators.kinds.recurrent import (
    PEEPHOLES,
    B,
    C,
    H,
    Outputs,
    Product,
    R,
    W,
    X,
    common_attributes,
    emit_recurrent,
    in_all_directions,
    macs,
)
from npusim.operators.matmul_integer import integer_product
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step
from npusim.words import Rule

W_SCALE, W_ZERO, R_SCALE, R_ZERO = range(8, 12)
"""Places in the file behind those of LSTM."""


@dataclass(frozen=True)
class DynamicLstm(FloatLstm):
    """Sequences through an LSTM of 8-bit weights [D K 4H] and [D H 4H], scaled by column or all."""

    TAKES_LENGTHS = False  # all samples are quantized together

    def weight_shapes(self, inner: int) -> dict[int, Shape]:
        rows = self.GATES * self.hidden
        directions = len(self.backwards)
        return {W: (directions, inner, rows), R: (directions, self.hidden, rows)}


@dataclass(frozen=True, eq=False)
class _Weights:
    """Weights as integers with their scale: `T` is what a float layer's product would turn."""

    integers: NDArray[np.int32]
    scale: NDArray[np.float32]

    @property
    def T(self) -> _Weights:  # as numpy's arrays have it
        return self


def _multiplied(
    a: NDArray[np.float32], b: _Weights, start: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    integers, scale, zero = quantized(a)
    sums = integer_product(integers.astype(np.int32) - np.int32(zero), b.integers)
    y = sums.astype(np.float32) * (scale * b.scale)
    return np.asarray(y if start is None else start + y, np.float32)


def real(operator: DynamicLstm, *inputs: NDArray) -> Outputs:
    """Return the hidden states of all steps, and the last h and c."""
    one = lstm_direction(operator, mlas.logistic, mlas.tanh)

    def of_integers(multiply: Product, found: dict[int, NDArray]) -> tuple[NDArray, ...]:
        weights = {
            place: _Weights(
                found[place].astype(np.int32) - np.int32(found[zero].ravel()[0]), found[scale]
            )
            for place, scale, zero in ((W, W_SCALE, W_ZERO), (R, R_SCALE, R_ZERO))
        }
        return one(multiply, found | weights)  # type: ignore[arg-type]

    return in_all_directions(operator, inputs, _multiplied, of_integers)


def float32(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step, which is the same under every rule."""
    operator = node.operator
    assert isinstance(operator, DynamicLstm)
    return lambda threads, *inputs: real(operator, *inputs)


def _read(b: Builder, node: OnnxNode) -> None:
    hidden, ways = common_attributes(node, FUNCTIONS, ("input_forget",))
    places = (X, W, R, B, H, C, PEEPHOLES, W_SCALE, W_ZERO, R_SCALE, R_ZERO)
    needed = (X, W, R, W_SCALE, W_ZERO, R_SCALE, R_ZERO)
    emit_recurrent(
        b, node, lambda present, gives: DynamicLstm(hidden, ways, present, gives), places, needed
    )


PAGE = Page(
    operator=DynamicLstm,
    tflite=(),
    onnx=(OnnxForm("DynamicQuantizeLSTM", _read, "com.microsoft"),),
    own=NO_OWN_FORM,
    real=real,
    constants=FLOATS_ALONE,
    quantized=FLOATS_ALONE,
    float32=float32,
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

"""float_lstm: a long short-term memory over a sequence, in float32.

    i, o, f = sigmoid(W x + R h + b [+ P c])      g = tanh(Wg x + Rg h + bg)
    c' = f c + i g                                h' = o tanh(c')

The output gate's peephole sees c'. Source: ONNX, LSTM; onnxruntime 1.31,
core/providers/cpu/rnn/uni_directional_lstm.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.kernels import mlas
from npusim.kernels.mlas_products import packed_product
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import FLOATS_ALONE
from npusim.operators.kinds.recurrent import (
    PEEPHOLES,
    B,
    C,
    Direction,
    H,
    Outputs,
    Product,
    R,
    Recurrent,
    W,
    X,
    applied,
    bias,
    common_attributes,
    emit_recurrent,
    float32_step,
    in_all_directions,
    macs,
    own_forms,
    product,
    state,
)
from npusim.operators.page import Absent, Page
from npusim.runtimes.elementary import sigmoid, tanh

FUNCTIONS = ("sigmoid", "tanh", "tanh")


@dataclass(frozen=True)
class FloatLstm(Recurrent):
    """Sequences through an LSTM; the states are h and c."""

    GATES = 4
    STATES = 2


Gate = Callable[[NDArray], NDArray]


def lstm_direction(operator: Recurrent, gate: Gate, squash: Gate) -> Direction:
    """Return the steps of one direction."""
    n = operator.hidden

    def steps(multiply: Product, found: dict[int, NDArray]) -> tuple[NDArray, ...]:
        x, recurrent = found[X], found[R].T
        one, other = np.split(bias(found, 4, n), 2)
        biases = np.split(one + other, 4)
        inputs, h, c = applied(multiply, x, found[W]), state(found, H, n), state(found, C, n)
        none = np.zeros(3 * n, x.dtype)
        peepholes = np.split(found[PEEPHOLES], 3) if PEEPHOLES in found else None
        pi, po, pf = np.split(none, 3) if peepholes is None else peepholes
        y = np.empty((*x.shape[:2], n), x.dtype)
        for t, given in enumerate(inputs):
            i, o, f, g = np.split(multiply(h, recurrent, given), 4, 1)
            if peepholes is not None:
                i, f = i + c * pi, f + c * pf
            i, f, g = gate(i + biases[0]), gate(f + biases[2]), squash(g + biases[3])
            c = c * f + i * g
            if peepholes is not None:
                o = o + c * po
            h = squash(c) * gate(o + biases[1])
            y[t] = h
        return y, h, c

    return steps


def real(operator: FloatLstm, *inputs: NDArray) -> Outputs:
    """Return the hidden states of all steps, and the last h and c, in the type of x."""
    return in_all_directions(operator, inputs, product, lstm_direction(operator, sigmoid, tanh))


def single(operator: FloatLstm, *inputs: NDArray[np.float32]) -> Outputs:
    """Return the same as onnxruntime has it."""
    steps = lstm_direction(operator, mlas.logistic, mlas.tanh)
    return in_all_directions(operator, inputs, packed_product, steps)


def _read(b: Builder, node: OnnxNode) -> None:
    hidden, ways = common_attributes(node, FUNCTIONS, ("input_forget",))
    places = (X, W, R, B, H, C, PEEPHOLES)
    emit_recurrent(b, node, lambda present, gives: FloatLstm(hidden, ways, present, gives), places)


PAGE = Page(
    operator=FloatLstm,
    tflite=(),
    onnx=(OnnxForm("LSTM", _read),),
    own=own_forms("LSTM", (X, W, R, B, H, C)),
    real=real,
    constants=FLOATS_ALONE,
    quantized=FLOATS_ALONE,
    float32=float32_step(real, single),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

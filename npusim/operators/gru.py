"""gru: a gated recurrent unit over a sequence, in float32.

    z = sigmoid(Wz x + Rz h + b)      r = sigmoid(Wr x + Rr h + b)
    c = tanh(Wc x + Rc (r h) + b), or tanh(Wc x + b + r (Rc h + b))
    h' = (1 - z) c + z h

Source: ONNX, GRU; onnxruntime 1.31, core/providers/cpu/rnn/deep_cpu_gru.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.kernels import mlas, unfused
from npusim.kernels.mlas_products import packed_product
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import integer
from npusim.operators.kinds.host import FLOATS_ALONE
from npusim.operators.kinds.recurrent import (
    B,
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


@dataclass(frozen=True)
class Gru(Recurrent):
    """Sequences through a GRU; `linear_before_reset` says which of the two candidates it has."""

    linear_before_reset: bool

    GATES = 3


Gate = Callable[[NDArray], NDArray]


def _direction(
    operator: Gru, update: Gate, reset: Gate, candidate: Gate
) -> Callable[[Product, dict[int, NDArray]], tuple[NDArray, ...]]:
    n = operator.hidden

    def steps(multiply: Product, found: dict[int, NDArray]) -> tuple[NDArray, ...]:
        x, both, last = found[X], found[R][: 2 * n].T, found[R][2 * n :].T
        wz, wr, wc, rz, rr, rc = np.split(bias(found, 3, n), 6)
        inputs, h, one = applied(multiply, x, found[W]), state(found, H, n), x.dtype.type(1)
        y = np.empty((*x.shape[:2], n), x.dtype)
        for t, given in enumerate(inputs):
            gates = multiply(h, both, given[:, : 2 * n])
            r = reset(gates[:, n:] + (wr + rr))
            if operator.linear_before_reset:
                seen = given[:, 2 * n :] + multiply(h, last, np.broadcast_to(rc, h.shape)) * r
                c = candidate(seen + wc)
            else:
                c = candidate(multiply(h * r, last, given[:, 2 * n :]) + (wc + rc))
            z = update(gates[:, :n] + (wz + rz))
            h = (one - z) * c + z * h
            y[t] = h
        return y, h

    return steps


def real(operator: Gru, *inputs: NDArray) -> Outputs:
    """Return the hidden states of all steps, and the last, in the type of x."""
    steps = _direction(operator, sigmoid, sigmoid, tanh)
    return in_all_directions(operator, inputs, product, steps)


def single(operator: Gru, *inputs: NDArray[np.float32]) -> Outputs:
    """Return the same as onnxruntime has it."""
    steps = _direction(operator, mlas.logistic, unfused.sigmoid, unfused.tanh)
    return in_all_directions(operator, inputs, packed_product, steps)


def _read(b: Builder, node: OnnxNode) -> None:
    hidden, ways = common_attributes(node, ("sigmoid", "tanh"))
    linear = bool(node.integer("linear_before_reset", 0))
    emit_recurrent(
        b, node, lambda places, gives: Gru(hidden, ways, places, gives, linear), (X, W, R, B, H)
    )


PAGE = Page(
    operator=Gru,
    tflite=(),
    onnx=(OnnxForm("GRU", _read),),
    own=own_forms("GRU", (X, W, R, B, H), integer("linear_before_reset", kind=bool)),
    real=real,
    constants=FLOATS_ALONE,
    quantized=FLOATS_ALONE,
    float32=float32_step(real, single),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

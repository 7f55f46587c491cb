"""rnn: h' = tanh(W x + R h + b) over a sequence, or another of three functions, in float32.

Source: ONNX, RNN; onnxruntime 1.31, core/providers/cpu/rnn/rnn.cc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.kernels import mlas, mlas_products
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
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
    product,
    state,
)
from npusim.operators.page import NO_OWN_FORM, Absent, Page
from npusim.runtimes.elementary import sigmoid

Gate = Callable[[NDArray], NDArray]
REAL: dict[str, Gate] = {"tanh": np.tanh, "sigmoid": sigmoid, "relu": lambda x: np.maximum(x, 0)}
SINGLE: dict[str, Gate] = REAL | {"tanh": mlas.tanh, "sigmoid": mlas.logistic}


@dataclass(frozen=True)
class Rnn(Recurrent):
    """Sequences through a layer whose state is its output."""

    function: str


def _direction(
    operator: Rnn, squash: Gate
) -> Callable[[Product, dict[int, NDArray]], tuple[NDArray, ...]]:
    def steps(multiply: Product, found: dict[int, NDArray]) -> tuple[NDArray, ...]:
        x, n = found[X], operator.hidden
        one, other = np.split(bias(found, 1, n), 2)
        inputs, h = applied(multiply, x, found[W]), state(found, H, n)
        y = np.empty((*x.shape[:2], n), x.dtype)
        for t, given in enumerate(inputs):
            h = squash(multiply(h, found[R].T, given + (one + other)))
            y[t] = h
        return y, h

    return steps


def real(operator: Rnn, *inputs: NDArray) -> Outputs:
    """Return the states of all steps, and the last, in the type of x."""
    steps = _direction(operator, REAL[operator.function])
    return in_all_directions(operator, inputs, product, steps)


def single(operator: Rnn, *inputs: NDArray[np.float32]) -> Outputs:
    """Return the same with onnxruntime's functions and products."""
    steps = _direction(operator, SINGLE[operator.function])
    return in_all_directions(operator, inputs, mlas_products.product, steps)


def _read(b: Builder, node: OnnxNode) -> None:
    named = node.attributes.get("activations", ())
    assert isinstance(named, tuple)
    function = str(named[0]).lower() if named else "tanh"
    if function not in REAL or any(str(name).lower() != function for name in named):
        raise UnsupportedError(f"{node.name} (RNN): activations {', '.join(map(str, named))}")
    hidden, ways = common_attributes(node, (function,))
    places = (X, W, R, B, H)
    emit_recurrent(b, node, lambda given, gives: Rnn(hidden, ways, given, gives, function), places)


PAGE = Page(
    operator=Rnn,
    tflite=(),
    onnx=(OnnxForm("RNN", _read),),
    own=NO_OWN_FORM,
    real=real,
    constants=FLOATS_ALONE,
    quantized=FLOATS_ALONE,
    float32=float32_step(real, single),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

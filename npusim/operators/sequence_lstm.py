"""sequence_lstm: TFLite's LSTM on float32, step after step, its weights float32 or int8 (hybrid).

    gate_g  = f_g(b_g + W_g x + R_g h [+ P_g c])        g = input, forget, cell, output
    c'      = forget * c + input * cell                  input = 1 - forget where there is none
    h'      = output * tanh(c')

With weights of int8 each row of x and of h is quantized while it runs, as in other hybrid layers.
Source: TFLite, kernels/lstm_eval.cc (LstmStepFloat, LstmStepHybrid).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteLayer
from npusim.operators.kinds.hybrid import asymmetric, symmetric
from npusim.operators.kinds.lstm_cell import (
    BIASES,
    GATES,
    C,
    H,
    LstmCell,
    R,
    W,
    X,
    macs,
    peephole_place,
    read_places,
)
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step
from npusim.runtimes.elementary import exp, tanh
from npusim.words import Rule

Floats = NDArray[np.float32]
NO_BIAS = np.zeros(1, np.float32)
Product = Callable[[Floats], Floats]
"""Rows [N K] -> their products with one gate's weights, [N U]."""


@dataclass(frozen=True)
class SequenceLstm(LstmCell):
    """The cell.

    `symmetric` says that rows are quantized with zero point 0; a `cell_clip` of 0 is none.
    """

    cell_clip: float
    symmetric: bool


def logistic(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    return np.asarray(1 / (1 + exp(-x.astype(np.float64))), np.float32)


def curve(x: Floats) -> Floats:
    """Return tanh of x."""
    return np.asarray(tanh(x.astype(np.float64)), np.float32)


def _products(network: Network, node: Node, index: int) -> Product:
    """Return the products with the weights at a place, which are constant."""
    operator = node.operator
    assert isinstance(operator, SequenceLstm)
    w = operator.part(network.inputs_of(node), index)
    assert w is not None
    if w.data is None or (w.dtype != np.int8 and not w.is_float):
        raise UnsupportedError(
            f"{node.name}: expected constant weights of float32 or int8 in {w.name}, "
            f"found {'computed ' if w.data is None else ''}{w.dtype}"
        )
    weights, q = w.data, w.quantization
    if w.is_float:
        return lambda rows: np.asarray(rows @ weights.T, np.float32)
    if q is None or q.axis is not None or q.zero_point:
        raise UnsupportedError(f"{node.name}: expected one scale and zero point 0 in {w.name}")
    exact, taken = weights.astype(np.float64).T, symmetric if operator.symmetric else asymmetric

    def product(rows: Floats) -> Floats:
        integers, scale = taken(rows)
        sums = (integers @ exact).astype(np.float32)
        return np.asarray(sums * (scale * q.scale)[:, None], np.float32)

    return product


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step (x, weights ..., h, c) -> (y, h', c')."""
    operator, inputs = node.operator, network.inputs_of(node)
    assert isinstance(operator, SequenceLstm)
    names = [name for i, name in enumerate(GATES) if W + i in operator.places]
    features = {name: _products(network, node, W + GATES.index(name)) for name in names}
    recurrent = {name: _products(network, node, R + GATES.index(name)) for name in names}
    peepholes = {}
    for name in names:
        tensor = operator.part(inputs, peephole_place(GATES.index(name)))
        if tensor is not None and tensor.data is not None:
            q = tensor.quantization
            scale = np.float32(1) if tensor.is_float or q is None else q.scale
            peepholes[name] = np.asarray(tensor.data.astype(np.float32) * scale, np.float32)
    bound = np.float32(operator.cell_clip)

    def run(threads: int, *arrays: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        parts = dict(zip(operator.places, arrays, strict=True))
        sequence = parts[X] if operator.time_major else parts[X].swapaxes(0, 1)
        hidden, state = (parts[place].reshape(sequence.shape[1], -1) for place in (H, C))

        def gate(name: str, x: Floats) -> Floats:
            bias: Floats = parts.get(BIASES + GATES.index(name), NO_BIAS)
            total: Floats = bias + features[name](x) + recurrent[name](hidden)
            if name in peepholes:
                total = np.asarray(total + state * peepholes[name], np.float32)
            return curve(total) if name == "cell" else logistic(total)

        outputs = []
        for x in np.ascontiguousarray(sequence):
            forget = gate("forget", x)
            taken = gate("input", x) if "input" in names else np.float32(1) - forget
            after = forget * state + taken * gate("cell", x)
            state = np.clip(after, -bound, bound) if bound > 0 else after
            hidden = gate("output", x) * curve(state)
            outputs.append(hidden)
        y = np.stack(outputs)
        y = y if operator.time_major else np.ascontiguousarray(y.swapaxes(0, 1))
        return y, hidden.reshape(parts[H].shape), state.reshape(parts[C].shape)

    return run


def read(layer: TfliteLayer) -> SequenceLstm:
    """Return the cell of a file's sequence of float32."""
    return SequenceLstm(
        read_places(layer),
        bool(layer.option("TimeMajor")),
        float(layer.option("CellClip")),
        not layer.option("AsymmetricQuantizeInputs"),
    )


PAGE = Page(
    operator=SequenceLstm,
    tflite=(),
    onnx=(),
    own=NO_OWN_FORM,
    real=Absent("has no real-valued form: an LSTM is not quantized here"),
    constants=Absent("is computed on floats alone"),
    quantized=Absent("is computed on floats alone"),
    float32=single,
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

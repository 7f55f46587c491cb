"""sequence_rnn: a recurrent layer of one gate on float32, h' = f(b + W x + R h), step by step.

Weights are float32 or int8; rows of x and of h are then quantized while it runs, as in other hybrid
layers. Source: TFLite, kernels/basic_rnn.cc, unidirectional_sequence_rnn.cc and
internal/kernel_utils.cc (RnnBatchStep).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.attributes import need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import ACTIVATIONS, TfliteForm, TfliteLayer
from npusim.operators.kinds.host import FLOATS_ALONE
from npusim.operators.kinds.hybrid import asymmetric, symmetric
from npusim.operators.kinds.lstm_cell import TANH
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step
from npusim.runtimes.elementary import tanh
from npusim.words import Rule

Floats = NDArray[np.float32]
PARTS = 5
"""Inputs in the file: x, weights, recurrent weights, bias, the hidden state."""


@dataclass(frozen=True)
class SequenceRnn(Operator):
    """x [N K], [N T K] or [T N K], w [U K], r [U U], b [U], h [N U] -> y [... U], h'.

    Attributes
    ----------
    steps
        Whether x is a sequence.
    time_major
        Whether the sequence is [T N K].
    activation
        Its number in the schema.
    symmetric
        Of weights of int8: whether rows are quantized with zero point 0.
    """

    steps: bool
    time_major: bool
    activation: int
    symmetric: bool

    @property
    def arity(self) -> tuple[int, int]:
        return PARTS, PARTS

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w, r, b, h = inputs
        need_rank(x, 3 if self.steps else 2, "an input")
        for shape in (w, r):
            need_rank(shape, 2, "weights")
        units, samples = w[0], x[1 if self.time_major else 0]
        if w[1] != x[-1] or r != (units, units) or prod(b) != units:
            raise ShapeError(
                f"weights {list(w)}, {list(r)} and biases {list(b)} do not fit input {list(x)}"
            )
        if prod(h) != samples * units:
            raise ShapeError(f"expected a state of {samples * units} values, found {list(h)}")
        return (*x[:-1], units), h

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return not self.time_major


def _products(network: Network, node: Node, index: int) -> Callable[[Floats], Floats]:
    """Return the products of rows with the weights at a place."""
    w = network.inputs_of(node)[index]
    operator, q = node.operator, w.quantization
    assert isinstance(operator, SequenceRnn)
    if w.data is None or (w.dtype != np.int8 and not w.is_float):
        raise UnsupportedError(
            f"{node.name}: expected constant weights of float32 or int8 in {w.name}, "
            f"found {'computed ' if w.data is None else ''}{w.dtype}"
        )
    if w.is_float:
        weights = w.data
        return lambda rows: np.asarray(rows @ weights.T, np.float32)
    if q is None or q.axis is not None or q.zero_point:
        raise UnsupportedError(f"{node.name}: expected one scale and zero point 0 in {w.name}")
    exact, taken = w.data.astype(np.float64).T, symmetric if operator.symmetric else asymmetric

    def product(rows: Floats) -> Floats:
        integers, scale = taken(rows)
        sums = (integers @ exact).astype(np.float32)
        return np.asarray(sums * (scale * q.scale)[:, None], np.float32)

    return product


def _activated(activation: int, x: Floats) -> Floats:
    if activation == TANH:
        return np.asarray(tanh(x.astype(np.float64)), np.float32)
    clamp = ACTIVATIONS[activation]
    return x if clamp is None else clamp.of(x)


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step (x, w, r, b, h) -> (y, h')."""
    operator = node.operator
    assert isinstance(operator, SequenceRnn)
    features, recurrent = (_products(network, node, place) for place in (1, 2))

    def run(threads: int, x: Floats, w: NDArray, r: NDArray, b: Floats, h: Floats) -> tuple:
        sequence = x if operator.time_major else x.reshape(len(x), -1, x.shape[-1]).swapaxes(0, 1)
        hidden, outputs = h.reshape(sequence.shape[1], -1), []
        for rows in np.ascontiguousarray(sequence):
            total = b.reshape(-1) + features(rows) + recurrent(hidden)
            hidden = _activated(operator.activation, total)
            outputs.append(hidden)
        y = np.stack(outputs)
        y = y if operator.time_major else np.ascontiguousarray(y.swapaxes(0, 1))
        return y.reshape(*x.shape[:-1], -1), hidden.reshape(h.shape)

    return run


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a weight and row."""
    x, w, r = network.inputs_of(node)[:3]
    return prod(x.shape[:-1]) * (prod(w.shape) + prod(r.shape))


def _read(layer: TfliteLayer) -> SequenceRnn:
    activation, name = int(layer.option("FusedActivationFunction")), layer.record.name
    if activation not in (*ACTIVATIONS, TANH):
        raise UnsupportedError(f"{name}: fused activation {activation} is not supported")
    if len(layer.outputs) != 2:
        raise UnsupportedError(f"{name}: its hidden state is no variable tensor")
    steps = layer.record.kind != "RNN"
    time_major = steps and bool(layer.option("TimeMajor"))
    return SequenceRnn(steps, time_major, activation, not layer.option("AsymmetricQuantizeInputs"))


PAGE = Page(
    operator=SequenceRnn,
    tflite=tuple(TfliteForm(name, PARTS, _read) for name in ("RNN", "UNIDIRECTIONAL_SEQUENCE_RNN")),
    onnx=(),
    own=NO_OWN_FORM,
    real=Absent("has no real-valued form: a recurrent layer is not quantized here"),
    constants=FLOATS_ALONE,
    quantized=FLOATS_ALONE,
    float32=single,
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

"""lstm: UNIDIRECTIONAL_SEQUENCE_LSTM on integers, step after step of a sequence.

    gate_g  = f_g(W_g x + R_g h + b_g [+ P_g c])        g = input, forget, cell, output
    c'      = forget * c + input * cell                  input = 1 - forget where there is none
    h'      = output * tanh(c')

x, h and the weights are int8; the gates, with 15 fraction bits, and c, whose scale is a power of
two, are int16. Source: TFLite, kernels/lstm_eval.cc (EvalInteger8x8_16) and lstm.cc
(PopulateQuantizedLstmParams8x8_16), internal/reference/portable_tensor_utils.cc.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.lstm_cell import (
    BIASES,
    GATES,
    PLACES,
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
from npusim.operators.sequence_lstm import SequenceLstm
from npusim.operators.sequence_lstm import read as read_float
from npusim.runtimes.fixed_point import Integers, divided_by_power, multiplied
from npusim.runtimes.gemmlowp_int16 import ONE, logistic, saturated, tanh
from npusim.runtimes.requantization import affine, power_of_two, quantize_multiplier


@dataclass(frozen=True)
class Lstm(LstmCell):
    """x [N T K] or [T N K], weights ..., h [N O], c [N U] -> y, h', c'.

    Attributes
    ----------
    hidden_scale, hidden_zero_point
        Of output * tanh(c'), as the file's intermediate tensor has it.
    cell_clip
        Greatest magnitude of c; 0 for none.
    """

    hidden_scale: float
    hidden_zero_point: int
    cell_clip: float = 0.0


@dataclass(frozen=True)
class Gate:
    """Multipliers of one gate's sums; of its peephole where it has one."""

    features: tuple[int, int]
    recurrent: tuple[int, int]
    peephole: tuple[int, int] | None


@dataclass(frozen=True)
class FixedPoint:
    """All multipliers; `cell_exponent` is that of the cell state's scale."""

    gates: dict[str, Gate]
    hidden: tuple[int, int]
    cell_exponent: int
    cell_clip: int


def fixed_point(network: Network, node: Node, mode: str = "") -> FixedPoint:
    """Return TFLite's constants; LiteRT has one kernel, whatever the rule."""
    operator, inputs = node.operator, network.inputs_of(node)
    assert isinstance(operator, Lstm)

    def scale(index: int) -> float:
        tensor = operator.part(inputs, index)
        return 1.0 if tensor is None else float(affine(node, tensor)[0])

    cell_exponent = power_of_two(scale(C))
    if cell_exponent is None:
        raise RangeError(f"{node.name}: expected a cell state of scale 2^n, found {scale(C)}")
    gates = {}
    for index, name in enumerate(GATES):
        if W + index not in operator.places:
            continue
        peephole = peephole_place(index)
        gates[name] = Gate(
            _multiplier(_single(scale(W + index)) * _single(scale(X)) / _single(2**-12)),
            _multiplier(_single(scale(R + index)) * _single(scale(H)) / _single(2**-12)),
            _multiplier(_single(2.0**cell_exponent * scale(peephole)) / _single(2**-12))
            if peephole in operator.places
            else None,
        )
    hidden = 2.0**-15 / operator.hidden_scale * 2.0**-15
    return FixedPoint(
        gates,
        _multiplier(_single(hidden)),
        cell_exponent,
        _clip(operator.cell_clip, scale(C), 1 << 15),
    )


def _single(value: float) -> np.float32:
    return np.float32(value)


def _multiplier(ratio: np.float32) -> tuple[int, int]:
    return quantize_multiplier(float(ratio))


def _clip(value: float, scale: float, limit: int) -> int:
    """Return a bound in steps, 0 where there is none."""
    return int(np.clip(_single(value) / _single(scale), -limit, limit - 1)) if value > 0 else 0


def step(network: Network, node: Node, c: FixedPoint) -> Step:
    """Return the step (x, weights ..., h, c) -> (y, h', c')."""
    operator, inputs = node.operator, network.inputs_of(node)
    assert isinstance(operator, Lstm)
    for place, dtype in ((X, "int8"), (H, "int8"), (C, "int16"), (W + 1, "int8"), (R + 1, "int8")):
        tensor = operator.part(inputs, place)
        if tensor is None or tensor.dtype != np.dtype(dtype):
            found = "none" if tensor is None else f"{tensor.dtype} in {tensor.name}"
            raise UnsupportedError(f"{node.name}: expected {dtype} at input {place}, found {found}")
    x, h = (affine(node, inputs[operator.places.index(place)])[1] for place in (X, H))

    def run(threads: int, *arrays: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        parts = {p: a.astype(np.int64) for p, a in zip(operator.places, arrays, strict=True)}
        sequence = parts[X] if operator.time_major else parts[X].swapaxes(0, 1)
        cell = _Cell(operator, c, parts, x, h)
        hidden = parts[H].reshape(sequence.shape[1], -1)
        state = parts[C].reshape(sequence.shape[1], -1)
        outputs = []
        for sample in sequence:
            hidden, state = cell.next(sample, hidden, state)
            outputs.append(hidden)
        y = np.stack(outputs).astype(np.int8)
        y = y if operator.time_major else np.ascontiguousarray(y.swapaxes(0, 1))
        return (
            y,
            hidden.astype(np.int8).reshape(parts[H].shape),
            state.astype(np.int16).reshape(parts[C].shape),
        )

    return run


class _Cell:
    """One step of the sequence; zero points are folded into the biases, as TFLite has it."""

    def __init__(
        self, operator: Lstm, c: FixedPoint, parts: dict[int, Integers], x: int, h: int
    ) -> None:
        self.operator, self.c, self.parts = operator, c, parts
        self.biases = {}
        for index, name in enumerate(GATES):
            if name in c.gates:
                bias = parts.get(BIASES + index, np.int64(0))
                features, recurrent = parts[W + index], parts[R + index]
                self.biases[name] = (
                    bias - x * features.sum(axis=1),
                    -h * recurrent.sum(axis=1),
                )

    def gate(self, name: str, x: Integers, hidden: Integers, state: Integers) -> Integers:
        """Return one gate's values, [N U] with 15 fraction bits."""
        index, c = GATES.index(name), self.c.gates[name]
        of_features, of_hidden = self.biases[name]
        total = saturated(multiplied(x @ self.parts[W + index].T + of_features, *c.features))
        recurrent = multiplied(hidden @ self.parts[R + index].T + of_hidden, *c.recurrent)
        total = saturated(recurrent + total)
        if c.peephole is not None:
            peephole = self.parts[peephole_place(index)] * state
            total = saturated(total + multiplied(peephole, *c.peephole))
        return tanh(total) if name == "cell" else logistic(total)

    def next(self, x: Integers, hidden: Integers, state: Integers) -> tuple[Integers, Integers]:
        """Return the hidden values [N O] and the cell state [N U] after x [N K]."""
        forget = self.gate("forget", x, hidden, state)
        taken = self.gate("input", x, hidden, state) if "input" in self.c.gates else ONE - forget
        new = self.gate("cell", x, hidden, state)
        added = divided_by_power(taken * new, 30 + self.c.cell_exponent)
        after = saturated(divided_by_power(forget * state, 15) + added)
        if self.c.cell_clip:
            after = np.clip(after, -self.c.cell_clip, self.c.cell_clip)
        output = self.gate("output", x, hidden, after)
        shown = output * tanh(after, 15 + self.c.cell_exponent)
        values = multiplied(shown, *self.c.hidden) + self.operator.hidden_zero_point
        return np.clip(values, -128, 127), after


def _read(layer: TfliteLayer) -> Lstm | SequenceLstm:
    if layer.input(X).dtype == "float32":
        return read_float(layer)
    places = read_places(layer)
    if len(layer.intermediates) != 5 or not len(layer.intermediates[4].scale):
        raise FormatError(f"{layer.record.name}: expected five intermediate scales")
    hidden = layer.intermediates[4]
    return Lstm(
        places,
        bool(layer.option("TimeMajor")),
        float(hidden.scale[0]),
        int(hidden.zero_point[0]),
        float(layer.option("CellClip")),
    )


PAGE = Page(
    operator=Lstm,
    tflite=(TfliteForm("UNIDIRECTIONAL_SEQUENCE_LSTM", PLACES, _read),),
    onnx=(),
    own=NO_OWN_FORM,
    real=Absent("has no real-valued form: an LSTM is not quantized here"),
    constants=alike(fixed_point),
    quantized=step,
    float32=Absent("takes no floats"),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

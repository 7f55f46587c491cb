"""svdf: a layer of filters over features, each with a memory of its last results.

    memory' = the memory, one step on, with the features' product as its newest value
    y       = bias + the sum over `rank` neighbouring filters of memory' * time weights

Source: TFLite, kernels/svdf.cc and reference/svdf.h, EvalIntegerSVDF: int8 values and weights,
int16 memory and time weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.graph.attributes import Clamp, fused, need_rank
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.alike import alike
from npusim.operators.kinds.hybrid import asymmetric, symmetric
from npusim.operators.kinds.wide import require_types
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step
from npusim.runtimes.fixed_point import multiplied
from npusim.runtimes.requantization import affine, quantize_multiplier
from npusim.words import Rule

Pair = tuple[NDArray, NDArray]

PARTS = 5
"""Inputs in the file: x, feature weights, time weights, bias or none, memory."""


@dataclass(frozen=True)
class Svdf(Operator):
    """x [N K], w [F K], time weights [F M], optional bias [F/rank], memory [N F*M] -> y, memory'.

    y is [N F/rank]; both memories hold the M last values of each filter, the newest last.
    """

    rank: int
    activation: Clamp | None
    symmetric: bool = False
    """Of weights of int8 beside floats: whether each row is quantized with zero point 0."""

    @property
    def arity(self) -> tuple[int, int]:
        return PARTS - 1, PARTS

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w, time, *bias, memory = inputs
        for shape, what in ((x, "an input"), (w, "weights"), (time, "time weights")):
            need_rank(shape, 2, what)
        filters = w[0]
        if self.rank < 1 or filters % self.rank or x[1] != w[1] or time[0] != filters:
            raise ShapeError(
                f"weights {list(w)} and time weights {list(time)} of rank {self.rank} "
                f"do not fit input {list(x)}"
            )
        if bias and prod(bias[0]) != filters // self.rank:
            raise ShapeError(f"expected {filters // self.rank} biases, found {list(bias[0])}")
        if prod(memory) != x[0] * prod(time):
            raise ShapeError(f"expected a memory of {x[0] * prod(time)}, found {list(memory)}")
        return (x[0], filters // self.rank), memory

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return inputs[-1].shape[:1] == inputs[0].shape[:1]


@dataclass(frozen=True)
class FixedPoint:
    """Multiplier and exponent of the memory and of the output, as TFLite computes them."""

    memory: tuple[int, int]
    output: tuple[int, int]


def fixed_point(network: Network, node: Node, mode: str = "") -> FixedPoint:
    """Return the constants of EvalIntegerSVDF; it has one rounding under every rule."""
    x, w, time, *_, memory = network.inputs_of(node)
    y = network.output_of(node)
    sx, sw, st, sm, so = (affine(node, tensor)[0] for tensor in (x, w, time, memory, y))
    return FixedPoint(
        quantize_multiplier(float(sx * sw / sm)), quantize_multiplier(float(sm * st / so))
    )


def step(network: Network, node: Node, c: FixedPoint) -> Step:
    """Return the step (x, w, time weights, bias?, memory) -> (y, memory')."""
    assert isinstance(node.operator, Svdf)
    x, w, time, *_, memory = network.inputs_of(node)
    y, rank = network.output_of(node), node.operator.rank
    named = {"x": x, "w": w, "the time weights": time, "the memory": memory, "y": y}
    require_types(node, named, ("int8", "int8", "int16", "int16", "int8"))
    (_, zx), (_, zo) = affine(node, x), affine(node, y)
    filters, steps = time.shape

    def run(threads: int, x: NDArray, w: NDArray, time: NDArray, *rest: NDArray) -> Pair:
        *bias, memory = rest
        kept = memory.reshape(-1, filters, steps)
        features = multiplied((x.astype(np.int64) - zx) @ w.astype(np.int64).T, *c.memory)
        newest = np.clip(features, -(1 << 15), (1 << 15) - 1).astype(np.int16)
        after = np.concatenate([kept[:, :, 1:], newest[:, :, None]], axis=2)
        sums = (after.astype(np.int64) * time).sum(axis=2).reshape(len(x), -1, rank).sum(axis=2)
        if bias:
            sums = sums + bias[0].reshape(-1)
        limits = np.iinfo(y.dtype)
        found = np.clip(multiplied(sums, *c.output) + zo, limits.min, limits.max)
        return found.astype(y.dtype), after.reshape(memory.shape)

    return run


def real(operator: Svdf, x: NDArray, w: NDArray, time: NDArray, *rest: NDArray) -> Pair:
    """Return y and the memory, in the type of x."""
    return remembered(operator, x @ w.T, time, *rest)


def remembered(operator: Svdf, newest: NDArray, time: NDArray, *rest: NDArray) -> Pair:
    """Return y and the memory after features `newest` [N F]."""
    *bias, memory = rest
    kept = memory.reshape(len(newest), *time.shape)
    after = np.concatenate([kept[:, :, 1:], newest[:, :, None]], axis=2)
    sums = (after * time).sum(axis=2).reshape(len(newest), -1, operator.rank).sum(axis=2)
    y = sums + bias[0].reshape(-1) if bias else sums
    return fused(operator.activation, y), after.reshape(memory.shape)


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32; weights may be int8 (svdf.cc, EvalHybridSVDF)."""
    operator = node.operator
    assert isinstance(operator, Svdf)
    w, time = network.inputs_of(node)[1:3]
    if w.is_float:
        return lambda threads, *values: real(operator, *values)
    if {w.dtype, time.dtype} != {np.dtype(np.int8)} or w.quantization is None:
        raise UnsupportedError(
            f"{node.name}: expected weights of int8 in both {w.name} and {time.name} beside floats"
        )
    scale, taken = affine(node, w)[0], symmetric if operator.symmetric else asymmetric
    time_scale = affine(node, time)[0]

    def run(threads: int, x: NDArray, w: NDArray, time: NDArray, *rest: NDArray) -> Pair:
        integers, scales = taken(x)
        newest = (integers @ w.astype(np.float64).T).astype(np.float32) * (scales * scale)[:, None]
        return remembered(operator, newest, time.astype(np.float32) * time_scale, *rest)

    return run


def macs(network: Network, node: Node) -> int:
    """Return one multiplication a feature weight and time weight."""
    x, w, time = network.inputs_of(node)[:3]
    return x.shape[0] * (prod(w.shape) + prod(time.shape))


def _read(layer: TfliteLayer) -> Svdf:
    activation = layer.option("FusedActivationFunction")
    is_float = layer.input(0).dtype == "float32"
    if activation != RELU and not is_float:
        raise UnsupportedError(
            f"{layer.record.name}: expected the fused activation RELU, found number {activation}"
        )
    if len(layer.outputs) != 2:
        raise UnsupportedError(f"{layer.record.name}: its memory is no variable tensor")
    by_zero = is_float and not layer.option("AsymmetricQuantizeInputs")
    return Svdf(int(layer.option("Rank")), layer.activation(), by_zero)


RELU = 1
"""Its number in the schema; LiteRT takes no other on integers."""

PAGE = Page(
    operator=Svdf,
    tflite=(TfliteForm("SVDF", PARTS, _read),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=alike(fixed_point),
    quantized=step,
    float32=single,
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="host",
)

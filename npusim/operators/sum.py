"""sum: the sum over axes.

LiteRT 2.3.0's reference kernel for int8 writes no output at all; `litert` gives what the one for
uint8 computes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.kernels.fused import requantize_sums_fused
from npusim.operators.abs import Abs
from npusim.operators.exp import Exp
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import NOT_IN_ONNXRUNTIME
from npusim.operators.kinds.any_type import as_they_stand
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.float_sums import elements, sums_as_onnxruntime
from npusim.operators.kinds.reduce import Reduce, read_axes, reduction
from npusim.operators.log import Log
from npusim.operators.page import NO_OWN_FORM, Page, PerRuntime, Step, no_macs
from npusim.operators.sqrt import Sqrt
from npusim.operators.square import Square
from npusim.runtimes.fixed_point import multiplied
from npusim.runtimes.float32 import halves_away
from npusim.runtimes.requantization import affine, quantize_multiplier
from npusim.words import Rule

Finish = Callable[[NDArray[np.int64]], NDArray]
"""Sums of integers as they stand -> outputs."""


@dataclass(frozen=True)
class Sum(Reduce):
    """Sum over `axes` (canonical), kept as extent 1 with `keep_dims`.

    `in_norm` where the file's operator is a norm that the sum is a part of: onnxruntime then adds
    floats value by value, unless all axes go.
    """

    in_norm: bool = False


def real(operator: Sum, x: NDArray) -> NDArray:
    """Return the sum in the type of x; integers wrap."""
    return np.sum(x, axis=operator.axes, keepdims=operator.keep_dims, dtype=x.dtype)


def single_onnxruntime(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32 in onnxruntime's order of additions."""
    operator: Any = node.operator
    sums = sums_as_onnxruntime(network, node, not operator.in_norm)
    return lambda threads, x: sums(x)


def fixed_point(network: Network, node: Node, mode: str = "") -> Finish:
    """Return TFLite's end of a sum (reduce.cc): brought to the output's scale."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    count = elements(network, node)
    ratio = quantize_multiplier(float(sx) / float(so))
    limits = np.iinfo(y.dtype)

    def finish(sums: NDArray[np.int64]) -> NDArray[np.int64]:
        scaled = multiplied(sums - count * zx, *ratio) + zo
        return np.clip(scaled, limits.min, limits.max)

    return finish


def in_float32(network: Network, node: Node) -> Finish:
    """Return the end of a sum in LiteRT's optimized kernel: float32, halves away from zero."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    scale = sx / so
    bias = np.float32(-zx) * scale * np.float32(elements(network, node))
    limits = np.iinfo(y.dtype)

    def finish(sums: NDArray[np.int64]) -> NDArray[np.int64]:
        scaled = halves_away(sums.astype(np.float32) * scale + bias).astype(np.int64) + zo
        return np.clip(scaled, limits.min, limits.max)

    return finish


def fused(network: Network, node: Node) -> Finish:
    """Return the end of a sum in XNNPACK: float32, the zero points inside the one rounding."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    scale, bias = np.float32(sx / so), -elements(network, node) * zx
    limits = np.iinfo(y.dtype)

    def finish(sums: NDArray[np.int64]) -> NDArray:
        found = np.empty((1, sums.size), y.dtype)
        ends = zo, int(limits.min), int(limits.max)
        requantize_sums_fused(np.ascontiguousarray(sums).reshape(1, -1), scale, bias, *ends, found)
        return found.reshape(sums.shape)

    return finish


def step(network: Network, node: Node, finish: Finish) -> Step:
    """Return the step on quantized integers."""
    operator: Any = node.operator
    dtype = network.output_of(node).dtype

    def run(threads: int, x: NDArray) -> NDArray:
        sums = np.sum(x, axis=operator.axes, keepdims=operator.keep_dims, dtype=np.int64)
        return finish(np.asarray(sums)).astype(dtype)

    return run


PAGE = Page(
    operator=Sum,
    tflite=(TfliteForm("SUM", 1, lambda layer: Sum(*read_axes(layer))),),
    onnx=(
        reduction("ReduceSum", lambda axes, keep: (Sum(axes, keep),)),
        reduction("ReduceL1", lambda axes, keep: (Abs(), Sum(axes, keep, True))),
        reduction("ReduceL2", lambda axes, keep: (Square(), Sum(axes, keep, True), Sqrt())),
        reduction("ReduceSumSquare", lambda axes, keep: (Square(), Sum(axes, keep, True))),
        reduction("ReduceLogSum", lambda axes, keep: (Sum(axes, keep, True), Log())),
        reduction("ReduceLogSumExp", lambda axes, keep: (Exp(), Sum(axes, keep, True), Log())),
    ),
    own=NO_OWN_FORM,
    real=real,
    constants=PerRuntime(
        litert=fixed_point,
        litert_opt=in_float32,
        xnnpack=fused,
        onnxruntime=NOT_IN_ONNXRUNTIME,
        tosa=fixed_point,
        integer=fixed_point,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=single_onnxruntime),
    plain=as_they_stand(real),
    macs=no_macs,
    unit="vector unit",
)

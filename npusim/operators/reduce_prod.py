"""reduce_prod: the product over axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.alike import NOT_IN_ONNXRUNTIME
from npusim.operators.kinds.any_type import as_they_stand
from npusim.operators.kinds.float32 import elementwise
from npusim.operators.kinds.reduce import Reduce, read_axes, reduction
from npusim.operators.page import NO_OWN_FORM, Page, PerRuntime, Step, no_macs
from npusim.runtimes.fixed_point import multiplied_wide, wrapped
from npusim.runtimes.requantization import affine, quantize_multiplier

Fold = Callable[[NDArray], NDArray[np.int64]]
"""Integers as they stand, the reduced values along the first axis -> outputs."""


@dataclass(frozen=True)
class ReduceProd(Reduce):
    """Product over `axes` (canonical), kept as extent 1 with `keep_dims`."""


def real(operator: ReduceProd, x: NDArray) -> NDArray:
    """Return the product in the type of x; integers wrap."""
    return np.prod(x, axis=operator.axes, keepdims=operator.keep_dims, dtype=x.dtype)


def fixed_point(network: Network, node: Node, mode: str = "") -> Fold:
    """Return TFLite's product (reduce.cc, PrepareProd): scaled after every factor and at the end.

    The n-th root of the output's scale goes with each of n factors.
    """
    operator: Any = node.operator
    x, y = network.inputs_of(node)[0], network.output_of(node)
    (sx, zx), (so, zo) = affine(node, x), affine(node, y)
    count = prod(x.shape[axis] for axis in operator.axes)
    ratio = quantize_multiplier(float(sx) / float(so) ** (1 / count))
    limits = np.iinfo(y.dtype)

    def fold(factors: NDArray) -> NDArray[np.int64]:
        wide = factors.astype(np.int64) - zx
        total = wide[0]
        for factor in wide[1:]:
            total = wrapped(multiplied_wide(total * factor, *ratio))
        return np.clip(multiplied_wide(total, *ratio) + zo, limits.min, limits.max)

    return fold


def optimized(network: Network, node: Node) -> Fold:
    """Return the same, but that LiteRT's optimized kernel copies where there is one factor."""
    operator: Any = node.operator
    x = network.inputs_of(node)[0]
    if all(x.shape[axis] == 1 for axis in operator.axes):
        return lambda factors: factors[0].astype(np.int64)
    return fixed_point(network, node)


def step(network: Network, node: Node, fold: Fold) -> Step:
    """Return the step on quantized integers."""
    operator: Any = node.operator
    y = network.output_of(node)

    def run(threads: int, x: NDArray) -> NDArray:
        kept = [axis for axis in range(x.ndim) if axis not in operator.axes]
        factors = x.transpose(*operator.axes, *kept).reshape(-1, *(x.shape[a] for a in kept))
        outputs = fold(factors).astype(y.dtype)
        return np.expand_dims(outputs, operator.axes) if operator.keep_dims else outputs

    return run


PAGE = Page(
    operator=ReduceProd,
    tflite=(TfliteForm("REDUCE_PROD", 1, lambda layer: ReduceProd(*read_axes(layer))),),
    onnx=(reduction("ReduceProd", lambda axes, keep: (ReduceProd(axes, keep),)),),
    own=NO_OWN_FORM,
    real=real,
    constants=PerRuntime(
        litert=fixed_point,
        litert_opt=optimized,
        xnnpack=optimized,
        onnxruntime=NOT_IN_ONNXRUNTIME,
        tosa=fixed_point,
        integer=fixed_point,
    ),
    quantized=step,
    float32=elementwise(real),
    plain=as_they_stand(real),
    macs=no_macs,
    unit="host",
)

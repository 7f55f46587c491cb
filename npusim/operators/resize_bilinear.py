"""resize_bilinear: an image in another size, four neighbours weighted by their distance.

`npusim/runtimes/interpolation.py` says how each runtime counts the distance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.kernels.kernel_step import KernelStep
from npusim.kernels.resize_bilinear import resize_bilinear
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.float32 import by_runtime
from npusim.operators.kinds.resize import Resize, read_size
from npusim.operators.page import NO_OWN_FORM, Absent, Page, PerRuntime, Step, no_macs
from npusim.runtimes.interpolation import (
    LITERT_BITS,
    XNNPACK_BITS,
    Interpolation,
    Neighbours,
    fixed_point,
    floating_point,
    pixels,
    weighted,
    xnnpack,
    xnnpack_floating_point,
)
from npusim.words import Rule


@dataclass(frozen=True)
class ResizeBilinear(Resize):
    """[N IH IW C] -> [N *size C], four neighbours weighted."""


Along = Callable[[int, int, bool, bool], Neighbours]


def _between(node: Node, shape: Shape, along: Along, bits: int | None) -> Interpolation:
    """Return the interpolation by `along` of rows and columns of an image [N IH IW C]."""
    operator: Any = node.operator
    ways = (operator.align_corners, operator.half_pixel_centers)
    rows = along(shape[1], operator.size[0], *ways)
    return Interpolation(rows, along(shape[2], operator.size[1], *ways), bits)


def reference(network: Network, node: Node) -> Interpolation:
    """Return LiteRT's interpolation."""
    x = network.inputs_of(node)[0]
    if x.dtype == np.uint8:
        return _between(node, x.shape, floating_point, None)
    return _between(node, x.shape, fixed_point, LITERT_BITS)


def optimized(network: Network, node: Node) -> Interpolation:
    """Return the interpolation of LiteRT's optimized kernels."""
    return replace(reference(network, node), together=True)


def delegated(network: Network, node: Node) -> Interpolation:
    """Return XNNPACK's interpolation; it takes 8 bits."""
    x = network.inputs_of(node)[0]
    if x.dtype.itemsize > 1:
        return optimized(network, node)
    return replace(_between(node, x.shape, xnnpack, XNNPACK_BITS), half_up=True)


def integer(network: Network, node: Node, mode: str = "") -> Interpolation:
    """Return the interpolation in 10 fraction bits, for every type."""
    return _between(node, network.inputs_of(node)[0].shape, fixed_point, LITERT_BITS)


def real(operator: ResizeBilinear, x: NDArray) -> NDArray:
    """Return the resized image."""
    at = _between(Node("", operator, (), ()), x.shape, floating_point, None)
    return weighted(x, at)


def step_of(network: Network, node: Node, at: Interpolation) -> Step:
    """Return the step on integers."""
    y = network.output_of(node)
    if at.bits is not None:
        shares = (at.rows.pixels, at.rows.shares, at.columns.pixels, at.columns.shares)
        return KernelStep(resize_bilinear, (*shares, at.bits, at.half_up), y.dtype, y.shape[1:])
    return lambda threads, x: (weighted(x, at) + np.float32(0.5)).astype(y.dtype)


def float32(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32."""
    at = _between(node, network.inputs_of(node)[0].shape, floating_point, None)
    return lambda threads, x: weighted(x, at)


def float32_xnnpack(network: Network, node: Node, rule: Rule) -> Step:
    """Return XNNPACK's step on float32."""
    at = _between(node, network.inputs_of(node)[0].shape, xnnpack_floating_point, None)
    return lambda threads, x: _by_differences(x, at)


def float32_optimized(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32 of LiteRT's optimized kernel."""
    operator: Any = node.operator
    x = network.inputs_of(node)[0]
    at = _between(node, x.shape, floating_point, None)
    plain = not operator.align_corners and not operator.half_pixel_centers
    doubled = operator.size == (2 * x.shape[1], 2 * x.shape[2])
    add = _doubled if plain and doubled else weighted
    return lambda threads, x: add(x, replace(at, together=True))


def _doubled(x: NDArray[np.float32], at: Interpolation) -> NDArray[np.float32]:
    """Return x at twice its size by halves of sums, as LiteRT's optimized kernel has it."""
    fetch = partial(pixels, x, at)
    half = np.float32(0.5)
    even_row, even_column = (
        at.rows.shares[1][:, None, None] == 0,
        at.columns.shares[1][:, None] == 0,
    )
    left = np.where(even_row, fetch(0, 0), (fetch(0, 0) + fetch(1, 0)) * half)
    top_right = (fetch(0, 0) + fetch(0, 1)) * half
    middle = (left + (fetch(0, 1) + fetch(1, 1)) * half) * half
    return np.where(even_column, left, np.where(even_row, top_right, middle))


def _by_differences(x: NDArray[np.float32], at: Interpolation) -> NDArray[np.float32]:
    """Return x interpolated by columns, then by rows."""
    fetch = partial(pixels, x, at)
    row, column = at.rows.shares[1][:, None, None], at.columns.shares[1][:, None]
    top = fetch(0, 0) + (fetch(0, 1) - fetch(0, 0)) * column
    bottom = fetch(1, 0) + (fetch(1, 1) - fetch(1, 0)) * column
    return top + (bottom - top) * row


PAGE = Page(
    operator=ResizeBilinear,
    tflite=(TfliteForm("RESIZE_BILINEAR", 1, lambda layer: ResizeBilinear(*read_size(layer))),),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=PerRuntime(
        litert=reference,
        litert_opt=optimized,
        xnnpack=delegated,
        onnxruntime=Absent("is not supported under onnxruntime's rule"),
        tosa=integer,
        integer=integer,
    ),
    quantized=step_of,
    float32=by_runtime(float32, xnnpack=float32_xnnpack, litert_opt=float32_optimized),
    plain=Absent("takes no plain integers"),
    macs=no_macs,
    unit="vector unit",
)

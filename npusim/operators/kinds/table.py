"""Functions of one 8-bit value as tables of their 256 outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.kernels import elementwise
from npusim.kernels.kernel_step import KernelStep
from npusim.operators.kinds.types import one_8_bit_input
from npusim.operators.kinds.wide import (
    Values,
    require_no_zero_point,
    require_types,
    values_step,
)
from npusim.operators.page import Step
from npusim.runtimes import int16, onnxruntime
from npusim.runtimes.float32 import halves_away
from npusim.runtimes.requantization import affine

Table = NDArray[np.integer]
"""Outputs for every input value, ascending by the value."""


def table_step(network: Network, node: Node, table: Table | Values) -> Step:
    """Return the step that looks each 8-bit integer up in `table`, or computes wider ones."""
    if callable(table):
        return values_step(network, node, table)
    x, _ = one_8_bit_input(network, node)
    return lookup_step(x, table)


def lookup_step(x: Tensor, table: Table) -> Step:
    """Return the step that looks each 8-bit integer of `x` up in `table`."""
    return KernelStep(elementwise.lookup_bytes, (by_byte(x, table),), table.dtype, view=(-1,))


def keeps_bytes(x: Tensor, table: Table) -> bool:
    """Return whether `table` gives each 8-bit integer of `x` as it is."""
    own = np.arange(256, dtype=np.uint8).view(x.dtype)
    return table.dtype == x.dtype and np.array_equal(by_byte(x, table), own)


def by_byte(x: Tensor, table: Table) -> Table:
    """Return a table of an 8-bit tensor's values by their bytes, as datapath/lookup.py has it."""
    return np.roll(table, int(np.iinfo(x.dtype).min))


def float32_table(
    function: Callable[[Any, NDArray[np.float32]], NDArray[np.float32]], *, to_even: bool = False
) -> Callable[..., Table]:
    """Return the constants of a function that is tabulated in float32.

    TFLite rounds halves away from zero and adds the zero point; XNNPACK adds it in float32 first
    and rounds halves `to_even`.

    Source: TFLite, LUTPopulate (lite/kernels/internal/common.h): the real value of each integer,
    the function in float32, times the reciprocal of the output's scale, rounded.
    """

    def table(network: Network, node: Node, mode: str = "") -> Table:
        x, y = network.inputs_of(node)[0], network.output_of(node)
        (sx, zx), (so, zo) = affine(node, x), affine(node, y)
        limits, bounds = np.iinfo(x.dtype), np.iinfo(y.dtype)
        real = sx * (np.arange(limits.min, limits.max + 1) - zx).astype(np.float32)
        with np.errstate(all="ignore"):
            steps = function(node.operator, real) * (np.float32(1) / so)
            whole = np.rint(steps + np.float32(zo)) if to_even else halves_away(steps) + zo
            return np.clip(whole, bounds.min, bounds.max).astype(y.dtype)

    return table


def int16_table(
    function: Callable[[Any, NDArray[np.float32]], NDArray[np.float32]],
) -> Callable[[Network, Node], Values]:
    """Return the same of int16: 513 entries made in float32, straight lines between them.

    Source: TFLite, LUTPopulate and LUTLookup of int16 (lite/kernels/internal/common.h).
    """

    def values(network: Network, node: Node) -> Values:
        x, y = network.inputs_of(node)[0], network.output_of(node)
        require_types(node, {"x": x, "y": y}, ("int16", "int16"))
        (sx, zx), (so, _) = affine(node, x), affine(node, y)
        require_no_zero_point(node, x, y)
        table = int16.interpolated_table(
            float(sx), zx, float(so), lambda v: function(node.operator, v), np.float32
        )
        return lambda v: int16.looked_up(v, table)

    return values


def onnxruntime_table(
    function: Callable[[Any, NDArray[np.float32]], NDArray[np.float32]],
) -> Callable[[Network, Node], Table]:
    """Return the constants of a function that onnxruntime tabulates between its conversions.

    Source: onnxruntime, qlinear_lookup_table.cc: DequantizeLinear, the function in float32,
    QuantizeLinear.
    """

    def table(network: Network, node: Node) -> Table:
        x, y = network.inputs_of(node)[0], network.output_of(node)
        reals = onnxruntime.real_values(*affine(node, x), x.dtype)
        with np.errstate(all="ignore"):
            return onnxruntime.quantized(function(node.operator, reals), *affine(node, y), y.dtype)

    return table

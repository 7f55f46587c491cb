"""The requantizer's constants for what a runtime computes in floating point.

Constants in integers are taken as they are. Others become their integer twin: constants that are
proved to give the runtime's outputs for every accumulator that can occur (runtimes/twins.py). Where
no such constants exist they are the nearest; npusim/analysis/proof.py says of a program for how
many accumulators they differ, and for which.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.datapath.mac_uniform import ACC_BITS
from npusim.datapath.requantize_float import FRACTION_BITS, INFINITE_EXPONENT
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.graph.weight_planes import weight_planes
from npusim.machines import Machine
from npusim.operators.add import Add
from npusim.operators.add import Constants as SumConstants
from npusim.operators.kinds.pairs import Pairs
from npusim.operators.kinds.reduce import Reduce
from npusim.operators.kinds.sums import ThreeStepAdd
from npusim.runtimes import onnxruntime
from npusim.runtimes.float32 import fused_multiply_add
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.pair_twins import PairRule, pair_twin
from npusim.runtimes.requantization import FloatRequantization, Requantization, affine
from npusim.runtimes.staircase import Reach, Tabulated, sum_of_products
from npusim.runtimes.twins import differences, twin

MOST_SUMS = 1 << 20
"""That are asked for one by one."""
DEAD = 0.49
"""Products below it round to 0, whatever float32 loses on the way."""


def byte_range(tensor: Tensor) -> tuple[int, int]:
    """Return the least and greatest value of an 8-bit tensor."""
    limits = np.iinfo(tensor.dtype)
    return int(limits.min), int(limits.max)


def linear_reach(network: Network, node: Node) -> Reach:
    """Return the accumulators of a layer that can occur; of all planes of weights together."""
    x = network.inputs_of(node)[0]
    _, zero_point = affine(node, x)
    least, greatest = byte_range(x)
    planes = weight_planes(network, node).astype(np.int64).sum(axis=0)
    return sum_of_products(planes, least - zero_point, greatest - zero_point)


def per_channel(c: FloatRequantization, channels: int) -> FloatRequantization:
    """Return `c` with a scale for each channel."""
    return replace(c, scale=np.broadcast_to(c.scale, channels))


def linear(
    network: Network, node: Node, c: Requantization | FloatRequantization, machine: Machine
) -> Requantization:
    """Return the constants of a convolution or fully connected layer."""
    if isinstance(c, Requantization):
        return c
    reach, one_term = linear_reach(network, node), len(weight_planes(network, node)) == 1
    return _in_hardware(per_channel(c, len(reach)), reach, machine, one_term)


def _in_hardware(
    c: FloatRequantization, reach: Reach, machine: Machine, one_accumulator: bool
) -> Requantization:
    """Return the twin where there is one, else float32 constants, else the nearest integers.

    That requantizer serves where it is built in, for one accumulator.
    """
    found = twin(c, reach)
    if found.is_exact or not (machine.array.fp32_requantizer and one_accumulator):
        return found.requantization
    return float32_constants(c, reach) or fused_constants(c, reach) or found.requantization


def float32_constants(c: FloatRequantization, reach: Reach) -> Requantization | None:
    """Return what the float32 requantizer computes `c` with: the scales' bits for multipliers.

    None where it does not compute that: another formula, scales that are subnormal or infinite, or
    sums that pass 32 bits with their bias. A dead channel, whose sums all round to 0, has scale and
    bias 0: files give such channels biases at the end of int32.
    """
    sums = np.maximum(np.abs(reach.first + c.bias), np.abs(reach.last + c.bias))
    dead = sums * c.scale.astype(np.float64) < DEAD
    bits = np.where(dead, 0, c.scale.astype(np.float32).view(np.uint32).astype(np.int64))
    bias = np.where(dead, 0, c.bias)
    exponent = bits >> FRACTION_BITS
    normal = dead | ((exponent > 0) & (exponent < INFINITE_EXPONENT))
    limit = 1 << (ACC_BITS - 1)
    fits = (reach.first + bias >= -limit) & (reach.last + bias < limit)
    if c.kind != "fp32" or not (normal & fits).all():
        return None
    return Requantization(
        bits[None], bias, np.zeros_like(bits), "float32", c.zero_point, c.low, c.high
    )


def fused_constants(c: FloatRequantization, reach: Reach) -> Requantization | None:
    """Return what the float32 requantizer computes a rule with that has its zero point inside.

    It adds the zero point behind the rounding, to even: an odd one goes into the bias, where it is
    a whole number of accumulators. None where that is proved of no split.
    """
    if c.kind != "fp32_fused":
        return None
    for inside in dict.fromkeys((c.zero_point, c.zero_point % 2, 0)):
        bias = c.bias + np.rint(inside / c.scale.astype(np.float64)).astype(np.int64)
        split = replace(c, kind="fp32", bias=bias, zero_point=c.zero_point - inside)
        found = float32_constants(split, reach)
        if found is not None and not differences(c, found, reach):
            return found
    return None


def sum_reach(network: Network, node: Node) -> Reach:
    """Return the sums of integers that can occur in a mean or a sum."""
    assert isinstance(node.operator, Reduce)
    x = network.inputs_of(node)[0]
    count = int(np.prod([x.shape[axis] for axis in node.operator.axes], dtype=np.int64))
    least, greatest = byte_range(x)
    return Reach(np.array([count * least]), np.array([count * greatest]))


def mean(
    network: Network, node: Node, c: Requantization | FloatRequantization, machine: Machine
) -> Requantization | None:
    """Return the constants of a mean, whose accumulator is the sum of the integers.

    None where the machine has both requantizers and neither gives the runtime's outputs.
    """
    if isinstance(c, Requantization):
        return c
    reach = sum_reach(network, node)
    found = _in_hardware(c, reach, machine, one_accumulator=True)
    if machine.array.fp32_requantizer and differences(c, found, reach):
        return None
    return found


def tabulated_sum(
    network: Network, node: Node, finish: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> Requantization | None:
    """Return the constants that end every sum of bytes as `finish` does; None where none do."""
    reach, y = sum_reach(network, node), network.output_of(node)
    first, last = int(reach.first[0]), int(reach.last[0])
    if last - first >= MOST_SUMS:
        return None
    rows = finish(np.arange(first, last + 1))[None].astype(np.int64)
    if (np.diff(rows) < 0).any():
        return None
    found = twin(Tabulated(first, rows, affine(node, y)[1], *byte_range(y)), reach)
    return found.requantization if found.is_exact else None


def addition(network: Network, node: Node, c: SumConstants) -> ThreeStepAdd | Requantization | None:
    """Return the constants of an addition; None where none are exact for all pairs of bytes."""
    if isinstance(c, ThreeStepAdd | Requantization):
        return c
    if isinstance(c, VectorAndRest):
        return None
    if isinstance(c, onnxruntime.FusedAdd):
        rule = fused_add(network, node, c)
    else:
        rule = sum_of_pairs(network, node, c)
    found = pair_twin(rule)
    return found.requantization if found.is_exact else None


def sum_of_pairs(network: Network, node: Node, c: Pairs) -> PairRule:
    """Return a sum of every pair of bytes that is told as a function of them."""
    a, b = network.inputs_of(node)
    (s1, z1), (s2, z2) = affine(node, a), affine(node, b)
    so, zero_point = affine(node, network.output_of(node))
    values = np.asarray(c(_values(a)[:, None], _values(b)), np.int64)
    ratios = (float(s1) / float(so), float(s2) / float(so))
    least = (byte_range(a)[0], byte_range(b)[0])
    offset = -ratios[0] * z1 - ratios[1] * z2
    return PairRule(values, least, ratios, offset, zero_point, int(values.min()), int(values.max()))


def fused_add(network: Network, node: Node, c: onnxruntime.FusedAdd) -> PairRule:
    """Return QLinearAdd of every pair of bytes."""
    assert isinstance(node.operator, Add)
    a, b = network.inputs_of(node)
    y = network.output_of(node)
    low, high = onnxruntime.bounds(node, node.operator.activation, y)
    first, second = (b, a) if c.swapped else (a, b)
    rows, columns = (_values(tensor).astype(np.float32) for tensor in (first, second))
    inner = fused_multiply_add(columns, c.ratio_b, c.offset)
    total = fused_multiply_add(rows[:, None], c.ratio_a, inner[None, :])
    values = np.clip(np.rint(total), low, high).astype(np.int64)
    ratios = (float(c.ratio_a), float(c.ratio_b))
    if c.swapped:
        values, ratios = values.T, (ratios[1], ratios[0])
    zero_point = affine(node, y)[1]
    least = (byte_range(a)[0], byte_range(b)[0])
    offset = float(c.offset) - zero_point
    return PairRule(values, least, ratios, offset, zero_point, low, high)


def _values(tensor: Tensor) -> NDArray[np.int64]:
    least, greatest = byte_range(tensor)
    return np.arange(least, greatest + 1)


def is_identity(x: Tensor, table: NDArray) -> bool:
    """Return whether a table of outputs, ascending by x's values, keeps every value."""
    return np.array_equal(table, _values(x))


def conversions(
    network: Network, node: Node, x: Tensor, tables: Sequence[NDArray]
) -> Requantization | None:
    """Return what computes some tables of outputs by values of x: one column a table.

    None where no constants of one rounding mode do.
    """
    y = network.output_of(node)
    rows = np.stack(tables).astype(np.int64)
    steps = Tabulated(byte_range(x)[0], rows, affine(node, y)[1], *byte_range(y))
    found = twin(steps, steps.reach)
    return found.requantization if found.is_exact else None

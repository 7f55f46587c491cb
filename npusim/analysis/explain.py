"""Which runtime gives which byte for an accumulator of a layer, step by step, and how often.

Rules are compared with that of the file's own runtime over all accumulators that can occur.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from npusim import operators as op
from npusim.arguments import require_type
from npusim.compiler.epilogues import linear_reach, per_channel, sum_reach
from npusim.datapath.requantize import requantize_total, round_shift
from npusim.errors import NpuError, RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.kinds.linear import bias_of
from npusim.operators.pages import constants_of
from npusim.runtimes.litert_opt import VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.runtimes.rule import resolve_rule
from npusim.runtimes.staircase import Reach, outputs
from npusim.runtimes.twins import Difference, differences
from npusim.words import ROUNDINGS, RUNTIMES, Rule

SHOWN = 8
"""Layers that are listed where there is none of the name asked for."""


@dataclass(frozen=True, eq=False)
class RuleRow:
    """One rule on one channel.

    Attributes
    ----------
    rule
        A runtime or a rounding mode.
    output
        The byte for the accumulator that was asked for; None where the rule does not apply.
    steps
        How it comes about, a line each; or why the rule does not apply.
    differences
        The accumulators (with the bias) for which it gives another byte than the file's runtime.
    """

    rule: Rule
    output: int | None
    steps: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def differing(self) -> int:
        """How many accumulators of the reach give another byte."""
        return sum(difference.count for difference in self.differences)


@dataclass(frozen=True, eq=False)
class Explanation:
    """A channel of a layer under every rule.

    `accumulator` and first..last, the reach or the range asked for, are those of the runtimes: the
    bias is in them.
    """

    layer: str
    operator: str
    channel: int
    bias: int
    first: int
    last: int
    accumulator: int
    own: Rule
    rows: tuple[RuleRow, ...]


def explain(
    network: Network,
    layer: str,
    channel: int = 0,
    accumulator: int | tuple[int, int] | None = None,
) -> Explanation:
    """Return what every rule makes of an accumulator of a convolution, dense layer or mean.

    Parameters
    ----------
    layer
        The node's name, or that of its output tensor.
    accumulator
        With the bias, as a runtime's int32 has it. Where None, that next to 0 for which rules
        differ; of a range (first, last), likewise, and only those of the range are counted.

    Raises
    ------
    UnsupportedError
        There is no such layer, or its outputs do not come from one accumulator.
    RangeError
        The channel does not exist, or an accumulator cannot occur.
    """
    require_type("network", network, Network, hint="npusim.load makes one")
    node = _node(network, layer)
    own = resolve_rule(network)
    reach, bias = _reach(network, node)
    if not 0 <= channel < len(reach):
        raise RangeError(f"{node.name}: channel: expected 0..{len(reach) - 1}, found {channel}")
    one = slice(channel, channel + 1)
    reach, offset = reach[one], int(bias[channel])
    found: dict[Rule, Requantization | FloatRequantization | str] = {
        rule: _constants(network, node, rule, channel, len(bias))
        for rule in (*RUNTIMES, *ROUNDINGS)
    }
    reference = found[own]
    if isinstance(reference, str):
        raise UnsupportedError(reference)
    first, last = int(reach.first[0]) + offset, int(reach.last[0]) + offset
    for one_asked in accumulator if isinstance(accumulator, tuple) else (accumulator,):
        if one_asked is not None and not first <= one_asked <= last:
            raise RangeError(
                f"{node.name}: accumulator: expected {first}..{last}, which can occur, "
                f"found {one_asked}"
            )
    if isinstance(accumulator, tuple):
        first, last = min(accumulator), max(accumulator)
        reach, accumulator = Reach(np.array([first - offset]), np.array([last - offset])), None
    apart = {
        rule: () if isinstance(c, str) else _apart(reference, c, reach, channel, offset)
        for rule, c in found.items()
    }
    if accumulator is None:
        starts = [d.first for row in apart.values() for d in row]
        accumulator = min(starts, key=abs, default=min(max(0, first), last))
    rows = tuple(_row(rule, c, accumulator, offset, apart[rule]) for rule, c in found.items())
    return Explanation(node.name, node.kind, channel, offset, first, last, accumulator, own, rows)


def _node(network: Network, layer: str) -> Node:
    for node in network.nodes:
        if layer == node.name or layer in node.outputs:
            if isinstance(node.operator, op.Conv2D | op.FullyConnected | op.Mean):
                return node
            raise UnsupportedError(
                f"{node.name}: expected Conv2D, FullyConnected or Mean, found {node.kind}"
            )
    explained = (op.Conv2D, op.FullyConnected, op.Mean)
    names = [node.name for node in network.nodes if isinstance(node.operator, explained)]
    listed = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    raise UnsupportedError(
        f"{network.name}: no layer or output tensor {layer}; expected one of {listed}"
    )


def _reach(network: Network, node: Node) -> tuple[Reach, np.ndarray]:
    """Return the accumulators without the bias, and the bias [OC] that runtimes add to them."""
    if isinstance(node.operator, op.Mean):
        return sum_reach(network, node), np.zeros(1, np.int64)
    if getattr(node.operator, "encoding", None) is not None:
        raise UnsupportedError(
            f"{node.name}: its weights are coded; runtimes know plain 8-bit weights"
        )
    reach = linear_reach(network, node)
    return reach, bias_of(network, node, len(reach))


def _constants(
    network: Network, node: Node, rule: Rule, channel: int, channels: int
) -> Requantization | FloatRequantization | str:
    """Return one channel's constants under `rule`, or why there are none."""
    try:
        c = constants_of(network, node, rule)
    except NpuError as error:
        return str(error)
    if isinstance(c, VectorAndRest):
        c = c.vector
    if isinstance(c, FloatRequantization):
        c = per_channel(c, channels)
    if not isinstance(c, Requantization | FloatRequantization):
        return f"{node.name}: {rule} gives the accumulators themselves"
    found: Requantization | FloatRequantization = c.of_channels([channel])
    return found


def _apart(
    reference: Requantization | FloatRequantization,
    c: Requantization | FloatRequantization,
    reach: Reach,
    channel: int,
    offset: int,
) -> tuple[Difference, ...]:
    return tuple(
        replace(d, channel=channel, first=d.first + offset, last=d.last + offset)
        for d in differences(reference, c, reach)
    )


def _row(
    rule: Rule,
    c: Requantization | FloatRequantization | str,
    accumulator: int,
    offset: int,
    apart: tuple[Difference, ...],
) -> RuleRow:
    if isinstance(c, str):
        return RuleRow(rule, None, (c,), ())
    plain = accumulator - offset
    output = int(outputs(c, np.array([[plain]]))[0, 0])
    steps = _integer_steps(c, plain) if isinstance(c, Requantization) else _float_steps(c, plain)
    return RuleRow(rule, output, (*steps, f"within {c.low}..{c.high}: {output}"), apart)


def _integer_steps(c: Requantization, plain: int) -> tuple[str, ...]:
    multiplier, bias = int(c.multipliers[0, 0]), int(c.bias[0])
    shift, mode = int(c.shift[0]), ROUNDINGS.index(c.rounding)
    total = multiplier * plain + bias
    rounded = round_shift(mode, total, shift)
    assert requantize_total(total, mode, shift, 0, rounded, rounded) == rounded
    return (
        f"{multiplier} * {plain} + {bias} = {total}",
        f"{total} / 2^{shift} = {total / (1 << shift):.9g}, {c.rounding}: {rounded}",
        f"{rounded} + {c.zero_point} = {rounded + c.zero_point}",
    )


def _float_steps(c: FloatRequantization, plain: int) -> tuple[str, ...]:
    kind = {"double_away": "float64"}.get(c.kind, "float32")
    number = np.dtype(kind).type
    scale, total = number(c.scale[0]), plain + int(c.bias[0])
    if c.kind == "fp32_fused":
        offset = np.float32(c.zero_point) + np.float32(c.bias[0]) * scale
        return (
            f"offset {c.zero_point} + {int(c.bias[0])} * {scale!s} = {offset!s} in float32",
            f"fma(float32({plain}), {scale!s}, {offset!s}), ties to even",
        )
    product = number(total) * scale
    rounding = "half away from zero" if c.kind == "double_away" else "ties to even"
    rounded = int(outputs(replace(c, zero_point=0, low=-(1 << 20), high=1 << 20),
                          np.array([[plain]]))[0, 0])  # fmt: skip
    return (
        f"{kind}({total}) * {scale!s} = {product!s}",
        f"{rounding}: {rounded}",
        f"{rounded} + {c.zero_point} = {rounded + c.zero_point}",
    )

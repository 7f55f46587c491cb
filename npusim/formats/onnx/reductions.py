"""ONNX's reductions over axes: sums, extremes, products, and norms made of them."""

from __future__ import annotations

from collections.abc import Callable

from npusim import operators as op
from npusim.formats.onnx.constants import axes_of
from npusim.formats.onnx.movements import identity
from npusim.formats.onnx.records import OnnxNode
from npusim.graph.operator import Operator
from npusim.operators.abs import Abs
from npusim.operators.exp import Exp
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.log import Log
from npusim.operators.reduce_max import ReduceMax
from npusim.operators.reduce_prod import ReduceProd
from npusim.operators.sqrt import Sqrt
from npusim.operators.square import Square
from npusim.operators.sum import Sum

Axes = tuple[tuple[int, ...], bool]


def axes_reduced(b: Builder, node: OnnxNode, rank: int) -> Axes | None:
    """Return the axes that go, ascending, and whether they stay as extent 1; None for no axes."""
    axes = axes_of(node, b.optional(node, 1, "axes"), rank)
    if not axes:
        if node.integer("noop_with_empty_axes", 0):
            return None
        axes = tuple(range(rank))
    return tuple(sorted(axes)), bool(node.integer("keepdims", 1))


REDUCTIONS: dict[str, Callable[[tuple[int, ...], bool], tuple[Operator, ...]]] = {
    "ReduceMean": lambda axes, keep: (op.Mean(axes, keep),),
    "ReduceSum": lambda axes, keep: (Sum(axes, keep),),
    "ReduceMax": lambda axes, keep: (ReduceMax(axes, keep),),
    "ReduceMin": lambda axes, keep: (ReduceMax(axes, keep, least=True),),
    "ReduceProd": lambda axes, keep: (ReduceProd(axes, keep),),
    "ReduceL1": lambda axes, keep: (Abs(), Sum(axes, keep)),
    "ReduceL2": lambda axes, keep: (Square(), Sum(axes, keep), Sqrt()),
    "ReduceSumSquare": lambda axes, keep: (Square(), Sum(axes, keep)),
    "ReduceLogSum": lambda axes, keep: (Sum(axes, keep), Log()),
    "ReduceLogSumExp": lambda axes, keep: (Exp(), Sum(axes, keep), Log()),
}
"""Name -> the operators one after the other, by axes and whether they stay."""


def reduce(b: Builder, node: OnnxNode) -> None:
    """Append the operators of a reduction."""
    x = b.value(node, 0)
    found = axes_reduced(b, node, len(b.shape(x)))
    if found is None:
        return identity(b, node)
    parts = REDUCTIONS[node.kind](*found)
    for index, operator in enumerate(parts):
        last = index == len(parts) - 1
        output = node.outputs[0] if last else b.free(f"{node.outputs[0]}:{index}")
        x = b.emit(node.name if last else f"{node.name}:{index}", operator, (x,), output)
    return None

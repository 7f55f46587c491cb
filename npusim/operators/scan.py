"""scan: a network run along axes of its inputs, slice after slice, on its own states (Scan)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network
from npusim.graph.operator import Shape
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.called import (
    Caller,
    Run,
    Values,
    caller_page,
    need_alike,
    output_tensors,
    shown_shape,
)

Along = tuple[tuple[int, bool], ...]
"""Axis of each input or output, and whether it is walked backwards."""


@dataclass(frozen=True)
class Scan(Caller):
    """States and inputs -> the last states, and what the slices give, side by side.

    `body`: (states ..., slices ..., captured ...) -> (states ..., slices ...).
    """

    body: Network
    states: int
    inputs_along: Along
    outputs_along: Along

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.body.inputs), len(self.body.inputs)

    @property
    def called(self) -> tuple[Network, ...]:
        return (self.body,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        lengths = {
            shape[axis]
            for shape, (axis, _) in zip(inputs[self.states :], self.inputs_along, strict=False)
        }
        if len(lengths) != 1:
            raise ShapeError(f"expected inputs of one length, found {sorted(lengths)}")
        (length,) = lengths
        shapes = list(inputs[: self.states])
        found = output_tensors(self.body)[self.states :]
        for tensor, (axis, _) in zip(found, self.outputs_along, strict=True):
            shape = shown_shape(tensor)
            shapes.append((*shape[:axis], length, *shape[axis:]))
        return tuple(shapes)

    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the outputs, slice after slice."""
        last = self.states + len(self.inputs_along)
        states, captured = list(values[: self.states]), values[last:]
        walked = [
            np.moveaxis(value, axis, 0)[:: -1 if back else 1]
            for value, (axis, back) in zip(
                values[self.states : last], self.inputs_along, strict=True
            )
        ]
        found = output_tensors(self.body)[self.states :]
        rows = [np.empty((len(walked[0]), *shown_shape(x)), x.dtype) for x in found]
        for turn in range(len(walked[0])):
            outputs = runs[0](threads, [*states, *(value[turn] for value in walked), *captured])
            states = list(outputs[: self.states])
            for row, output in zip(rows, outputs[self.states :], strict=True):
                row[turn] = output
        sides = [
            np.moveaxis(row[:: -1 if back else 1], 0, axis)
            for row, (axis, back) in zip(rows, self.outputs_along, strict=True)
        ]
        return (*states, *map(np.ascontiguousarray, sides))


def _along(node: OnnxNode, what: str, ranks: Sequence[int]) -> Along:
    axes = node.integers(f"scan_{what}_axes", None) or (0,) * len(ranks)
    back = node.integers(f"scan_{what}_directions", None) or (0,) * len(ranks)
    if len(axes) != len(ranks) or len(back) != len(ranks):
        raise FormatError(f"{node.name} (Scan): expected {len(ranks)} axes and directions")
    for axis, rank in zip(axes, ranks, strict=True):
        if not -rank <= axis < rank:
            raise FormatError(f"{node.name} (Scan): axis {axis} is outside rank {rank}")
    return tuple((a % n, bool(d)) for a, n, d in zip(axes, ranks, back, strict=True))


def _read(b: Builder, node: OnnxNode) -> None:
    if b.opset < 9:
        raise UnsupportedError(f"{node.name} (Scan): opset 8 with its batches is not supported")
    names = [b.value(node, index) for index in range(len(node.own_inputs))]
    count = node.integer("num_scan_inputs", 0)
    if not 0 < count <= len(names):
        raise FormatError(f"{node.name} (Scan): {count} of {len(names)} inputs to walk along")
    states = len(names) - count
    tensors = [b.tensors[name] for name in names]
    along = _along(node, "input", [len(x.shape) for x in tensors[states:]])
    slices = [
        replace(x, shape=(*x.shape[:axis], *x.shape[axis + 1 :]), data=None)
        for x, (axis, _) in zip(tensors[states:], along, strict=True)
    ]
    body = b.body(node, "body", (*tensors[:states], *slices))
    after = output_tensors(body)
    need_alike(f"states after a slice of {node.name}", after[:states], tensors[:states])
    if any(tensor.varies for tensor in after):
        raise UnsupportedError(f"{node.name} (Scan): a value's size differs from slice to slice")
    outputs_along = _along(node, "output", [len(x.shape) + 1 for x in after[states:]])
    operator = Scan(body, states, along, outputs_along)
    outputs = tuple(
        name or b.free(f"{node.name}:output{index}") for index, name in enumerate(node.outputs)
    )
    b.emit_all(
        node.name, operator, (*names, *b.captured(node)), outputs, tuple(x.dtype for x in after)
    )


PAGE = replace(caller_page(Scan), onnx=(OnnxForm("Scan", _read),))

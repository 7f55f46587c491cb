"""branch: one of two networks, as a computed condition says (IF, If)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import ALL_INPUTS, TfliteForm, TfliteLayer
from npusim.operators.kinds.called import (
    Caller,
    Run,
    Values,
    caller_page,
    input_tensors,
    need_alike,
    output_tensors,
    shown_shape,
)


@dataclass(frozen=True)
class Branch(Caller):
    """A truth value and the inputs of either network -> its outputs.

    `takes`: which inputs behind the condition each takes; None where each takes them all.
    """

    then: Network
    otherwise: Network
    takes: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    given: int | None = None
    """How many inputs stand behind the condition, where they are shared out."""

    @property
    def arity(self) -> tuple[int, int]:
        count = 1 + (len(self.then.inputs) if self.given is None else self.given)
        return count, count

    @property
    def called(self) -> tuple[Network, ...]:
        return self.then, self.otherwise

    @property
    def sizes_vary(self) -> bool:
        sides = [output_tensors(network) for network in self.called]
        shapes = [[shown_shape(x) for x in side] for side in sides]
        return shapes[0] != shapes[1] or any(x.varies for side in sides for x in side)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        sides = [[shown_shape(x) for x in output_tensors(network)] for network in self.called]
        ranks = [[len(shape) for shape in side] for side in sides]
        if ranks[0] != ranks[1]:
            raise ShapeError(
                f"expected outputs of one rank from both networks, found {sides[0]} and {sides[1]}"
            )
        pairs = zip(*sides, strict=True)
        return tuple(tuple(max(n) for n in zip(*pair, strict=True)) for pair in pairs)

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        super().check_inputs(inputs)
        if inputs[0].dtype != np.bool_ or inputs[0].shape not in ((), (1,)):
            found = f"{inputs[0].dtype} {list(inputs[0].shape)}"
            raise ShapeError(f"expected one truth value as condition, found {found}")
        for network, given in zip(self.called, self._shared_out(inputs[1:]), strict=True):
            need_alike(f"inputs of {network.name}", given, input_tensors(network))

    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the outputs of the network that the condition names."""
        which = 0 if np.ravel(values[0])[0] else 1
        return runs[which](threads, self._shared_out(values[1:])[which])

    def _shared_out(self, given: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return what each network takes of the inputs behind the condition."""
        if self.takes is None:
            return [tuple(given)] * 2
        return [tuple(given[place] for place in places) for places in self.takes]


def _read(layer: TfliteLayer) -> Branch:
    taken, other = (
        layer.called(layer.option(which)) for which in ("ThenSubgraphIndex", "ElseSubgraphIndex")
    )
    for network in (taken, other):
        layer.need_outputs(network)
    return Branch(taken, other)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    captured = b.captured(node)
    sides = [b.body(node, name, ()) for name in ("then_branch", "else_branch")]
    for side, other in zip(*map(output_tensors, sides), strict=True):
        if side.dtype != other.dtype:
            raise FormatError(f"{node.name} (If): outputs of {side.dtype} and {other.dtype}")
    takes = [tuple(captured.index(name) for name in network.inputs) for network in sides]
    operator = Branch(sides[0], sides[1], (takes[0], takes[1]), len(captured))
    outputs = output_tensors(sides[0])
    b.emit_all(
        node.name,
        operator,
        (b.value(node, 0), *captured),
        node.outputs,
        tuple(tensor.dtype for tensor in outputs),
    )


PAGE = replace(
    caller_page(Branch),
    tflite=(TfliteForm("IF", ALL_INPUTS, _read),),
    onnx=(OnnxForm("If", _read_onnx),),
)

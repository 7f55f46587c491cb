"""branch: one of two networks, as a computed condition says (IF)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npusim.errors import ShapeError
from npusim.graph.network import Network
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import ALL_INPUTS, TfliteForm, TfliteLayer
from npusim.operators.kinds.called import (
    Caller,
    Run,
    Values,
    caller_page,
    input_tensors,
    need_alike,
    output_tensors,
    shapes_of,
)


@dataclass(frozen=True)
class Branch(Caller):
    """A truth value and the inputs of either network -> its outputs."""

    then: Network
    otherwise: Network

    @property
    def arity(self) -> tuple[int, int]:
        count = 1 + len(self.then.inputs)
        return count, count

    @property
    def called(self) -> tuple[Network, ...]:
        return self.then, self.otherwise

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        shapes, others = (shapes_of(output_tensors(network)) for network in self.called)
        if shapes != others:
            raise ShapeError(
                f"expected outputs of one shape from both networks, "
                f"found {[*map(list, shapes)]} and {[*map(list, others)]}"
            )
        return shapes

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        super().check_inputs(inputs)
        if inputs[0].dtype != np.bool_ or inputs[0].shape not in ((), (1,)):
            found = f"{inputs[0].dtype} {list(inputs[0].shape)}"
            raise ShapeError(f"expected one truth value as condition, found {found}")
        for network in self.called:
            need_alike(f"inputs of {network.name}", inputs[1:], input_tensors(network))

    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the outputs of the network that the condition names."""
        holds = bool(np.ravel(values[0])[0])
        return runs[0 if holds else 1](threads, values[1:])


def _read(layer: TfliteLayer) -> Branch:
    taken, other = (
        layer.called(layer.option(which)) for which in ("ThenSubgraphIndex", "ElseSubgraphIndex")
    )
    for network in (taken, other):
        layer.need_outputs(network)
    return Branch(taken, other)


PAGE = replace(caller_page(Branch), tflite=(TfliteForm("IF", ALL_INPUTS, _read),))

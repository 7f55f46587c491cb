"""loop: a network run on its own outputs as long as another says so (WHILE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from npusim.errors import RangeError
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
)

MOST_TURNS = 1 << 16
"""A loop that goes on beyond this is taken for one without end."""


@dataclass(frozen=True)
class Loop(Caller):
    """Values -> the values after the last turn; the condition sees them before each."""

    condition: Network
    body: Network

    @property
    def arity(self) -> tuple[int, int]:
        return len(self.body.inputs), len(self.body.inputs)

    @property
    def called(self) -> tuple[Network, ...]:
        return self.condition, self.body

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return tuple(inputs)

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        super().check_inputs(inputs)
        for network in self.called:
            need_alike(f"inputs of {network.name}", inputs, input_tensors(network))
        need_alike(f"values after a turn of {self.body.name}", output_tensors(self.body), inputs)
        need_alike(
            f"one truth value from {self.condition.name}",
            [replace(x, shape=()) for x in output_tensors(self.condition) if x.shape == (1,)]
            or output_tensors(self.condition),
            [Tensor("", (), np.dtype(bool))],
        )

    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the values of the turn after which the condition no longer holds."""
        condition, body = runs
        for _ in range(MOST_TURNS):
            (holds,) = condition(threads, values)
            if not np.ravel(holds)[0]:
                return values
            values = body(threads, values)
        raise RangeError(f"{self.body.name}: expected at most {MOST_TURNS} turns of a loop")


def _read(layer: TfliteLayer) -> Loop:
    condition = layer.called(layer.option("CondSubgraphIndex"))
    body = layer.called(layer.option("BodySubgraphIndex"))
    layer.need_outputs(body)
    return Loop(condition, body)


PAGE = replace(caller_page(Loop), tflite=(TfliteForm("WHILE", ALL_INPUTS, _read),))

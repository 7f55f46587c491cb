"""counted_loop: a network run turn after turn on its own outputs, some of them collected (Loop)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
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
from npusim.operators.loop import MOST_TURNS


@dataclass(frozen=True)
class CountedLoop(Caller):
    """Values carried from turn to turn -> their last, and what each turn gives, in a row of turns.

    Attributes
    ----------
    body
        (turn, holds, carried ..., captured ...) -> (holds, carried ..., collected ...).
    has_limit, has_condition
        Whether the first inputs are the greatest number of turns, and whether there is a first.
    carried
        How many values are carried.
    most
        The greatest number of turns there can be; None: it is not known, and nothing is collected.
    may_end
        Whether the body may say that there is no next turn.
    """

    body: Network
    has_limit: bool
    has_condition: bool
    carried: int
    most: int | None
    may_end: bool

    @property
    def arity(self) -> tuple[int, int]:
        count = self.has_limit + self.has_condition + len(self.body.inputs) - 2
        return count, count

    @property
    def called(self) -> tuple[Network, ...]:
        return (self.body,)

    @property
    def collected(self) -> list[Tensor]:
        """What each turn adds a row of."""
        return output_tensors(self.body)[1 + self.carried :]

    @property
    def sizes_vary(self) -> bool:
        return bool(self.collected) and self.may_end

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        first = self.has_limit + self.has_condition
        rows = [(self.most or 0, *shown_shape(tensor)) for tensor in self.collected]
        return (*inputs[first : first + self.carried], *rows)

    def outcome(self, runs: Sequence[Run], threads: int, values: Values) -> Values:
        """Return the outputs, turn after turn."""
        given = list(values)
        limit = int(np.ravel(given.pop(0))[0]) if self.has_limit else MOST_TURNS
        holds = bool(np.ravel(given.pop(0))[0]) if self.has_condition else True
        carried, captured = given[: self.carried], given[self.carried :]
        rows: list[list[NDArray]] = [[] for _ in self.collected]
        turn = 0
        while holds and turn < limit:
            if turn == MOST_TURNS:
                raise RangeError(f"{self.body.name}: expected at most {MOST_TURNS} turns of a loop")
            number, condition = np.array(turn, np.int64), np.array(True)
            again, *found = runs[0](threads, [number, condition, *carried, *captured])
            carried = found[: self.carried]
            for row, value in zip(rows, found[self.carried :], strict=True):
                row.append(value)
            holds, turn = bool(np.ravel(again)[0]), turn + 1
        whole = [
            np.stack(row) if row else np.empty((0, *shown_shape(tensor)), tensor.dtype)
            for row, tensor in zip(rows, self.collected, strict=True)
        ]
        return (*carried, *whole)


def _read(b: Builder, node: OnnxNode) -> None:
    limit, condition, *names = (*node.own_inputs, "", "")[: max(len(node.own_inputs), 2)]
    carried = [b.value(node, 2 + index) for index in range(len(names))]
    turn, holds = Tensor("", (), np.dtype(np.int64)), Tensor("", (), np.dtype(bool))
    body = b.body(node, "body", (turn, holds, *(b.tensors[name] for name in carried)))
    after = output_tensors(body)
    collected = after[1 + len(carried) :]
    need_alike(
        f"values after a turn of {node.name}",
        after[1 : 1 + len(carried)],
        [b.tensors[name] for name in carried],
    )
    if any(tensor.varies for tensor in after):
        raise UnsupportedError(f"{node.name} (Loop): a value's size differs from turn to turn")
    if len(node.outputs) != len(carried) + len(collected):
        raise FormatError(f"{node.name} (Loop): expected {len(after) - 1} outputs")
    most = None
    if collected:
        most = b.integer(node, 0, "number of turns")
    always = after[0].data is not None and bool(after[0].data)
    starts = not condition or (condition in b.constants and bool(b.constants[condition]))
    operator = CountedLoop(
        body, bool(limit), bool(condition), len(carried), most, not (always and starts)
    )
    ends = [b.value(node, index) for index in range(2) if node.input(index)]
    outputs = tuple(
        name or b.free(f"{node.name}:output{index}") for index, name in enumerate(node.outputs)
    )
    b.emit_all(
        node.name,
        operator,
        (*ends, *carried, *b.captured(node)),
        outputs,
        tuple(tensor.dtype for tensor in after[1:]),
    )


PAGE = replace(caller_page(CountedLoop), onnx=(OnnxForm("Loop", _read),))

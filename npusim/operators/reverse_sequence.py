"""reverse_sequence: the first elements of each sequence in reverse, as many as `lengths` says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm, reads
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.page import Step


@dataclass(frozen=True)
class ReverseSequence(Operator):
    """x along axis `time`, its first lengths[n] elements in reverse in sample n of axis `batch`."""

    time: int
    batch: int

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, lengths = inputs
        inside = max(self.time, self.batch) < len(x) and self.time != self.batch
        if not inside or lengths != x[self.batch : self.batch + 1]:
            raise ShapeError(
                f"cannot reverse {list(x)} along axis {self.time} by {list(lengths)} lengths of "
                f"axis {self.batch}"
            )
        return (x,)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def real(operator: ReverseSequence, x: NDArray, lengths: NDArray) -> NDArray:
    """Return the sequences."""
    y = np.ascontiguousarray(x).copy()
    rows = np.moveaxis(y, (operator.batch, operator.time), (0, 1))
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = row[:length][::-1].copy()
    return y


def _step(network: Network, node: Node) -> Step:
    operator: Any = node.operator
    most = network.inputs_of(node)[0].shape[operator.time]

    def step(threads: int, x: NDArray, lengths: NDArray) -> NDArray:
        if ((lengths < 0) | (lengths > most)).any():
            raise RangeError(f"{node.name}: expected lengths of 0..{most}, found {lengths.max()}")
        return real(operator, x, lengths)

    return step


def _read(layer: TfliteLayer) -> ReverseSequence:
    time, batch = layer.option("SeqDim"), layer.option("BatchDim")
    return ReverseSequence(layer.axis(time, layer.rank), layer.axis(batch, layer.rank))


PAGE = any_type_page(
    ReverseSequence,
    (TfliteForm("REVERSE_SEQUENCE", 2, _read),),
    real,
    _step,
    onnx=(
        OnnxForm(
            "ReverseSequence",
            reads(
                lambda node: ReverseSequence(
                    node.integer("time_axis", 0), node.integer("batch_axis", 1)
                ),
                2,
            ),
        ),
    ),
)

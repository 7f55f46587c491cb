"""segment_reduce: rows of x whose numbers are equal become one, by sum, product, max or min."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs
from npusim.words import Rule

How = Literal["SUM", "PROD", "MAX", "MIN"]
FUNCTIONS = {"SUM": np.add, "PROD": np.multiply, "MAX": np.maximum, "MIN": np.minimum}


@dataclass(frozen=True)
class SegmentReduce(Operator):
    """x [N ...], numbers [N] -> [segments ...]; a number below 0 drops its row.

    A segment without rows is the value that the reduction begins with: 0, 1, or an end of the type.
    """

    segments: int
    how: How

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 2

    @property
    def integer_inputs(self) -> tuple[int, ...]:
        return (1,)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, numbers = inputs
        if not numbers or x[: len(numbers)] != numbers:
            raise ShapeError(f"numbers {list(numbers)} do not fit rows of {list(x)}")
        return ((self.segments, *x[len(numbers) :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def beginning(how: How, dtype: np.dtype) -> Any:
    """Return the value of a segment without rows."""
    if how in ("SUM", "PROD"):
        return how == "PROD"
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return limits.min if how == "MAX" else limits.max


def real(operator: SegmentReduce, x: NDArray, numbers: NDArray) -> NDArray:
    """Return the segments in the type of x, rows taken in order."""
    tail = x.shape[numbers.ndim :]
    y = np.full((operator.segments, *tail), beginning(operator.how, x.dtype), x.dtype)
    function = FUNCTIONS[operator.how]
    for row, number in zip(x.reshape(-1, *tail), numbers.ravel(), strict=True):
        if number >= 0:
            y[number] = function(y[number], row)
    return y


def plain(network: Network, node: Node) -> Step:
    """Return the step on numbers that are worth themselves."""
    operator: Any = node.operator

    def step(threads: int, x: NDArray, numbers: NDArray) -> NDArray:
        if numbers.max(initial=-1) >= operator.segments:
            raise RangeError(f"{node.name}: number {numbers.max()} of {operator.segments} segments")
        return real(operator, x, numbers)

    return step


def single(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32."""
    return plain(network, node)


def _read(layer: TfliteLayer) -> SegmentReduce:
    how: Any = layer.record.kind.rpartition("_")[2]
    if layer.record.kind == "SEGMENT_SUM":
        numbers = layer.constant(1)
        return SegmentReduce(max(numbers) + 1, how)
    (segments,) = layer.constant(2)
    if segments < 1:
        raise ShapeError(f"{layer.record.name}: expected a segment at least, found {segments}")
    return SegmentReduce(segments, how)


PAGE = Page(
    operator=SegmentReduce,
    tflite=(
        TfliteForm("SEGMENT_SUM", 2, _read),
        *(TfliteForm(f"UNSORTED_SEGMENT_{how}", 2, _read) for how in FUNCTIONS),
    ),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=Absent("takes no quantized integers"),
    quantized=Absent("takes no quantized integers"),
    float32=single,
    plain=plain,
    macs=no_macs,
    unit="host",
)

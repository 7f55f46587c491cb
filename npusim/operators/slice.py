"""slice: elements start, start + step, ... below stop, per axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.own import Attributes, Call, Field, OwnForm
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.movement import Movement, movement_parts
from npusim.operators.page import Page, Step, no_macs


@dataclass(frozen=True)
class Slice(Movement):
    """Elements start, start + step, ... (below stop) per canonical axis."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not len(self.start) == len(self.stop) == len(self.step) == len(x):
            raise ShapeError(f"expected a slice of {len(x)} axes, found {len(self.start)}")
        bounds = list(zip(self.start, self.stop, self.step, x, strict=True))
        if any(step < 1 or not 0 <= start <= stop <= n for start, stop, step, n in bounds):
            raise ShapeError(f"slice {self} is outside input {list(x)}")
        return (tuple(len(range(start, stop, step)) for start, stop, step, _ in bounds),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        extent = inputs[0].shape[0]
        return (self.start[0], self.stop[0], self.step[0]) == (0, extent, 1)

    def for_batch(self, extent: int) -> Slice:
        return replace(self, stop=(extent, *self.stop[1:]))


def _read(layer: TfliteLayer) -> Slice:
    start, size, shape = layer.constant(1), layer.constant(2), layer.input(0).shape
    if not len(start) == len(size) == len(shape):
        raise ShapeError(f"{layer.record.name}: expected a slice of {len(shape)} axes")
    stop = tuple(
        n if length == -1 else first + length
        for first, length, n in zip(start, size, shape, strict=True)
    )
    return Slice(start, stop, (1,) * len(shape))


def step(network: Network, node: Node) -> Step:
    """Return the step that takes evenly spaced elements of each axis."""
    x, operator = network.inputs_of(node)[0], node.operator
    assert isinstance(operator, Slice)
    bounds = [slice(*b) for b in zip(operator.start, operator.stop, operator.step, strict=True)]
    if bounds and bounds[0] == slice(0, x.shape[0], 1):
        bounds[0] = slice(None)
    index = tuple(bounds)
    return lambda threads, x: np.ascontiguousarray(x[index])


def real(operator: Slice, x: NDArray) -> NDArray:
    """Return the values in their places, float64 [N ...], whatever the batch."""
    bounds = zip(operator.start, operator.stop, operator.step, strict=True)
    index = tuple(slice(*b) for b in bounds)
    return x[(slice(None), *index[1:])]


def _write_bounds(operator: Slice, x: Tensor) -> Attributes:
    start, stop, step = operator.start, operator.stop, operator.step
    first = 1 if (start[0], stop[0], step[0]) == (0, x.shape[0], 1) else 0
    axes = tuple(range(first, len(x.shape)))
    return {"starts": start[first:], "ends": stop[first:], "steps": step[first:], "axes": axes}


def _read_bounds(call: Call) -> dict[str, tuple[int, ...]]:
    whole = len(call.x.shape) - len(call.integers("axes"))
    return {
        "start": (*(0,) * whole, *call.integers("starts")),
        "stop": (*call.x.shape[:whole], *call.integers("ends")),
        "step": (*(1,) * whole, *call.integers("steps")),
    }


BOUNDS = Field(_write_bounds, _read_bounds)
"""Of all axes but the batch, where every sample is kept."""


PAGE = Page(
    operator=Slice,
    tflite=(TfliteForm("SLICE", 1, _read),),
    onnx=(),
    own=(OwnForm("Slice", (BOUNDS,)),),
    real=real,
    macs=no_macs,
    unit="data movement",
    **movement_parts(step),
)

"""slice: elements start, start + step, ... below stop, per axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axes_of, axis_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Attributes, Call, Field, OwnForm
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import Movement
from npusim.operators.page import Step


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
    """Return the values in their places."""
    bounds = zip(operator.start, operator.stop, operator.step, strict=True)
    return x[tuple(slice(*b) for b in bounds)]


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


def _read_split(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    axis = axis_of(node, 0, len(shape))
    given = b.optional_integers(node, 1, "split")
    sizes = node.integers("split", None) if given is None else given
    if sizes is None:
        each = -(-shape[axis] // len(node.outputs))
        sizes = tuple(min(each, shape[axis] - i * each) for i in range(len(node.outputs)))
    if len(sizes) != len(node.outputs) or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise FormatError(
            f"{node.name} (Split): cannot cut axis {axis} of {list(shape)} into {list(sizes)} "
            f"for {len(node.outputs)} outputs"
        )
    start = 0
    for part, (size, output) in enumerate(zip(sizes, node.outputs, strict=True)):
        low, high = [0] * len(shape), list(shape)
        low[axis], high[axis] = start, start + size
        start += size
        if output:
            operator = Slice(tuple(low), tuple(high), (1,) * len(shape))
            b.emit(f"{node.name}:{part}", operator, (x,), output)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    low, high, step = [0] * len(shape), list(shape), [1] * len(shape)
    if len(node.inputs) > 1:
        starts, ends = b.integers(node, 1, "starts"), b.integers(node, 2, "ends")
        axes, steps = b.optional_integers(node, 3, "axes"), b.optional_integers(node, 4, "steps")
    else:
        starts, ends = node.integers("starts", ()) or (), node.integers("ends", ()) or ()
        axes, steps = None, None
    named = axes_of(node, axes, len(shape))
    named = tuple(range(len(starts))) if named is None else named
    steps = (1,) * len(named) if steps is None else steps
    if not len(named) == len(starts) == len(ends) == len(steps) <= len(shape):
        raise FormatError(f"{node.name} (Slice): expected as many starts, ends and steps as axes")
    for i, axis in enumerate(named):
        step[axis] = steps[i]
        if step[axis] == 0:
            raise FormatError(f"{node.name} (Slice): expected a step other than 0")
        taken = slice(starts[i], ends[i], step[axis])
        low[axis], high[axis], _ = taken.indices(shape[axis])
        if step[axis] > 0:
            high[axis] = max(high[axis], low[axis])
    if min(step, default=1) < 0:
        from npusim.operators.strided_slice import StridedSlice

        count = tuple(len(range(*bounds)) for bounds in zip(low, high, step, strict=True))
        operator: Operator = StridedSlice(tuple(low), count, tuple(step), (), ())
    else:
        operator = Slice(tuple(low), tuple(high), tuple(step))
    b.emit(node.name, operator, (x,), node.outputs[0])


PAGE = any_type_page(
    Slice,
    (TfliteForm("SLICE", 1, _read),),
    real,
    step,
    onnx=(OnnxForm("Slice", _read_onnx), OnnxForm("Split", _read_split)),
    own=(OwnForm("Slice", (BOUNDS,)),),
    unit="data movement",
    keeps_scale=True,
)

"""pick: elements of x at given places along each axis (nearest Resize, Gather of constants)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_resize import nearest_places, resized
from npusim.operators.forms.own import Attributes, Call, Field, OwnForm
from npusim.operators.gather import Gather
from npusim.operators.interpolate import read_resize
from npusim.operators.kinds.movement import Rearrangement, need_size, rearrangement_page


@dataclass(frozen=True)
class Pick(Rearrangement):
    """x at `places` along each axis, None where an axis stays as it is."""

    places: tuple[tuple[int, ...] | None, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return the elements picked."""
        for axis, places in enumerate(self.places):
            if places is not None:
                x = np.take(x, places, axis)
        return x

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if len(self.places) != len(x):
            raise ShapeError(f"expected places along {len(x)} axes, found {len(self.places)}")
        pairs = list(zip(x, self.places, strict=True))
        if any(p is not None and not all(0 <= i < n for i in p) for n, p in pairs):
            raise ShapeError(f"places are outside input {list(x)}")
        return (need_size(tuple(n if p is None else len(p) for n, p in pairs)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.places[0] is None


def _read_gather(b: Builder, node: OnnxNode) -> None:
    from npusim.operators.reshape import Reshape

    x = b.value(node, 0)
    shape = b.shape(x)
    axis = node.integer("axis", 0) % max(len(shape), 1)
    if node.input(1) not in b.constants:
        operator = Gather(axis, from_end=True)
        b.emit(node.name, operator, (x, b.value(node, 1)), node.outputs[0])
        return
    indices = b.constant(node, 1, "index").astype(np.int64)
    if not shape or np.any((indices < -shape[axis]) | (indices >= shape[axis])):
        raise FormatError(f"{node.name} (Gather): an index is outside axis {axis} of {list(shape)}")
    places: list[tuple[int, ...] | None] = [None] * len(shape)
    places[axis] = tuple(int(i) % shape[axis] for i in indices.ravel())
    if indices.ndim == 1:
        b.emit(node.name, Pick(tuple(places)), (x,), node.outputs[0])
        return
    flat = b.emit(f"{node.name}:flat", Pick(tuple(places)), (x,), b.free(f"{node.outputs[0]}:flat"))
    target = (*shape[:axis], *indices.shape, *shape[axis + 1 :])
    b.emit(node.name, Reshape(target), (flat,), node.outputs[0])


def _read_resize(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    mode = str(node.attributes.get("mode", "nearest"))
    if mode in ("linear", "cubic"):
        return read_resize(b, node, x, mode)
    if mode != "nearest":
        raise FormatError(f"{node.name} ({node.kind}): expected a known mode, found {mode!r}")
    sizes, scales = resized(b, node, shape)
    places = tuple(
        None if (n, scale) == (size, 1) else nearest_places(b, node, n, size, scale)
        for n, size, scale in zip(shape, sizes, scales, strict=True)
    )
    if len(shape) == 4 and places[0] is places[1] is None:
        operator = Pick((None, places[2], places[3], None))
        b.emit_channels_last(node.name, operator, (x,), node.outputs[0])
    else:
        b.emit(node.name, Pick(places), (x,), node.outputs[0])
    return None


def _is_along_one_axis(node: Node) -> bool:
    operator = node.operator
    return isinstance(operator, Pick) and sum(p is not None for p in operator.places) == 1


def _write_places(operator: Pick, x: Tensor) -> Attributes:
    ((axis, places),) = [(a, p) for a, p in enumerate(operator.places) if p is not None]
    return {"axis": axis, "places": places}


def _read_places(call: Call) -> dict[str, Any]:
    axis, places = call.node.integer("axis", 0), call.integers("places")
    return {"places": tuple(places if a == axis else None for a in range(len(call.x.shape)))}


PLACES = Field(_write_places, _read_places)

PAGE = rearrangement_page(
    Pick,
    (),
    (
        OnnxForm("Gather", _read_gather),
        OnnxForm("Resize", _read_resize),
        OnnxForm("Upsample", _read_resize),
    ),
    (OwnForm("Pick", (PLACES,), suits=lambda network, node: _is_along_one_axis(node)),),
)

"""pick: elements of x at given places along each axis (nearest Resize, Gather of constants)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axes_of
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.own import Attributes, Call, Field, OwnForm
from npusim.operators.gather import Gather
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


def nearest_places(node: OnnxNode, size: int, wanted: int, scale: float) -> tuple[int, ...]:
    """Return the places along an axis of `size` that a nearest Resize takes.

    Source: ONNX, Resize; onnxruntime computes places in float32.
    """
    mode = str(node.attributes.get("coordinate_transformation_mode", "half_pixel"))
    nearest = str(node.attributes.get("nearest_mode", "round_prefer_floor"))
    if node.kind == "Upsample" or ("coordinate_transformation_mode" not in node.attributes and (
        node.integer("opset", 13) < 11
    )):  # fmt: skip
        mode, nearest = "asymmetric", "simple"
    if wanted == size and scale == 1:
        return tuple(range(size))
    found = []
    for place in range(wanted):
        source = source_coordinate(mode, place, size, wanted, scale)
        index = _rounded(nearest, source, scale)
        found.append(min(max(index, 0), size - 1))
    return tuple(found)


def source_coordinate(mode: str, place: int, size: int, wanted: int, scale: float) -> float:
    """Return where an output's place lies on an axis of the input, in float32."""
    f = np.float32
    if mode == "asymmetric":
        return float(f(place) / f(scale))
    if mode == "half_pixel":
        return float((f(place) + f(0.5)) / f(scale) - f(0.5))
    if mode == "pytorch_half_pixel":
        return float((f(place) + f(0.5)) / f(scale) - f(0.5)) if wanted > 1 else 0.0
    if mode == "align_corners":
        return 0.0 if wanted == 1 else float(f(place) * f(size - 1) / f(wanted - 1))
    if mode == "half_pixel_symmetric":
        adjustment = f(wanted) / (f(scale) * f(size))
        centre = f(size) / f(2)
        return float(centre * (f(1) - adjustment) + (f(place) + f(0.5)) / f(scale) - f(0.5))
    raise UnsupportedError(f"coordinate_transformation_mode {mode!r}")


def _rounded(mode: str, source: float, scale: float) -> int:
    if mode == "round_prefer_floor":
        return floor(source) if source == floor(source) + 0.5 else floor(source + 0.5)
    if mode == "round_prefer_ceil":
        return floor(source + 0.5)
    if mode == "floor":
        return floor(source)
    if mode == "ceil":
        return ceil(source)
    if mode == "simple":
        return ceil(source) if scale < 1 else int(source)
    raise UnsupportedError(f"nearest_mode {mode!r}")


def _read_resize(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape = b.shape(x)
    sizes, scales = resized(b, node, shape)
    mode = node.attributes.get("mode", "nearest")
    if mode != "nearest":
        raise UnsupportedError(f"{node.name} ({node.kind}): mode {mode!r}")
    places = tuple(
        None if (n, scale) == (size, 1) else nearest_places(node, n, size, scale)
        for n, size, scale in zip(shape, sizes, scales, strict=True)
    )
    if len(shape) == 4 and places[0] is places[1] is None:
        operator = Pick((None, places[2], places[3], None))
        b.emit_channels_last(node.name, operator, (x,), node.outputs[0])
    else:
        b.emit(node.name, Pick(places), (x,), node.outputs[0])


def resized(
    b: Builder, node: OnnxNode, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the extents that Resize or Upsample gives each axis, and its scales."""
    rank = len(shape)
    if node.kind == "Upsample":
        place, sizes = 1, None
    else:
        place = 2 if len(node.inputs) > 2 else 1
        sizes = b.optional(node, 3, "sizes")
    given = b.optional(node, place, "scales")
    if given is None and "scales" in node.attributes:
        given = np.asarray(node.attributes["scales"], np.float32)
    named = axes_of(node, None, rank) or tuple(range(rank))
    extents, factors = list(shape), [1.0] * rank
    if sizes is not None and sizes.size:
        if node.attributes.get("keep_aspect_ratio_policy", "stretch") != "stretch":
            raise UnsupportedError(f"{node.name} (Resize): keep_aspect_ratio_policy")
        for axis, size in zip(named, sizes.ravel(), strict=True):
            extents[axis], factors[axis] = int(size), float(np.float32(size) / shape[axis])
    elif given is not None and given.size:
        for axis, factor in zip(named, given.ravel().astype(np.float32), strict=True):
            extents[axis] = int(np.float32(shape[axis]) * factor)
            factors[axis] = float(factor)
    else:
        raise FormatError(f"{node.name} ({node.kind}): expected scales or sizes, found neither")
    return tuple(extents), tuple(factors)


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

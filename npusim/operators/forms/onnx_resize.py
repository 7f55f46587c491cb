"""What ONNX's Resize and Upsample say: extents, scales, and where an output lies in the input."""

from __future__ import annotations

from math import ceil, floor

import numpy as np

from npusim.errors import CapacityError, FormatError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx_axes import axes_of
from npusim.operators.forms.onnx_builder import Builder

FIRST_WITH_MODES = 11
"""The opset since which Resize has a coordinate_transformation_mode and a nearest_mode."""


MAX_EXTENT = 1 << 16
"""Of an axis that is resized: each of its places is computed while the file is read."""


def resized(
    b: Builder, node: OnnxNode, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the extents that Resize or Upsample gives each axis, and its scales."""
    rank = len(shape)
    if node.kind == "Upsample":
        place, sizes = 1, None
    else:
        place = 2 if len(node.inputs) > 2 else 1
        sizes = b.optional_integers(node, 3, "sizes")
    given = b.optional(node, place, "scales")
    if given is None and "scales" in node.attributes:
        given = np.asarray(node.attributes["scales"], np.float32)
    named = axes_of(node, None, rank) or tuple(range(rank))
    stated = len(sizes or ()) or (0 if given is None else given.size)
    has_floats = given is None or given.dtype.kind == "f"
    if stated not in (0, len(named)) or not has_floats:
        raise FormatError(
            f"{node.name} ({node.kind}): expected {len(named)} sizes or {len(named)} float scales"
        )
    extents, factors = list(shape), [1.0] * rank
    if sizes:
        ratios = [np.float32(n) / np.float32(shape[a]) for a, n in zip(named, sizes, strict=True)]
        policy = node.attributes.get("keep_aspect_ratio_policy", "stretch")
        for axis, size, ratio in zip(named, sizes, ratios, strict=True):
            if policy == "stretch":
                extents[axis], factors[axis] = int(size), float(ratio)
            else:
                one = min(ratios) if policy == "not_larger" else max(ratios)
                extents[axis] = floor(float(one * np.float32(shape[axis])) + 0.5)
                factors[axis] = float(one)
    elif given is not None and given.size:
        for axis, factor in zip(named, given.ravel().astype(np.float32), strict=True):
            extents[axis] = int(np.float32(shape[axis]) * factor)
            factors[axis] = float(factor)
    else:
        raise FormatError(f"{node.name} ({node.kind}): expected scales or sizes, found neither")
    longest = max((n for n, old in zip(extents, shape, strict=True) if n != old), default=0)
    if longest > MAX_EXTENT:
        raise CapacityError(
            f"{node.name} ({node.kind}): from {list(shape)} to {extents}, the limit is {MAX_EXTENT}"
        )
    return tuple(extents), tuple(factors)


def coordinate_mode(b: Builder, node: OnnxNode) -> str:
    """Return how the node's outputs lie in its input."""
    if node.kind == "Upsample" or b.opset < FIRST_WITH_MODES:
        return "asymmetric"
    return str(node.attributes.get("coordinate_transformation_mode", "half_pixel"))


def nearest_mode(b: Builder, node: OnnxNode) -> str:
    """Return how the node rounds places; `simple` says as onnxruntime did before it was said."""
    if node.kind == "Upsample" or b.opset < FIRST_WITH_MODES:
        return "simple"
    return str(node.attributes.get("nearest_mode", "round_prefer_floor"))


def source_coordinate(mode: str, index: int, size: int, wanted: int, scale: float) -> float:
    """Return where an output's place lies on an axis of the input, in float32."""
    f = np.float32
    if mode == "asymmetric":
        return float(f(index) / f(scale))
    if mode == "half_pixel":
        return float((f(index) + f(0.5)) / f(scale) - f(0.5))
    if mode == "pytorch_half_pixel":
        return float((f(index) + f(0.5)) / f(scale) - f(0.5)) if wanted > 1 else 0.0
    if mode == "align_corners":
        return 0.0 if wanted == 1 else float(f(index) * f(size - 1) / f(wanted - 1))
    if mode == "half_pixel_symmetric":
        adjustment = f(wanted) / (f(scale) * f(size))
        centre = f(size) / f(2)
        return float(centre * (f(1) - adjustment) + (f(index) + f(0.5)) / f(scale) - f(0.5))
    raise UnsupportedError(f"coordinate_transformation_mode {mode!r}")


def nearest_places(
    b: Builder, node: OnnxNode, size: int, wanted: int, scale: float
) -> tuple[int, ...]:
    """Return the places along an axis of `size` that a nearest Resize takes.

    Source: ONNX, Resize; onnxruntime computes places in float32.
    """
    mode, nearest = coordinate_mode(b, node), nearest_mode(b, node)
    if wanted == size and scale == 1:
        return tuple(range(size))
    found = []
    for place in range(wanted):
        source = source_coordinate(mode, place, size, wanted, scale)
        index = _rounded(nearest, source, scale)
        found.append(min(max(index, 0), size - 1))
    return tuple(found)


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

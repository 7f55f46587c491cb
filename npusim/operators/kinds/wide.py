"""16-bit activations (16x8): what LiteRT computes on int16 and int32, whose tables nobody makes.

A page keeps its constants for 8 bits and says beside them what comes out of wider integers. LiteRT
has one kernel for most of them; npusim's own rounding modes and TOSA's form are not defined on them
here, and are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from numpy.typing import NDArray

from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor, is_quantized
from npusim.operators.page import Absent, Constants, PerRuntime, Step
from npusim.runtimes.fixed_point import Integers

POOLED = (("int8", "int8"), ("uint8", "uint8"), ("int16", "int16"))
"""Types of pools."""

Values = Callable[[Integers], NDArray]
"""x -> y, as integers stand in the tensors; y within its type."""


def is_wide(network: Network, node: Node) -> bool:
    """Return whether the node takes or gives quantized integers of more than 8 bits."""
    x, y = network.inputs_of(node)[0], network.output_of(node)
    return is_quantized(x) and is_quantized(y) and max(x.dtype.itemsize, y.dtype.itemsize) > 1


def by_width(
    narrow: PerRuntime,
    wide: Constants,
    litert_opt: Constants | None = None,
    xnnpack: Constants | None = None,
) -> PerRuntime:
    """Return `narrow` with other constants where a node works on wider integers.

    `wide` are LiteRT's reference kernels; the others are where its optimized ones, or XNNPACK,
    differ from it (XNNPACK from the optimized ones). What onnxruntime has is its own.
    """
    optimized = litert_opt or wide
    kernels = {"litert": wide, "litert_opt": optimized, "xnnpack": xnnpack or optimized}
    parts = {field.name: getattr(narrow, field.name) for field in fields(narrow)}
    chosen = {name: _chosen(part, kernels.get(name)) for name, part in parts.items()}
    return PerRuntime(**chosen | {"onnxruntime": narrow.onnxruntime})


def _chosen(narrow: Callable[..., Any] | Absent, wide: Constants | None) -> Any:
    if isinstance(narrow, Absent):
        return narrow

    def constants(network: Network, node: Node, *mode: str) -> Any:
        if not is_wide(network, node):
            return narrow(network, node, *mode)
        if wide is None:
            raise UnsupportedError(
                f"{node.name}: {node.kind} of 16 bits is defined by LiteRT's rules alone "
                "(litert, litert-opt, xnnpack)"
            )
        return wide(network, node)

    return constants


def values_step(network: Network, node: Node, function: Values) -> Step:
    """Return the step that computes `function` of each element."""
    dtype = network.output_of(node).dtype
    return lambda threads, x: function(x.astype("int64")).astype(dtype)


def require_types(node: Node, tensors: dict[str, Tensor], *allowed: tuple[str, ...]) -> None:
    """Raise UnsupportedError unless the tensors' types are one of the combinations."""
    found = tuple(tensor.dtype.name for tensor in tensors.values())
    if found not in allowed:
        wanted = " or ".join(" ".join(types) for types in allowed)
        raise UnsupportedError(
            f"{node.name}: expected {wanted} in {', '.join(tensors)}, found {' '.join(found)}"
        )


def require_no_zero_point(node: Node, *tensors: Tensor) -> None:
    """Raise RangeError unless all zero points are 0, as LiteRT demands of int16."""
    for tensor in tensors:
        q = tensor.quantization
        if q is not None and q.zero_point.any():
            raise RangeError(
                f"{node.name}: expected zero point 0 of {tensor.dtype} {tensor.name}, "
                f"found {q.zero_point.ravel()[0]}"
            )

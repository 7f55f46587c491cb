"""Operators on float32 values: what a host computes between Dequantize and Quantize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.errors import UnsupportedError
from npusim.graph.attributes import Clamp
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point
from npusim.operators.page import Step
from npusim.runtimes.rule import arithmetic_of
from npusim.words import Rule

Float32 = Callable[[Network, Node, Rule], Step]
"""A page's float32 part."""


def by_runtime(otherwise: Float32, **own: Float32) -> Float32:
    """Return a page's float32 part: that of the runtime named, `otherwise` under every other rule.

    onnxruntime's parts follow kernels/mlas.py bit by bit; operators that only select or round once
    need no more than numpy.
    """

    def part(network: Network, node: Node, rule: Rule) -> Step:
        return own.get(arithmetic_of(rule).replace("-", "_"), otherwise)(network, node, rule)

    return part


def elementwise(
    function: Callable[..., NDArray[np.float32]],
) -> Float32:
    """Return a page's float32 part from (operator, *inputs) -> output in float32."""

    def part(network: Network, node: Node, rule: Rule) -> Step:
        operator: Any = node.operator

        def step(threads: int, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
            with np.errstate(all="ignore"):
                return np.asarray(function(operator, *inputs), np.float32)

        return step

    return part


def with_constants(function: Callable[..., NDArray[np.float32]]) -> Float32:
    """Return the float32 part of a layer whose weights and bias are constants, not values."""

    def part(network: Network, node: Node, rule: Rule) -> Step:
        operator: Any = node.operator
        held = [constant(tensor) for tensor in network.inputs_of(node)[1:]]

        def step(threads: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
            with np.errstate(all="ignore"):
                return function(operator, x, *held)

        return step

    return part


def clamped(y: NDArray[np.float32], activation: Clamp | None) -> NDArray[np.float32]:
    """Return y within a fused Relu's or Clip's bounds, as onnxruntime has them."""
    return y if activation is None else floating_point.clip(y, activation.low, activation.high)


def constant(tensor: Tensor) -> NDArray[np.float32]:
    """Return a constant input's values.

    Raises
    ------
    UnsupportedError
        They are computed by the network.
    """
    if tensor.data is None:
        raise UnsupportedError(f"{tensor.name}: expected constant weights, found computed ones")
    return tensor.data.astype(np.float32)

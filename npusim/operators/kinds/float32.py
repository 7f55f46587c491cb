"""Operators on float32 values: what a host computes between Dequantize and Quantize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.page import Step
from npusim.words import Rule


def elementwise(
    function: Callable[..., NDArray[np.float32]],
) -> Callable[[Network, Node, Rule], Step]:
    """Return a page's float32 part from (operator, *inputs) -> output in float32."""

    def part(network: Network, node: Node, rule: Rule) -> Step:
        operator: Any = node.operator

        def step(threads: int, *inputs: NDArray[np.float32]) -> NDArray[np.float32]:
            with np.errstate(all="ignore"):
                return np.asarray(function(operator, *inputs), np.float32)

        return step

    return part

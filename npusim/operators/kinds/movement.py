"""Movement of data: every output element is one of the input's, as it is, or a constant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypedDict

from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator
from npusim.operators.kinds.types import require_same_quantization
from npusim.operators.page import Absent, Step
from npusim.words import Rule


@dataclass(frozen=True)
class Movement(Operator):
    """One input whose elements go to other places."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    @property
    def copies_values(self) -> bool:
        return True


class MovementParts(TypedDict):
    """The parts of a page that moving data decides: one step, whatever the values are worth."""

    constants: Absent
    quantized: Callable[[Network, Node, Any], Step]
    float32: Callable[[Network, Node, Rule], Step]
    plain: Callable[[Network, Node], Step]


def movement_parts(
    step: Callable[[Network, Node], Step], *, relabels: bool = False
) -> MovementParts:
    """Return the parts of a page whose operator moves elements of any type by `step`.

    Integers keep their scale on the way, unless the operator `relabels` them: the same bytes are
    then worth something else.
    """

    def quantized(network: Network, node: Node, constants: Any) -> Step:
        if not relabels:
            require_same_quantization(node, network.inputs_of(node)[0], network.output_of(node))
        return step(network, node)

    return MovementParts(
        constants=Absent("computes nothing"),
        quantized=quantized,
        float32=lambda network, node, rule: step(network, node),
        plain=step,
    )

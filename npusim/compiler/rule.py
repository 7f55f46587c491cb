"""The integer rounding rule that a machine runs a network under."""

from __future__ import annotations

from npusim.graph.network import Network
from npusim.runtimes.rule import resolve_rule
from npusim.words import Rule

INTEGER_RULE: dict[str, Rule] = {
    "litert": "tosa",
    "xnnpack": "half_even",
    "onnxruntime": "half_even",
}
"""Rules of runtimes that need floating point, and the integer rule nearest to each.

`litert` differs from `tflite` in fully connected layers alone; `fp32` rounds to nearest, ties to
even, as `half_even` does with exact products.
"""


def machine_rule(network: Network, requested: str = "auto") -> Rule:
    """Return the rule that the machine runs `network` under where `requested` is asked for."""
    rule = resolve_rule(network, requested)
    return INTEGER_RULE.get(rule, rule)

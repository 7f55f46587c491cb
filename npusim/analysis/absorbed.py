"""Nodes of a network that have no cycles of their own on the machine, and what became of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.isa.program import Program

IN_READERS = (op.Pad, op.Conv2D, op.FullyConnected)
"""Operators that those who read them take over: padding, and layers that are computed in the same
bands of rows; others go to those that write what they read."""
RENAMED = "nothing to do"


@dataclass(frozen=True)
class Absorbed:
    """A node that `layer` computes on the way; empty where the bytes lie right as they are."""

    name: str
    operator: str
    layer: str

    @property
    def words(self) -> str:
        """Where it is, for a table."""
        return f"in {self.layer}" if self.layer else RENAMED

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return asdict(self)


def absorbed(network: Network, program: Program) -> tuple[Absorbed, ...]:
    """Return the nodes of `network`, which `program` was made of, that are no layer or host step.

    `network` may be the float one whose activations and normalizations the layers hold.
    """
    own = {layer.name for layer in program.layers}
    own |= {step.node for step in program.steps if step.kind == "host"}
    by_output = {layer.output: layer.name for layer in program.layers}
    return tuple(
        Absorbed(node.name, node.kind, _layer(network, node, own, by_output))
        for node in network.nodes
        if node.name not in own
    )


def _layer(network: Network, node: Node, own: set[str], by_output: dict[str, str]) -> str:
    """Return the layer that computes `node`; empty where it only names bytes anew."""
    if isinstance(node.operator, op.Reshape | op.Transpose):
        return ""
    seen: Node | None = node
    forwards = _ends_quantized(network, node, own)
    while seen is not None and seen.name not in own:
        if seen.outputs[0] in by_output:
            return by_output[seen.outputs[0]]
        forwards = forwards or isinstance(seen.operator, IN_READERS)
        if forwards:
            readers = network.consumers[seen.outputs[0]]
            seen = readers[0] if readers else None
        else:
            seen = next(
                (network.producer[name] for name in seen.inputs if name in network.producer), None
            )
    return "" if seen is None else seen.name


def _ends_quantized(network: Network, node: Node, own: set[str]) -> bool:
    """Return whether the float outcome of `node` is a step on the way to a layer's bytes."""
    readers = network.consumers[node.outputs[0]]
    if not network.output_of(node).is_float or not readers:
        return False
    reader = readers[0]
    if isinstance(reader.operator, op.Quantize):
        return reader.name in own
    return reader.name not in own and _ends_quantized(network, reader, own)

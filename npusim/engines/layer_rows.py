"""The rows of the layer table that every engine fills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npusim.analysis.layers import LayerReport
from npusim.graph.network import Network, Node
from npusim.operators.count import layer_macs, layer_rounding, layer_scheme, layer_weight_bytes
from npusim.words import Rule

if TYPE_CHECKING:
    from npusim.analysis.layer_cycles import LayerCycles


def layer_row(
    network: Network,
    node: Node,
    rule: Rule,
    *,
    seconds: float | None = None,
    cost: LayerCycles | None = None,
) -> LayerReport:
    """Return the row of `node` under `rule`, with what the engine that ran it knows."""
    output = network.output_of(node)
    return LayerReport(
        name=node.name,
        operator=node.kind,
        output=output.name,
        output_shape=output.shape,
        macs=layer_macs(network, node),
        weight_bytes=layer_weight_bytes(network, node),
        scheme=layer_scheme(network, node),
        rounding=layer_rounding(network, node, rule),
        seconds=seconds,
        cost=cost,
    )

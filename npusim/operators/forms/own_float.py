"""npusim's own form of operators that stay in float32 between int8 values: islands.

A node whose `group` is "island" reads int8 as real values, computes in float32 as onnxruntime does,
and quantizes what comes out, halves to even. The function is called `Float` and the operator's ONNX
name; constants that are floats (scales and biases of a normalization) are its inputs as they are.
"""

from __future__ import annotations

from npusim.graph.network import Group, Network, Node
from npusim.operators.forms.own import Attributes, Field, OwnForm, scale
from npusim.runtimes.requantization import affine

FLOAT = "Float"
"""What the names of the functions begin with."""

ISLAND: Group = "island"


def island_form(kind: str, *fields: Field, values: int = 1) -> OwnForm:
    """Return the form of a page whose operator is ONNX's `kind` in float32, int8 around it."""
    return OwnForm(FLOAT + kind, fields, _scales, values=values, suits=is_island)


def is_island(network: Network, node: Node) -> bool:
    """Return whether the node computes in float32 on int8 values."""
    return node.group == ISLAND


def _scales(network: Network, node: Node) -> Attributes:
    s, zero_point = affine(node, network.inputs_of(node)[0])
    return {"x_scale": float(s), "x_zero_point": zero_point, **scale(network, node)}

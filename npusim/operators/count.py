"""What is said of a layer in a table: its work, its stored constants, its scheme, its rounding."""

from __future__ import annotations

from math import prod

from npusim.graph.network import Network, Node
from npusim.graph.weights import EncodedWeights
from npusim.operators import (
    Concat,
    Conv2D,
    FullyConnected,
    MatMul,
    MaxPool,
    Pad,
    Reshape,
    Slice,
    Transpose,
)
from npusim.runtimes.requantization import MODE
from npusim.words import Rule


def layer_macs(network: Network, node: Node) -> int:
    """Return the multiply-accumulates of `node` for one run at the network's declared shape.

    Weights are counted once each, whatever the scheme: a second point or region of a weight is the
    scheme's cost, not the layer's work. Taps that fall on padding count.
    """
    operator, output = node.operator, network.output_of(node)
    if isinstance(operator, Conv2D):
        return prod(output.shape[:3]) * prod(layer_weight_shape(network, node))
    if isinstance(operator, FullyConnected):
        return prod(output.shape[:-1]) * prod(layer_weight_shape(network, node))
    if isinstance(operator, MatMul):
        return prod(output.shape) * network.inputs_of(node)[0].shape[-1]
    return 0


def layer_weight_shape(network: Network, node: Node) -> tuple[int, ...]:
    """Return the shape of the weights of a convolution or fully connected layer, coded or not."""
    encoding = layer_encoding(node)
    return network.inputs_of(node)[1].shape if encoding is None else encoding.weight_shape


def layer_weight_bytes(network: Network, node: Node) -> int:
    """Return the bytes of the constants that `node` reads: weights, biases, tables."""
    encoding = layer_encoding(node)
    if encoding is not None:
        return -(-encoding.storage_bits // 8)
    constants = (tensor.data for tensor in network.inputs_of(node))
    return sum(data.nbytes for data in constants if data is not None)


def layer_encoding(node: Node) -> EncodedWeights | None:
    """Return the coded weights of `node`, or None where its weights are plain."""
    return getattr(node.operator, "encoding", None)


def layer_scheme(network: Network, node: Node) -> str:
    """Return how the weights of `node` are stored, for people: `int8`, `pwlq 4`, or nothing."""
    encoding = layer_encoding(node)
    if encoding is not None:
        return f"{encoding.scheme} {encoding.bits}"
    if isinstance(node.operator, Conv2D | FullyConnected):
        return network.inputs_of(node)[1].dtype.name
    return ""


def layer_rounding(network: Network, node: Node, rule: Rule) -> str:
    """Return the name of the rounding that `node` does under `rule`; empty where it only moves."""
    same_scale = isinstance(node.operator, Concat) and all(
        network.tensors[name].quantization is None for name in node.outputs
    )
    if same_scale or isinstance(node.operator, MaxPool | Pad | Reshape | Slice | Transpose):
        return ""
    if rule == "litert" and isinstance(node.operator, FullyConnected):
        return "double_away"
    return MODE.get(rule, rule)

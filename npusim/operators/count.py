"""What is said of a layer in a table: its work, its stored constants, its scheme, its rounding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod

from npusim.graph.network import Network, Node
from npusim.graph.state import State
from npusim.graph.tensor import Tensor
from npusim.operators import Conv2D, FullyConnected, MaxPool
from npusim.operators.kinds.called import Caller
from npusim.operators.kinds.linear import encoding_of
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF
from npusim.runtimes.rule import DENSE_ROUNDING, LINEAR_ROUNDING
from npusim.words import Rule


def layer_macs(network: Network, node: Node) -> int:
    """Return the multiply-accumulates of `node` for one run at the network's declared shape.

    Weights are counted once each, whatever the scheme: a second point or region of a weight is the
    scheme's cost, not the layer's work. Taps that fall on padding count.
    """
    if isinstance(node.operator, Caller):
        return sum(layer_macs(of, each) for of in node.operator.called for each in of.nodes)
    return PAGE_OF[type(node.operator)].macs(network, node)


@dataclass(frozen=True)
class Work:
    """What a node asks of the host core, for one sample; see cost/host.py."""

    elements: int
    macs: int
    moved_bytes: int


def tensor_bytes(tensor: Tensor) -> int:
    """Return the bytes of a tensor's values."""
    return prod(tensor.shape) * tensor.dtype.itemsize


def state_work(network: Network, state: Iterable[State]) -> Work:
    """Return the work of reading what becomes the next sample's state, and of writing it."""
    return Work(0, 0, 2 * sum(tensor_bytes(network.tensors[kept.value]) for kept in state))


def host_work(network: Network, node: Node) -> Work:
    """Return the work of `node`; networks that it runs count once, each a turn of a loop."""
    inputs = [x for x in network.inputs_of(node) if not x.is_constant]
    outputs = network.outputs_of(node)
    read, written = (sum(prod(x.shape) for x in tensors) for tensors in (inputs, outputs))
    moved = sum(tensor_bytes(x) for x in (*inputs, *outputs))
    inner = [Work(max(read, written), layer_macs(network, node), moved)]
    if isinstance(node.operator, Caller):
        inner += [
            replace(host_work(of, each), macs=0) for of in node.operator.called for each in of.nodes
        ]
    return Work(
        sum(work.elements for work in inner), inner[0].macs, sum(w.moved_bytes for w in inner)
    )


def layer_weight_bytes(network: Network, node: Node) -> int:
    """Return the bytes of the constants that `node` reads: weights, biases, tables."""
    encoding = encoding_of(node)
    if encoding is not None:
        return -(-encoding.storage_bits // 8)
    constants = (tensor.data for tensor in network.inputs_of(node))
    return sum(data.nbytes for data in constants if data is not None)


def layer_scheme(network: Network, node: Node) -> str:
    """Return how the weights of `node` are stored, for people: `int8`, `pwlq 4`, or nothing."""
    encoding = encoding_of(node)
    if encoding is not None:
        return f"{encoding.scheme} {encoding.bits}"
    if isinstance(node.operator, Conv2D | FullyConnected):
        return network.inputs_of(node)[1].dtype.name
    return ""


def layer_rounding(network: Network, node: Node, rule: Rule) -> str:
    """Return the name of the rounding that `node` does under `rule`; empty where it only moves."""
    page = PAGE_OF[type(node.operator)]
    moves = isinstance(page.constants, Absent) or isinstance(node.operator, MaxPool)
    if moves or all(network.tensors[name].quantization is None for name in node.outputs):
        return ""
    if isinstance(node.operator, FullyConnected):
        return DENSE_ROUNDING[rule]
    return LINEAR_ROUNDING[rule]

"""Float operators between a DequantizeLinear and a QuantizeLinear that together map byte to byte.

Whatever float32 does on the way, an output depends on one byte: it is a table. It is asked of the
host's own steps, of each byte among others and alone, for a runtime's vectors may end otherwise
than its scalars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler.byte_functions import BYTES, values_of
from npusim.compiler.graph.graph_storage import is_byte
from npusim.errors import RangeError, UnsupportedError
from npusim.graph.network import Network, Node
from npusim.operators.ceil import Ceil
from npusim.operators.erf import Erf
from npusim.operators.floor import Floor
from npusim.operators.hard_sigmoid import HardSigmoid
from npusim.operators.mish import Mish
from npusim.operators.pow import Pow
from npusim.operators.round import Round
from npusim.operators.softplus import Softplus
from npusim.operators.square import Square
from npusim.operators.steps import host_step
from npusim.words import Rule

ELEMENT_BY_ELEMENT = (
    op.Abs, op.Add, op.Clip, op.Div, op.Elu, op.Exp, op.Gelu, op.HardSwish, op.LeakyRelu, op.Log,
    op.Maximum, op.Minimum, op.Mul, op.Neg, op.PRelu, op.Rsqrt, op.Sigmoid, op.Sqrt,
    op.SquaredDifference, op.Sub, op.Tanh, Ceil, Erf, Floor, HardSigmoid, Mish, Pow, Round,
    Softplus, Square,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ByteIsland:
    """Outputs are `table` uint8 [256] of the bytes of tensor `source`, as they stand."""

    source: str
    table: NDArray[np.uint8]


def byte_islands(network: Network, rule: Rule) -> tuple[dict[str, ByteIsland], set[str]]:
    """Return the islands by the tensor that each gives, and the tensors inside them."""
    islands: dict[str, ByteIsland] = {}
    inside: set[str] = set()
    for node in network.nodes:
        if not isinstance(node.operator, op.Quantize) or not is_byte(network.output_of(node)):
            continue
        nodes = _between(network, node)
        if nodes is None:
            continue
        table = _table(network, nodes, rule)
        if table is None:
            continue
        islands[node.outputs[0]] = ByteIsland(nodes[0].inputs[0], table)
        names = {of.name for of in nodes}
        inside |= {
            of.outputs[0]
            for of in nodes[:-1]
            if names.issuperset(r.name for r in network.consumers[of.outputs[0]])
        }
    return islands, inside


def _between(network: Network, last: Node) -> list[Node] | None:
    """Return the nodes from one byte tensor to `last`, in order; None where more takes part."""
    wanted, found, sources = set(last.inputs), [last], set[str]()
    shape = network.output_of(last).shape
    for node in reversed(network.nodes[: network.nodes.index(last)]):
        if not wanted:
            break
        if node.outputs[0] not in wanted:
            continue
        wanted.discard(node.outputs[0])
        found.append(node)
        y = network.output_of(node)
        if y.shape != shape or y.name in network.outputs or not y.is_float:
            return None
        if isinstance(node.operator, op.Dequantize):
            sources.add(node.inputs[0])
        elif not isinstance(node.operator, ELEMENT_BY_ELEMENT) or not _stays(network, node, found):
            return None
        else:
            numbers = [x for x in network.inputs_of(node) if x.is_constant]
            if any(prod(x.shape) != 1 or len(x.shape) > len(shape) for x in numbers):
                return None
            wanted |= {x.name for x in network.inputs_of(node) if not x.is_constant}
    if wanted or len(sources) != 1 or len(found) < 3:
        return None
    (source,) = sources
    x = network.tensors[source]
    return found[::-1] if is_byte(x) and not x.is_constant else None


def _stays(network: Network, node: Node, inside: list[Node]) -> bool:
    """Return whether what a node gives is read by nodes of the island alone."""
    names = {of.name for of in inside}
    return names.issuperset(reader.name for reader in network.consumers[node.outputs[0]])


def _table(network: Network, nodes: list[Node], rule: Rule) -> NDArray[np.uint8] | None:
    """Return the island's output bytes by those of its input; None where no table gives them."""
    x = network.tensors[nodes[0].inputs[0]]
    values = values_of(x)
    try:
        together = _outputs(network, nodes, rule, values[None])
        alone = _outputs(network, nodes, rule, values[:, None])
    except (UnsupportedError, RangeError):
        return None
    if not np.array_equal(together, alone):
        return None
    table = np.empty(BYTES, np.uint8)
    table[values.view(np.uint8)] = together.view(np.uint8)
    return table


def _outputs(
    network: Network, nodes: list[Node], rule: Rule, batches: NDArray[np.integer]
) -> NDArray[np.integer]:
    """Return the bytes of `batches` [N C], each row given to the nodes by itself."""
    rank = max(len(network.output_of(nodes[-1]).shape), 2)
    shape = (*(1,) * (rank - 1), batches.shape[1])
    computed = {nodes[0].inputs[0], *(node.outputs[0] for node in nodes)}
    tensors = {
        name: replace(network.tensors[name], shape=shape, file_order=None)
        if name in computed
        else network.tensors[name]
        for node in nodes
        for name in (*node.inputs, *node.outputs)
    }
    source, last = nodes[0].inputs[0], nodes[-1].outputs
    alone = Network(
        network.name, network.source, tuple(nodes), tensors, (source,), last, network.notes
    )
    steps = [host_step(alone, node, rule) for node in nodes]
    found = []
    for batch in batches:
        held = {name: tensor.data for name, tensor in tensors.items() if tensor.is_constant}
        held[source] = batch.reshape(shape)
        for node, step in zip(nodes, steps, strict=True):
            held[node.outputs[0]] = np.asarray(step(1, *(held[name] for name in node.inputs)))
        found.append(held[last[0]])
    return np.concatenate([np.asarray(y).reshape(-1) for y in found])

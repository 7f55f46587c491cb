"""A float network as if it were quantized: what `estimate` compiles. Shapes alone matter.

Weights and activations become int8 (uniform8) of scale one, batch normalizations and clamps become
part of the layer before them, as a quantizer would have it. Weights may be inputs of the graph
(a file of shapes without data).
"""

from __future__ import annotations

from dataclasses import fields, replace
from math import prod

import numpy as np

from npusim import operators as op
from npusim.graph.network import Group, Network, Node
from npusim.graph.state import State
from npusim.graph.tensor import Quantization, Tensor
from npusim.operators.dense_product import DenseProduct
from npusim.operators.forms.own_float import ISLAND
from npusim.operators.kinds.called import Caller
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF

_LINEAR = (op.Conv2D, op.FullyConnected)
_BIASED = (*_LINEAR, op.ConvTranspose, DenseProduct)
"""Operators whose third input is a bias; it changes no cycle."""
_UNIT = Quantization(np.array(1, np.float32), np.array(0, np.int64))


def nominal_network(network: Network) -> Network:
    """Return `network` with int8 stand-ins for everything float; integer networks as they are.

    State is kept, and networks that a loop or a branch runs are stood in for.
    """
    note = assumption(network)
    if not note:
        return network
    return replace(_all_int8(network), notes=(*network.notes, note))


def _all_int8(network: Network) -> Network:
    weights, given = network.absent_weights, network.state
    network = network.functional()
    alias: dict[str, str] = {}
    nodes: list[Node] = []
    last_writer: dict[str, Node] = {}
    for node in network.nodes:
        inputs = tuple(alias.get(name, name) for name in node.inputs)
        if _disappears(network, node, last_writer.get(inputs[0])):
            alias[node.outputs[0]] = inputs[0]
            continue
        if isinstance(node.operator, _BIASED):
            inputs = inputs[:2]
        if isinstance(node.operator, Caller):
            node = replace(node, operator=_with_stand_ins(node.operator))
        nodes.append(replace(node, inputs=inputs, group=_group(node)))
        last_writer[node.outputs[0]] = nodes[-1]
    named = {*network.inputs, *network.outputs}
    named |= {name for node in nodes for name in (*node.inputs, *node.outputs)}
    outputs = tuple(dict.fromkeys(alias.get(name, name) for name in network.outputs))
    tensors = {
        name: _stand_in(tensor, name in weights)
        for name, tensor in network.tensors.items()
        if name in named
    }
    state = tuple(
        State(
            one.value,
            alias.get(one.update, one.update),
            np.zeros(one.initial.shape, tensors[one.value].dtype),
        )
        for one in given
    )
    values = {one.value for one in state}
    return Network(
        network.name,
        "npusim",
        tuple(nodes),
        tensors,
        tuple(name for name in network.inputs if name not in weights and name not in values),
        outputs,
        state=state,
    )


def assumption(network: Network) -> str:
    """Return what the figures of `network` assume; empty where they are of the network itself."""
    if network.is_integer and not network.absent_weights:
        return ""
    found = "absent" if network.absent_weights else "float"
    return f"ASSUMED: uniform int8 everywhere, as the file's weights are {found}"


def _with_stand_ins(operator: Caller) -> Caller:
    """Return the operator with stand-ins of the networks that it runs."""
    called = {field.name: getattr(operator, field.name) for field in fields(operator)}
    stand_ins = {
        name: _all_int8(value) for name, value in called.items() if isinstance(value, Network)
    }
    return replace(operator, **stand_ins)


def _group(node: Node) -> Group:
    """Return `island` for an operator of floats alone: between int8 values the host computes it."""
    if isinstance(node.operator, Caller):
        return node.group
    page = PAGE_OF[type(node.operator)]
    alone = isinstance(page.quantized, Absent) and not isinstance(page.float32, Absent)
    return ISLAND if alone and not node.group else node.group


def _disappears(network: Network, node: Node, writer: Node | None) -> bool:
    """Return whether a quantizer folds `node` into the layer that writes its input."""
    if isinstance(node.operator, op.BatchNormalization):
        return True
    is_clamp = isinstance(node.operator, op.Clip)
    if not is_clamp or writer is None or not isinstance(writer.operator, (*_LINEAR, op.Add)):
        return False
    name = node.inputs[0]
    return len(network.consumers[name]) == 1 and name not in network.outputs


def _stand_in(tensor: Tensor, is_weight: bool) -> Tensor:
    if not tensor.is_float:
        return tensor
    data = None
    if is_weight or tensor.is_constant:
        data = np.zeros(tensor.shape, np.int8) if prod(tensor.shape) else None
    return Tensor(tensor.name, tensor.shape, np.dtype(np.int8), _UNIT, data, tensor.file_order)

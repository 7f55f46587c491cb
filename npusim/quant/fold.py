"""Prepare a float network for quantization: fold what an epilogue does anyway.

Batch normalization goes into the weights and bias before it (one that stands alone becomes a 1x1
depthwise convolution), a clamp after a layer becomes the layer's fused activation, and a softmax
that ends the network is dropped: its output is the logits, whose order it would keep. So is an
argmax: what it chooses from is the output.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.arg_max import ArgMax
from npusim.operators.log_softmax import LogSoftmax
from npusim.quant.float_network import constant

FUSABLE = (op.Conv2D, op.FullyConnected, op.Add, op.Mul, op.AveragePool, op.MaxPool)


def fold(network: Network) -> Network:
    """Return an equivalent float network in the quantizer's form; notes say what was dropped."""
    for step in (_drop_last, _drop_identity, _fold_batch_normalization, _fuse_clamp):
        while (changed := step(network)) is not None:
            network = changed
    return network


DROPPED: dict[type[op.Operator], str] = {
    op.Softmax: "softmax was dropped, the output is its logits",
    LogSoftmax: "log-softmax was dropped, the output is its logits",
    ArgMax: "argmax was dropped, the output is what it chooses from",
}
"""What ends a network and is left off, and the words that say so."""


def _rebuilt(
    network: Network,
    nodes: list[Node],
    tensors: dict[str, Tensor],
    outputs: tuple[str, ...] | None = None,
    note: str | None = None,
) -> Network:
    used = {name for node in nodes for name in (*node.inputs, *node.outputs)}
    used.update(network.inputs, outputs or network.outputs)
    return replace(
        network,
        nodes=tuple(nodes),
        tensors={name: tensor for name, tensor in tensors.items() if name in used},
        outputs=outputs or network.outputs,
        notes=(*network.notes, note) if note else network.notes,
    )


def _without(network: Network, gone: Node, note: str | None = None) -> Network:
    """Return the network without `gone`, whose readers read its input instead."""
    old, new = gone.outputs[0], gone.inputs[0]
    nodes = [
        replace(node, inputs=tuple(new if name == old else name for name in node.inputs))
        for node in network.nodes
        if node is not gone
    ]
    outputs = tuple(new if name == old else name for name in network.outputs)
    return _rebuilt(network, nodes, dict(network.tensors), outputs, note)


def _drop_last(network: Network) -> Network | None:
    for node in network.nodes:
        dropped = DROPPED.get(type(node.operator))
        if dropped is not None and _only_moved(network, node.outputs[0]):
            return _without(network, node, f"{node.name}: the final {dropped}")
    return None


def _only_moved(network: Network, name: str) -> bool:
    """Return whether a tensor reaches the network's outputs through layout changes alone."""
    return all(
        isinstance(node.operator, op.Reshape | op.Transpose)
        and _only_moved(network, node.outputs[0])
        for node in network.consumers[name]
    )


def _drop_identity(network: Network) -> Network | None:
    for node in network.nodes:
        x, y = network.inputs_of(node)[0], network.output_of(node)
        if isinstance(node.operator, op.Reshape) and x.shape == y.shape:
            is_end = y.name in network.outputs
            if is_end and (x.name in network.inputs or x.file_order != y.file_order):
                continue
            return _without(network, node)
    return None


def _fold_batch_normalization(network: Network) -> Network | None:
    for node in network.nodes:
        if not isinstance(node.operator, op.BatchNormalization):
            continue
        gamma, beta, mean, variance = (constant(t) for t in network.inputs_of(node)[1:])
        factor = gamma / np.sqrt(variance + node.operator.epsilon)
        before = network.producer.get(node.inputs[0])
        tensors = dict(network.tensors)
        if before is not None and _sole_reader(network, before) and _is_bare_linear(before):
            w, *rest = network.inputs_of(before)[1:]
            weights = constant(w) * factor.reshape(-1, *[1] * (len(w.shape) - 1))
            bias = constant(rest[0]).reshape(-1) if rest else np.zeros(len(weights))
            layer, x = before.operator, before.inputs[0]
        else:
            channels = len(factor)
            weights, bias = factor.reshape(channels, 1, 1, 1), np.zeros(channels)
            layer, x = op.Conv2D(op.Window((1, 1)), groups=channels), node.inputs[0]
            before = None
        names = f"{node.name}/weights", f"{node.name}/bias"
        values = weights, (bias - mean) * factor + beta if before else beta - mean * factor
        for name, value in zip(names, values, strict=True):
            data = np.asarray(value, np.float32)
            tensors[name] = Tensor(name, data.shape, np.dtype(np.float32), data=data)
        merged = Node(before.name if before else node.name, layer, (x, *names), node.outputs)
        nodes = [merged if n is node else n for n in network.nodes if n is not before]
        return _rebuilt(network, nodes, tensors)
    return None


def _sole_reader(network: Network, node: Node) -> bool:
    name = node.outputs[0]
    return len(network.consumers[name]) == 1 and name not in network.outputs


def _is_bare_linear(node: Node) -> bool:
    return isinstance(node.operator, op.Conv2D | op.FullyConnected) and (
        node.operator.activation is None
    )


def _fuse_clamp(network: Network) -> Network | None:
    for node in network.nodes:
        if not isinstance(node.operator, op.Clip):
            continue
        before = network.producer.get(node.inputs[0])
        if before is None or not _sole_reader(network, before):
            continue
        operator = before.operator
        if not isinstance(operator, FUSABLE) or operator.activation is not None:
            continue
        fused = replace(operator, activation=op.Clamp(node.operator.low, node.operator.high))
        merged = Node(before.name, fused, before.inputs, node.outputs)
        nodes = [merged if n is node else n for n in network.nodes if n is not before]
        return _rebuilt(network, nodes, dict(network.tensors))
    return None

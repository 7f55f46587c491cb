"""Say a float network in the operators that quantized networks have; no real value changes.

A transposed convolution becomes a convolution whose channels are the phases of its stride, moved
into place; a nearest resize and a Gather of known places pick values along one axis at a time; a
division by constants becomes a product; the bias that an Add gives a layer becomes the layer's own.
Choices and sums of products have modules of their own.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from npusim import operators as op
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.operators.depth_to_space import DepthToSpace
from npusim.operators.float_lstm import FloatLstm
from npusim.operators.gru import Gru
from npusim.operators.kinds.recurrent import B, C, H, R, W, X
from npusim.operators.layer_normalization import LayerNormalization
from npusim.operators.pick import Pick
from npusim.operators.pow import Pow
from npusim.operators.resize_nearest import places
from npusim.operators.space_to_depth import SpaceToDepth
from npusim.quant.rewrite_choices import CHOICES
from npusim.quant.rewrite_conditions import CONDITIONS, finite, with_real_integers
from npusim.quant.rewrite_products import PRODUCTS
from npusim.quant.rewriting import FLOAT, Rewriting, Writer

Places = tuple[tuple[int, ...] | None, ...]


def rewrite(network: Network) -> Network:
    """Return the same real function in the operators that the quantizer has."""
    network = with_real_integers(network)
    r = Rewriting(network)
    for node in network.nodes:
        writer = WRITERS.get(type(node.operator))
        if writer is None or not writer(r, node):
            r.nodes.append(node)
    _join_biases(r)
    used = {name for node in r.nodes for name in (*node.inputs, *node.outputs)}
    used.update(network.inputs, network.outputs)
    tensors = {name: tensor for name, tensor in r.tensors.items() if name in used}
    return replace(network, nodes=tuple(r.nodes), tensors=tensors)


def _split(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    start = 0
    for index, (size, output) in enumerate(zip(operator.sizes, node.outputs, strict=True)):
        r.part(f"{node.name}:{index}", node.inputs[0], operator.axis, start, start + size, output)
        start += size
    return True


def _picked(r: Rewriting, name: str, x: str, places: Places, output: str) -> None:
    """Append one Pick for each axis of which values are taken."""
    axes = [axis for axis, taken in enumerate(places) if taken is not None]
    for axis in axes:
        one = tuple(taken if a == axis else None for a, taken in enumerate(places))
        last = axis == axes[-1]
        x = r.emit(name if last else f"{name}:{axis}", Pick(one), x, to=output if last else "")


def _pick(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    if sum(places is not None for places in operator.places) < 2:
        return False
    _picked(r, node.name, node.inputs[0], operator.places, node.outputs[0])
    return True


def _resize(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    rows, columns = (
        tuple(places(operator, extent, size).tolist())
        for extent, size in zip(r.shape(node.inputs[0])[1:3], operator.size, strict=True)
    )
    _picked(r, node.name, node.inputs[0], (None, rows, columns, None), node.outputs[0])
    return True


def _gather(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    x, indices = node.inputs[0], r.data(node.inputs[1])
    if indices is None or operator.batch_dims or r.data(x) is not None:
        return False
    axis, output, rank = operator.axis, node.outputs[0], len(r.shape(x))
    taken = tuple(int(i) % r.shape(x)[axis] for i in indices.ravel())
    part = r.emit(
        f"{node.name}:part", Pick(tuple(taken if a == axis else None for a in range(rank))), x
    )
    r.emit(node.name, op.Reshape(r.shape(output)), part, to=output)
    return True


def _divide(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    divisor = r.data(node.inputs[1])
    if divisor is None or not (divisor != 0).all():
        return False
    factor = r.constant(f"{node.name}:factor", 1 / divisor.astype(np.float64))
    product = Node(node.name, op.Mul(operator.activation), (node.inputs[0], factor), node.outputs)
    return _with_rank(r, product)


def _subtract(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    a, b = node.inputs
    known = r.data(b)
    if known is not None:
        b = r.constant(f"{node.name}:negative", -known)
    else:
        minus = r.constant(f"{node.name}:minus", np.full((1,) * len(r.shape(b)), -1.0))
        b = r.emit(f"{node.name}:negative", op.Mul(), b, minus)
    return _with_rank(r, Node(node.name, op.Add(operator.activation), (a, b), node.outputs))


def _with_rank(r: Rewriting, node: Node) -> bool:
    """Append a node whose constants without an axis get one."""
    inputs = []
    for name in node.inputs:
        name = finite(r, name)
        data = r.data(name)
        if data is not None and not data.ndim:
            name = r.constant(f"{node.name}:{name}", data.reshape(1))
        inputs.append(name)
    r.nodes.append(replace(node, inputs=tuple(inputs)))
    return True


def _power(r: Rewriting, node: Node) -> bool:
    exponent = r.data(node.inputs[1])
    if exponent is None or exponent.size != 1 or exponent.ravel()[0] not in (2, 3):
        return False
    x, output = node.inputs[0], node.outputs[0]
    if exponent.ravel()[0] == 2:
        r.emit(node.name, op.Mul(), x, x, to=output)
    else:
        r.emit(node.name, op.Mul(), r.emit(f"{node.name}:square", op.Mul(), x, x), x, to=output)
    return True


def _prelu(r: Rewriting, node: Node) -> bool:
    x, slope = node.inputs
    if r.data(slope) is None:
        return False
    above = r.emit(f"{node.name}:above", op.Clip(0.0, None), x)
    below = r.emit(f"{node.name}:below", op.Clip(None, 0.0), x)
    _with_rank(r, Node(f"{node.name}:scaled", op.Mul(), (below, slope), (f"{node.name}:scaled",)))
    r.tensors[f"{node.name}:scaled"] = Tensor(f"{node.name}:scaled", r.shape(x), FLOAT)
    r.emit(node.name, op.Add(), above, f"{node.name}:scaled", to=node.outputs[0])
    return True


def _depth_to_space(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    x, b = node.inputs[0], operator.block
    n, h, w, depth = r.shape(x)
    blocks: tuple[int, ...] = (n, h, w, b, b, depth // (b * b))
    order = (0, 1, 3, 2, 4, 5)
    if operator.channels_outermost:
        blocks, order = (n, h, w, depth // (b * b), b, b), (0, 1, 4, 2, 5, 3)
    r.moved(node.name, x, blocks, order, node.outputs[0])
    return True


def _space_to_depth(r: Rewriting, node: Node) -> bool:
    operator: Any = node.operator
    x, b = node.inputs[0], operator.block
    n, h, w, c = r.shape(x)
    blocks = (n, h // b, b, w // b, b, c)
    r.moved(node.name, x, blocks, (0, 1, 3, 2, 4, 5), node.outputs[0])
    return True


def _conv_transpose(r: Rewriting, node: Node) -> bool:
    """Write a convolution of s * s times the channels, one set for each phase of the output.

    Row s q + p of the uncut output sums x[q - j] w[p + s j] over j: a convolution of x, with the
    taps turned round, whose channels of phase p are that row's pixels.
    """
    operator: Any = node.operator
    x, weights = node.inputs[0], r.data(node.inputs[1])
    window, groups = operator.window, operator.groups
    if weights is None or groups != 1 or window.dilation != (1, 1):
        return False
    output = node.outputs[0]
    n, height, width, inner = r.shape(x)
    out = r.shape(output)
    top, left = window.padding[0], window.padding[2]
    strides, channels = window.stride, weights.shape[1]
    taps = [-(-k // s) for k, s in zip(window.kernel, strides, strict=True)]
    rows = [-(-(first + size) // s) for first, size, s in zip((top, left), out[1:3], strides,
                                                             strict=True)]  # fmt: skip
    after = [count - have for count, have in zip(rows, (height, width), strict=True)]
    if min(after) < 0:
        return False
    phases = np.zeros((*strides, channels, *taps, inner))
    for row, column in np.ndindex(*window.kernel):
        (p, pc), (j, jc) = (row % strides[0], column % strides[1]), (
            row // strides[0], column // strides[1],
        )  # fmt: skip
        phases[p, pc, :, taps[0] - 1 - j, taps[1] - 1 - jc] = weights[:, :, row, column].T
    rows_of_weights = phases.reshape(-1, *taps, inner)
    inputs = [x, r.constant(f"{node.name}:phases", rows_of_weights)]
    if len(node.inputs) > 2:
        bias = r.data(node.inputs[2])
        if bias is None:
            return False
        inputs.append(r.constant(f"{node.name}:biases", np.tile(bias.ravel(), prod(strides))))
    place = op.Window((taps[0], taps[1]), padding=(taps[0] - 1, after[0], taps[1] - 1, after[1]))
    y = r.emit(node.name, op.Conv2D(place, 1, operator.activation), *inputs)
    blocks = (n, rows[0], rows[1], *strides, channels)
    order = (0, 1, 3, 2, 4, 5)
    first, last = (0, top, left, 0), (n, top + out[1], left + out[2], channels)
    if r.shape(output) == (n, rows[0] * strides[0], rows[1] * strides[1], channels):
        r.moved(node.name, y, blocks, order, output)
    else:
        y = r.moved(node.name, y, blocks, order)
        r.emit(f"{node.name}:cut", op.Slice(first, last, (1,) * 4), y, to=output)
    return True


def _recurrent(r: Rewriting, node: Node) -> bool:
    """Write one layer of all inputs for each output that is read: states begin at zeros."""
    operator: Any = node.operator
    places = (X, W, R, B, H, C) if isinstance(operator, FloatLstm) else (X, W, R, B, H)
    if not {*operator.places} <= {*places}:
        return False
    found = dict(zip(operator.places, node.inputs, strict=True))
    directions, gates = r.shape(found[W])[:2]
    zeros = {B: (directions, 2 * gates)} | dict.fromkeys(
        (H, C), (directions, r.shape(found[X])[1], operator.hidden)
    )
    for place in places:
        if place not in found:
            found[place] = r.constant(f"{node.name}:{place}", np.zeros(zeros[place]))
    inputs = tuple(found[place] for place in places)
    for index, (place, output) in enumerate(zip(operator.gives, node.outputs, strict=True)):
        if r.network.consumers[output] or output in r.network.outputs:
            one = replace(operator, places=places, gives=(place,))
            r.emit(f"{node.name}:{index}" if index else node.name, one, *inputs, to=output)
    return True


def _normalize(r: Rewriting, node: Node) -> bool:
    """Give a normalization the bias that its form in the file has."""
    if len(node.inputs) > 2:
        return False
    beta = r.constant(f"{node.name}:bias", np.zeros(r.shape(node.inputs[1])))
    r.nodes.append(replace(node, inputs=(*node.inputs, beta)))
    return True


def _join_biases(r: Rewriting) -> None:
    """Make the constant that an Add gives a layer without a bias the layer's bias."""
    readers: dict[str, int] = {name: 2 for name in r.network.outputs}
    for node in r.nodes:
        for name in node.inputs:
            readers[name] = readers.get(name, 0) + 1
    producer = {node.outputs[0]: node for node in r.nodes}
    joined: dict[int, Node] = {}
    gone: set[int] = set()
    for node in r.nodes:
        if not isinstance(node.operator, op.Add):
            continue
        for name, other in (node.inputs, node.inputs[::-1]):
            layer, bias = producer.get(name), r.data(other)
            if layer is None or bias is None or readers[name] > 1 or len(layer.inputs) != 2:
                continue
            dense: Any = layer.operator
            if not isinstance(dense, op.FullyConnected) or dense.activation is not None:
                continue
            channels = r.shape(name)[-1]
            if bias.size != channels or bias.shape[-1:] != (channels,):
                continue
            constant = r.constant(f"{layer.name}:bias", bias.ravel())
            fused = replace(dense, activation=node.operator.activation)
            joined[id(layer)] = Node(layer.name, fused, (*layer.inputs, constant), node.outputs)
            gone.add(id(node))
            break
    r.nodes = [joined.get(id(node), node) for node in r.nodes if id(node) not in gone]


WRITERS: dict[type[op.Operator], Writer] = {
    **CHOICES,
    **CONDITIONS,
    **PRODUCTS,
    op.Add: _with_rank,
    op.ConvTranspose: _conv_transpose,
    op.Div: _divide,
    op.Gather: _gather,
    FloatLstm: _recurrent,
    Gru: _recurrent,
    op.Mul: _with_rank,
    op.PRelu: _prelu,
    op.ResizeNearest: _resize,
    op.Split: _split,
    op.Sub: _subtract,
    DepthToSpace: _depth_to_space,
    LayerNormalization: _normalize,
    Pow: _power,
    Pick: _pick,
    SpaceToDepth: _space_to_depth,
}
"""By operator, what writes it in others; False where this one stays as it is."""

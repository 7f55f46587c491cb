"""A node on integers seen as its file's runtime computes it: in float32, or moved to uint8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor


def real_values(tensor: Tensor, x: NDArray) -> NDArray[np.float32]:
    """Return the reals that the integers of a tensor stand for; floats as they are."""
    q = tensor.quantization
    if q is None:
        return x.astype(np.float32)
    shape = [1] * x.ndim
    if q.axis is not None:
        shape[q.axis] = -1
    scale, zero_point = q.scale, q.zero_point
    if q.axis is not None:
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    return (x.astype(np.int64) - zero_point).astype(np.float32) * scale


def in_float(network: Network, node: Node) -> Network:
    """Return a network of the node alone, still of its group, every tensor with its real values."""

    def real(tensor: Tensor) -> Tensor:
        data = None if tensor.data is None else real_values(tensor, tensor.data)
        return replace(tensor, dtype=np.dtype(np.float32), quantization=None, data=data)

    return _alone(network, node, real)


def in_uint8(network: Network, node: Node) -> Network:
    """Return a network of the node alone, every int8 tensor and its zero point 128 higher."""

    def lifted(tensor: Tensor) -> Tensor:
        q = tensor.quantization
        if tensor.dtype != np.int8 or q is None:
            return tensor
        data = None if tensor.data is None else lifted_values(tensor.data)
        higher = replace(q, zero_point=q.zero_point + LIFT)
        return replace(tensor, dtype=np.dtype(np.uint8), quantization=higher, data=data)

    return _alone(network, replace(node, group="joined"), lifted)


LIFT = 128


def lifted_values(x: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return int8 values 128 higher."""
    return np.ascontiguousarray(x).view(np.uint8) ^ np.uint8(LIFT)


def _alone(network: Network, node: Node, seen: Callable[[Tensor], Tensor]) -> Network:
    names = (*node.inputs, *node.outputs)
    tensors = {name: seen(network.tensors[name]) for name in names}
    inputs = tuple(name for name in node.inputs if tensors[name].data is None)
    return Network(network.name, network.source, (node,), tensors, inputs, node.outputs)

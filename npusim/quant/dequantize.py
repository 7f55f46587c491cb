"""An integer network as a float one with the same real weights, to quantize it anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.errors import UnsupportedError
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor

FLOAT = np.dtype(np.float32)


def dequantized(network: Network) -> Network:
    """Return the float network of an integer one: weights and biases in real values.

    Requantizations between equal tensors (Quantize, Dequantize) disappear; nothing rounds.

    Raises
    ------
    UnsupportedError
        A layer holds coded weights, or a constant has no scale.
    """
    nodes: list[Node] = []
    renamed: dict[str, str] = {}
    real: dict[str, Tensor] = {}
    for node in network.nodes:
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        if getattr(node.operator, "encoding", None) is not None:
            raise UnsupportedError(
                f"{node.name}: its weights are coded already, quantize the float network instead"
            )
        if isinstance(node.operator, op.Quantize | op.Dequantize):
            renamed[node.outputs[0]] = inputs[0]
            continue
        if isinstance(node.operator, op.Conv2D | op.FullyConnected) and len(inputs) > 2:
            real[inputs[2]] = _bias(network, *inputs)
        nodes.append(replace(node, inputs=inputs))
    for name in {name for node in nodes for name in (*node.inputs, *node.outputs)}:
        if name not in real:
            real[name] = _real(network.tensors[name])
    outputs = tuple(renamed.get(name, name) for name in network.outputs)
    for name in network.inputs:
        real.setdefault(name, _real(network.tensors[name]))
    note = "the network is quantized already: its integer weights were taken as real values"
    return replace(
        network,
        nodes=tuple(nodes),
        tensors=real,
        outputs=outputs,
        notes=(*network.notes, note),
    )


def real_samples(network: Network, x: NDArray, name: str = "") -> NDArray:
    """Return samples of the input `name`, or the only one, as real values: codes by its scale.

    Floats are real values already, and a float network takes no others.
    """
    x = np.asarray(x)
    tensor = network.tensors[name or network.inputs[0]]
    if x.dtype != tensor.dtype or tensor.is_float or tensor.quantization is None:
        return x
    q = tensor.quantization
    return ((x.astype(np.float64) - int(q.zero_point)) * float(q.scale)).astype(np.float32)


def _real(tensor: Tensor) -> Tensor:
    if tensor.is_float:
        return tensor
    if tensor.data is None:
        return replace(tensor, dtype=FLOAT, quantization=None)
    q = tensor.quantization
    if q is None:
        raise UnsupportedError(f"{tensor.name}: integers without a scale have no real value")
    shape = [1] * len(tensor.shape)
    if q.axis is not None:
        shape[q.axis] = -1
    integers = tensor.data.astype(np.float64) - q.zero_point.reshape(shape)
    data = (integers * q.scale.astype(np.float64).reshape(shape)).astype(np.float32)
    return replace(tensor, dtype=FLOAT, quantization=None, data=data)


def _bias(network: Network, x: str, w: str, b: str) -> Tensor:
    """Return the bias in real values: its scale is that of the accumulator."""
    bias, input_q = network.tensors[b], network.tensors[x].quantization
    weight_q = network.tensors[w].quantization
    if bias.is_float:
        return bias
    if bias.data is None or input_q is None or weight_q is None:
        raise UnsupportedError(f"{b}: a bias without scales has no real value")
    scale = input_q.scale.astype(np.float64) * weight_q.scale.astype(np.float64)
    data = (bias.data.reshape(-1) * np.broadcast_to(scale, bias.data.size)).astype(np.float32)
    return Tensor(b, data.shape, FLOAT, data=data)

"""Real layers to record: digits whole, and layers of three networks of MLPerf Tiny cut small.

A layer is cut out of its quantized network with what the network computes for it on one sample, of
which the first rows and columns are taken. LAYERS of a network are recorded; those behind them are
held out for tools/flow/check_energy.py. The models stand beside the checkout; without them there is
digits alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

import npusim
from npusim.graph.network import Network, Node
from npusim.graph.operator import output_shapes
from npusim.prepared.engine import prepare
from npusim.prepared.inputs import network_inputs
from npusim.quant.options import PUBLISHED
from tools.checkout import DIGITS, MODELS

SCHEMES = {"uniform8": ("uniform", 8), "uniform4": ("uniform", 4), "subset": ("subset", 4),
           "pwlq": ("pwlq", 4), "lut": ("lut", 4), "uniform6": ("uniform", 6),
           "pwlq_double": ("pwlq_double", 4)}  # fmt: skip
"""Weight format -> scheme and bits of the quantizer."""
PIXELS = 4
"""Rows and columns of a cut layer's input, at most; of a window that is larger, that many more."""
WEIGHTED = ("Conv2D", "DepthwiseConv2D", "FullyConnected")
LAYERS = 3
"""With weights, of a network, spread over it; and an addition."""


@dataclass(frozen=True)
class Stream:
    """A float network: its file, and the samples that calibrate it and run on it."""

    name: str
    samples: Callable[[], NDArray]

    @property
    def network(self) -> Network:
        """The float network."""
        return npusim.load(MODELS / "onnx" / f"{self.name}.onnx")


def _keywords() -> NDArray:
    return (
        np.load(MODELS / "samples/kws01.npz")["x"][::40].astype(float) - 83
    ) * 0.5847029089927673


def _photos() -> NDArray:
    return np.load(MODELS / "samples/photos.npz")["x128"].astype(float)


STREAMS = (
    Stream("kws_dscnn_fp32", _keywords),
    Stream("ic_resnet8_fp32", lambda: _photos()[:, ::4, ::4]),
    Stream("vww_mbv1_fp32", lambda: _photos()[:, 16:112, 16:112] / 255),
)


def digits(weight_format: str) -> Network:
    """Return digits in a format."""
    scheme, bits = SCHEMES[weight_format]
    return npusim.quantize(
        npusim.load(DIGITS / "digits_float.onnx"), np.load(DIGITS / "digits_train.npz")["x"],
        scheme=scheme, bits=bits, **PUBLISHED,
    )  # fmt: skip


def cut(
    stream: Stream, weight_format: str, sample: int, held_out: int | None = None
) -> tuple[Network, dict[str, NDArray]]:
    """Return layers of a network side by side, and the input of each, canonical, by name.

    They are those that are recorded, or the one held-out layer number `held_out`.
    """
    scheme, bits = SCHEMES[weight_format]
    samples = stream.samples()
    network = npusim.quantize(stream.network, samples, scheme=scheme, bits=bits, **PUBLISHED)
    weighted = [node for node in network.nodes if node.kind in WEIGHTED]
    step = len(weighted) // LAYERS | 1  # odd: depthwise and pointwise layers alternate
    chosen = weighted[::step] + [node for node in network.nodes if node.kind == "Add"][:1]
    if held_out is not None:
        chosen = [weighted[1::step][held_out]]
    sources = {name for node in chosen for name in _inputs(network, node)}
    x = samples[sample % len(samples)][None]
    values = prepare(network).run(x, keep=sources)
    nodes, tensors, given = [], {}, {}
    for node in chosen:
        renamed = {}
        for name in _inputs(network, node):
            tensor = network.tensors[name]
            (whole,) = (
                network_inputs(network, x).values()
                if name in network.inputs
                else (tensor.from_file_order(values[name]),)
            )
            value = np.ascontiguousarray(whole[_part(network, node)])
            renamed[name] = f"{node.name}:{name}"
            tensors[renamed[name]] = replace(
                tensor, name=renamed[name], shape=value.shape, file_order=None
            )
            given[renamed[name]] = value
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        tensors |= {name: network.tensors[name] for name in inputs if name not in renamed.values()}
        (output,) = node.outputs
        (shape,) = output_shapes(node.name, node.operator, [tensors[n].shape for n in inputs])
        tensors[output] = replace(network.tensors[output], shape=shape, file_order=None)
        nodes.append(replace(node, inputs=inputs))
    return Network(
        stream.name, network.source, tuple(nodes), tensors, tuple(given),
        tuple(output for node in nodes for output in node.outputs),
    ), given  # fmt: skip


def _inputs(network: Network, node: Node) -> list[str]:
    return [name for name in node.inputs if network.tensors[name].data is None]


def _part(network: Network, node: Node) -> tuple[slice, ...]:
    """Return what is kept of a layer's input, all channels."""
    shape = network.tensors[node.inputs[0]].shape
    window = getattr(node.operator, "window", None)
    if len(shape) != 4:
        return (slice(None),) * len(shape)
    rows, columns = (PIXELS + (k - 1) // 2 for k in window.kernel) if window else (PIXELS, PIXELS)
    return slice(None), slice(rows), slice(columns), slice(None)

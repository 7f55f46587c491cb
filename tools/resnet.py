"""ResNet-18, -34 and -50 for the benchmarks: shapes alone, or with random weights.

    python -m tools.resnet 50 resnet50.onnx [--size 224] [--seed 1]

Without a seed the file holds no weights: they are inputs of the graph, which onnx's checker accepts
and `npusim estimate` takes. With one, weights are drawn by He's rule, biases are zero.
Architecture: He et al., "Deep Residual Learning for Image Recognition" (2015), table 1, with the
stride of a bottleneck in its 3x3 convolution, as today's model collections have it; batch
normalizations are folded into the convolutions, shortcuts are 1x1 convolutions where shapes change.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import npusim
from npusim.graph.network import Network

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Residual blocks of each stage."""
WIDTHS = (64, 128, 256, 512)
EXPANSION = {18: 1, 34: 1, 50: 4}
OPSET = 17


@dataclass(frozen=True)
class Convolution:
    """One convolution: its name, input and output tensors, channels, kernel, stride."""

    name: str
    source: str
    target: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int


class _Graph:
    """Nodes of an ONNX graph, and its weights: inputs without `rng`, else initializers."""

    def __init__(self, rng: np.random.Generator | None) -> None:
        self.rng = rng
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.ValueInfoProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def parameters(self, name: str, shape: tuple[int, ...]) -> list[str]:
        """Add the weights [OC ...] of layer `name` and its bias; return their names."""
        names = [f"{name}_weight", f"{name}_bias"]
        for key, extent in zip(names, (shape, shape[:1]), strict=True):
            if self.rng is None:
                value = helper.make_tensor_value_info(key, TensorProto.FLOAT, extent)
                self.weights.append(value)
                continue
            data = np.zeros(extent, np.float32)
            if len(extent) > 1:
                data = self.rng.standard_normal(extent, np.float32)
                data *= np.float32(np.sqrt(2 / np.prod(extent[1:])))
            self.initializers.append(numpy_helper.from_array(data, key))
        return names

    def convolution(self, layer: Convolution) -> str:
        k = layer.kernel
        parameters = self.parameters(layer.name, (layer.out_channels, layer.in_channels, k, k))
        return self.node(
            "Conv", [layer.source, *parameters], layer.target, kernel_shape=[k, k],
            strides=[layer.stride] * 2, pads=[k // 2] * 4,
        )  # fmt: skip


def resnet_onnx(
    depth: int, size: int = 224, classes: int = 1000, seed: int | None = None
) -> onnx.ModelProto:
    """Return ResNet-`depth` (18, 34 or 50) for images of `size` x `size`; see the module."""
    graph = _Graph(None if seed is None else np.random.default_rng(seed))
    x = graph.convolution(Convolution("conv1", "image", "conv1", 3, 64, 7, 2))
    x = graph.node("Relu", [x], "relu1")
    x = graph.node("MaxPool", [x], "pool1", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, (blocks, width) in enumerate(zip(BLOCKS[depth], WIDTHS, strict=True), start=2):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 2 and block == 1 else 1
            name = f"conv{stage}_{block}"
            x = _block(graph, depth, name, x, channels, width, stride)
            channels = width * EXPANSION[depth]
    x = graph.node("GlobalAveragePool", [x], "average")
    x = graph.node("Flatten", [x], "flat")
    parameters = graph.parameters("fc", (classes, channels))
    graph.node("Gemm", [x, *parameters], "fc", transB=1)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, size, size))
    result = helper.make_tensor_value_info("fc", TensorProto.FLOAT, (1, classes))
    made = helper.make_graph(
        graph.nodes, f"resnet{depth}", [image, *graph.weights], [result], graph.initializers
    )
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="npusim benchmarks"
    )
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model


def _block(
    graph: _Graph, depth: int, name: str, x: str, channels: int, width: int, stride: int
) -> str:
    """Append a residual block; return its output."""
    out = width * EXPANSION[depth]
    # (channels, kernel, stride) of the convolutions of a basic block or of a bottleneck
    layers = (
        [(width, 3, stride), (width, 3, 1)]
        if EXPANSION[depth] == 1
        else [(width, 1, 1), (width, 3, stride), (out, 1, 1)]
    )
    y, inside = x, channels
    for index, (outside, kernel, step) in enumerate(layers):
        letter = "abc"[index]
        target = f"{name}{letter}"
        y = graph.convolution(Convolution(target, y, target, inside, outside, kernel, step))
        inside = outside
        if index < len(layers) - 1:
            y = graph.node("Relu", [y], f"{target}_relu")
    if stride != 1 or channels != out:
        shortcut = f"{name}_shortcut"
        x = graph.convolution(Convolution(shortcut, x, shortcut, channels, out, 1, stride))
    y = graph.node("Add", [y, x], f"{name}_add")
    return graph.node("Relu", [y], f"{name}_relu")


def resnet(depth: int, size: int = 224, classes: int = 1000, seed: int | None = None) -> Network:
    """Return ResNet-`depth` as npusim reads it from the file of `resnet_onnx`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"resnet{depth}.onnx"
        path.write_bytes(resnet_onnx(depth, size, classes, seed).SerializeToString())
        return npusim.load(path)


def main() -> None:
    """Write a ResNet to a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("depth", type=int, choices=sorted(BLOCKS))
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    model = resnet_onnx(arguments.depth, arguments.size, seed=arguments.seed)
    arguments.file.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()

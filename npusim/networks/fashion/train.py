"""Train the two float networks of npusim/networks/fashion and cut their samples (needs torch).

    python npusim/networks/fashion/train.py [separable | residual ...]

Fashion-MNIST is read where Debian's package dataset-fashion-mnist puts it. torch is no dependency
of npusim: run this in an environment of its own that has torch, numpy and onnx. One thread and
fixed seeds: the same torch on the same kind of processor gives the same files.

separable  a strided 3 x 3 stem, then depthwise 3 x 3 and pointwise pairs
residual   a strided 3 x 3 stem, then three stages of one residual block, two of them strided

Both end in a mean over the image and a fully connected layer of 10 classes. Batch normalization is
folded into the convolutions before it. Pixels go in as 0..1, one channel, channels first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from pictures import read
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parent
SEED = 7
BATCH = 128
EPOCHS = {"separable": 14, "residual": 8}
LARGEST_RATE = 4e-3
WEIGHT_DECAY = 2e-2
SHIFT_PIXELS = 2
CALIBRATION_SAMPLES, TEST_SAMPLES = 128, 512
CLASSES = 10
OPSET = 13


class Layer(nn.Module):
    """A convolution without bias, batch normalization, and perhaps a ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.normal = nn.BatchNorm2d(outputs)
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.normal(self.conv(x))
        return functional.relu(y) if self.relu else y

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Return weights and bias with the normalization in them."""
        normal = self.normal
        factor = normal.weight.double() / torch.sqrt(normal.running_var.double() + normal.eps)
        weights = self.conv.weight.double() * factor[:, None, None, None]
        bias = normal.bias.double() - normal.running_mean.double() * factor
        return weights.float().detach().numpy(), bias.float().detach().numpy()


class Separable(nn.Module):
    """Depthwise-separable network of 45,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"stem": Layer(1, 32, 3, 2)})
        channels = 32
        for i, (outputs, stride) in enumerate([(64, 1), (96, 2), (96, 1), (128, 1), (128, 1)], 1):
            self.layers[f"depthwise{i}"] = Layer(channels, channels, 3, stride, channels)
            self.layers[f"pointwise{i}"] = Layer(channels, outputs, 1, 1)
            channels = outputs
        self.dense = nn.Linear(channels, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers.values():
            x = layer(x)
        return self.dense(x.mean((2, 3)))

    def write(self, graph: Graph) -> None:
        x = "image"
        for name, layer in self.layers.items():
            x = graph.layer(name, layer, x)
        graph.end(x, self.dense)


class Residual(nn.Module):
    """Residual network of 78,000 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({"stem": Layer(1, 16, 3, 2)})
        channels = 16
        for i, (outputs, stride) in enumerate([(16, 1), (32, 2), (64, 2)], 1):
            self.layers[f"block{i}_first"] = Layer(channels, outputs, 3, stride)
            self.layers[f"block{i}_second"] = Layer(outputs, outputs, 3, 1, relu=False)
            if stride > 1:
                self.layers[f"block{i}_short"] = Layer(channels, outputs, 1, stride, relu=False)
            channels = outputs
        self.dense = nn.Linear(channels, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layers["stem"](x)
        for i in (1, 2, 3):
            y = self.layers[f"block{i}_second"](self.layers[f"block{i}_first"](x))
            short = f"block{i}_short"
            x = functional.relu(y + (self.layers[short](x) if short in self.layers else x))
        return self.dense(x.mean((2, 3)))

    def write(self, graph: Graph) -> None:
        x = graph.layer("stem", self.layers["stem"], "image")
        for i in (1, 2, 3):
            first, second, short = (f"block{i}_{part}" for part in ("first", "second", "short"))
            y = graph.layer(second, self.layers[second], graph.layer(first, self.layers[first], x))
            if short in self.layers:
                x = graph.layer(short, self.layers[short], x)
            x = graph.node("Relu", f"block{i}", graph.node("Add", f"block{i}_sum", y, x))
        graph.end(x, self.dense)


class Graph:
    """An ONNX graph while it is written."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, values: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, name: str, *inputs: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def layer(self, name: str, layer: Layer, x: str) -> str:
        weights, bias = layer.folded()
        conv = layer.conv
        output = f"{name}_sum" if layer.relu else name
        self.node(
            "Conv", output, x, self.constant(f"{name}_weights", weights),
            self.constant(f"{name}_bias", bias), strides=list(conv.stride), group=conv.groups,
            pads=list(conv.padding) * 2,
        )  # fmt: skip
        return self.node("Relu", name, output) if layer.relu else output

    def end(self, x: str, dense: nn.Linear) -> None:
        flat = self.node("Flatten", "features", self.node("GlobalAveragePool", "pooled", x))
        weights = self.constant("dense_weights", dense.weight.detach().numpy())
        bias = self.constant("dense_bias", dense.bias.detach().numpy())
        self.node("Gemm", "scores", flat, weights, bias, transB=1)

    def model(self, name: str) -> onnx.ModelProto:
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 28, 28])
        scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])
        graph = helper.make_graph(self.nodes, name, [image], [scores], self.initializers)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model)
        return model


def augmented(x: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Return each image mirrored or not and moved by up to two pixels."""
    padded = functional.pad(x, [SHIFT_PIXELS] * 4)
    moved = torch.empty_like(x)
    moves = torch.randint(0, 2 * SHIFT_PIXELS + 1, (len(x), 2), generator=random)
    mirrored = torch.rand(len(x), generator=random) < 0.5
    for n, (i, j) in enumerate(moves.tolist()):
        view = padded[n, :, i : i + 28, j : j + 28]
        moved[n] = view.flip(2) if mirrored[n] else view
    return moved


def train(name: str) -> None:
    """Train one network and write it."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    random = torch.Generator().manual_seed(SEED)
    images, classes = read("train")
    x, y = torch.from_numpy(images[:, None] / np.float32(255)), torch.from_numpy(classes).long()
    network = {"separable": Separable, "residual": Residual}[name]()
    steps = EPOCHS[name] * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LARGEST_RATE, steps)
    for epoch in range(EPOCHS[name]):
        network.train()
        order = torch.randperm(len(x), generator=random)
        for start in range(0, len(x) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            scores = network(augmented(x[batch], random))
            loss = functional.cross_entropy(scores, y[batch], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(name, epoch + 1, f"{accuracy(network):.2f} %", flush=True)
    graph = Graph()
    network.eval()
    network.write(graph)
    content = graph.model(f"fashion_{name}").SerializeToString(deterministic=True)
    (FOLDER / f"fashion_{name}_float.onnx").write_bytes(content)


def accuracy(network: nn.Module) -> float:
    """Return the share of the 10,000 test pictures that it names, in percent."""
    images, classes = read("t10k")
    network.eval()
    with torch.no_grad():
        found = [network(torch.from_numpy(part[:, None] / np.float32(255))).argmax(1)
                 for part in np.split(images, 20)]  # fmt: skip
    return 100 * float((torch.cat(found).numpy() == classes).mean())


def cut_samples() -> None:
    """Write evenly spaced training pictures to calibrate on and test pictures to judge by."""
    for part, name, count in (
        ("train", "train", CALIBRATION_SAMPLES),
        ("t10k", "test", TEST_SAMPLES),
    ):
        images, classes = read(part)
        chosen = np.arange(count) * (len(images) // count)
        np.savez_compressed(
            FOLDER / f"fashion_{name}.npz", x=images[chosen][:, None], y=classes[chosen]
        )


if __name__ == "__main__":
    cut_samples()
    for chosen_network in sys.argv[1:] or EPOCHS:
        train(chosen_network)

"""Train the network that npusim ships: handwritten digits, 8 x 8 grey pixels, ten classes.

    pip install 'npusim[train]'
    python npusim/networks/digits/train.py

Writes beside itself
    digits_float.onnx     the float network, batch normalization folded
    digits_train.npz      x float32 [200 8 8 1] in 0..1, y: training images, for calibration
    digits_test.npz       x float32 [360 8 8 1] in 0..1, y: images the training never saw

Data: scikit-learn's `load_digits`, the test part of the UCI "Optical Recognition of Handwritten
Digits" set (E. Alpaydin, C. Kaynak; CC BY 4.0). The int8 form is made from these files by
`npusim quantize`, see the Makefile's target `networks`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).resolve().parent
SEED = 20
EPOCHS = 120


class Block(nn.Module):
    """Convolution without bias, batch normalization, and a ReLU where asked."""

    def __init__(self, ic: int, oc: int, kernel: int, stride: int = 1, groups: int = 1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(ic, oc, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(oc)
        self.relu = relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        return torch.relu(x) if self.relu else x

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Return weights [OC IC KH KW] and bias [OC] with the normalization folded in."""
        gain = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weights = self.conv.weight * gain[:, None, None, None]
        bias = self.norm.bias - self.norm.running_mean * gain
        return weights.detach().numpy(), bias.detach().numpy()


class Digits(nn.Module):
    """Stem, a residual block with a depthwise layer, a stride, global average, a linear layer."""

    def __init__(self):
        super().__init__()
        self.stem = Block(1, 16, 3)
        self.depthwise = Block(16, 16, 3, groups=16)
        self.pointwise = Block(16, 16, 1, relu=False)
        self.down = Block(16, 32, 3, stride=2)
        self.deep = Block(32, 32, 3)
        self.classify = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = torch.relu(x + self.pointwise(self.depthwise(x)))
        x = self.deep(self.down(x))
        return self.classify(x.mean((2, 3)))


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Return `images` [N 1 8 8], each moved by up to one pixel either way."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    out = torch.empty_like(images)
    for i, (dy, dx) in enumerate(torch.randint(0, 3, (len(images), 2)).tolist()):
        out[i] = padded[i, :, dy : dy + 8, dx : dx + 8]
    return out


def train(images: np.ndarray, labels: np.ndarray) -> Digits:
    """Return the network trained on `images` [N 8 8 1]."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    model = Digits()
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    y = torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(shifted(x[rows])), y[rows]).backward()
            optimizer.step()
        schedule.step()
    return model.eval()


def export(model: Digits) -> onnx.ModelProto:
    """Return the network as ONNX: input `image` [N 8 8 1], output `logits` [N 10]."""
    constants: list[onnx.TensorProto] = []
    nodes = [helper.make_node("Transpose", ["image"], ["pixels"], "to_nchw", perm=[0, 3, 1, 2])]

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    def block(name: str, x: str) -> str:
        module: Block = getattr(model, name)
        weights, bias = module.folded()
        conv = module.conv
        y = f"{name}_out" if module.relu else f"{name}_sum"
        convolved = f"{name}_conv" if module.relu else y
        nodes.append(
            helper.make_node(
                "Conv",
                [x, constant(f"{name}_weights", weights), constant(f"{name}_bias", bias)],
                [convolved],
                name,
                kernel_shape=list(conv.kernel_size),
                strides=list(conv.stride),
                pads=[*conv.padding, *conv.padding],
                group=conv.groups,
            )
        )
        if module.relu:
            nodes.append(helper.make_node("Relu", [convolved], [y], f"{name}_relu"))
        return y

    stem = block("stem", "pixels")
    branch = block("pointwise", block("depthwise", stem))
    nodes.append(helper.make_node("Add", [stem, branch], ["residual_sum"], "residual"))
    nodes.append(helper.make_node("Relu", ["residual_sum"], ["residual_out"], "residual_relu"))
    deep = block("deep", block("down", "residual_out"))
    nodes.append(helper.make_node("GlobalAveragePool", [deep], ["average"], "average_pool"))
    nodes.append(helper.make_node("Flatten", ["average"], ["features"], "flatten"))
    weights = constant("classify_weights", model.classify.weight.detach().numpy())
    bias = constant("classify_bias", model.classify.bias.detach().numpy())
    nodes.append(
        helper.make_node("Gemm", ["features", weights, bias], ["logits"], "classify", transB=1)
    )
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 8, 8, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 10])],
        constants,
    )
    opsets = [helper.make_opsetid("", 17)]
    result = helper.make_model(graph, opset_imports=opsets, producer_name="npusim", ir_version=8)
    onnx.checker.check_model(result, full_check=True)
    return onnx.shape_inference.infer_shapes(result)


def main() -> None:
    """Train, write the files, and print the accuracy on the held-out images."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[..., None]
    labels = digits.target.astype(np.int64)
    x_train, x_test, y_train, y_test = train_test_split(
        images, labels, test_size=360, random_state=SEED, stratify=labels
    )
    model = train(x_train, y_train)
    with torch.no_grad():
        logits = model(torch.from_numpy(x_test.transpose(0, 3, 1, 2).copy())).numpy()
    accuracy = np.mean(logits.argmax(1) == y_test)
    onnx.save(export(model), HERE / "digits_float.onnx")
    np.savez_compressed(HERE / "digits_train.npz", x=x_train[:200], y=y_train[:200])
    np.savez_compressed(HERE / "digits_test.npz", x=x_test, y=y_test)
    print(f"float accuracy on {len(y_test)} held-out images: {100 * accuracy:.2f} %")


if __name__ == "__main__":
    main()

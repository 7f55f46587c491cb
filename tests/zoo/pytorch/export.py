"""Write what torch's two exporters make of the zoo's modules; needs torch and onnxscript.

    python -m tests.zoo.pytorch.export

The files are NAME.script.onnx (TorchScript) and NAME.dynamo.onnx (torch.export), batch free.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import onnx
import torch

from tests.zoo.pytorch import pictures, sequences

FOLDER = Path(__file__).parent / "files"
SEED = 7
MODULES = (
    pictures.ResNet, pictures.MobileNetV2, pictures.MobileNetV3, pictures.EfficientNet,
    pictures.UNet, pictures.DeepLab, pictures.Yolo, pictures.SSD, pictures.SuperResolution,
    pictures.Conditioned, sequences.ViT, sequences.Bert, sequences.Audio, sequences.ConvNeXt,
    sequences.Keywords, sequences.Speech,
)  # fmt: skip


def module_and_inputs(kind: type) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Return a module in inference, its statistics drawn, and example inputs."""
    torch.manual_seed(SEED)
    module = kind().eval()
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    integers = getattr(kind, "integers", None)
    inputs = tuple(
        torch.randn(shape) if integers is None else torch.randint(0, integers[i], shape)
        for i, shape in enumerate(kind.example)
    )
    return module, inputs


def write(kind: type, dynamo: bool, path: Path) -> None:
    """Export one module."""
    module, inputs = module_and_inputs(kind)
    names = [f"input{i}" if i else "input" for i in range(len(inputs))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            batch = torch.export.Dim("batch", min=1, max=64)
            torch.onnx.export(
                module, inputs, path, input_names=names, dynamo=True, external_data=False,
                dynamic_shapes=tuple({0: batch} for _ in inputs), verbose=False,
            )  # fmt: skip
        else:
            torch.onnx.export(
                module, inputs, path, input_names=names, dynamo=False, opset_version=17,
                dynamic_axes={name: {0: "batch"} for name in names},
            )  # fmt: skip
    proto = onnx.load(path)
    _strip(proto)
    path.write_bytes(proto.SerializeToString(deterministic=True))


def _strip(proto: onnx.ModelProto) -> None:
    """Remove where in which file of this machine each node stood."""
    for graph in (proto.graph, *proto.functions):
        for part in (graph, *graph.node, *graph.value_info):
            part.ClearField("metadata_props")
            part.ClearField("doc_string")
    for value in (*proto.graph.initializer, *proto.graph.input, *proto.graph.output):
        value.ClearField("metadata_props")
        value.ClearField("doc_string")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    chosen = sys.argv[1:]
    for kind in MODULES:
        for form in ("script", "dynamo"):
            if chosen and kind.__name__ not in chosen:
                continue
            path = FOLDER / f"{kind.__name__}.{form}.onnx"
            write(kind, form == "dynamo", path)
            print(f"{path.name}: {path.stat().st_size:,} bytes")

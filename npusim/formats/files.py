"""Read a network from a file, whichever of the known formats it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npusim.errors import FormatError
from npusim.formats import torch_module
from npusim.graph.network import Network
from npusim.reading import readable, require_file

TFLITE_MAGIC = b"TFL3"


def load(
    path: str | Path | Any,
    shapes: Mapping[str, Sequence[int]] | None = None,
    *,
    inputs: Any = None,
) -> Network:
    """Return the network in the .tflite or .onnx file at `path`, or that of a torch.nn.Module.

    `shapes` gives inputs of an .onnx file, by name, the shapes that it leaves free. A module needs
    example `inputs`, a tensor or a sequence of them, and the extra `npusim[torch]`.

    Raises
    ------
    FormatError
        There is no such file, it is empty or a directory, or it holds neither format.
    NpuError
        What the format's own reader found wrong, in one line.
    """
    if torch_module.is_module(path):
        return torch_module.load(path, inputs)
    path = Path(path)
    expected = "a .tflite or .onnx file"
    require_file(path, expected)
    with readable(path, expected), path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise FormatError(f"{path}: expected a .tflite or .onnx file, found an empty file")
    if start[4:] == TFLITE_MAGIC or path.suffix == ".tflite":
        from npusim.formats.tflite import reader as tflite

        if shapes:
            raise FormatError(f"{path}: shapes are given to .onnx files alone")
        return tflite.load(path)
    if path.suffix == ".onnx":
        from npusim.formats.onnx import reader as onnx

        return onnx.load(path, shapes)
    raise FormatError(f"{path}: expected a .tflite or .onnx file, found suffix {path.suffix!r}")

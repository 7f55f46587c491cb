"""Read a network from a file, whichever of the known formats it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npusim.errors import FormatError, suggested
from npusim.formats import torch_module
from npusim.formats.imported import Imported
from npusim.formats.shipped import shipped, shipped_networks
from npusim.graph.cut import cut_before
from npusim.graph.network import Network
from npusim.graph.refusals import Refusal, refused, whole
from npusim.reading import is_there, readable, require_file

TFLITE_MAGIC = b"TFL3"

Shapes = Mapping[str, Sequence[int]]


def load(
    path: str | Path | Any,
    shapes: Shapes | None = None,
    outputs: Sequence[str] | None = None,
    *,
    inputs: Any = None,
) -> Network:
    """Return the network in the .tflite or .onnx file at `path`, or that of a torch.nn.Module.

    Parameters
    ----------
    path
        A file; where there is none, the name of a network that npusim brings (`digits`,
        `fashion_residual_float.onnx`).
    shapes
        Inputs of an .onnx file, by name: the shapes that it leaves free.
    outputs
        Tensors that are the network's outputs instead of the file's own: what they do not need is
        cut off. In a .tflite file `t<index>`, or the name that the file gives.
    inputs
        Of a module, which needs the extra `npusim[torch]`: example inputs, a tensor or a sequence
        of them.

    Raises
    ------
    FormatError
        There is no such file, it is empty or a directory, or it holds neither format.
    RefusedError
        What npusim does not implement, all of it, whether it can be read at all or cannot run under
        the rule of its own runtime; an UnsupportedError.
    NpuError
        What the format's own reader found wrong, in one line.
    """
    if torch_module.is_module(path):
        with torch_module.exported(path, inputs) as file:
            return load(file)
    path = shipped(Path(path))
    imported = read(path, shapes, outputs)
    refusals = (*imported.refusals, *run_refusals(imported.network))
    if refusals or imported.network is None:
        nodes = {refusal.node for refusal in refusals}
        cut = cut_before(imported.operations, nodes, imported.outputs)
        raise refused(path.name, refusals, cut)
    return imported.network


def run_refusals(network: Network | None) -> tuple[Refusal, ...]:
    """Return what of a quantized network cannot run under the rule of its file's runtime.

    Float networks are there to be quantized, and files of shapes alone to be estimated.
    """
    if network is None or network.absent_weights or network.is_float:
        return ()
    from npusim.operators.steps import refusals_of
    from npusim.runtimes.rule import resolve_rule

    return refusals_of(network, resolve_rule(network))


def read(
    path: Path, shapes: Shapes | None = None, outputs: Sequence[str] | None = None
) -> Imported:
    """Return what the format's reader makes of the file at `path`; see `load`."""
    path = shipped(path)
    expected = "a .tflite or .onnx file"
    if not is_there(path):
        hint = suggested(str(path), shipped_networks())
        raise FormatError(f"{path}: cannot read it: no such file{hint}")
    require_file(path, expected)
    with readable(path, expected), path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise FormatError(f"{path}: expected a .tflite or .onnx file, found an empty file")
    if start[4:] == TFLITE_MAGIC or path.suffix == ".tflite":
        from npusim.formats.tflite import reader as tflite

        if shapes:
            raise FormatError(f"{path}: shapes are given to .onnx files alone")
        with whole(path.name, "a .tflite file"):
            return tflite.read(path, outputs)
    if path.suffix == ".onnx":
        from npusim.formats.onnx import reader as onnx

        with whole(path.name, "an .onnx file"):
            return onnx.read(path, shapes, outputs)
    raise FormatError(f"{path}: expected a .tflite or .onnx file, found suffix {path.suffix!r}")

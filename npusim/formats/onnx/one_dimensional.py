"""Operators with a window on signals [N C L]: images [N C 1 L] of one row."""

from __future__ import annotations

from dataclasses import replace

from npusim.formats.onnx.nodes import OnnxNode
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.reshape import Reshape

PAIRED = ("kernel_shape", "strides", "dilations", "output_padding", "output_shape")
"""Attributes with a value for each spatial axis."""


def is_signal(b: Builder, node: OnnxNode) -> bool:
    """Return whether the node's first input is [N C L], and its first output all it gives."""
    name = node.input(0)
    return (
        not any(node.outputs[1:])
        and (name in b.tensors or name in b.constants)
        and len(b.shape(name)) == 3
    )


def as_image(b: Builder, node: OnnxNode, form: OnnxForm) -> None:
    """Read the node by `form` as one on images of one row, between two Reshapes."""
    x = b.value(node, 0)
    n, c, length = b.shape(x)
    wide = b.emit(f"{node.name}:image", Reshape((n, c, 1, length)), (x,), b.free(f"{x}:image"))
    inputs = [wide, *node.inputs[1:]]
    kernel = form.kernel
    if kernel is not None and node.input(kernel) in b.constants:
        weights = b.constants[node.input(kernel)]
        name = f"{node.input(kernel)}:image"
        b.constants[name] = weights.reshape(*weights.shape[:2], 1, *weights.shape[2:])
        inputs[kernel] = name
    attributes = dict(node.attributes)
    for key in PAIRED:
        value = attributes.get(key)
        if isinstance(value, tuple) and len(value) == 1:
            attributes[key] = (0 if key == "output_padding" else 1, *value)
    pads = attributes.get("pads")
    if isinstance(pads, tuple) and len(pads) == 2:
        attributes["pads"] = (0, pads[0], 0, pads[1])
    output = b.free(f"{node.outputs[0]}:image")
    form.read(b, replace(node, inputs=tuple(inputs), outputs=(output,), attributes=attributes))
    shape = b.shape(output)
    flat = (*shape[:2], shape[3])
    b.emit(f"{node.name}:signal", Reshape(flat), (output,), node.outputs[0])

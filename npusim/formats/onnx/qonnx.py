"""QONNX's Quant and BipolarQuant written out in operators of ONNX.

    Quant(x, scale, zero, bits)     = (clip(round(x / scale + zero), least, most) - zero) * scale
    BipolarQuant(x, scale)          = scale where x >= 0, else -scale

A Quant of up to 8 bits is QuantizeLinear, a Clip to fewer bits where there are fewer, and
DequantizeLinear; of constants the codes are found here. Source: QONNX, docs/qonnx-custom-ops.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.formats.onnx.records import OnnxGraph

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
KINDS = ("Quant", "BipolarQuant")
MOST_BITS = 8


def write_out(graph: OnnxGraph) -> None:
    """Replace the graph's Quant and BipolarQuant nodes.

    Raises
    ------
    UnsupportedError
        One has more than 8 bits, another rounding, or parameters that are computed.
    FormatError
        Its zero point is no integer of its bits, or its scales run along no one axis.
    """
    nodes: list[OnnxNode] = []
    for node in graph.nodes:
        if node.domain not in DOMAINS or node.kind not in KINDS:
            nodes.append(node)
        elif node.kind == "Quant":
            nodes += _quant(graph, node)
        else:
            nodes += _bipolar(graph, node)
    graph.nodes[:] = nodes


def _parameter(graph: OnnxGraph, node: OnnxNode, index: int, what: str) -> NDArray[np.float32]:
    value = graph.constants.get(node.input(index))
    if value is None:
        raise UnsupportedError(f"{node.name} ({node.kind}): expected a constant {what}")
    return value.astype(np.float32)


def _along(node: OnnxNode, scale: NDArray) -> int:
    """Return the one axis that scales run along; 0 where there is one scale for all."""
    axes = [axis for axis, extent in enumerate(scale.shape) if extent > 1]
    if len(axes) > 1:
        raise FormatError(
            f"{node.name} ({node.kind}): expected scales along one axis, found {list(scale.shape)}"
        )
    return axes[0] if axes else 0


def _limits(node: OnnxNode, bits: float) -> tuple[np.dtype, int, int]:
    """Return the type, and the least and greatest code, of so many bits."""
    if bits != int(bits) or not 1 <= bits <= MOST_BITS:
        raise UnsupportedError(
            f"{node.name} (Quant): expected a width of 1..{MOST_BITS} bits, found {bits:g}"
        )
    signed, narrow = node.integer("signed", 1), node.integer("narrow", 0)
    count = 1 << int(bits)
    if signed:
        return np.dtype(np.int8), -(count >> 1) + bool(narrow), (count >> 1) - 1
    return np.dtype(np.uint8), 0, count - 1 - bool(narrow)


def _quant(graph: OnnxGraph, node: OnnxNode) -> list[OnnxNode]:
    scale, zero = _parameter(graph, node, 1, "scale"), _parameter(graph, node, 2, "zero point")
    bits = _parameter(graph, node, 3, "width")
    dtype, least, most = _limits(node, float(bits.ravel()[0]) if bits.size == 1 else 0.0)
    rounding = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if rounding not in ("ROUND", "HALF_EVEN"):
        raise UnsupportedError(f"{node.name} (Quant): rounding_mode {rounding}")
    integers = np.rint(zero)
    limits = np.iinfo(dtype)
    if np.any(integers != zero) or np.any((integers < limits.min) | (integers > limits.max)):
        raise FormatError(f"{node.name} (Quant): expected an integer zero point, found {zero}")
    axis = _along(node, scale)
    size = () if scale.size == 1 else (scale.size,)
    names = {what: f"{node.name}:{what}" for what in ("scale", "zero", "codes", "least", "most")}
    constants = graph.constants
    constants[names["scale"]] = scale.reshape(size)
    constants[names["zero"]] = np.broadcast_to(
        integers.astype(dtype).ravel(), size or (1,)
    ).reshape(size)
    pair = (names["scale"], names["zero"])
    attributes: dict = {"axis": axis}
    codes = names["codes"]
    back = OnnxNode(node.name, "", "DequantizeLinear", (codes, *pair), node.outputs[:1], attributes)
    x = constants.get(node.input(0))
    if x is not None:
        found = np.rint(x.astype(np.float32) / scale + integers)
        constants[codes] = np.clip(found, least, most).astype(dtype)
        return [back]
    whole = (least, most) == (limits.min, limits.max)
    first = codes if whole else f"{codes}:wide"
    there = OnnxNode(first, "", "QuantizeLinear", (node.input(0), *pair), (first,), attributes)
    if whole:
        return [there, back]
    for what, value in (("least", least), ("most", most)):
        constants[names[what]] = np.array(value, dtype)
    clip = OnnxNode(codes, "", "Clip", (first, names["least"], names["most"]), (codes,))
    return [there, clip, back]


def _bipolar(graph: OnnxGraph, node: OnnxNode) -> list[OnnxNode]:
    scale = _parameter(graph, node, 1, "scale")
    constants = graph.constants
    name = f"{node.name}:scale"
    x = constants.get(node.input(0))
    if x is not None:
        axis = _along(node, scale)
        constants[name] = scale.reshape(() if scale.size == 1 else (scale.size,))
        constants[f"{node.name}:codes"] = np.where(x >= 0, 1, -1).astype(np.int8)
        inputs = (f"{node.name}:codes", name)
        return [
            OnnxNode(node.name, "", "DequantizeLinear", inputs, node.outputs[:1], {"axis": axis})
        ]
    constants[name], constants[f"{name}:less"] = scale, -scale
    constants[f"{node.name}:zero"] = np.zeros((), np.float32)
    above = f"{node.name}:above"
    return [
        OnnxNode(above, "", "GreaterOrEqual", (node.input(0), f"{node.name}:zero"), (above,)),
        replace(node, domain="", kind="Where", inputs=(above, name, f"{name}:less"), attributes={}),
    ]

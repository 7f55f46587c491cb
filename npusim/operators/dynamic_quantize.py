"""dynamic_quantize: float values as uint8, with the scale and zero point of their range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.page import NO_OWN_FORM, Absent, Page, Step, no_macs
from npusim.words import Rule


@dataclass(frozen=True)
class DynamicQuantize(Operator):
    """x -> its integers, their scale and their zero point: of the whole tensor, batch included."""

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (inputs[0], (), ())

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return False


def quantized(x: NDArray[np.float32]) -> tuple[NDArray, NDArray, NDArray]:
    """Return integers, scale and zero point. Source: onnxruntime, GetQuantizationParameter."""
    low, high = min(x.min(), np.float32(0)), max(x.max(), np.float32(0))
    scale = np.float32(1) if low == high else np.float32((high - low) / np.float32(255))
    zero = np.rint(np.clip(np.float32(0) - low / scale, np.float32(0), np.float32(255)))
    integers = np.clip(np.rint(x / scale) + zero, 0, 255).astype(np.uint8)
    return integers, np.asarray(scale), np.asarray(zero, np.uint8)


def part(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32 values."""
    return lambda threads, x: quantized(x)


def _read(b: Builder, node: OnnxNode) -> None:
    uint8, float32 = np.dtype(np.uint8), np.dtype(np.float32)
    types = (uint8, float32, uint8)
    names = [name or b.free(f"{node.name}:{i}") for i, name in enumerate(node.outputs)]
    names += [b.free(f"{node.name}:{i}") for i in range(len(names), 3)]
    b.emit_all(node.name, DynamicQuantize(), (b.value(node, 0),), tuple(names), types)


PAGE = Page(
    operator=DynamicQuantize,
    tflite=(),
    onnx=(OnnxForm("DynamicQuantizeLinear", _read),),
    own=NO_OWN_FORM,
    real=Absent("has integers as outputs"),
    constants=Absent("finds its constants in the values"),
    quantized=Absent("takes floats"),
    float32=part,
    plain=Absent("takes floats"),
    macs=no_macs,
    unit="host",
)

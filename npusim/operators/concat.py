"""concat: inputs one after the other along an axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor, same_quantization
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axis_of
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.forms.onnx_scales import activation_input, output_type, per_tensor
from npusim.operators.forms.own import (
    ANY_NUMBER,
    RULE,
    Attributes,
    OwnForm,
    integer,
    scale,
    scale_of,
)
from npusim.operators.forms.tflite import ALL_INPUTS, TfliteForm, TfliteLayer
from npusim.operators.kinds.scale import table_of, to_output, to_output_xnnpack
from npusim.operators.kinds.table import Table, keeps_bytes, lookup_step
from npusim.operators.kinds.types import require_8_bit
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes import onnxruntime
from npusim.runtimes.requantization import Requantization, affine
from npusim.words import Rule

MOST_INPUTS = 1 << 16


@dataclass(frozen=True)
class Concat(Operator):
    """Inputs one after the other along `axis`, each requantized to the output's scale."""

    axis: int

    @property
    def arity(self) -> tuple[int, int]:
        return 1, MOST_INPUTS

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        first, axis = inputs[0], self.axis
        if not 0 <= axis < len(first):
            raise ShapeError(f"axis {axis} is outside input {list(first)}")
        for x in inputs[1:]:
            if len(x) != len(first) or any(
                a != b for i, (a, b) in enumerate(zip(x, first, strict=True)) if i != axis
            ):
                raise ShapeError(f"cannot join {list(first)} and {list(x)} along axis {axis}")
        return ((*first[:axis], sum(x[axis] for x in inputs), *first[axis + 1 :]),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.axis != 0 and not any(x.is_constant for x in inputs)


Part = Requantization | Table | None
"""How one input comes to the output's scale; None where its bytes are kept."""


def _read(layer: TfliteLayer) -> Concat:
    if layer.activation() is not None:
        raise UnsupportedError(f"{layer.record.name}: a fused activation is not supported here")
    return Concat(layer.axis(layer.option("Axis"), layer.rank))


def real(operator: Concat, *inputs: NDArray) -> NDArray:
    """Return the inputs one after the other."""
    return np.concatenate(inputs, axis=operator.axis)


def _parts(
    network: Network, node: Node, part: Callable[[Network, Node, int], Part]
) -> tuple[Part, ...]:
    """Return each input's part; inputs of the output's type and scale are kept."""
    y = network.output_of(node)
    return tuple(
        None if same_quantization(x, y) and x.dtype == y.dtype else part(network, node, position)
        for position, x in enumerate(network.inputs_of(node))
    )


def tflite(network: Network, node: Node) -> tuple[Part, ...]:
    """Return TFLite's parts: int8 in fixed point, uint8 in float32."""

    def part(network: Network, node: Node, position: int) -> Part:
        if _is_uint8(network, node, position):
            return uint8_table(network, node, position)
        return to_output(network, node, "tflite", position)

    return _parts(network, node, part)


def xnnpack_parts(network: Network, node: Node) -> tuple[Part, ...]:
    """Return TFLite's parts with XNNPACK's multipliers of 8 fraction bits."""

    def part(network: Network, node: Node, position: int) -> Part:
        if _is_uint8(network, node, position):
            return uint8_table(network, node, position)
        return to_output_xnnpack(network, node, position)

    return _parts(network, node, part)


def by_mode(network: Network, node: Node, mode: str) -> tuple[Part, ...]:
    """Return one requantization an input, rounded by `mode`."""
    return _parts(network, node, lambda n, node, position: to_output(n, node, mode, position))


def onnxruntime_parts(network: Network, node: Node) -> tuple[Part, ...]:
    """Return QLinearConcat's tables: each input through its real values."""

    def part(network: Network, node: Node, position: int) -> Part:
        x, y = network.inputs_of(node)[position], network.output_of(node)
        return onnxruntime.conversion_table(node, x, y)

    return _parts(network, node, part)


def _is_uint8(network: Network, node: Node, position: int) -> bool:
    x, y = network.inputs_of(node)[position], network.output_of(node)
    return bool(x.dtype == y.dtype == np.uint8)


def uint8_table(network: Network, node: Node, position: int) -> NDArray[np.uint8]:
    """Return uint8 input `position` of CONCATENATION at the output's scale, for every value of it.

    Source: TFLite, ConcatenationWithScaling: float32, halves away from zero.
    """
    (sx, zx) = affine(node, network.inputs_of(node)[position])
    so, zo = affine(node, network.output_of(node))
    scale = sx * (np.float32(1) / so)
    value = np.arange(256, dtype=np.float32) * scale + np.float32(-zx) * scale
    whole = np.trunc(value)
    rounded = whole + np.where(np.abs(value - whole) >= 0.5, np.sign(value), 0) + zo
    return np.clip(rounded, 0, 255).astype(np.uint8)


def step(network: Network, node: Node, parts: tuple[Part, ...]) -> Step:
    """Return the step on 8-bit integers by the constants of any runtime."""
    assert isinstance(node.operator, Concat)
    axis, inputs = node.operator.axis, network.inputs_of(node)
    if all(part is None for part in parts):
        return plain(network, node)
    require_8_bit(node, *inputs, network.output_of(node))
    lookups: list[Step | None] = []
    for position, (x, part) in enumerate(zip(inputs, parts, strict=True)):
        if isinstance(part, Requantization):
            part = table_of(network, node, part, position)
        if part is not None and keeps_bytes(x, part):
            part = None
        lookups.append(None if part is None else lookup_step(x, part))

    def join(threads: int, *values: NDArray) -> NDArray:
        converted = [
            value if lookup is None else lookup(threads, value)
            for value, lookup in zip(values, lookups, strict=True)
        ]
        return np.concatenate(converted, axis)

    return join


def plain(network: Network, node: Node) -> Step:
    """Return the step on values that are worth themselves."""
    assert isinstance(node.operator, Concat)
    axis = node.operator.axis
    return lambda threads, *values: np.concatenate(values, axis)


def float32(network: Network, node: Node, rule: Rule) -> Step:
    """Return the step on float32."""
    return plain(network, node)


def implied(network: Network, node: Node) -> Attributes:
    """Return the constants of npusim's own form: M = 1 and no shift where bytes are kept."""
    kept = scale(network, node)
    multipliers, shifts, zeros = [], [], []
    for position, x in enumerate(network.inputs_of(node)):
        same = scale_of(node.name, x) == kept
        r = to_output(network, node, RULE, position)
        multipliers.append(1 if same else int(r.multipliers[0, 0]))
        shifts.append(0 if same else int(r.shift[0]))
        zeros.append(affine(node, x)[1])
    return kept | {
        "multipliers": tuple(multipliers),
        "shifts": tuple(shifts),
        "x_zero_points": tuple(zeros),
    }


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    inputs = tuple(b.value(node, index) for index in range(len(node.inputs)))
    first = b.tensors[inputs[0]]
    axis = axis_of(node, 0, len(first.shape))
    if any(b.tensors[name].dtype != first.dtype for name in inputs):
        raise FormatError(f"{node.name} (Concat): expected inputs of one type")
    if not first.is_float:  # integers are joined as they are, whatever they are worth
        labels = (b.tensors[name].quantization for name in inputs)
        label = next((q for q in labels if q is not None), RAW)
        inputs = tuple(b.as_quantized(name, label) for name in inputs)
    b.emit(node.name, Concat(axis), inputs, node.outputs[0])


def _read_quantized(b: Builder, node: OnnxNode) -> None:
    if len(node.inputs) < 5 or len(node.inputs) % 3 != 2:
        raise FormatError(f"{node.name} (QLinearConcat): {len(node.inputs)} inputs")
    inputs = tuple(
        activation_input(b, node, i, per_tensor(b, node, i + 1, i + 2), i + 2)
        for i in range(2, len(node.inputs), 3)
    )
    axis = axis_of(node, 0, len(b.shape(inputs[0])))
    q, dtype = per_tensor(b, node, 0, 1), output_type(b, node, 1)
    b.emit(node.name, Concat(axis), inputs, node.outputs[0], dtype, q)


PAGE = Page(
    operator=Concat,
    tflite=(TfliteForm("CONCATENATION", ALL_INPUTS, _read),),
    onnx=(
        OnnxForm("Concat", _read_onnx),
        OnnxForm("QLinearConcat", _read_quantized, "com.microsoft"),
    ),
    own=(OwnForm("Concat", (integer("axis"),), implied, values=ANY_NUMBER),),
    real=real,
    constants=PerRuntime(
        litert=tflite,
        litert_opt=tflite,
        xnnpack=xnnpack_parts,
        onnxruntime=onnxruntime_parts,
        tosa=tflite,
        integer=by_mode,
    ),
    quantized=step,
    float32=float32,
    plain=plain,
    macs=no_macs,
    unit="data movement",
)

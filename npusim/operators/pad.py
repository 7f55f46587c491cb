"""pad: a constant around x, its zero point for integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.network import Network, Node
from npusim.graph.operator import Shape
from npusim.graph.tensor import Quantization, Tensor, is_quantized
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_axes import axes_of
from npusim.operators.forms.onnx_builder import RAW, Builder
from npusim.operators.forms.own import Call, Field, OwnForm
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.any_type import any_type_page
from npusim.operators.kinds.movement import Movement
from npusim.operators.pad_value import PadValue
from npusim.operators.page import Step
from npusim.operators.pick import Pick
from npusim.operators.slice import Slice
from npusim.runtimes.requantization import affine


@dataclass(frozen=True)
class Pad(Movement):
    """Zeros (the zero point, for integers) around x: `before` and `after` per canonical axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        if not len(self.before) == len(self.after) == len(x):
            raise ShapeError(f"expected padding for {len(x)} axes, found {len(self.before)}")
        if min((*self.before, *self.after), default=0) < 0:
            raise ShapeError(f"padding {self.before}, {self.after} is negative")
        return (tuple(b + n + a for b, n, a in zip(self.before, x, self.after, strict=True)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return self.before[0] == self.after[0] == 0

    @property
    def copies_values(self) -> bool:
        return False  # what the padding is worth depends on the zero point


def _read(layer: TfliteLayer) -> Pad:
    pairs = layer.constant(1)
    if len(pairs) != 2 * layer.rank:
        raise ShapeError(
            f"{layer.record.name}: expected {2 * layer.rank} paddings, found {len(pairs)}"
        )
    return Pad(pairs[0::2], pairs[1::2])


def step(network: Network, node: Node) -> Step:
    """Return the step that surrounds x with its zero point, 0 where it has none."""
    x, y, operator = network.inputs_of(node)[0], network.output_of(node), node.operator
    assert isinstance(operator, Pad)
    fill = affine(node, x)[1] if is_quantized(x) else 0
    first = 0 if x.shape and operator.keeps_samples_apart([x], [y]) else None
    inside = tuple(
        slice(before, before + n) for before, n in zip(operator.before, x.shape, strict=True)
    )
    shape, dtype = y.shape, y.dtype

    def surround(threads: int, x: NDArray) -> NDArray:
        y = np.full(shape if first is None else (len(x), *shape[1:]), fill, dtype)
        y[inside if first is None else (slice(None), *inside[1:])] = x
        return y

    return surround


def real(operator: Pad, x: NDArray) -> NDArray:
    """Return the values in their places, float64 [N ...], whatever the batch."""
    return np.pad(x, list(zip(operator.before, operator.after, strict=True)))


def _read_pads(call: Call) -> dict[str, tuple[int, ...]]:
    pads = call.integers("pads")
    return {"before": pads[: len(pads) // 2], "after": pads[len(pads) // 2 :]}


PADS = Field(lambda o, x: {"pads": (*o.before, *o.after)}, _read_pads)
"""All begins, then all ends."""


def pads_of(b: Builder, node: OnnxNode, rank: int) -> tuple[list[int], list[int]]:
    """Return how many values Pad puts before and after each axis; below 0 it cuts off."""
    given = b.optional_integers(node, 1, "pads")
    pads = node.integers("pads", ()) or () if given is None else given
    axes = b.optional_integers(node, 3, "axes")
    named = tuple(range(rank)) if axes is None else axes_of(node, axes, rank) or ()
    if len(pads) != 2 * len(named):
        raise FormatError(f"{node.name} (Pad): expected {2 * len(named)} pads, found {len(pads)}")
    before, after = [0] * rank, [0] * rank
    for i, axis in enumerate(named):
        before[axis], after[axis] = pads[i], pads[i + len(named)]
    return before, after


def _pad_of_itself(b: Builder, node: OnnxNode) -> None:
    """Pad by values of x: its mirror image, its edge, or its other end."""
    x = b.value(node, 0)
    shape = b.shape(x)
    before, after = pads_of(b, node, len(shape))
    mode = node.attributes["mode"]
    if mode not in ("reflect", "edge", "wrap") or min(*before, *after, 0) < 0:
        raise UnsupportedError(f"{node.name} (Pad): mode {node.attributes['mode']!r}")
    places = tuple(
        tuple(int(i) for i in np.pad(np.arange(n), (low, high), mode=mode))  # type: ignore[call-overload]
        if low or high
        else None
        for n, low, high in zip(shape, before, after, strict=True)
    )
    b.emit(node.name, Pick(places), (x,), node.outputs[0])


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    if node.attributes.get("mode", "constant") != "constant":
        return _pad_of_itself(b, node)
    x = b.value(node, 0)
    tensor = b.tensors[x]
    before, after = pads_of(b, node, len(tensor.shape))
    fill = b.optional(node, 2, "constant value")
    value = float(fill.ravel()[0]) if fill is not None else node.number("value", 0.0)
    if not tensor.is_float:  # an integer Pad fills with the zero point: let that be the value
        limits = np.iinfo(tensor.dtype) if tensor.dtype.kind in "iu" else None
        if limits is not None and not limits.min <= value <= limits.max:
            raise FormatError(f"{node.name} (Pad): {x} is {tensor.dtype}, which has no {value:g}")
        label = tensor.quantization or RAW
        if label.axis is not None:
            raise UnsupportedError(f"{node.name} (Pad): {x} has one scale per channel")
        if int(label.zero_point) != value or tensor.quantization is None:
            x = b.as_quantized(x, Quantization(label.scale, np.array(int(value), np.int64)))
    if min(*before, *after, 0) < 0:
        x, before, after = _cut_off(b, node, x, before, after)
    if tensor.is_float and value != 0:
        constant = b.store(f"{node.name}:value", np.asarray(value, np.float32), finite=False)
        around = PadValue(tuple(before), tuple(after))
        b.emit(node.name, around, (x, constant), node.outputs[0])
        return None
    b.emit(node.name, Pad(tuple(before), tuple(after)), (x,), node.outputs[0])
    return None


def _cut_off(
    b: Builder, node: OnnxNode, x: str, before: list[int], after: list[int]
) -> tuple[str, list[int], list[int]]:
    """Take away what padding below 0 cuts off; return what is left, and the padding around it."""
    shape = b.shape(x)
    start = tuple(max(-n, 0) for n in before)
    stop = tuple(n - max(-end, 0) for n, end in zip(shape, after, strict=True))
    name = b.free(f"{x}:cut")
    b.emit(f"{node.name}:cut", Slice(start, stop, (1,) * len(shape)), (x,), name)
    return name, [max(n, 0) for n in before], [max(n, 0) for n in after]


PAGE = any_type_page(
    Pad,
    (TfliteForm("PAD", 1, _read),),
    real,
    step,
    onnx=(OnnxForm("Pad", _read_onnx),),
    own=(OwnForm("Pad", (PADS,)),),
    unit="data movement",
    keeps_scale=True,
)

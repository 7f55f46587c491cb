"""conv_transpose: each pixel spreads over a window of the output, windows that overlap add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Clamp, Window, fused, need_rank, same_padding
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.kernels import mlas_products
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds import linear
from npusim.operators.kinds.alike import NOT_IN_ONNXRUNTIME
from npusim.operators.kinds.float32 import by_runtime, elementwise
from npusim.operators.kinds.hybrid import hybrid_or, hybrid_step, unknown_codes
from npusim.operators.kinds.products import exact, requantized
from npusim.operators.kinds.wide import by_width
from npusim.operators.kinds.wide_linear import WideLinear, wide_linear
from npusim.operators.page import NO_OWN_FORM, Absent, Page, PerRuntime, Step
from npusim.runtimes.litert_opt import INTEGER_LANES, LANES, VectorAndRest
from npusim.runtimes.requantization import FloatRequantization, Requantization, affine


@dataclass(frozen=True)
class ConvTranspose(Operator):
    """x [N IH IW IC], w [IC OC/groups KH KW], optional b [OC] -> [N OH OW OC].

    The window's stride is how far apart pixels spread, its padding what is cut off the output;
    `longer` rows and columns are added behind.
    """

    window: Window
    groups: int = 1
    longer: tuple[int, int] = (0, 0)
    activation: Clamp | None = None
    same: bool = False
    """Whether the file names the padding SAME."""

    @property
    def arity(self) -> tuple[int, int]:
        return 2, 3

    @property
    def factors(self) -> tuple[int, ...]:
        return 0, 1

    @property
    def scales_integers(self) -> bool:
        return True

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, w = inputs[:2]
        need_rank(x, 4, "an input")
        need_rank(w, 4, "weights")
        channels = w[1] * self.groups
        if x[3] != w[0] or w[0] % self.groups or w[2:] != self.window.kernel:
            raise ShapeError(f"weights {list(w)} in {self.groups} groups do not fit {list(x)}")
        if len(inputs) > 2 and inputs[2] != (channels,):
            raise ShapeError(f"expected a bias of {channels} values, found {list(inputs[2])}")
        height, width = self.output_size(x[1], x[2])
        if height < 1 or width < 1:
            raise ShapeError(f"{self.window} leaves nothing of {list(x)}")
        return ((x[0], height, width, channels),)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (OH, OW) for an input of (IH, IW)."""
        top, bottom, left, right = self.window.padding
        (kh, kw), (sh, sw), (dh, dw) = self.window.kernel, self.window.stride, self.window.dilation
        return (
            (height - 1) * sh + (kh - 1) * dh + 1 + self.longer[0] - top - bottom,
            (width - 1) * sw + (kw - 1) * dw + 1 + self.longer[1] - left - right,
        )

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def single(operator: ConvTranspose, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return onnxruntime's float32 values: products over channels, taps added in their order."""
    return _spread(operator, x, w, bias, mlas_products.product)


def real(operator: ConvTranspose, x: NDArray, w: NDArray, *bias: NDArray) -> NDArray:
    """Return the values in the type of x."""
    return fused(operator.activation, _spread(operator, x, w, bias, np.matmul))


def reference(network: Network, node: Node) -> Requantization:
    """Return TFLite's constants (transpose_conv.cc, Prepare): double rounding."""
    return by_mode(network, node, "tflite")


def optimized(network: Network, node: Node) -> VectorAndRest[Requantization]:
    """Return the constants of LiteRT's optimized kernels.

    Vectors are of 8 channels on int8, of 16 elements of the whole output on uint8.
    """
    is_uint8 = network.inputs_of(node)[0].dtype == np.uint8
    vector, rest = by_mode(network, node, "ruy"), by_mode(network, node, "tflite")
    return VectorAndRest(vector, rest, INTEGER_LANES if is_uint8 else LANES)


def delegated(network: Network, node: Node) -> VectorAndRest[Requantization] | FloatRequantization:
    """Return XNNPACK's constants; padding SAME with gaps between windows it leaves to LiteRT's."""
    operator = node.operator
    assert isinstance(operator, ConvTranspose)
    window = operator.window
    gaps = any(k < s for k, s in zip(window.kernel, window.stride, strict=True))
    return optimized(network, node) if gaps and operator.same else linear.float32(network, node)


def by_mode(network: Network, node: Node, mode: str) -> Requantization:
    """Return one rounding by `mode`."""
    per_tensor = linear.is_per_tensor(network, node)
    legacy = per_tensor and network.inputs_of(node)[1].dtype == np.uint8
    return linear.fixed_point(network, node, "tosa", mode, product_in_float32=legacy)


def step(
    network: Network,
    node: Node,
    c: Requantization | FloatRequantization | VectorAndRest[Requantization] | WideLinear,
) -> Step:
    """Return the step on quantized integers; weights are constant and multiplied exactly."""
    operator = node.operator
    assert isinstance(operator, ConvTranspose)
    x, w = network.inputs_of(node)[:2]
    if w.data is None or w.quantization is None:
        raise UnsupportedError(f"{node.name}: expected constant quantized weights in {w.name}")
    zero_points = w.quantization.zero_point
    if zero_points.ndim:
        zero_points = zero_points.reshape([-1 if axis == 1 else 1 for axis in range(4)])
    weights = w.data.astype(np.float64) - zero_points
    zero, dtype = affine(node, x)[1], network.output_of(node).dtype

    def run(threads: int, x: NDArray, *constants: NDArray) -> NDArray:
        sums = _spread(operator, exact(x, zero), weights, (), np.matmul).astype(np.int64)
        if isinstance(c, WideLinear):
            return c.finish(sums, dtype)
        if not isinstance(c, VectorAndRest):
            return requantized(c, sums, dtype)
        y = requantized(c.rest, sums, dtype)
        whole = (-1, sums.shape[3]) if c.lanes == LANES else (1, -1)
        vectors = sums.shape[3] if c.lanes == LANES else sums.size
        vectors -= vectors % c.lanes
        quick = requantized(c.vector, sums, dtype)
        y.reshape(whole)[:, :vectors] = quick.reshape(whole)[:, :vectors]
        return y

    return run


def _read_tflite(layer: TfliteLayer) -> ConvTranspose:
    """Return the operator; the file gives the output's size, padding is that of its convolution."""
    w, x, size = layer.input(1).shape, layer.input(2).shape, layer.constant(0)
    if len(w) != 4 or len(x) != 4 or len(size) != 4:
        raise ShapeError(f"{layer.record.name}: expected rank 4, found {list(x)} and {list(w)}")
    strides = (layer.option("StrideH"), layer.option("StrideW"))
    if min(strides) < 1:
        raise FormatError(f"{layer.record.name}: expected strides of 1 or more, found {strides}")
    padding, longer = [0, 0, 0, 0], [0, 0]
    for side, (n, out, k, s) in enumerate(zip(x[1:3], size[1:3], w[1:3], strides, strict=True)):
        before = 0
        if layer.option("Padding") == 0:
            before = same_padding(out, k, s) // 2
        rest = (n - 1) * s + k - before - out
        padding[2 * side : 2 * side + 2] = before, max(rest, 0)
        longer[side] = max(-rest, 0)
    window = Window((w[1], w[2]), strides, (1, 1), (padding[0], padding[1], padding[2], padding[3]))
    same = layer.option("Padding") == 0
    return ConvTranspose(window, 1, (longer[0], longer[1]), layer.activation(), same)


def _spread(operator: ConvTranspose, x: NDArray, w: NDArray, bias: Sequence, product) -> NDArray:  # type: ignore[no-untyped-def]
    window, groups = operator.window, operator.groups
    samples, height, width, channels = x.shape
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    top, bottom, left, right = window.padding
    out_h, out_w = operator.output_size(height, width)
    inner, outer = channels // groups, w.shape[1]
    full = np.zeros((samples, out_h + top + bottom, out_w + left + right, outer * groups), x.dtype)
    for sample in range(samples):
        for group in range(groups):
            part = x[sample, ..., group * inner : (group + 1) * inner].reshape(-1, inner)
            taps = w[group * inner : (group + 1) * inner].reshape(inner, -1)
            columns = product(taps.T, part.T).reshape(outer, kh, kw, height, width)
            place = full[sample, ..., group * outer : (group + 1) * outer]
            for row in range(kh):
                for column in range(kw):
                    rows = slice(row * dh, row * dh + (height - 1) * sh + 1, sh)
                    cols = slice(column * dw, column * dw + (width - 1) * sw + 1, sw)
                    place[rows, cols] += columns[:, row, column].transpose(1, 2, 0)
    y = full[:, top : top + out_h, left : left + out_w]
    return y + bias[0] if bias else np.ascontiguousarray(y)


def macs(network: Network, node: Node) -> int:
    """Return the products of one run: every pixel by every weight of its channel."""
    x, w = network.inputs_of(node)[:2]
    return x.shape[0] * x.shape[1] * x.shape[2] * int(np.prod(w.shape))


def _read(b: Builder, node: OnnxNode) -> None:
    x = b.value(node, 0)
    shape, w = b.shape(x), b.shape(node.input(1))
    if len(shape) != 4 or len(w) != 4:
        raise UnsupportedError(f"{node.name} (ConvTranspose): expected 4-D input, found {shape}")
    kernel = (w[2], w[3])
    stride = _pair(node, "strides", (1, 1))
    dilation = _pair(node, "dilations", (1, 1))
    longer = _pair(node, "output_padding", (0, 0))
    spans = [
        (n - 1) * s + (k - 1) * d + 1 + a
        for n, s, k, d, a in zip(shape[2:], stride, kernel, dilation, longer, strict=True)
    ]
    mode = node.attributes.get("auto_pad", "NOTSET")
    wanted = node.integers("output_shape", None)
    if wanted is not None:
        totals = [max(span - n, 0) for span, n in zip(spans, wanted[-2:], strict=True)]
        added = [max(n - span, 0) for span, n in zip(spans, wanted[-2:], strict=True)]
        longer = (longer[0] + added[0], longer[1] + added[1])
    elif mode in ("SAME_UPPER", "SAME_LOWER"):
        totals = [max(p - n * s, 0) for p, n, s in zip(spans, shape[2:], stride, strict=True)]
    else:
        pads = node.integers("pads", (0, 0, 0, 0)) or (0, 0, 0, 0)
        if len(pads) != 4 or min(pads) < 0:
            raise FormatError(f"{node.name}: expected four pads of 0 or more, found {list(pads)}")
        totals = []
    if totals:
        small = [total // 2 for total in totals]
        large = [total - part for total, part in zip(totals, small, strict=True)]
        before, after = (small, large) if mode == "SAME_UPPER" else (large, small)
        pads = (before[0], before[1], after[0], after[1])
    window = Window(kernel, stride, dilation, (pads[0], pads[2], pads[1], pads[3]))
    operator = ConvTranspose(window, node.integer("group", 1), longer)
    values = [x, *(b.value(node, index) for index in range(1, 3) if node.input(index))]
    b.emit_channels_last(node.name, operator, tuple(values), node.outputs[0])


def _pair(node: OnnxNode, name: str, default: tuple[int, int]) -> tuple[int, int]:
    values = node.integers(name, default) or default
    if len(values) != 2 or min(values) < min(default):
        raise FormatError(f"{node.name}: expected two {name}, found {list(values)}")
    return values[0], values[1]


PAGE = Page(
    operator=ConvTranspose,
    tflite=(TfliteForm("TRANSPOSE_CONV", (2, 1, 3), _read_tflite),),
    onnx=(OnnxForm("ConvTranspose", _read, image=True, kernel=1),),
    own=NO_OWN_FORM,
    real=real,
    constants=by_width(
        PerRuntime(
            litert=reference,
            litert_opt=optimized,
            xnnpack=delegated,
            onnxruntime=NOT_IN_ONNXRUNTIME,
            tosa=reference,
            integer=by_mode,
        ),
        wide_linear,
    ),
    quantized=step,
    float32=hybrid_or(
        by_runtime(elementwise(real), onnxruntime=elementwise(single)),
        by_runtime(hybrid_step(real, whole_samples=True), xnnpack=unknown_codes),
    ),
    plain=Absent("takes no plain integers"),
    macs=macs,
    unit="array",
)

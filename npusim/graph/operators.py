"""The operators of a network: attributes only, no arithmetic.

Shapes are letters: N batch, IH IW IC input, OH OW OC output, KH KW kernel. Layouts are canonical
(see tensor.py). One operator means the same on floats (a network to be quantized) and on integers;
which integers come out is decided by the rounding rule when the network is prepared for an engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from npusim.graph.weights import EncodedWeights


@dataclass(frozen=True)
class Clamp:
    """A fused activation, in real values: RELU is (0, None), RELU6 is (0, 6)."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Window:
    """A sliding window: kernel, stride, dilation as (H, W); padding in input pixels."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Top, bottom, left, right."""

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return (OH, OW) for an input of (IH, IW); zero or less where the window does not fit."""
        top, bottom, left, right = self.padding
        span_h = (self.kernel[0] - 1) * self.dilation[0] + 1
        span_w = (self.kernel[1] - 1) * self.dilation[1] + 1
        return (
            (height + top + bottom - span_h) // self.stride[0] + 1,
            (width + left + right - span_w) // self.stride[1] + 1,
        )


@dataclass(frozen=True)
class Conv2D:
    """x [N IH IW IC], w [OC KH KW IC/groups], optional b [OC] -> [N OH OW OC].

    A depthwise convolution is groups == IC; its output channel is ic * multiplier + m.
    Where the weights are codes of one of the papers' schemes, `encoding` holds them with the bias,
    and x is the only input.
    """

    window: Window
    groups: int = 1
    activation: Clamp | None = None
    encoding: EncodedWeights | None = None


@dataclass(frozen=True)
class FullyConnected:
    """x [N ...] flattened to [N K] (or [... K] when `keep_dims`), w [OC K], optional b [OC].

    With `encoding`, x is the only input.
    """

    keep_dims: bool = False
    activation: Clamp | None = None
    encoding: EncodedWeights | None = None


@dataclass(frozen=True)
class MatMul:
    """a [... M K], b [... K N] -> [... M N], both computed values, broadcast over leading axes."""


@dataclass(frozen=True)
class Add:
    """a + b with their own scales, shapes broadcast."""

    activation: Clamp | None = None


@dataclass(frozen=True)
class Mul:
    """a * b with their own scales, shapes broadcast."""

    activation: Clamp | None = None


@dataclass(frozen=True)
class AveragePool:
    """Mean over each window; taps outside the image count only with `count_padding`."""

    window: Window
    count_padding: bool = False
    activation: Clamp | None = None


@dataclass(frozen=True)
class MaxPool:
    """Maximum over the window's taps inside the image."""

    window: Window
    activation: Clamp | None = None


@dataclass(frozen=True)
class Mean:
    """Mean over `axes` (canonical), kept as extent 1 with `keep_dims`."""

    axes: tuple[int, ...]
    keep_dims: bool


@dataclass(frozen=True)
class Softmax:
    """exp(beta * x) / sum exp(beta * x) along `axis`."""

    axis: int
    beta: float = 1.0


@dataclass(frozen=True)
class Activation:
    """An elementwise function that stands on its own (fused ones are a Clamp on their producer)."""

    kind: Literal["clamp", "sigmoid", "tanh", "leaky_relu", "hard_swish"]
    low: float | None = None
    high: float | None = None
    alpha: float = 0.0


@dataclass(frozen=True)
class BatchNormalization:
    """x, gamma, beta, mean, variance -> gamma * (x - mean) / sqrt(variance + epsilon) + beta."""

    epsilon: float


@dataclass(frozen=True)
class Quantize:
    """Float to integer, or integer to integer of another scale (TFLite QUANTIZE)."""


@dataclass(frozen=True)
class Dequantize:
    """Integer to float32: scale * (q - zero_point)."""


@dataclass(frozen=True)
class Pad:
    """Zeros (the zero point, for integers) around x: `before` and `after` per canonical axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class Reshape:
    """The same values in row-major order under another shape, the batch axis kept."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose:
    """Output axis i is input axis `order[i]`."""

    order: tuple[int, ...]


@dataclass(frozen=True)
class Concat:
    """Inputs one after the other along `axis`, each requantized to the output's scale."""

    axis: int


@dataclass(frozen=True)
class Slice:
    """Elements start, start + step, ... (below stop) per canonical axis."""

    start: tuple[int, ...]
    stop: tuple[int, ...]
    step: tuple[int, ...]


Operator = (
    Conv2D | FullyConnected | MatMul | Add | Mul | AveragePool | MaxPool | Mean | Softmax
    | Activation | BatchNormalization | Quantize | Dequantize | Pad | Reshape | Transpose
    | Concat | Slice
)  # fmt: skip

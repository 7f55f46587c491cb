"""short_time_fourier: the discrete Fourier transforms of frames of a signal (ONNX's STFT).

Frames [N frames length] begin every `hop` places, each times a window where there is one. Sums are
of float64; onnxruntime's are of float32, and differ in the last places of the greatest value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.fourier import Fourier
from npusim.operators.fourier import single as transformed
from npusim.operators.kinds.host import float_page


@dataclass(frozen=True)
class ShortTimeFourier(Operator):
    """x [N L 1 or 2], optional window [length] -> y [N frames places 2].

    With `half` the places after length / 2 are left out.
    """

    hop: int
    length: int
    half: bool

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 2

    @property
    def of_frames(self) -> Fourier:
        """The transform of frames [N frames length 1 or 2]."""
        return Fourier(2, self.length, inverse=False, half=self.half)

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        x, *window = inputs
        if (
            len(x) != 3
            or self.hop < 1
            or x[1] < self.length
            or window not in ([], [(self.length,)])
        ):
            raise ShapeError(f"frames of {self.length} every {self.hop} do not fit {list(x)}")
        frames = (x[1] - self.length) // self.hop + 1
        return self.of_frames.output_shapes([(x[0], frames, self.length, x[2])])

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return all(tensor.is_constant for tensor in inputs[1:])


def single(operator: ShortTimeFourier, x: NDArray, *window: NDArray) -> NDArray:
    """Return the transforms in x's type."""
    frames = np.lib.stride_tricks.sliding_window_view(x, operator.length, 1)[:, :: operator.hop]
    frames = frames.swapaxes(2, 3)
    if window:
        frames = frames * window[0].astype(x.dtype)[:, None]
    return transformed(operator.of_frames, frames)


def _read(b: Builder, node: OnnxNode) -> None:
    names = [b.value(node, place) for place in (0, 2) if node.input(place)]
    hop = b.integer(node, 1, "frame step")
    given = b.optional_integer(node, 3, "frame length")
    length = b.shape(names[1])[0] if given is None else given
    half = bool(node.integer("onesided", 1)) and b.shape(names[0])[2] == 1
    b.emit(node.name, ShortTimeFourier(hop, length, half), tuple(names), node.outputs[0])


PAGE = float_page(ShortTimeFourier, (OnnxForm("STFT", _read),), single)

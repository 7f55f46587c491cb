"""col_to_image: columns of patches added up to the image that they overlap in (ONNX's Col2Im).

Source: ONNX, Col2Im; onnxruntime 1.31, core/util/math_cpu.cc, which adds taps in the window's
order, and so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from npusim.errors import ShapeError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.operator import Operator, Shape
from npusim.graph.tensor import Tensor
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.kinds.host import float_page
from npusim.operators.kinds.movement import need_size
from npusim.operators.kinds.volume import Volume

IMAGE_AXES = 2


@dataclass(frozen=True)
class ColToImage(Operator):
    """x [N C*taps places] -> y [N C image...]; each tap of the window adds its places."""

    image: Shape
    window: Volume

    @property
    def arity(self) -> tuple[int, int]:
        return 1, 1

    @property
    def places(self) -> Shape:
        """How often the window stands along each axis."""
        return self.window.output_extent((1, 1, *self.image))

    def output_shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        (x,) = inputs
        taps = prod(self.window.kernel)
        if len(x) != 3 or x[1] % taps or x[2] != prod(self.places):
            raise ShapeError(f"{list(x)} holds no patches {self.window} of {list(self.image)}")
        return (need_size((x[0], x[1] // taps, *self.image)),)

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        return True


def single(operator: ColToImage, x: NDArray) -> NDArray:
    """Return the images in x's type."""
    window, places = operator.window, operator.places
    channels = x.shape[1] // prod(window.kernel)
    taps = x.reshape(len(x), channels, -1, *places)
    sizes = zip(window.before, operator.image, window.after, strict=True)
    full = np.zeros((len(x), channels, *map(sum, sizes)), x.dtype)
    for number, tap in enumerate(product(*map(range, window.kernel))):
        starts = [t * d for t, d in zip(tap, window.dilation, strict=True)]
        spread = [
            slice(start, start + (n - 1) * stride + 1, stride)
            for start, n, stride in zip(starts, places, window.stride, strict=True)
        ]
        full[:, :, *spread] += taps[:, :, number]
    inside = [
        slice(before, before + n) for before, n in zip(window.before, operator.image, strict=True)
    ]
    return np.ascontiguousarray(full[:, :, *inside])


def _read(b: Builder, node: OnnxNode) -> None:
    image, kernel = (
        b.integers(node, place, what) for place, what in ((1, "image shape"), (2, "block shape"))
    )
    ones, none = (1,) * len(image), (0,) * (2 * len(image))
    stride, dilation = (node.integers(name, ones) or ones for name in ("strides", "dilations"))
    pads = node.integers("pads", none) or none
    if {len(kernel), len(stride), len(dilation), len(pads) // 2} != {len(image)}:
        raise ShapeError(f"{node.name} (Col2Im): axes do not agree with image {list(image)}")
    if len(image) != IMAGE_AXES and max(dilation) > 1:
        raise UnsupportedError(
            f"{node.name} (Col2Im): dilations {list(dilation)} on {len(image)} axes, which "
            "onnxruntime does not compute as ONNX says"
        )
    window = Volume(kernel, stride, dilation, pads[: len(image)], pads[len(image) :])
    b.emit(node.name, ColToImage(image, window), (b.value(node, 0),), node.outputs[0])


PAGE = float_page(ColToImage, (OnnxForm("Col2Im", _read),), single)

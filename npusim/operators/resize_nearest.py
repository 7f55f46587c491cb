"""resize_nearest: an image in another size, each pixel the nearest of the input's.

TFLite's place of output i is float32 arithmetic; its optimized kernel for uint8 counts in 16
fraction bits where neither corners nor pixel centres are aligned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.graph.network import Network, Node
from npusim.operators.forms.tflite import TfliteForm
from npusim.operators.kinds.movement import gather_step, keeps_apart
from npusim.operators.kinds.resize import Resize, read_size
from npusim.operators.page import NO_OWN_FORM, Absent, Page, PerRuntime, Step, no_macs
from npusim.runtimes.interpolation import scale_of

Places = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Row of the input for each row of the output, and column for each column."""


@dataclass(frozen=True)
class ResizeNearest(Resize):
    """[N IH IW C] -> [N *size C]; see `places` for the two ways of aligning."""

    @property
    def copies_values(self) -> bool:
        return True


def places(operator: ResizeNearest, extent: int, size: int) -> NDArray[np.int64]:
    """Return the input's pixel for each of `size`, as TFLite's reference kernel computes it."""
    scale = scale_of(extent, size, operator.align_corners)
    offset = np.float32(0.5 if operator.half_pixel_centers else 0)
    real = (np.arange(size, dtype=np.float32) + offset) * scale
    if operator.align_corners:  # halves away from zero; there is nothing below it
        real = real + np.float32(0.5)
    return np.clip(np.floor(real).astype(np.int64), 0, extent - 1)


def fixed_point_places(extent: int, size: int) -> NDArray[np.int64]:
    """Return the input's pixel for each of `size` with 16 fraction bits, rounded up at first."""
    scale = (extent << 16) // size + 1
    return np.minimum((np.arange(size) * scale) >> 16, extent - 1)


def reference(network: Network, node: Node, mode: str = "") -> Places:
    """Return the places of the reference kernel."""
    operator: Any = node.operator
    _, height, width, _ = network.inputs_of(node)[0].shape
    return places(operator, height, operator.size[0]), places(operator, width, operator.size[1])


def optimized(network: Network, node: Node) -> Places:
    """Return the places of LiteRT's optimized kernel."""
    operator: Any = node.operator
    x = network.inputs_of(node)[0]
    if x.dtype != np.uint8 or operator.align_corners or operator.half_pixel_centers:
        return reference(network, node)
    _, height, width, _ = x.shape
    return fixed_point_places(height, operator.size[0]), fixed_point_places(width, operator.size[1])


def real(operator: ResizeNearest, x: NDArray) -> NDArray:
    """Return the resized image."""
    rows = places(operator, x.shape[1], operator.size[0])
    return x[:, rows][:, :, places(operator, x.shape[2], operator.size[1])]


def step_of(network: Network, node: Node, constants: Places) -> Step:
    """Return the step that fetches the pixels."""
    rows, columns = constants
    x, y = network.inputs_of(node)[0], network.output_of(node)

    def moved(x: NDArray, fill: Any) -> NDArray:
        return x[:, rows][:, :, columns]

    return gather_step(x, y, moved, moved, keeps_apart(network, node))


PAGE = Page(
    operator=ResizeNearest,
    tflite=(
        TfliteForm("RESIZE_NEAREST_NEIGHBOR", 1, lambda layer: ResizeNearest(*read_size(layer))),
    ),
    onnx=(),
    own=NO_OWN_FORM,
    real=real,
    constants=PerRuntime(
        litert=reference,
        litert_opt=optimized,
        xnnpack=optimized,
        onnxruntime=Absent("is not supported under onnxruntime's rule"),
        tosa=reference,
        integer=reference,
    ),
    quantized=step_of,
    float32=lambda network, node, rule: step_of(network, node, reference(network, node)),
    plain=lambda network, node: step_of(network, node, reference(network, node)),
    macs=no_macs,
    unit="data movement",
)

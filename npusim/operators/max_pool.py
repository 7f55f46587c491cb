"""max_pool: the greatest value in each window, [N IH IW C] -> [N OH OW C]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Window, fused
from npusim.graph.network import Network, Node
from npusim.kernels import mlas_products, pool
from npusim.kernels.kernel_step import KernelStep
from npusim.operators import max_pool_places, volume_pool
from npusim.operators.forms.onnx import OnnxForm
from npusim.operators.forms.onnx_builder import Builder
from npusim.operators.forms.onnx_windows import image, pool_window
from npusim.operators.forms.own import ACTIVATION, WINDOW, OwnForm, clamped_scale
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.float32 import by_runtime, clamped, elementwise
from npusim.operators.kinds.pool import Pool, taps, window_geometry
from npusim.operators.kinds.types import require_same_quantization
from npusim.operators.kinds.volume import RANK
from npusim.operators.kinds.wide import POOLED, require_types
from npusim.operators.page import Page, PerRuntime, Step, no_macs
from npusim.runtimes.requantization import activation_bounds, affine


@dataclass(frozen=True)
class MaxPool(Pool):
    """Maximum over the window's taps inside the image."""

    @property
    def copies_values(self) -> bool:
        return True


def _read(layer: TfliteLayer) -> MaxPool:
    kernel = (layer.option("FilterHeight"), layer.option("FilterWidth"))
    return MaxPool(layer.window(kernel), activation=layer.activation())


def real(operator: MaxPool, x: NDArray) -> NDArray:
    """Return the maximum over the taps inside the image."""
    return fused(operator.activation, np.maximum.reduce(taps(x, operator.window, -np.inf)))


def bounds(network: Network, node: Node, mode: str = "") -> tuple[int, int]:
    """Return the least and greatest output: the fused activation's, or the type's."""
    assert isinstance(node.operator, MaxPool)
    y = network.output_of(node)
    return activation_bounds(node.operator.activation, *affine(node, y), y.dtype)


def step(network: Network, node: Node, ends: tuple[int, int]) -> Step:
    """Return the step on 8-bit integers, whose scale does not change."""
    assert isinstance(node.operator, MaxPool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, *POOLED, ("uint16", "uint16"))
    require_same_quantization(node, x, y)
    geometry = window_geometry(node.operator.window)
    return KernelStep(pool.max_pool, (geometry, *ends), y.dtype, y.shape[1:])


def plain(network: Network, node: Node) -> Step:
    """Return the step on 8-bit integers that are worth themselves."""
    assert isinstance(node.operator, MaxPool)
    x, y = network.inputs_of(node)[0], network.output_of(node)
    require_types(node, {"x": x, "y": y}, *POOLED, ("uint16", "uint16"))
    limits = np.iinfo(y.dtype)
    constants = (window_geometry(node.operator.window), int(limits.min), int(limits.max))
    return KernelStep(pool.max_pool, constants, y.dtype, y.shape[1:])


def single(operator: MaxPool, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the same as onnxruntime has it."""
    columns = mlas_products.columns(x, operator.window, -np.inf)
    return clamped(columns.max((3, 4)), operator.activation)


def _read_onnx(b: Builder, node: OnnxNode) -> None:
    if any(node.outputs[1:]):
        max_pool_places.read(b, node)
        return
    if len(b.shape(node.input(0))) == RANK:
        volume_pool.read("max", b, node)
        return
    x = b.value(node, 0)
    operator = MaxPool(pool_window(b, node, x))
    b.emit_channels_last(node.name, operator, (x,), node.outputs[0])


def _read_global(b: Builder, node: OnnxNode) -> None:
    if len(b.shape(node.input(0))) == RANK:
        volume_pool.read_global("max", b, node)
        return
    x = b.value(node, 0)
    extent = image(b, node, x)
    operator = MaxPool(Window(extent, (1, 1), (1, 1), (0, 0, 0, 0)))
    b.emit_channels_last(node.name, operator, (x,), node.outputs[0])


PAGE = Page(
    operator=MaxPool,
    tflite=(TfliteForm("MAX_POOL_2D", 1, _read),),
    onnx=(
        OnnxForm("MaxPool", _read_onnx, image=True),
        OnnxForm("GlobalMaxPool", _read_global, image=True),
    ),
    own=(OwnForm("MaxPool", (WINDOW, ACTIVATION), clamped_scale),),
    real=real,
    constants=PerRuntime(
        litert=bounds,
        litert_opt=bounds,
        xnnpack=bounds,
        onnxruntime=bounds,
        tosa=bounds,
        integer=bounds,
    ),
    quantized=step,
    float32=by_runtime(elementwise(real), onnxruntime=elementwise(single)),
    plain=plain,
    macs=no_macs,
    unit="vector unit",
)

"""ONNX's sliding windows: kernel_shape, strides, dilations, pads, auto_pad and ceil_mode."""

from __future__ import annotations

from numpy.typing import NDArray

from npusim.errors import FormatError, UnsupportedError
from npusim.formats.onnx.nodes import OnnxNode
from npusim.graph.attributes import Window, same_padding
from npusim.operators.forms.onnx_builder import Builder

Pair = tuple[int, int]

VOLUME = 5
NO_VOLUMES = "windows of three axes are not supported, expected images or signals"


def window(node: OnnxNode, kernel: Pair | None, image: Pair) -> Window:
    """Return where the node's window stands on an image of (IH, IW).

    `kernel` is the weights' extent, None for a pool, which has to say it itself.

    Raises
    ------
    FormatError
        An attribute has not two values (four pads), or its values are impossible.
    """
    size = _pair(node, "kernel_shape", kernel)
    if kernel is not None and size != kernel:
        raise FormatError(f"{node.name}: kernel_shape is {list(size)}, weights are {list(kernel)}")
    stride, dilation = _pair(node, "strides", (1, 1)), _pair(node, "dilations", (1, 1))
    span = tuple((k - 1) * d + 1 for k, d in zip(size, dilation, strict=True))
    mode = node.attributes.get("auto_pad", "NOTSET")
    before: list[int] = [0, 0]
    after: list[int] = [0, 0]
    if mode == "NOTSET":
        pads = node.integers("pads", (0, 0, 0, 0)) or (0, 0, 0, 0)
        if len(pads) != 4 or min(pads) < 0:
            raise FormatError(f"{node.name}: expected four pads of 0 or more, found {list(pads)}")
        before, after = list(pads[:2]), list(pads[2:])
    elif mode in ("SAME_UPPER", "SAME_LOWER"):
        for axis in range(2):
            total = same_padding(image[axis], span[axis], stride[axis])
            before[axis] = total // 2 if mode == "SAME_UPPER" else total - total // 2
            after[axis] = total - before[axis]
    elif mode != "VALID":
        raise FormatError(f"{node.name}: expected a known auto_pad, found {mode!r}")
    if node.integer("ceil_mode", 0):
        for axis in range(2):
            after[axis] = ceil_padding(
                image[axis], before[axis], after[axis], span[axis], stride[axis]
            )
    return Window(size, stride, dilation, (before[0], after[0], before[1], after[1]))


def ceil_padding(size: int, before: int, after: int, span: int, stride: int) -> int:
    """Return the padding after the image that makes room for the last, partial window."""
    outputs = -(-(size + before + after - span) // stride) + 1
    if (outputs - 1) * stride >= size + before:  # a window may not start in the padding behind
        outputs -= 1
    return max((outputs - 1) * stride + span - size - before, 0)


def _pair(node: OnnxNode, name: str, default: Pair | None) -> Pair:
    values = node.integers(name, default)
    if values is None or len(values) != 2 or min(values) < 1:
        found = "nothing" if values is None else list(values)
        raise FormatError(f"{node.name} ({node.kind}): expected two positive {name}, found {found}")
    return values[0], values[1]


def image(b: Builder, node: OnnxNode, name: str) -> tuple[int, int]:
    """Return (IH, IW) of a 4-D tensor that the file stores [N C H W]."""
    shape = b.shape(name)
    if len(shape) == VOLUME:
        raise UnsupportedError(f"{node.name} ({node.kind}): {NO_VOLUMES}, found {list(shape)}")
    if len(shape) != 4:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected a 4-D input [N C H W], found {list(shape)}"
        )
    return shape[2], shape[3]


def conv_weights(b: Builder, node: OnnxNode, index: int) -> NDArray:
    """Return the constant weights [OC IC/groups KH KW] of a convolution."""
    weights = b.constant(node, index, "weight tensor")
    if weights.ndim == VOLUME:
        found = list(weights.shape)
        raise UnsupportedError(f"{node.name} ({node.kind}): {NO_VOLUMES}, found weights {found}")
    if weights.ndim != 4:
        raise UnsupportedError(
            f"{node.name} ({node.kind}): expected 4-D weights [OC IC KH KW], "
            f"found {list(weights.shape)}"
        )
    return weights


def pool_window(b: Builder, node: OnnxNode, x: str) -> Window:
    """Return the window of a pool, which has one output."""
    if len([name for name in node.outputs if name]) != 1:
        raise UnsupportedError(f"{node.name} ({node.kind}): a second output is not supported")
    return window(node, None, image(b, node, x))

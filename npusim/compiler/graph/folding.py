"""First layers of few channels: their input is stored with neighbouring pixels side by side.

A convolution of C channels fills C rows of the array. Its input, which the host writes anyway, may
hold taps_h x taps_w pixels in each word (isa/fold.py); the kernel shrinks by as much. With steps of
the stride, each pixel is stored once, and a word that was mostly empty is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from npusim import operators as op
from npusim.compiler.graph.graph_storage import is_byte
from npusim.compiler.linear.planes import Plane
from npusim.graph.attributes import Window
from npusim.graph.network import Network, Node
from npusim.graph.tensor import Tensor
from npusim.isa.fold import Fold
from npusim.isa.layout import element_bytes
from npusim.machines import Machine
from npusim.operators.kinds.linear import encoding_of
from npusim.runtimes.requantization import affine


@dataclass(frozen=True)
class _Axis:
    """One axis folded: `taps` pixels a word, `step` pixels from word to word; its window then."""

    taps: int
    step: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    lead: int
    """Pixels of padding in the first word."""
    words: int


def _axis(size: int, outputs: int, window: tuple[int, int, int, int], taps: int) -> _Axis:
    """Return an axis of `size` pixels in words of `taps`; every pixel lies in some word.

    `window`: kernel, stride, padding before and after.
    """
    kernel, stride, before, after = window
    if taps == 1:
        return _Axis(1, 1, kernel, stride, 1, before, after, 0, size)
    step = gcd(stride, taps)
    passes = -(-kernel // taps)
    needed = (outputs - 1) * (stride // step) + (passes - 1) * (taps // step) + 1
    first = max(-(-(before - taps + 1) // step), 0)  # words before it hold padding alone
    end = min(needed, (size - 1 + before) // step + 1)
    if (end - 1) * step - before + taps < size:
        end = -(-(size + before - taps) // step) + 1
    return _Axis(
        taps, step, passes, stride // step, taps // step, first, max(needed - end, 0),
        before - first * step, end - first,
    )  # fmt: skip


def _folded_window(axes: tuple[_Axis, _Axis]) -> Window:
    y, x = axes
    return Window(
        (y.kernel, x.kernel), (y.stride, x.stride), (y.dilation, x.dilation),
        (y.before, y.after, x.before, x.after),
    )  # fmt: skip


@dataclass(frozen=True)
class FoldedInput:
    """A tensor's fold and the window of the convolution that reads it."""

    fold: Fold
    window: Window
    channels: int


Pads = dict[str, tuple[Node, tuple[int, int, int, int]]]


def folded_inputs(
    network: Network, name: str, pads: Pads, machine: Machine
) -> dict[str, FoldedInput]:
    """Return how tensor `name`, which the host writes, and what is quantized from it are stored.

    Empty where folding saves nothing. The choice depends on shapes alone, never on the scratchpads:
    of array cycles plus beats of the stored input, the fewest.
    """
    readers = network.consumers[name]
    tensor = network.tensors[name]
    if len(readers) != 1 or name in network.outputs or not is_byte(tensor):
        return {}
    reader = readers[0]
    if _changes_nothing(network, reader):
        behind = reader.outputs[0]
        folds = folded_inputs(network, behind, pads, machine)
        return folds | {name: folds[behind]} if folds else {}
    if isinstance(reader.operator, op.Quantize):
        behind = reader.outputs[0]
        folds = folded_inputs(network, behind, pads, machine)
        if folds:
            fold = replace(folds[behind].fold, fill=affine(reader, tensor)[1] & 0xFF)
            folds[name] = replace(folds[behind], fold=fold)
        return folds
    found = _folded(network, tensor, reader, pads, machine)
    return {} if found is None else {name: found}


def _changes_nothing(network: Network, node: Node) -> bool:
    """Return whether `node` is a Reshape to the shape that its input has, as exporters write it."""
    shapes = {network.tensors[name].shape for name in (node.inputs[0], *node.outputs)}
    return isinstance(node.operator, op.Reshape) and len(shapes) == 1


def _folded(
    network: Network, tensor: Tensor, reader: Node, pads: Pads, machine: Machine
) -> FoldedInput | None:
    """Return how `tensor` is stored for `reader`, its only one."""
    around, read = (0, 0, 0, 0), tensor.name
    if reader.outputs[0] in pads:
        read = reader.outputs[0]
        around = pads[read][1]
        after = network.consumers[read]
        if len(after) != 1:
            return None
        reader = after[0]
    operator = reader.operator
    if not isinstance(operator, op.Conv2D) or operator.groups != 1 or reader.inputs[0] != read:
        return None
    window = operator.window
    if window.dilation != (1, 1):
        return None
    top, bottom, left, right = (a + b for a, b in zip(window.padding, around, strict=True))
    _, height, width, channels = tensor.shape
    outputs = network.output_of(reader).shape
    gaps = _has_zero(reader)

    def cost(axes: tuple[_Axis, _Axis]) -> tuple[int, int]:
        y, x = axes
        beats = element_bytes(y.taps * x.taps * channels, 0, machine.size, machine.bus.bus_bytes)
        beats = y.words * x.words * beats // machine.bus.bus_bytes
        passes = y.kernel * x.kernel * -(-outputs[3] // machine.size)
        passes *= -(-y.taps * x.taps * channels // machine.rows)
        return passes * outputs[1] * outputs[2] + beats, beats

    choices = []
    for taps in product(range(1, window.kernel[0] + 1), range(1, window.kernel[1] + 1)):
        if taps[0] * taps[1] * channels > machine.size:
            continue
        if not gaps and (window.kernel[0] % taps[0] or window.kernel[1] % taps[1]):
            continue
        axes = (
            _axis(height, outputs[1], (window.kernel[0], window.stride[0], top, bottom), taps[0]),
            _axis(width, outputs[2], (window.kernel[1], window.stride[1], left, right), taps[1]),
        )
        choices.append((cost(axes), taps, axes))
    if not choices:
        return None
    _, taps, (y, x) = min(choices, key=lambda choice: choice[:2])
    if taps == (1, 1):
        return None
    fill = affine(reader, tensor)[1] & 0xFF
    fold = Fold((y.step, x.step), taps, y.lead, x.lead, y.words, x.words, fill)
    return FoldedInput(fold, _folded_window((y, x)), taps[0] * taps[1] * channels)


def _has_zero(node: Node) -> bool:
    """Return whether the layer's weights have a code for the taps that the kernel has not."""
    encoding = encoding_of(node)
    return encoding is None or encoding.code.has_zero(encoding.bits, encoding.levels)


def folded_plane(plane: Plane, taps: tuple[int, int]) -> Plane:
    """Return the codes [OC KH KW C] of `plane` as [OC KH/taps KW/taps taps*C], zeros beyond."""
    oc, kh, kw, channels = plane.codes.shape
    rows, columns = -(-kh // taps[0]), -(-kw // taps[1])
    wide: NDArray[np.uint8] = np.zeros((oc, rows * taps[0], columns * taps[1], channels), np.uint8)
    wide[:, :kh, :kw] = plane.codes
    split = wide.reshape(oc, rows, taps[0], columns, taps[1], channels)
    codes = split.transpose(0, 1, 3, 2, 4, 5).reshape(oc, rows, columns, -1)
    return replace(plane, codes=codes)

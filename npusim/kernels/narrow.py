"""Narrow layers: neighbouring pixels side by side in one vector.

Fewer output channels than lanes leave lanes idle. But y [N OH OW OC] is the same memory as
[N OH OW/P P*OC], the output of a layer of P * OC channels whose window steps P times as far:

    dense      one wider window holds the P windows, with weights of zero around each
    depthwise  at stride 1 the P pixels lie one after the other, as their channels would
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Window
from npusim.kernels.epilogue import LANES
from npusim.runtimes.requantization import FloatRequantization, Requantization


def pixels_side_by_side(filters: int, groups: int, window: Window, width: int) -> int:
    """Return P for a layer whose output is `width` pixels wide; 1 where nothing is won.

    `groups` is 1 or, of a depthwise layer, the count of its input channels.
    """
    if groups > 1:
        possible = window.stride[1] == 1
    else:  # beyond, the zeros would cost more than the idle lanes
        possible = window.dilation[1] == 1 and window.stride[1] <= window.kernel[1]
    pixels = 1
    while possible and 2 * pixels * filters <= LANES and width % (2 * pixels) == 0:
        pixels *= 2
    return pixels


def widened(
    planes: NDArray[np.int16], window: Window, pixels: int
) -> tuple[NDArray[np.int16], Window]:
    """Return the planes [J P*OC KH KW' IC] and the window of a dense layer with P pixels joined."""
    terms, filters, kernel_h, kernel_w, channels = planes.shape
    stride = window.stride[1]
    width = kernel_w + (pixels - 1) * stride
    wide = np.zeros((terms, pixels, filters, kernel_h, width, channels), np.int16)
    for pixel in range(pixels):
        wide[:, pixel, :, :, pixel * stride : pixel * stride + kernel_w] = planes
    joined = replace(window, kernel=(kernel_h, width), stride=(window.stride[0], pixels * stride))
    return wide.reshape(terms, pixels * filters, kernel_h, width, channels), joined


def repeated(
    requantization: Requantization | FloatRequantization, pixels: int
) -> Requantization | FloatRequantization:
    """Return the constants of `pixels` times the channels."""
    r = requantization
    if isinstance(r, FloatRequantization):
        return replace(r, scale=np.tile(r.scale, pixels), bias=np.tile(r.bias, pixels))
    return replace(
        r,
        multipliers=np.tile(r.multipliers, pixels),
        bias=np.tile(r.bias, pixels),
        shift=np.tile(r.shift, pixels),
    )

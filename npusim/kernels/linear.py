"""A linear layer (convolution, depthwise convolution, fully connected) ready to run.

Every scheme of weights arrives as integer planes: A_j accumulates plane j, and the epilogue joins
the J accumulators of a channel. A fully connected layer is a 1x1 convolution over [N 1 1 K].

What is compiled is imported by the first call: a network that is read, checked or estimated
prepares its layers without numba, whose import takes longer than many a network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy import empty, uint8
from numpy.typing import DTypeLike, NDArray

from npusim.errors import RangeError, ShapeError
from npusim.graph.attributes import Window
from npusim.kernels import linear_plain
from npusim.kernels.threads import pool
from npusim.runtimes.requantization import FloatRequantization, Requantization
from npusim.words import ROUNDINGS

if TYPE_CHECKING:
    from npusim.kernels.depthwise import DepthwiseLayer
    from npusim.kernels.entry import Call
    from npusim.kernels.gemm import GemmLayer
    from npusim.kernels.mlas_windows import RealLayer

LARGEST_WEIGHT = 511
"""Legacy uint8 weights less their zero point need 9 bits; every other scheme needs fewer."""


class _Call(NamedTuple):
    """What a call on inputs of one shape needs."""

    output_shape: tuple[int, int, int, int]
    rows: int
    entry: int
    """Address of the compiled loops; 0 where the plain ones run."""
    make: Callable[..., None]
    """Makes the call at an address."""
    geometry: NDArray[np.int64] | None
    addressed: tuple[NDArray, ...]
    """Arrays whose addresses the geometry holds."""


class WindowKernel(ABC):
    """What computes y [N OH OW OC] from x [N IH IW IC] by the walk of linear_walk.py.

    The form of the loops (vnni.py), the packed weights and the geometry of an input's size are made
    by the first call that needs them, and kept: a network that is only estimated packs nothing.
    """

    def __init__(
        self,
        window: Window,
        channels: int,
        filters: int,
        input_dtype: DTypeLike,
        output_dtype: DTypeLike,
        form: str | None,
    ) -> None:
        self.window, self.channels, self.filters = window, channels, filters
        self.input_dtype, self.output_dtype = np.dtype(input_dtype), np.dtype(output_dtype)
        self._form = form
        self._calls: dict[tuple[int, ...], _Call] = {}

    @abstractmethod
    def plain(self, x: NDArray) -> NDArray:
        """Return y by the plain loops: the witness."""

    @abstractmethod
    def _layer_for(self, width: int) -> GemmLayer | DepthwiseLayer | RealLayer:
        """Return the packed layer that suits an output `width` pixels wide."""

    @property
    def form(self) -> str:
        """The loops to run; the processor's best is found at the first question in a process."""
        from npusim.kernels.vnni import chosen_form

        return self._form or chosen_form()

    def __call__(self, x: NDArray, threads: int = 1) -> NDArray:
        """Return y [N OH OW OC]; the result does not depend on `threads`."""
        call = self._calls.get(x.shape) or self._prepare(x.shape)
        if x.dtype is not self.input_dtype and x.dtype != self.input_dtype:
            raise ShapeError(f"linear layer: expected {self.input_dtype}, found {x.dtype}")
        if not call.entry:
            return self.plain(x)
        y = empty(call.output_shape, self.output_dtype)
        source, target = x.reshape(-1).view(uint8), y.reshape(-1).view(uint8)
        if threads == 1 or call.rows == 1:
            call.make(call.entry, source, target, call.geometry, 0, call.rows)
            return y
        cuts = [call.rows * i // threads for i in range(threads + 1)]
        jobs = [
            pool("linear", threads).submit(
                call.make, call.entry, source, target, call.geometry, first, last
            )
            for first, last in pairwise(cuts)
            if first < last
        ]
        for job in jobs:
            job.result()
        return y

    def bind(self, x: NDArray, y: NDArray) -> Call:
        """Return the call that fills `y` from `x`, both contiguous, on one thread."""
        call = self._calls.get(x.shape) or self._prepare(x.shape)
        if call.geometry is None:
            return lambda: y.__setitem__(..., self.plain(x))
        return call.entry, *(a.ctypes.data for a in (x, y, call.geometry)), 0, call.rows

    def _prepare(self, shape: tuple[int, ...]) -> _Call:
        """Decide what a call on inputs of `shape` needs, once."""
        from npusim.kernels import entry

        if len(shape) != 4 or shape[3] != self.channels:
            raise ShapeError(
                f"linear layer: expected [N IH IW {self.channels}], found {list(shape)}"
            )
        height, width = self.window.output_size(*shape[1:3])
        if height < 1 or width < 1:
            raise ShapeError(f"linear layer: the window does not fit input {list(shape)}")
        output_shape = (shape[0], height, width, self.filters)
        rows = shape[0] * height
        if self.form == "plain":
            call = _Call(output_shape, rows, 0, entry.call, None, ())
        else:
            layer = self._layer_for(width)
            geometry, *addressed = layer.geometry(*shape[:3])
            call = _Call(
                output_shape, rows, layer.entry.address, entry.call, geometry, tuple(addressed)
            )
        return self._calls.setdefault(shape, call)


class LinearKernel(WindowKernel):
    """Compute y [N OH OW OC] from x [N IH IW IC], bit for bit.

    What it cannot compute is refused when it is made.

    Parameters
    ----------
    planes : int16 [J OC KH KW IC/groups]
        Integer weights, zero point subtracted, |w| <= 511.
    window, groups
        Geometry; depthwise is groups == IC.
    input_zero_point : int
        Subtracted from x; padding counts as this value.
    requantization
        Of the accumulators (int32, wrapping); a FloatRequantization takes one plane.
    input_dtype, output_dtype
        int8 or uint8.
    form
        The loops to run, one of vnni.available_forms(); by default the processor's best.

    Raises
    ------
    RangeError
        A weight, the zero point or the count of planes is outside what the arithmetic holds.
    ShapeError
        Output channels do not divide into the groups, or the kernel's size is not the window's.
    """

    def __init__(
        self,
        planes: NDArray[np.int16],
        window: Window,
        groups: int,
        input_zero_point: int,
        requantization: Requantization | FloatRequantization,
        input_dtype: DTypeLike,
        output_dtype: DTypeLike,
        form: str | None = None,
    ) -> None:
        self.planes = np.ascontiguousarray(planes, np.int16)
        if self.planes.ndim != 5 or self.planes.shape[2:4] != window.kernel:
            raise ShapeError(
                f"weights: expected [J OC {window.kernel[0]} {window.kernel[1]} IC], "
                f"found {list(self.planes.shape)}"
            )
        if self.planes.shape[1] % groups:
            raise ShapeError(f"{self.planes.shape[1]} output channels in {groups} groups")
        largest = int(np.abs(self.planes.astype(np.int32)).max(initial=0))
        if largest > LARGEST_WEIGHT:
            raise RangeError(f"weights: expected at most {LARGEST_WEIGHT}, found {largest}")
        limits = np.iinfo(input_dtype)
        if not limits.min <= input_zero_point <= limits.max:
            raise RangeError(
                f"input zero point: expected {limits.min}..{limits.max}, found {input_zero_point}"
            )
        if isinstance(requantization, FloatRequantization) and len(self.planes) != 1:
            raise RangeError(
                f"{requantization.kind}: expected one plane of weights, found {len(self.planes)}"
            )
        channels, filters = self.planes.shape[4] * groups, self.planes.shape[1]
        super().__init__(window, channels, filters, input_dtype, output_dtype, form)
        self.groups = groups
        self.input_zero_point = input_zero_point
        self.requantization = requantization
        self._layers: dict[int, GemmLayer | DepthwiseLayer] = {}

    def _layer(self, pixels: int) -> GemmLayer | DepthwiseLayer:
        """Return the packed layer with `pixels` neighbours of the output side by side."""
        from npusim.kernels.depthwise import DepthwiseLayer
        from npusim.kernels.gemm import GemmLayer
        from npusim.kernels.narrow import repeated, widened

        planes, window, rule = self.planes, self.window, self.requantization
        if pixels > 1:
            rule = repeated(rule, pixels)
        rest = (self.groups, self.input_zero_point, rule, self.input_dtype == np.int8)
        if self.groups > 1 and planes.shape[4] == 1:
            side_by_side = np.tile(planes, (1, pixels, 1, 1, 1))
            return DepthwiseLayer(self.form, side_by_side, window, *rest, pixels)
        if pixels > 1:
            planes, window = widened(planes, window, pixels)
        return GemmLayer(self.form, planes, window, *rest)

    def _layer_for(self, width: int) -> GemmLayer | DepthwiseLayer:
        """Return the layer that suits an output `width` pixels wide, made once for all sizes."""
        from npusim.kernels.narrow import pixels_side_by_side

        filters, group_channels = self.planes.shape[1], self.planes.shape[4]
        pixels = 1
        if self.groups == 1 or group_channels == 1:
            pixels = pixels_side_by_side(filters, self.groups, self.window, width)
        layer = self._layers.get(pixels)
        return layer or self._layers.setdefault(pixels, self._layer(pixels))

    def padded(self, padding: tuple[int, int, int, int]) -> LinearKernel:
        """Return the kernel on an image that `padding` (top, bottom, left, right) surrounded."""
        sums = tuple(a + b for a, b in zip(self.window.padding, padding, strict=True))
        window = replace(self.window, padding=cast("tuple[int, int, int, int]", sums))
        rest = (self.requantization, self.input_dtype, self.output_dtype, self._form)
        return LinearKernel(self.planes, window, self.groups, self.input_zero_point, *rest)

    def accumulators(self, x: NDArray) -> NDArray[np.int32]:
        """Return A int32 [J N OH OW OC] for `x`, by the plain loops."""
        height, width = self.window.output_size(x.shape[1], x.shape[2])
        terms, filters = self.planes.shape[:2]
        total = np.empty((terms, x.shape[0], height, width, filters), np.int32)
        linear_plain.accumulate(
            x.astype(np.int16) - np.int16(self.input_zero_point),
            self.planes,
            self.groups,
            self.window.stride,
            self.window.dilation,
            self.window.padding[0],
            self.window.padding[2],
            total,
        )
        return total

    def plain(self, x: NDArray) -> NDArray:
        """Return y by the plain loops: the witness."""
        total = self.accumulators(x)
        y = np.empty(total.shape[1:], np.int16)
        flat = total.reshape(len(total), -1, total.shape[-1])
        rows = y.reshape(flat.shape[1:])
        r = self.requantization
        if isinstance(r, Requantization):
            mode = ROUNDINGS.index(r.rounding)
            linear_plain.requantize(
                flat, r.multipliers, r.bias, r.shift, mode, r.zero_point, r.low, r.high, rows
            )
        elif r.kind == "fp32":
            linear_plain.requantize_fp32(
                flat[0], r.scale, r.bias, r.zero_point, r.low, r.high, rows
            )
        else:
            linear_plain.requantize_double_away(
                flat[0], r.scale, r.bias, r.zero_point, r.low, r.high, rows
            )
        return y.astype(self.output_dtype)


class LinearStep:
    """A linear layer as a step of the engine, on arrays of other ranks where `reshape` says so.

    Parameters
    ----------
    taps : int or None
        A fully connected layer's inputs: x is taken as [-1 1 1 taps]. None leaves x as it is.
    keep_dims : bool
        Whether a fully connected layer keeps the leading axes of x, or flattens them.
    """

    def __init__(self, kernel: WindowKernel, taps: int | None = None, keep_dims: bool = False):
        self.kernel, self.taps, self.keep_dims = kernel, taps, keep_dims
        self.filters = kernel.filters

    def __call__(self, threads: int, x: NDArray) -> NDArray:
        """Return the layer's output for `x`."""
        if self.taps is None:
            return self.kernel(x, threads)
        y = self.kernel(x.reshape(-1, 1, 1, self.taps), threads)
        return (
            y.reshape(*x.shape[:-1], self.filters)
            if self.keep_dims
            else y.reshape(-1, self.filters)
        )

    def bind(self, x: NDArray, y: NDArray) -> Call:
        """Return the call that fills `y` from `x`, on one thread."""
        if self.taps is not None:
            x, y = x.reshape(-1, 1, 1, self.taps), y.reshape(-1, 1, 1, self.filters)
        return self.kernel.bind(x, y)

"""Where every byte of a tensor lies in DRAM, found once: samples go in and out by one look-up.

What lays a tensor out (layout, order of axes, folded pixels) is asked about the numbers 0, 1, 2 ...
instead of values, a byte of them at a time. A byte of the image that is the same for a tensor of
zeros and for one of ones is no value's: it has the same content in every image.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npusim.kernels.entry import Call, make_calls
from npusim.kernels.gather_bytes import gather_bytes

Lay = Callable[[NDArray], NDArray[np.uint8]]
"""A canonical tensor -> its bytes in DRAM."""


class TensorPlaces:
    """The places of one tensor's bytes in `dram`, from byte `start` on.

    Attributes
    ----------
    values
        A canonical tensor, which the calls `laying_out` and `reading` move.

    Raises
    ------
    ValueError
        Some byte of the tensor is nowhere in its image.
    """

    def __init__(
        self,
        dram: NDArray[np.uint8],
        start: int,
        shape: tuple[int, ...],
        dtype: DTypeLike,
        lay: Lay,
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        size = prod(shape) * self.dtype.itemsize
        zeros, ones = (lay(self._of(np.full(size, byte, np.uint8))) for byte in (0, 255))
        numbers = np.arange(size)
        index = np.zeros(len(zeros), np.int64)
        for shift in range(0, max(size - 1, 1).bit_length(), 8):
            digits = lay(self._of((numbers >> shift & 255).astype(np.uint8)))
            index |= digits.astype(np.int64) << shift
        is_value = zeros != ones
        self._inverse = np.full(size, -1, np.int32)
        self._inverse[index[is_value]] = np.flatnonzero(is_value)
        if (self._inverse < 0).any():
            raise ValueError("a byte of the tensor is nowhere in its image")
        contents, which = np.unique(zeros[~is_value], return_inverse=True)
        self._source = np.empty(size + len(contents), np.uint8)
        self._source[size:] = contents
        index[~is_value] = size + which
        self._index = index.astype(np.int32)
        self._values = self._source[:size]
        self.values = self._of(self._values)
        self._image = dram[start : start + len(zeros)]
        self._lay_out = make_calls.bind(np.array([self.laying_out()], np.int64))

    def _of(self, values: NDArray[np.uint8]) -> NDArray:
        return values.view(self.dtype).reshape(self.shape)

    def laying_out(self) -> Call:
        """Return the call that lays `values` into the DRAM."""
        return self._moved(self._source, self._image, self._index)

    def reading(self) -> Call:
        """Return the call that reads `values` from the DRAM."""
        return self._moved(self._image, self._values, self._inverse)

    def _moved(self, x: NDArray, y: NDArray, index: NDArray[np.int32]) -> Call:
        places = x.ctypes.data, y.ctypes.data, index.ctypes.data
        return (gather_bytes().address, *places, 0, len(index))

    def write(self, value: NDArray) -> None:
        """Lay the canonical `value` into the DRAM."""
        self._values[:] = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
        self._lay_out()

    def read(self) -> NDArray:
        """Return the canonical tensor that the DRAM holds."""
        return self._of(self._image.take(self._inverse))

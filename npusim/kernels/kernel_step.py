"""A step that is one call of a compiled kernel (inputs ..., constants ..., y)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class KernelStep:
    """Call `kernel` on its inputs, the constants and the output, a new one or a given one.

    Parameters
    ----------
    output : tuple of int or None
        Shape of a sample's output; None says that y has the shape of the first input.
    view : tuple of int or None
        Shape that the kernel sees every array in, as of reshape; None leaves them as they are.
    """

    def __init__(
        self,
        kernel: Callable[..., None],
        constants: tuple[Any, ...],
        dtype: DTypeLike,
        output: tuple[int, ...] | None = None,
        view: tuple[int, ...] | None = None,
    ) -> None:
        self.kernel, self.constants = kernel, constants
        self.dtype, self.output, self.view = np.dtype(dtype), output, view

    def __call__(self, threads: int, *x: NDArray) -> NDArray:
        """Return the step's output for `x`."""
        shape = x[0].shape if self.output is None else (len(x[0]), *self.output)
        y = np.empty(shape, self.dtype)
        self.bind(*x, y)()
        return y

    def bind(self, *arrays: NDArray) -> Callable[[], object]:
        """Return the call that fills the last array from the others."""
        if self.view is not None:
            arrays = tuple(array.reshape(self.view) for array in arrays)
        return partial(self.kernel, *arrays[:-1], *self.constants, arrays[-1])

"""A step that is one call of a compiled kernel (inputs ..., constants ..., y)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from npusim.datapath.jit import Kernel


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
        kernel: Kernel,
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
        kernel, arguments = self.call(*x, y)
        kernel(*arguments)
        return y

    def call(self, *arrays: NDArray) -> tuple[Kernel, tuple[Any, ...]]:
        """Return the kernel and its arguments that fill the last array from the others."""
        if self.view is not None:
            arrays = tuple(array.reshape(self.view) for array in arrays)
        return self.kernel, (*arrays[:-1], *self.constants, arrays[-1])

    def bind(self, *arrays: NDArray) -> Callable[[], object]:
        """Return the call that fills the last array from the others."""
        kernel, arguments = self.call(*arrays)
        return kernel.bind(*arguments)

"""A convolution that onnxruntime leaves in float32 between integers, ready to run.

The fast form of mlas_windows.py where it has one, with `plain` beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from npusim.graph.attributes import Clamp, Window
from npusim.kernels.linear import WindowKernel

if TYPE_CHECKING:
    from npusim.kernels.mlas_windows import RealLayer

Affine = tuple[np.float32, int, np.dtype]
"""Scale, zero point and type of integers."""


class RealKernel(WindowKernel):
    """Compute y [N OH OW OC] from x [N IH IW IC], bit for bit as onnxruntime's float32 does.

    Parameters
    ----------
    plain : x -> y
        The witness.
    weights, bias
        float32 [OC KH KW IC] and [OC], or no bias.
    window, activation
        Geometry, and bounds of the real outputs.
    x, y
        What the integers of both sides mean.
    """

    def __init__(
        self,
        plain: Callable[[NDArray], NDArray],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        window: Window,
        activation: Clamp | None,
        x: Affine,
        y: Affine,
        form: str | None = None,
    ) -> None:
        super().__init__(window, weights.shape[3], len(weights), x[2], y[2], form)
        self._plain, self._constants = plain, (weights, bias, window, activation, x, y)
        self._layer: RealLayer | None = None

    def plain(self, x: NDArray) -> NDArray:
        """Return y by the witness."""
        return self._plain(x)

    def _layer_for(self, width: int) -> RealLayer:
        from npusim.kernels.mlas_windows import RealLayer

        self._layer = self._layer or RealLayer(self.form, *self._constants)
        return self._layer


def takes_fast_form(weights: NDArray, groups: int, output: tuple[int, ...]) -> bool:
    """Return whether MLAS sums such a convolution panel by panel, as mlas_windows.py does.

    Products of one row or one column have orders of their own.
    """
    return groups == 1 and len(weights) > 1 and prod(output[1:3]) > 1

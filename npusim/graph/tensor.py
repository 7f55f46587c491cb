"""Tensors of a network: shape, type, quantization, and constant data.

Canonical layout: batch first, channels last (N H W C); convolution weights are OC KH KW IC.
A tensor that its file stores in another order keeps `file_order`, so that everything shown to the
user (saved tensors, outputs) comes in the order that the file's own runtime would show.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npusim.errors import FormatError, RangeError, ShapeError
from npusim.remade import Remade

INTEGER_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "int64")
DTYPES = (*INTEGER_DTYPES, "float32", "float16", "bool", "complex64")


def frozen(array: NDArray) -> NDArray:
    """Return `array` as a C-contiguous read-only array (copied only when it has to be)."""
    array = np.ascontiguousarray(array).reshape(np.shape(array))
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Quantization(Remade):
    """Affine quantization: real = scale * (q - zero_point), per tensor or along one axis.

    `scale` is float32, `zero_point` int64, both of shape () or (channels,); `axis` is the canonical
    axis that the channels run along, None when there is one pair for the whole tensor.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int | None = None

    def __post_init__(self) -> None:
        scale = frozen(np.asarray(self.scale, np.float32))
        zero_point = frozen(np.asarray(self.zero_point, np.int64))
        if scale.shape != zero_point.shape or scale.ndim != (self.axis is not None):
            raise FormatError(
                f"quantization: expected scale and zero point of one shape, "
                f"found {scale.shape} and {zero_point.shape} with axis {self.axis}"
            )
        if not np.all(np.isfinite(scale) & (scale > 0)):
            bad = scale[~(np.isfinite(scale) & (scale > 0))].ravel()[0]
            raise RangeError(f"quantization: expected a finite scale above 0, found {bad}")
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "zero_point", zero_point)


@dataclass(frozen=True, eq=False)
class Tensor(Remade):
    """One named value of a network: an activation, or a constant when `data` is given.

    `file_order` maps canonical axes to the file's: file_array = array.transpose(file_order). One
    that `varies` has a shape of its own in every run; the declared one is the largest.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    quantization: Quantization | None = None
    data: NDArray | None = None
    file_order: tuple[int, ...] | None = field(default=None)
    varies: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if self.dtype.name not in DTYPES:
            raise FormatError(
                f"{self.name}: expected one of {', '.join(DTYPES)}, found {self.dtype}"
            )
        if any(n < 0 for n in self.shape):
            raise ShapeError(f"{self.name}: expected a static shape, found {list(self.shape)}")
        if self.data is not None:
            data = frozen(self.data)
            if data.shape != self.shape or data.dtype != self.dtype:
                raise ShapeError(
                    f"{self.name}: expected data of {self.dtype} {list(self.shape)}, "
                    f"found {data.dtype} {list(data.shape)}"
                )
            object.__setattr__(self, "data", data)
        if self.file_order is not None and sorted(self.file_order) != list(range(len(self.shape))):
            raise ShapeError(
                f"{self.name}: {self.file_order} is no order of {len(self.shape)} axes"
            )
        q = self.quantization
        if q is not None and q.axis is not None:
            if not 0 <= q.axis < len(self.shape) or self.shape[q.axis] != len(q.scale):
                raise ShapeError(
                    f"{self.name}: expected {len(q.scale)} channels along axis {q.axis}, "
                    f"found shape {list(self.shape)}"
                )

    @property
    def is_constant(self) -> bool:
        """Whether the value is known from the file."""
        return self.data is not None

    @property
    def is_float(self) -> bool:
        """Whether the values are floating point (a network to be quantized, or a host end)."""
        return self.dtype.kind == "f"

    def in_file_order(self, array: NDArray) -> NDArray:
        """Return `array` (this tensor's value, canonical) as the file's runtime lays it out."""
        return array if self.file_order is None else array.transpose(self.file_order)

    def from_file_order(self, array: NDArray) -> NDArray:
        """Inverse of `in_file_order`."""
        return array if self.file_order is None else array.transpose(np.argsort(self.file_order))


def same_quantization(a: Tensor, b: Tensor) -> bool:
    """Return whether the integers of both mean the same reals."""
    if a.quantization is None or b.quantization is None:
        return a.quantization is b.quantization
    return bool(
        np.array_equal(a.quantization.scale, b.quantization.scale)
        and np.array_equal(a.quantization.zero_point, b.quantization.zero_point)
    )


def is_quantized(tensor: Tensor) -> bool:
    """Return whether the tensor holds integers that stand for reals."""
    return tensor.quantization is not None and not tensor.is_float

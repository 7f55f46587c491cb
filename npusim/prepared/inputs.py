"""What a user hands over -> a batch in the network's own integers, or why it cannot be one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError, UnsupportedError
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point


def network_inputs(
    network: Network, x: NDArray | Mapping[str, NDArray], whole: bool = False
) -> dict[str, NDArray]:
    """Return each input as a canonical, contiguous batch [B ...] of the network's type.

    Parameters
    ----------
    x
        The input (of a network that has one), or arrays by name; each is one sample or a batch with
        a leading axis, in the file's layout. Integers go in as they are; floats for an integer
        input are quantized by the rule of the file's own runtime.
    whole
        The leading axis is not, or not only, a batch: an array holds one or several runs of the
        declared shape, one behind the other along it; runs of a scalar make a vector.

    Raises
    ------
    ShapeError, RangeError, UnsupportedError
        An array has another shape or type than the network's input, or is not finite.
    """
    if not isinstance(x, Mapping):
        if len(network.inputs) != 1:
            raise ShapeError(
                f"{network.name}: expected {len(network.inputs)} inputs by name "
                f"({', '.join(network.inputs)}), found one array"
            )
        x = {network.inputs[0]: x}
    if set(x) != set(network.inputs):
        raise ShapeError(
            f"{network.name}: expected inputs {', '.join(network.inputs)}, "
            f"found {', '.join(map(str, x)) or 'none'}"
        )
    batches = {
        name: _batch(network, network.tensors[name], x[name], whole) for name in network.inputs
    }
    counts = {
        name: runs_in(network.tensors[name], batch) if whole else len(batch)
        for name, batch in batches.items()
    }
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ShapeError(f"{network.name}: expected as many samples of each input, found {found}")
    return batches


def runs_in(tensor: Tensor, batch: NDArray) -> int:
    """Return how many runs of the declared shape a whole `batch` holds."""
    return len(batch) // tensor.shape[0] if tensor.shape else len(batch)


def require_one_run(network: Network, kept: Collection[str], runs: int) -> None:
    """Raise ShapeError where `kept` tensors of several runs would be of different sizes."""
    for name in kept:
        if runs > 1 and name in network.tensors and network.tensors[name].varies:
            raise ShapeError(
                f"{network.name}: the size of {name} is known only at run, so that several runs "
                f"make no array; expected one run at a time, found {runs}"
            )


def run_of(tensor: Tensor, batch: NDArray, number: int) -> NDArray:
    """Return run `number` of a whole `batch`, in the declared shape."""
    extent = tensor.shape[0] if tensor.shape else 1
    return batch[number * extent : (number + 1) * extent].reshape(tensor.shape)


def _batch(network: Network, tensor: Tensor, x: NDArray, whole: bool) -> NDArray:
    x = np.asarray(x)
    if x.dtype != tensor.dtype:
        x = _converted(network, tensor, x)
    elif x.dtype.kind == "f":
        _require_finite(tensor, x)
    order = tensor.file_order or tuple(range(len(tensor.shape)))
    shown = tuple(tensor.shape[axis] for axis in order)
    if not shown:
        if x.ndim > 1 or not x.size:
            raise ShapeError(f"input {tensor.name}: expected a scalar, found {list(x.shape)}")
        return x.reshape(-1).copy()
    if x.shape == shown[1:] and (not whole or shown[0] == 1):
        x = x[None]
    if x.ndim != len(shown) or x.shape[1:] != shown[1:] or not len(x):
        expected = f"{list(shown)}" if whole else f"{list(shown[1:])} or a batch of it"
        raise ShapeError(f"input {tensor.name}: expected {expected}, found {list(x.shape)}")
    if whole and len(x) % shown[0]:
        raise ShapeError(
            f"input {tensor.name}: the network mixes the samples of a batch; expected a multiple "
            f"of {shown[0]} samples, found {len(x)}"
        )
    if order[0] != 0 and len(x) != shown[0]:
        raise UnsupportedError(
            f"input {tensor.name}: its leading axis is no batch; expected {list(shown)}, "
            f"found {list(x.shape)}"
        )
    x = np.ascontiguousarray(tensor.from_file_order(x))
    return x if x.flags.writeable else x.copy()


def _converted(network: Network, tensor: Tensor, x: NDArray) -> NDArray:
    if x.dtype.name in ("int4", "uint4") and tensor.dtype.name == f"{x.dtype.name[:-1]}8":
        return x.astype(tensor.dtype)  # four bits, each in a byte
    if x.dtype.kind != "f":
        raise ShapeError(f"input {tensor.name}: expected {tensor.dtype}, found {x.dtype}")
    _require_finite(tensor, x)
    if tensor.is_float:
        return x.astype(tensor.dtype)
    q = tensor.quantization
    if q is None or q.axis is not None or tensor.dtype.itemsize > 2:
        raise ShapeError(f"input {tensor.name}: expected {tensor.dtype}, found {x.dtype}")
    division: floating_point.Division = "away" if network.source == "tflite" else "even"
    return floating_point.quantize(x, q.scale, q.zero_point, tensor.dtype, division)


def _require_finite(tensor: Tensor, x: NDArray) -> None:
    if not np.isfinite(x).all():
        bad = np.argwhere(~np.isfinite(x))
        raise RangeError(
            f"input {tensor.name}: expected finite numbers, found {x[tuple(bad[0])]} "
            f"at {[int(i) for i in bad[0]]}"
        )

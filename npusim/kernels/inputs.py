"""What a user hands over -> a batch in the network's own integers, or why it cannot be one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError, UnsupportedError
from npusim.graph.network import Network
from npusim.graph.tensor import Tensor
from npusim.kernels import floating_point


def network_inputs(network: Network, x: NDArray | Mapping[str, NDArray]) -> dict[str, NDArray]:
    """Return each input as a canonical, contiguous batch [B ...] of the network's type.

    Parameters
    ----------
    x
        The input (of a network that has one), or arrays by name; each is one sample or a batch with
        a leading axis, in the file's layout. Integers go in as they are; floats for an integer
        input are quantized by the rule of the file's own runtime.

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
    batches = {name: _batch(network, network.tensors[name], x[name]) for name in network.inputs}
    declared = {name: network.tensors[name].shape[:1] or (1,) for name in network.inputs}
    if len(set(declared.values())) > 1:  # leading axes that are no batch: whole runs only
        if any(len(batches[name]) != size for name, (size,) in declared.items()):
            found = ", ".join(f"{name} {len(batch)}" for name, batch in batches.items())
            raise ShapeError(
                f"{network.name}: expected its inputs' own leading sizes, found {found}"
            )
        return batches
    sizes = {len(batch) for batch in batches.values()}
    if len(sizes) > 1:
        raise ShapeError(f"{network.name}: inputs hold {sorted(sizes)} samples, expected as many")
    return batches


def _batch(network: Network, tensor: Tensor, x: NDArray) -> NDArray:
    x = np.asarray(x)
    if x.dtype != tensor.dtype:
        x = _converted(network, tensor, x)
    elif x.dtype.kind == "f":
        _require_finite(tensor, x)
    order = tensor.file_order or tuple(range(len(tensor.shape)))
    if order[:1] != (0,):
        raise UnsupportedError(f"input {tensor.name}: expected a leading batch axis")
    shown = tuple(tensor.shape[axis] for axis in order)
    if x.shape == shown[1:]:
        x = x[None]
    if x.ndim != len(shown) or x.shape[1:] != shown[1:] or not len(x):
        raise ShapeError(
            f"input {tensor.name}: expected {list(shown[1:])} or a batch of it, "
            f"found {list(x.shape)}"
        )
    x = np.ascontiguousarray(tensor.from_file_order(x))
    return x if x.flags.writeable else x.copy()


def _converted(network: Network, tensor: Tensor, x: NDArray) -> NDArray:
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
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        raise RangeError(
            f"input {tensor.name}: expected finite numbers, found {x[tuple(bad[0])]} "
            f"at {[int(i) for i in bad[0]]}"
        )

"""A float network executed in float64: the reference that calibration and accuracy compare with.

Deterministic to the bit on any machine and number of threads (see float_kernels, elementary).
Nodes run one after the other over a chunk of samples; a tensor lives until its last reader is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from npusim.errors import RangeError, ShapeError, UnsupportedError
from npusim.graph.batch import keeps_samples_apart
from npusim.graph.network import Network, Node
from npusim.graph.operator import Operator
from npusim.graph.tensor import Tensor
from npusim.kernels.in_order import CORES
from npusim.operators.page import Absent
from npusim.operators.pages import PAGE_OF

Values = list[NDArray[np.float64]]
Observer = Callable[
    [Node | None, Tensor, NDArray[np.float64], Mapping[str, NDArray[np.float64]]], None
]
"""Called with the node (None for the network's input), its output tensor, the values [N ...], and
every value alive."""

LEAST_CHUNK_SAMPLES, MOST_CHUNK_SAMPLES = 2, 8
CHUNK_BYTES = 1 << 24
"""Samples executed together have a largest tensor of so many bytes; results do not depend on it."""


def run_float(
    network: Network, x: NDArray, *, observe: Observer | None = None, threads: int | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return the outputs float64 [N ...] (canonical layout) of a float network for samples `x`.

    Parameters
    ----------
    x : array [N ...]
        Samples in the file's layout of the network's one input.
    observe
        Sees every computed tensor of every chunk of samples, in order.
    threads
        Cores to use; all when None. The result does not depend on it.

    Raises
    ------
    RangeError
        A sample is not finite.
    ShapeError
        The samples do not fit the input, or are integers.
    UnsupportedError
        The network has several inputs, or integer layers.
    """
    return run_canonical(network, canonical_samples(network, x), observe=observe, threads=threads)


def run_canonical(
    network: Network,
    values: NDArray[np.float64],
    *,
    observe: Observer | None = None,
    threads: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return what `run_float` does for samples [N ...] in canonical layout."""
    outputs: dict[str, list[NDArray[np.float64]]] = {name: [] for name in network.outputs}
    together = chunk_samples(network)
    for start in range(0, len(values), together):
        chunk = _run_chunk(network, values[start : start + together], observe, threads)
        for name in network.outputs:
            outputs[name].append(chunk[name])
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def sample_values(network: Network, names: Iterable[str]) -> int:
    """Return how many values the tensors `names` have together for one sample."""
    return sum(math.prod(network.tensors[name].shape) for name in names)


def chunk_samples(network: Network) -> int:
    """Return how many samples are executed together: one where operators mix a batch's."""
    if not keeps_samples_apart(network):
        return 1
    largest = max(sample_values(network, node.outputs) for node in network.nodes)
    return min(MOST_CHUNK_SAMPLES, max(LEAST_CHUNK_SAMPLES, CHUNK_BYTES // (8 * largest)))


def canonical_samples(network: Network, x: NDArray) -> NDArray[np.float64]:
    """Return samples [N ...] of the network's one input as float64 in canonical layout."""
    if len(network.inputs) != 1:
        raise UnsupportedError(
            f"{network.name}: expected a network of one input, found {len(network.inputs)}"
        )
    tensor = network.tensors[network.inputs[0]]
    if tensor.shape[:1] != (1,) and not keeps_samples_apart(network):
        raise UnsupportedError(
            f"{network.name}: expected a network of separate samples, found one that mixes the "
            f"{tensor.shape[0] if tensor.shape else 0} along the first axis of {tensor.name}"
        )
    expected = tensor.in_file_order(np.empty(tensor.shape, np.bool_)).shape
    x = np.asarray(x)
    if x.dtype.kind != "f":
        raise ShapeError(f"{tensor.name}: expected real values, found {x.dtype}")
    if x.ndim == len(expected) - 1 and x.shape == expected[1:]:
        x = x[None]
    if x.shape[1:] != expected[1:] or len(x) < 1:
        raise ShapeError(
            f"{tensor.name}: expected samples [N{''.join(f' {n}' for n in expected[1:])}], "
            f"found {list(x.shape)}"
        )
    if x.dtype.kind not in "biuf":
        raise ShapeError(f"{tensor.name}: expected samples that are numbers, found {x.dtype}")
    if not np.isfinite(x).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(x))[0]]
        raise RangeError(
            f"{tensor.name}: expected finite samples, found {x[tuple(where)]} at {where}"
        )
    return np.ascontiguousarray(tensor.from_file_order(x.astype(np.float64)))


def _run_chunk(
    network: Network, x: NDArray[np.float64], observe: Observer | None, threads: int | None
) -> dict[str, NDArray[np.float64]]:
    alive: dict[str, NDArray[np.float64]] = {network.inputs[0]: x}
    readers = {name: len(nodes) for name, nodes in network.consumers.items()}
    for name in network.outputs:
        readers[name] += 1
    if observe is not None:
        observe(None, network.tensors[network.inputs[0]], x, alive)
    for node in network.nodes:
        inputs = [
            alive[name] if name in alive else constant(network.tensors[name])
            for name in node.inputs
        ]
        y = np.ascontiguousarray(evaluate(node.operator, inputs, threads))
        alive[node.outputs[0]] = y
        if observe is not None:
            observe(node, network.output_of(node), y, alive)
        for name in node.inputs:
            readers[name] -= 1
            if not readers[name]:
                alive.pop(name, None)
    return {name: alive[name] for name in network.outputs}


def constant(tensor: Tensor) -> NDArray[np.float64]:
    """Return the values of a constant float tensor.

    Raises
    ------
    UnsupportedError
        It is an integer tensor.
    RangeError
        It holds a value that is not finite.
    """
    if tensor.data is None or not tensor.is_float:
        raise UnsupportedError(
            f"{tensor.name}: expected a float network, found {tensor.dtype} values (quantize takes "
            f"float networks)"
        )
    if not np.isfinite(tensor.data).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(tensor.data))[0]]
        raise RangeError(
            f"{tensor.name}: expected finite weights, found {tensor.data[tuple(where)]} at {where}"
        )
    return tensor.data.astype(np.float64)


def evaluate(operator: Operator, inputs: Values, threads: int | None = None) -> NDArray[np.float64]:
    """Return what an operator makes of its inputs, constants included, on `threads` cores.

    Raises
    ------
    UnsupportedError
        It is none of float networks.
    """
    real = PAGE_OF[type(operator)].real
    if isinstance(real, Absent):
        raise UnsupportedError(f"{type(operator).__name__} {real.why}")
    CORES.set(threads)
    y = real(operator, *inputs)
    assert isinstance(y, np.ndarray)
    return y

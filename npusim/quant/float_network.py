"""A float network executed in float64: the reference that calibration and accuracy compare with.

Deterministic to the bit on any machine and number of threads (see float_kernels, elementary).
Nodes run one after the other over a chunk of samples; a tensor lives until its last reader is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

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
Samples = Mapping[str, NDArray[Any]]
"""Of each input of a network what it is given [N ...], canonical layout: float64, or indices."""
Given = NDArray | Mapping[str, NDArray]
"""What a user gives: samples of a network's one input, or of each by its name."""
Observer = Callable[
    [Node | None, Tensor, NDArray[np.float64], Mapping[str, NDArray[np.float64]]], None
]
"""Called with the node (None for the network's input), its output tensor, the values [N ...], and
every value alive."""

LEAST_CHUNK_SAMPLES, MOST_CHUNK_SAMPLES = 2, 8
CHUNK_BYTES = 1 << 24
"""Samples executed together have a largest tensor of so many bytes; results do not depend on it."""


def run_float(
    network: Network, x: Given, *, observe: Observer | None = None, threads: int | None = None
) -> dict[str, NDArray[np.float64]]:
    """Return the outputs float64 [N ...] (canonical layout) of a float network for samples `x`.

    Parameters
    ----------
    x : array [N ...], or a mapping of them
        Samples in the file's layout of the network's one input, or of each by its name.
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
        The network has integer layers.
    """
    return run_canonical(network, canonical_samples(network, x), observe=observe, threads=threads)


def run_canonical(
    network: Network,
    values: Samples,
    *,
    observe: Observer | None = None,
    threads: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return what `run_float` does for samples [N ...] in canonical layout."""
    outputs: dict[str, list[NDArray[np.float64]]] = {name: [] for name in network.outputs}
    together = chunk_samples(network)
    for start in range(0, sample_count(values), together):
        part = some_samples(values, slice(start, start + together))
        chunk = _run_chunk(network, part, observe, threads)
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


def sample_count(values: Samples) -> int:
    """Return how many samples there are."""
    return len(next(iter(values.values())))


def some_samples(values: Samples, places: slice | NDArray[np.int64]) -> Samples:
    """Return the samples at `places`."""
    return {name: x[places] for name, x in values.items()}


def by_name(network: Network, x: Given) -> dict[str, NDArray]:
    """Return what `x` gives each input of the network, in the network's order.

    Raises
    ------
    ShapeError
        An input is given nothing, or there is none of a name.
    """
    if not isinstance(x, Mapping):
        if len(network.inputs) != 1:
            raise ShapeError(
                f"{network.name}: expected samples for each of its inputs "
                f"{', '.join(network.inputs)}, found one array"
            )
        return {network.inputs[0]: np.asarray(x)}
    if {*x} != {*network.inputs}:
        raise ShapeError(
            f"{network.name}: expected samples for {', '.join(network.inputs)}, "
            f"found {', '.join(map(str, x)) or 'none'}"
        )
    return {name: np.asarray(x[name]) for name in network.inputs}


def canonical_samples(network: Network, x: Given) -> dict[str, NDArray[Any]]:
    """Return samples [N ...] of each of the network's inputs in canonical layout.

    They are float64; of an input that holds integers, such as indices, integers.
    """
    found = {name: _canonical(network, name, part) for name, part in by_name(network, x).items()}
    counts = {name: len(part) for name, part in found.items()}
    if len({*counts.values()}) > 1:
        each = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise ShapeError(f"{network.name}: expected as many samples of each input, found {each}")
    return found


def _canonical(network: Network, name: str, x: NDArray) -> NDArray[Any]:
    tensor = network.tensors[name]
    if tensor.shape[:1] != (1,) and not keeps_samples_apart(network):
        raise UnsupportedError(
            f"{network.name}: expected a network of separate samples, found one that mixes the "
            f"{tensor.shape[0] if tensor.shape else 0} along the first axis of {tensor.name}"
        )
    expected = tensor.in_file_order(np.empty(tensor.shape, np.bool_)).shape
    plain = not tensor.is_float and tensor.quantization is None
    if x.dtype.kind not in ("biu" if plain else "f"):
        kind = f"{tensor.dtype} values" if plain else "real values"
        raise ShapeError(f"{tensor.name}: expected {kind}, found {x.dtype}")
    if x.ndim == len(expected) - 1 and x.shape == expected[1:]:
        x = x[None]
    if x.shape[1:] != expected[1:] or len(x) < 1:
        raise ShapeError(
            f"{tensor.name}: expected samples [N{''.join(f' {n}' for n in expected[1:])}], "
            f"found {list(x.shape)}"
        )
    if not np.isfinite(x).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(x))[0]]
        raise RangeError(
            f"{tensor.name}: expected finite samples, found {x[tuple(where)]} at {where}"
        )
    dtype = tensor.dtype if plain else np.dtype(np.float64)
    return np.ascontiguousarray(tensor.from_file_order(x.astype(dtype)))


def _run_chunk(
    network: Network, samples: Samples, observe: Observer | None, threads: int | None
) -> dict[str, NDArray[np.float64]]:
    alive: dict[str, NDArray[Any]] = dict(samples)
    count = sample_count(samples)
    readers = {name: len(nodes) for name, nodes in network.consumers.items()}
    for name in network.outputs:
        readers[name] += 1
    if observe is not None:
        for name in network.inputs:
            observe(None, network.tensors[name], alive[name], alive)
    for node in network.nodes:
        inputs = [
            alive[name] if name in alive else constant(network.tensors[name])
            for name in node.inputs
        ]
        operator = of_chunk(network, node, count)
        y = np.ascontiguousarray(evaluate(operator, inputs, threads))
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


def of_chunk(network: Network, node: Node, samples: int) -> Operator:
    """Return the node's operator for so many samples at once."""
    apart = keeps_samples_apart(network)
    return node.operator.for_batch(samples) if apart else node.operator


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
    if isinstance(y, tuple):
        raise UnsupportedError(f"{type(operator).__name__} with several outputs has no form here")
    return y

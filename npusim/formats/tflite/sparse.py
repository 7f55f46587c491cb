"""Sparse constants of a .tflite file, written out.

A sparse tensor names the order in which its axes, and then those of its blocks, are walked. Level
after level an axis is dense, all its places in order, or compressed: segments of a list of places.
What is reached at the last level are the values, in the order of the data.

Source: TFLite, tools/optimize/sparsity/format_converter.cc (SparseToDense).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import tflite as schema
from numpy.typing import NDArray

from npusim.errors import FormatError

VECTORS = {
    schema.SparseIndexVector.Int32Vector: schema.Int32Vector,
    schema.SparseIndexVector.Uint16Vector: schema.Uint16Vector,
    schema.SparseIndexVector.Uint8Vector: schema.Uint8Vector,
}


def written_out(
    name: str, sparsity: Any, shape: tuple[int, ...], data: NDArray[np.uint8], item_bytes: int
) -> NDArray[np.uint8]:
    """Return the bytes of the dense tensor, 0 where there is no value.

    Raises
    ------
    FormatError
        The levels do not fit the shape, or there are too few values.
    """
    order = [int(axis) for axis in sparsity.TraversalOrderAsNumpy()]
    blocks = [int(axis) for axis in _numbers(sparsity.BlockMapAsNumpy())]
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    rank, most = len(shape), prod(shape)
    fits = sorted(order) == list(range(rank + len(blocks))) and len(levels) == len(order)
    if not fits or any(not 0 <= axis < rank for axis in blocks):
        raise FormatError(f"{name}: its sparsity does not fit the shape {list(shape)}")
    positions, places = np.zeros(1, np.int64), dict[int, NDArray[np.int64]]()
    for axis, level in zip(order, levels, strict=True):
        size = level.DenseSize()
        if level.Format() == schema.DimensionType.DENSE:
            counts = np.full(len(positions), size)
            starts = positions * size
        else:
            segments = _vector(level.ArraySegmentsType(), level.ArraySegments())
            starts = segments[positions]
            counts = segments[positions + 1] - starts
        if counts.min(initial=0) < 0 or counts.sum() > most:
            raise FormatError(f"{name}: more sparse values than {list(shape)} holds")
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places = {key: np.repeat(place, counts) for key, place in places.items()}
        positions = np.repeat(starts, counts) + within
        places[axis] = within
        if level.Format() != schema.DimensionType.DENSE:
            places[axis] = _vector(level.ArrayIndicesType(), level.ArrayIndices())[positions]
    index = [places[axis] for axis in range(rank)]
    for number, axis in enumerate(blocks):
        size = levels[order.index(rank + number)].DenseSize()
        index[axis] = index[axis] * size + places[rank + number]
    for along, extent in zip(index, shape, strict=True):
        if along.max(initial=0) >= extent or along.min(initial=0) < 0:
            raise FormatError(f"{name}: a sparse value outside {list(shape)}")
    values = data[: len(data) // item_bytes * item_bytes].reshape(-1, item_bytes)
    if len(values) < len(positions):
        raise FormatError(f"{name}: expected {len(positions)} values, found {len(values)}")
    dense = np.zeros((most, item_bytes), np.uint8)
    dense[np.ravel_multi_index(tuple(index), shape)] = values[np.arange(len(positions))]
    return dense.reshape(-1)


def _numbers(vector: NDArray | int) -> NDArray:
    """Return a vector; the schema's runtime gives a number for one that is absent."""
    return np.zeros(0, np.int64) if isinstance(vector, int) else vector


def _vector(kind: int, table: Any) -> NDArray[np.int64]:
    if kind not in VECTORS or table is None:
        raise FormatError(f"sparse indices of type {kind}")
    vector = VECTORS[kind]()
    vector.Init(table.Bytes, table.Pos)
    return np.asarray(_numbers(vector.ValuesAsNumpy()), np.int64)

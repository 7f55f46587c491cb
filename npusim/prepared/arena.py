"""Activations of a run in one piece of memory: what is no longer read makes room for what comes.

Values of a deep network that each keep a place of their own leave the processor's caches, and every
layer waits for memory. Here a value takes a gap that is free from when it is made until it is read
for the last time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npusim.prepared.plan import Layer

ALIGNED_BYTES = 64


@dataclass
class _Owner:
    """An array that owns its memory, and the first and last layer that touch any of it."""

    array: NDArray
    first: int
    last: int
    offset: int = 0

    @property
    def size(self) -> int:
        """Bytes in the arena."""
        return -(-self.array.nbytes // ALIGNED_BYTES) * ALIGNED_BYTES


def in_one_arena(
    values: Sequence[Any], layers: Sequence[Layer], own: Collection[int]
) -> tuple[list[Any], int]:
    """Return the values with their arrays in an arena, and its bytes.

    Views of an array become the same views of its new place; contents are not moved. The arrays of
    the slots `own`, and whatever they are views of, stay where they are.
    """
    stay = {id(_owner(values[slot])) for slot in own}
    owners: dict[int, _Owner] = {}
    for number, layer in enumerate(layers):
        for slot in (*layer.sources, *layer.targets):
            array = _owner(values[slot])
            if isinstance(array, np.ndarray) and array.flags.owndata and id(array) not in stay:
                owners.setdefault(id(array), _Owner(array, number, number)).last = number
    size = _place(list(owners.values()))
    space = np.empty(size + ALIGNED_BYTES, np.uint8)
    start = -space.ctypes.data % ALIGNED_BYTES
    placed = list(values)
    for slot, value in enumerate(values):
        owner = owners.get(id(_owner(value)))
        if owner is not None:
            inside = value.ctypes.data - owner.array.ctypes.data
            at = start + owner.offset + inside
            placed[slot] = np.ndarray(value.shape, value.dtype, space.data, at, value.strides)
    return placed, size


def _owner(value: Any) -> Any:
    """Return the array whose memory `value` shows."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    return value


def _place(owners: list[_Owner]) -> int:
    """Give each owner the lowest offset where nothing lies that lives beside it; return the end.

    The largest come first, for which few gaps would be left.
    """
    beside: dict[int, list[_Owner]] = {}
    end = 0
    for owner in sorted(owners, key=lambda owner: (-owner.size, owner.first)):
        life = range(owner.first, owner.last + 1)
        others = {id(other): other for number in life for other in beside.get(number, ())}
        for other in sorted(others.values(), key=lambda other: other.offset):
            if owner.offset + owner.size <= other.offset:
                break
            owner.offset = max(owner.offset, other.offset + other.size)
        for number in life:
            beside.setdefault(number, []).append(owner)
        end = max(end, owner.offset + owner.size)
    return end

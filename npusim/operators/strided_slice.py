"""strided_slice: evenly spaced elements of each axis, in either direction, axes dropped or added.

A slice that keeps every axis and goes forwards is a Slice (slice.py), which machines run too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from npusim.errors import FormatError, ShapeError, UnsupportedError
from npusim.graph.operator import Operator
from npusim.graph.tensor import Tensor
from npusim.operators.forms.tflite import TfliteForm, TfliteLayer
from npusim.operators.kinds.movement import Rearrangement, rearrangement_page
from npusim.operators.slice import Slice


@dataclass(frozen=True)
class StridedSlice(Rearrangement):
    """Elements start, start + step, ... (`count` of them) per axis of x.

    Axes of x in `dropped`, of extent 1 by then, go; axes of extent 1 come in at `added` of the
    output.
    """

    start: tuple[int, ...]
    count: tuple[int, ...]
    step: tuple[int, ...]
    dropped: tuple[int, ...]
    added: tuple[int, ...]

    def moved(self, x: NDArray, fill: Any) -> NDArray:
        """Return the elements."""
        if len(self.start) != x.ndim:
            raise ValueError(f"expected {len(self.start)} axes")
        for axis, bounds in enumerate(zip(self.start, self.count, self.step, strict=True)):
            first, count, step = bounds
            x = x.take([first + i * step for i in range(count)], axis)
        x = x.reshape([n for axis, n in enumerate(x.shape) if axis not in self.dropped])
        for axis in self.added:
            x = x.reshape(*x.shape[:axis], 1, *x.shape[axis:])
        return x

    def keeps_samples_apart(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bool:
        whole = (self.start[0], self.count[0], self.step[0]) == (0, inputs[0].shape[0], 1)
        return whole and 0 not in self.dropped and 0 not in self.added

    def for_batch(self, extent: int) -> StridedSlice:
        return replace(self, count=(extent, *self.count[1:]))


def _read(layer: TfliteLayer) -> Operator:
    """Return the slice; the masks' bits count the entries of begin, end and strides.

    Source: TFLite, strided_slice.cc (BuildStridedSliceParams) and strided_slice_logic.h.
    """
    start, stop, step = (layer.constant(i) for i in (1, 2, 3))
    begin_mask, end_mask, ellipsis_mask, new_mask, shrink_mask = (
        int(layer.option(f"{mask}Mask"))
        for mask in ("Begin", "End", "Ellipsis", "NewAxis", "ShrinkAxis")
    )
    name, shape = layer.record.name, layer.input(0).shape
    if not len(start) == len(stop) == len(step) or 0 in step:
        raise FormatError(f"{name}: expected as many begins as ends and steps other than 0")
    entries = range(len(start))
    real = [i for i in entries if not new_mask >> i & 1 and not ellipsis_mask >> i & 1]
    spread = len(shape) - len(real)
    ellipses = [i for i in entries if ellipsis_mask >> i & 1]
    if spread < 0 or len(ellipses) > 1:
        raise ShapeError(f"{name}: {len(real)} slices of {len(shape)} axes")
    if ellipses and not spread:
        raise UnsupportedError(f"{name}: an ellipsis that stands for no axis is not supported")
    taken: list[tuple[int, int, int]] = []  # first, count and step of each axis of x
    dropped: list[int] = []
    added: list[int] = []
    out = 0
    for i in (*entries, None):
        if i is None or i in ellipses:  # an ellipsis stands for the axes that nothing names
            whole = spread if (i is not None or not ellipses) else 0
            for n in shape[len(taken) : len(taken) + whole]:
                taken.append((0, n, 1))
            out += whole
        elif new_mask >> i & 1:
            added.append(out)
            out += 1
        else:
            n = shape[len(taken)]
            shrinks = bool(shrink_mask >> i & 1)
            masked = (bool(begin_mask >> i & 1), bool(end_mask >> i & 1))
            first, count = _bounds(layer, n, (start[i], stop[i], step[i]), masked, shrinks)
            if shrinks:
                dropped.append(len(taken))
            out += not shrinks
            taken.append((first, count, 1 if shrinks else step[i]))
    firsts, counts, steps = (tuple(part[i] for part in taken) for i in range(3))
    if not dropped and not added and min(steps, default=1) > 0:
        return Slice(firsts, tuple(f + (c - 1) * s + 1 for f, c, s in taken), steps)
    return StridedSlice(firsts, counts, steps, tuple(dropped), tuple(added))


def _bounds(
    layer: TfliteLayer,
    n: int,
    bounds: tuple[int, int, int],
    masked: tuple[bool, bool],
    shrinks: bool,
) -> tuple[int, int]:
    """Return the first element and their count along an axis of `n`."""
    start, stop, step = bounds
    if layer.option("Offset"):
        stop += start
    if shrinks:
        first = start + n if start < 0 else start
        if not 0 <= first < n:
            raise ShapeError(f"{layer.record.name}: element {start} of an axis of {n}")
        return first, 1
    if n < 0:
        raise ShapeError(f"{layer.record.name}: expected an axis of a fixed length, found {n}")
    chosen = slice(None if masked[0] else start, None if masked[1] else stop, step)
    steps = range(*chosen.indices(n))
    if not steps:
        raise UnsupportedError(f"{layer.record.name}: the slice {start}:{stop}:{step} is empty")
    return steps[0], len(steps)


PAGE = rearrangement_page(StridedSlice, (TfliteForm("STRIDED_SLICE", 1, _read),))

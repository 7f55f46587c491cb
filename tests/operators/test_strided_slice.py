"""strided_slice: every byte equal to LiteRT's, on all types and with all masks."""

from __future__ import annotations

import numpy as np
from onnx import helper

from tests.simulator.tflite_builder import options

from .litert_cases import ALL_TYPES, Draw, compare, integers, movement, random_layers
from .onnx_cases import Case, equals_onnxruntime


@random_layers
def test_equals_litert(draw: Draw) -> None:
    shape = draw.shape(1, 4, 6)
    index: list = []
    rows: list[tuple[int, int, int]] = []
    masks = dict.fromkeys(("begin", "end", "ellipsis", "newAxis", "shrinkAxis"), 0)
    axis = 0
    while axis < len(shape):
        bit, n, kind = 1 << len(rows), shape[axis], draw.between(0, 9)
        first, last = draw.between(-n, n - 1), draw.between(-n, n - 1)
        if kind == 0 and not masks["ellipsis"]:
            masks["ellipsis"] |= bit
            index.append(...)
            axis = draw.between(axis + 1, len(shape))  # LiteRT's stands for one axis at least
        elif kind == 1 and len(shape) + masks["newAxis"].bit_count() < 5:
            masks["newAxis"] |= bit
            index.append(None)
        elif kind == 2 and axis + 1 < len(shape):
            masks["shrinkAxis"] |= bit
            index.append(first)
            axis += 1
        else:
            step = draw.pick([1, 1, 2, 3, -1, -2])
            begins, ends = draw.flag(), draw.flag()
            chosen = slice(None if begins else first, None if ends else last, step)
            if not range(*chosen.indices(n)):
                chosen, begins, ends, step = slice(None), True, True, 1
            masks["begin"] |= bit * begins
            masks["end"] |= bit * ends
            index.append(chosen)
            rows.append((first, last, step))
            axis += 1
            continue
        rows.append((first, first + 1, 1))
    x = draw.any_value(shape, ALL_TYPES)
    y = np.empty(shape)[tuple(index)]
    chosen_masks = options("StridedSliceOptions", **{f"{k}Mask": v for k, v in masks.items()})
    bounds = [integers(*column) for column in zip(*rows, strict=True)]
    compare(movement(draw, "STRIDED_SLICE", x, y.shape, *bounds, options=chosen_masks))


def _onnx(rng: np.random.Generator) -> Case:
    shape = tuple(int(n) for n in rng.integers(2, 8, rng.integers(1, 5)))
    steps = rng.choice([-3, -2, -1, 1, 2], len(shape))
    starts = np.where(steps < 0, rng.integers(1, 12, len(shape)), 0)
    ends = np.where(steps < 0, -1000 * rng.integers(1, 3), 1000)
    held = {"s": starts, "e": ends, "a": np.arange(len(shape)), "t": steps}
    x = rng.integers(-99, 99, shape).astype(np.int32)
    return [helper.make_node("Slice", ["x", *held], ["y"])], {"x": x}, held, {"y": np.int32}


test_steps_backwards_equal_onnxruntime = equals_onnxruntime(_onnx)

"""bitwise: the bits of all integers equal onnxruntime's."""

from __future__ import annotations

import numpy as np
from onnx import helper

from .onnx_cases import Case, equals_onnxruntime

TYPES = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64)


def random_integers(rng: np.random.Generator, kind: str, operands: int) -> Case:
    """Return a node of integers of any type, the second operand broadcast or not."""
    dtype = TYPES[rng.integers(len(TYPES))]
    ends = np.iinfo(dtype)
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(0, 4)))
    shapes = (shape, shape[int(rng.integers(len(shape) + 1)) :])[:operands]
    given = {
        name: np.asarray(rng.integers(ends.min, ends.max, s, dtype, endpoint=True))
        for name, s in zip("ab", shapes, strict=False)
    }
    return [helper.make_node(kind, [*given], ["y"])], given, {}, {"y": dtype}


def _random(rng: np.random.Generator) -> Case:
    return random_integers(rng, ("BitwiseAnd", "BitwiseOr")[rng.integers(2)], 2)


test_equals_onnxruntime = equals_onnxruntime(_random)
